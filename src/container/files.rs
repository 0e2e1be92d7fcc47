//! Files of engines, and whether the process of which they tell is there.

use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::Error;

/// A file's text; `None` where there is none.
pub fn text(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(Error::Unreadable { path: path.to_owned(), source }),
    }
}

/// A file of JSON; `None` where there is none.
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let Some(text) = text(path)? else { return Ok(None) };
    let parsed = serde_json::from_str(&text);
    parsed.map(Some).map_err(|error| Error::Senseless { what: path.display().to_string(), source: error.into() })
}

/// The names in a directory, in order; `None` where there is none.
pub fn names(path: &Path) -> Result<Option<Vec<String>>, Error> {
    let failed = |source| Error::Unreadable { path: path.to_owned(), source };
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let names: io::Result<Vec<_>> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    let mut names: Vec<String> =
        names.map_err(failed)?.into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    Ok(Some(names))
}

/// Whether process `pid` is the first one of the container `id`. What an engine wrote outlives the container after a crash, and
/// the number may be another process's by then.
///
/// Its parent, containerd-shim or conmon, has the id among its arguments; and if that has ended, the container's cgroup is
/// called after the id, unless the engine makes none.
pub fn runs(pid: u32, id: &str) -> bool {
    let has_id = |path: String| {
        std::fs::read(path).is_ok_and(|text| text.windows(id.len()).any(|window| window == id.as_bytes()))
    };
    let by_parent = || parent(pid).is_some_and(|parent| has_id(format!("/proc/{parent}/cmdline")));
    !id.is_empty() && (by_parent() || has_id(format!("/proc/{pid}/cgroup")))
}

/// The fourth field of `/proc/PID/stat`. The second, the name in brackets, may hold anything (proc(5)).
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_parent() {
        assert_eq!(parent(std::process::id()), Some(std::os::unix::process::parent_id()));
        assert_eq!(parent(0), None);
    }

    #[test]
    fn a_process_of_another_is_not_the_containers() {
        assert!(!runs(std::process::id(), &"f".repeat(64)));
        assert!(!runs(std::process::id(), ""));
    }
}
