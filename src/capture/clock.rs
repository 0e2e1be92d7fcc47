//! The time of day.
#![allow(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks)]

use std::mem::zeroed;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::libc;

const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() * SECOND + u64::from(since.subsec_nanos())
}

/// `time`, in nanoseconds since 1970, as tcpdump says it: `15:04:05.123456`, in the time zone of this machine, or of `TZ`.
pub(super) fn time_of_day(time: u64) -> String {
    let seconds = (time / SECOND) as libc::time_t;
    // SAFETY: A tm is numbers and a pointer that may be null, for which zero is a value.
    let mut parts: libc::tm = unsafe { zeroed() };
    // SAFETY: Both pointers are to values that live until the call returns. It fails for years only that do not fit into an
    // i32, and writes nothing then.
    unsafe { libc::localtime_r(&seconds, &mut parts) };
    format!("{:02}:{:02}:{:02}.{:06}", parts.tm_hour, parts.tm_min, parts.tm_sec, time % SECOND / 1000)
}
