//! Database schemas, RFC 7047 section 3.2: which tables there are, which columns, of which types; and the notation of
//! section 5.1 read in the light of a type.
//!
//! Everything is read by `from_json`, which checks what ovsdb-server checks and names the place of a fault, and written
//! by `to_json` in one normal form: what says no more than the default is left out, enumerations are sorted. Two that
//! mean the same are equal and are written alike.

mod atomic_type;
mod base_type;
mod column;
mod column_type;
mod constraint;
mod database;
mod difference;
mod members;
mod table;

pub use atomic_type::AtomicType;
pub use base_type::BaseType;
pub use column::ColumnSchema;
pub use column_type::{ColumnType, UNLIMITED};
pub use constraint::{Constraint, Strength};
pub use database::DatabaseSchema;
pub use difference::Difference;
pub use table::TableSchema;
