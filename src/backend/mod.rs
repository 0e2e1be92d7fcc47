//! Resources on one side, what one system understands on the other.
