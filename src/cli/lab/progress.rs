//! How far a plan is, on a terminal.

use crate::cli::session::Session;
use crate::plan::Plan;

/// Shows it until it is dropped.
pub struct Display;

/// Begins to show how far `plan` is.
pub fn show(_session: &Session<'_>, _plan: &Plan) -> Display {
    Display
}
