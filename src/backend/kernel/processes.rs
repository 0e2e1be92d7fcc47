//! Which processes are in which network namespace.

use std::collections::BTreeMap;

/// A process, for people: who is it that uses a namespace.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its command line, or the name of a process that has none.
    pub command: String,
}

/// The processes of each network namespace, by the number of its inode. Those that are gone, or not ours to look into
/// (namespaces(7)), are passed over, and so are threads that are elsewhere than their process.
pub fn by_netns() -> BTreeMap<u64, Vec<u32>> {
    let mut found: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return found };
    for pid in entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(inode) = netns_of(pid) {
            found.entry(inode).or_default().push(pid);
        }
    }
    found.values_mut().for_each(|pids| pids.sort_unstable());
    found
}

/// The link reads `net:[4026531840]`. To read it takes less than to open what it leads to.
fn netns_of(pid: u32) -> Option<u64> {
    let target = std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
    target.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

impl Process {
    /// The process `pid`; `None` where it is gone, or has ended and waits for its parent.
    pub fn look(pid: u32) -> Option<Process> {
        let command = match std::fs::read(format!("/proc/{pid}/cmdline")).ok()? {
            words if words.is_empty() => name(pid)?,
            words => {
                let words = String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " ");
                // It stands in a line of ours.
                words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
            }
        };
        Some(Process { pid, command })
    }
}

/// In brackets, as ps(1) shows those of the kernel.
fn name(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(format!("[{}]", name.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        let pid = std::process::id();
        let own = by_netns().into_values().find(|pids| pids.contains(&pid)).expect("it is in a namespace");
        assert!(own.is_sorted());
        let command = Process::look(pid).expect("it runs").command;
        let program = std::env::args().next().unwrap();
        assert!(command.starts_with(&program), "{command}");
    }
}
