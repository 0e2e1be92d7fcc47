//! The signals that end a verb as it should end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// SIGINT, SIGTERM and SIGHUP.
pub struct Signals([Signal; 3]);

impl Signals {
    /// From now on they do not end the process.
    pub fn new() -> Result<Signals, Failure> {
        let receive = |kind| signal(kind).map_err(|error| Failure::new("cannot receive signals").cause(error));
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(receive);
        Ok(Signals([interrupt?, terminate?, hangup?]))
    }

    /// Returns when one has come.
    pub async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
