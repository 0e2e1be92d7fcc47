//! Plans: what has to change, as plain data.
