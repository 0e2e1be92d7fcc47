//! `add-mirror`, `del-mirror`, `list-mirrors`.

mod add;
mod list;

use crate::model::{Entry, Mirror, Resource};

pub use add::AddMirror;
pub use list::{DelMirror, ListMirrors};

fn mirror(entry: &Entry) -> Option<&Mirror> {
    if let Resource::Mirror(mirror) = &entry.resource { Some(mirror) } else { None }
}
