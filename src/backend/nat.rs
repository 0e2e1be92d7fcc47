//! Translation of addresses, by nftables.

use crate::nft;

use super::{BackendError, kernel};

/// Whether the kernel translates addresses, tried out in a namespace of its own.
pub fn is_possible() -> Result<(), BackendError> {
    kernel::in_scratch_netns(|| nft::run(nft::NAT_TRIAL))?.map_err(|error| {
        let hint =
            if error.is_missing() { "install it: apt install nftables" } else { "load it: modprobe nft_chain_nat" };
        BackendError::refused("no NAT", error).hint(hint)
    })
}
