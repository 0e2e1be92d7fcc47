//! Carries a plan out, all or nothing.
