//! `nat`, `publish` and what takes them back: the way out of a switch, and the way in.

mod add;
mod around;
mod books;
mod delete;
mod enter;
mod gone;
mod ingress;
mod lab;
mod list;
mod notes;
mod publish;
mod routes;
mod settings;
mod taken;
mod target;
mod unpublish;
mod wiring;

pub use add::AddNat;
pub use delete::DelNat;
pub use gone::{dead, settled, with_translation};
pub use ingress::default_devices;
pub use lab::for_lab;
pub use list::{ListNat, ListPublished};
pub use publish::Publish;
pub use unpublish::Unpublish;
