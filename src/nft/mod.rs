//! nftables, through nft(8); and the one question that is asked too often for it.

mod list;
mod table;

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

pub use list::{Base, Chain, Element, Rule, Set, chains, content, rules, rules_of_chain};
pub use table::{generation, has_chain, has_table};

/// nft could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The program is not installed, or cannot be run.
    #[error("cannot run nft")]
    Run(#[source] io::Error),
    /// The kernel did not say what there is.
    #[error("cannot ask the kernel for a table or a chain of nftables")]
    Ask(#[source] io::Error),
    /// nft, or the kernel, refused the ruleset.
    #[error("nft: {0}")]
    Refused(String),
    /// What nft answered is not what libnftables-json(5) tells.
    #[error("nft answered something else than a listing")]
    Answer(#[source] serde_json::Error),
}

impl NftError {
    /// Whether nft is not installed.
    pub fn is_missing(&self) -> bool {
        matches!(self, NftError::Run(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the kernel wants a privilege.
    pub fn is_not_permitted(&self) -> bool {
        match self {
            NftError::Ask(error) => error.kind() == io::ErrorKind::PermissionDenied,
            NftError::Refused(words) => words.contains("Operation not permitted"),
            NftError::Run(_) | NftError::Answer(_) => false,
        }
    }
}

/// Carries out `ruleset`, all or nothing (`nft -f -`), in the calling thread's network namespace.
pub fn run(ruleset: &str) -> Result<(), NftError> {
    let command = nft().args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut child = command.map_err(NftError::Run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // An nft that has ended already says why below.
        let _ = stdin.write_all(ruleset.as_bytes());
    }
    let output = child.wait_with_output().map_err(NftError::Run)?;
    checked(output).map(drop)
}

/// What `nft WORDS` prints.
fn ask(words: &[&str]) -> Result<Vec<u8>, NftError> {
    let output = nft().args(words).stdin(Stdio::null()).stdout(Stdio::piped()).output().map_err(NftError::Run)?;
    Ok(checked(output)?.stdout)
}

/// Its words are looked at: they are to be the same in every country.
fn nft() -> Command {
    let mut command = Command::new("nft");
    // In a process group of its own: Ctrl-C is for us alone, who then undo what was done.
    command.env("LC_ALL", "C").stderr(Stdio::piped()).process_group(0);
    command
}

fn checked(output: Output) -> Result<Output, NftError> {
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or("it said nothing");
    // Before the words stands where in our text: `/dev/stdin:3:5-9: Error: …`.
    let words = first.split_once("Error: ").map_or(first, |(_, words)| words);
    Err(NftError::Refused(words.to_owned()))
}

/// A ruleset that masquerades and redirects: whether the kernel takes it shows whether it can translate addresses.
pub const NAT_TRIAL: &str = "\
table ip ovsns_trial {
  chain post { type nat hook postrouting priority srcnat; masquerade; }
  chain pre { type nat hook prerouting priority dstnat; tcp dport 80 dnat to 192.0.2.1:80; }
}
";
