//! `add-link`, `del-link`, `list-links`: veth pairs that are on no switch.

mod add;
mod delete;
mod list;

pub use add::AddLink;
pub use delete::DelLink;
pub use list::ListLinks;

use crate::model::{End, Place};

/// An end as people say it: `eth1-ns1 in ns1`, `veth-ns1 on the host`.
fn told(end: &End) -> String {
    match &end.place {
        Place::Host => format!("{} on the host", end.name),
        place => format!("{} in {place}", end.name),
    }
}
