//! An OVSDB client (RFC 7047) on jsonrpsee. Knows nothing of ovsns.

pub mod operation;
pub mod row;
pub mod schema;
pub mod text;
pub mod value;
