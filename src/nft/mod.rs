//! nftables, through nft(8).

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// nft could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The program is not installed, or cannot be run.
    #[error("cannot run nft")]
    Run(#[source] io::Error),
    /// nft, or the kernel, refused the ruleset.
    #[error("nft: {0}")]
    Refused(String),
}

impl NftError {
    /// Whether nft is not installed.
    pub fn is_missing(&self) -> bool {
        matches!(self, NftError::Run(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Carries out `ruleset`, all or nothing (`nft -f -`), in the calling thread's network namespace.
pub fn run(ruleset: &str) -> Result<(), NftError> {
    let command = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = command.map_err(NftError::Run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // An nft that has ended already says why below.
        let _ = stdin.write_all(ruleset.as_bytes());
    }
    let output = child.wait_with_output().map_err(NftError::Run)?;
    if output.status.success() {
        return Ok(());
    }
    let first = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("it said nothing").to_owned();
    Err(NftError::Refused(first))
}

/// A ruleset that masquerades and redirects: whether the kernel takes it shows whether it can translate addresses.
pub const NAT_TRIAL: &str = "\
table ip ovsns_trial {
  chain post { type nat hook postrouting priority srcnat; masquerade; }
  chain pre { type nat hook prerouting priority dstnat; tcp dport 80 dnat to 192.0.2.1:80; }
}
";
