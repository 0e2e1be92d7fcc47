//! The processes of this system, and which of them belong to a program.

use std::collections::BTreeSet;
use std::fs;

use serde::{Deserialize, Serialize};

use super::TOKEN_VARIABLE;

/// A process: a pid is given out again, but not with the same beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Id {
    pub pid: u32,
    /// In clock ticks since boot (`starttime` of proc_pid_stat(5)).
    pub start_time: u64,
}

/// What is known of a process.
#[derive(Debug)]
pub(super) struct Process {
    pub id: Id,
    /// The pid of the process that began its session.
    session: u32,
    /// The program's token, as its environment had it when it began.
    token: Option<String>,
}

/// All processes that have not ended.
pub(super) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(process).collect()
}

/// This process, or any other; `None` once it has ended, also before it is waited for.
pub(super) fn id_of(pid: u32) -> Option<Id> {
    stat(pid).map(|(start_time, _)| Id { pid, start_time })
}

fn process(pid: u32) -> Option<Process> {
    let (start_time, session) = stat(pid)?;
    Some(Process { id: Id { pid, start_time }, session, token: token(pid) })
}

/// The beginning and the session (fields 22 and 6).
fn stat(pid: u32) -> Option<(u64, u32)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<(u64, u32)> {
    // The name before stands in parentheses and may hold more of them. The first field behind it is the third.
    let (_, after_name) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3);
    match *field(3)? {
        "Z" | "X" => None,
        _ => Some((field(22)?.parse().ok()?, field(6)?.parse().ok()?)),
    }
}

fn token(pid: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0).filter_map(|text| std::str::from_utf8(text).ok());
    let name_is_ours = |text: &str| Some(text.strip_prefix(TOKEN_VARIABLE)?.strip_prefix('=')?.to_owned());
    variables.find_map(name_is_ours)
}

/// Those of a program: by its token, and by the session of its keeper as long as a process shows that the session is still that one:
/// the kernel gives a session's number out again once nobody is in it.
pub(super) fn of_program(all: &[Process], token: &str, keeper: Option<Id>, command: Option<Id>) -> Vec<Id> {
    let known =
        |process: &Process| process.token.as_deref() == Some(token) || [keeper, command].contains(&Some(process.id));
    let mut found: BTreeSet<Id> = all.iter().filter(|process| known(process)).map(|process| process.id).collect();
    let session = keeper.map(|keeper| keeper.pid);
    if let Some(session) = session.filter(|session| all.iter().any(|one| known(one) && one.session == *session)) {
        found.extend(all.iter().filter(|process| process.session == session).map(|process| process.id));
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let fields = "1 2 77 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 4711 0";
        assert_eq!(parse_stat(&format!("7 (a) Z (b) S {fields}")), Some((4711, 77)));
        assert_eq!(parse_stat(&format!("7 (sh) Z {fields}")), None);
        assert_eq!(parse_stat("7 (sh) S 1"), None);
    }

    #[test]
    fn this_process_is_among_all() {
        let own = id_of(std::process::id()).unwrap();
        assert!(all().iter().any(|process| process.id == own));
    }

    #[test]
    fn a_session_counts_while_somebody_known_is_in_it() {
        let id = |pid| Id { pid, start_time: u64::from(pid) };
        let process =
            |pid, session, token: Option<&str>| Process { id: id(pid), session, token: token.map(str::to_owned) };
        // The keeper 10, its command 11 and a child without the token 12; somebody else 13; a daemon 14 with the token alone.
        let all = vec![
            process(10, 10, Some("t")),
            process(11, 10, Some("t")),
            process(12, 10, None),
            process(13, 13, None),
            process(14, 14, Some("t")),
        ];
        assert_eq!(of_program(&all, "t", Some(id(10)), Some(id(11))), [10, 11, 12, 14].map(id));
        // The session's number was given out again.
        let reused = vec![process(10, 10, None), process(14, 14, Some("t"))];
        assert_eq!(of_program(&reused, "t", Some(Id { pid: 10, start_time: 1 }), Some(id(11))), [id(14)]);
    }
}
