//! Labs: one file that says what should be.

mod test;

pub use test::Test;
