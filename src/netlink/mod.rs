//! rtnetlink in the words of `ip`.
