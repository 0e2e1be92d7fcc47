//! The commands of ovs-appctl(8), asked of an ovs-vswitchd that runs, whoever started it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;

use super::deadline::Deadline;
use super::rpc::Rpc;

/// A connection to ovs-vswitchd's control socket. All that is asked of it shares one deadline.
pub struct Control {
    rpc: Rpc,
    path: PathBuf,
}

/// Why ovs-vswitchd could not be asked, or did not do what it was asked for.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the fields are what the message says of them")]
pub enum ControlError {
    /// Nobody has the pid file, or nobody listens on the socket that it leads to.
    #[error("no ovs-vswitchd runs with the pid file {}", pid_file.display())]
    NotRunning { pid_file: PathBuf },
    /// The socket did not answer as it should; at the deadline with [`io::ErrorKind::TimedOut`].
    #[error("talking to {} failed", path.display())]
    Talk { path: PathBuf, source: io::Error },
    /// It has no such command: it is older, or newer, than what has it.
    #[error("ovs-vswitchd{} does not know the command {command}", version.as_deref().map(|v| format!(" {v}")).unwrap_or_default())]
    Unknown { command: String, version: Option<String> },
    /// It refused, in these words.
    #[error("{says}")]
    Refused { says: String },
}

impl ControlError {
    /// Whether it did not answer before the deadline.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Talk { source, .. } if source.kind() == io::ErrorKind::TimedOut)
    }

    /// Whether we may not talk to it.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Talk { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl Control {
    /// Connects to the ovs-vswitchd whose pid file is in `run_dir`: its socket is named after its pid (ovs-appctl(8), `--target`).
    ///
    /// # Errors
    ///
    /// [`ControlError::NotRunning`], and [`ControlError::Talk`] where the socket takes no connection.
    pub fn open(run_dir: &Path, timeout: Duration) -> Result<Self, ControlError> {
        let pid_file = run_dir.join("ovs-vswitchd.pid");
        let pid = fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
        let Some(pid) = pid else { return Err(ControlError::NotRunning { pid_file }) };
        let path = run_dir.join(format!("ovs-vswitchd.{pid}.ctl"));
        match Rpc::connect(&path, Deadline::after(timeout)) {
            Ok(rpc) => Ok(Self { rpc, path }),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Err(ControlError::NotRunning { pid_file })
            }
            Err(source) => Err(ControlError::Talk { path, source }),
        }
    }

    /// Carries out one command, and returns what it prints.
    ///
    /// # Errors
    ///
    /// [`ControlError::Refused`] with its own words, [`ControlError::Unknown`], [`ControlError::Talk`].
    pub fn ask(&mut self, command: &str, arguments: &[&str]) -> Result<String, ControlError> {
        let says = match self.call(command, json!(arguments))? {
            Ok(answer) => return Ok(text(answer)),
            Err(error) => text(error).trim().to_owned(),
        };
        // lib/unixctl.c, process_command
        if says.contains("is not a valid command") {
            let version = self.call("version", json!([]))?.ok();
            let version =
                version.and_then(|answer| text(answer).lines().next()?.split(' ').next_back().map(str::to_owned));
            return Err(ControlError::Unknown { command: command.to_owned(), version });
        }
        Err(ControlError::Refused { says })
    }

    fn call(&mut self, command: &str, arguments: Value) -> Result<Result<Value, Value>, ControlError> {
        let answer = self.rpc.call(command, arguments);
        answer.map_err(|source| ControlError::Talk { path: self.path.clone(), source })
    }
}

/// What it prints is a string, always.
fn text(answer: Value) -> String {
    answer.as_str().map(str::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// An ovs-vswitchd that answers what it is asked with these, in turn.
    fn ask(answers: &'static [&'static str]) -> Result<String, ControlError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ovs-vswitchd.pid"), "77\n").unwrap();
        let listener = UnixListener::bind(folder.path().join("ovs-vswitchd.77.ctl")).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut control = Control::open(folder.path(), Duration::from_secs(10)).unwrap();
        let answer = control.ask("fdb/add", &["br1"]);
        server.join().unwrap();
        answer
    }

    #[test]
    fn what_it_prints_is_returned() {
        assert_eq!(ask(&[r#"{"id":1,"result":" port  VLAN\n","error":null}"#]).unwrap(), " port  VLAN\n");
    }

    #[test]
    fn a_refusal_is_told_in_its_words() {
        let error = ask(&[r#"{"id":1,"result":null,"error":"no such bridge\n"}"#]).unwrap_err();
        assert_eq!(error.to_string(), "no such bridge");
    }

    #[test]
    fn a_command_that_it_lacks_is_told_with_its_version() {
        let error = ask(&[
            r#"{"id":1,"error":"\"fdb/add\" is not a valid command (use \"list-commands\" to see …)\n"}"#,
            r#"{"id":2,"result":"ovs-vswitchd (Open vSwitch) 2.10.0\n","error":null}"#,
        ]);
        assert_eq!(error.unwrap_err().to_string(), "ovs-vswitchd 2.10.0 does not know the command fdb/add");
    }

    #[test]
    fn where_none_runs_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Control::open(folder.path(), Duration::from_secs(1));
        assert!(matches!(open(), Err(ControlError::NotRunning { .. })));
        fs::write(folder.path().join("ovs-vswitchd.pid"), "77\n").unwrap();
        assert!(matches!(open(), Err(ControlError::NotRunning { .. })));
    }
}
