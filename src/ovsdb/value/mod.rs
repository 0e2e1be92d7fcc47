//! Values as OVSDB writes them in JSON: `<atom>`, `<set>`, `<map>`, `<value>` of RFC 7047 section 5.1.
//!
//! Without a column type the notation is ambiguous in two places: `1` may be an integer or a real, and the empty set may
//! stand for an optional scalar or a set. What is read here is read as it is written; [`crate::ovsdb::schema`] reads the
//! same notation in the light of a type.

mod atom;
mod datum;
mod error;
mod real;
mod uuid;

pub use atom::{Atom, is_id};
pub use datum::Datum;
pub use error::{Place, Problem, ValueError};
pub use real::Real;
pub use uuid::Uuid;

pub(crate) use error::describe;
