//! Veth pairs that go with the namespaces of their other ends.
//!
//! When the last reference to a namespace is gone, a worker of the kernel takes the devices in it away, those of all the namespaces that have
//! ended by then together (`default_device_exit_batch`, net/core/dev.c). Waiting for it takes half the time of deleting the pairs first.

use std::time::{Duration, Instant};

use crate::model::{Link, Place};
use crate::netlink::{Error, Netlink, NetnsFile, Watch, link};

/// How long it is waited until the next one is gone. The worker takes half a second for a thousand, and shows nothing meanwhile; what keeps a
/// namespace may keep it for ever.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits until those of `pairs` that have an end on the host are gone, as long as any goes. What cannot be seen to go is not waited for:
/// their deletion follows.
pub async fn settle(pairs: &[&Link]) {
    if let Err(error) = wait(pairs).await {
        tracing::debug!(%error, "pairs are left by their namespaces");
    }
}

async fn wait(pairs: &[&Link]) -> Result<(), Error> {
    let on_host = || pairs.iter().filter(|pair| pair.a.place == Place::Host);
    if on_host().next().is_none() {
        return Ok(());
    }
    let mut watch = Watch::open(&NetnsFile::host()?)?;
    for pair in on_host() {
        let gone = |_: &mut Netlink| Ok((!link::is_there(pair.a.name.as_str())).then_some(()));
        watch.until("the end of a namespace", Instant::now() + PATIENCE, gone).await?;
    }
    Ok(())
}
