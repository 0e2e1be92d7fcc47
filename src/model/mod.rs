//! Plain data, no I/O: what there can be on a host.
