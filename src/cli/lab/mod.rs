//! Labs: one file that says what should be.

mod file;
mod test;

pub use test::Test;
