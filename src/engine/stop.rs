//! A request from outside to stop and take back what was done.

use tokio::sync::watch;

/// Asks an engine to stop. Clones ask the same engine.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    pub(super) fn new() -> Stop {
        Stop(watch::Sender::new(false))
    }

    /// Makes the engine give up what it waits for, and undo what it did.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once it is asked for.
    pub(super) async fn requested(&self) {
        // An error would mean that the sender is gone, which `self` keeps.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}
