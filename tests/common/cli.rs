//! Runs the built `ovsns` in the namespaces of the calling thread.

use std::process::{Command, Stdio};

use super::ovs::Ovs;

/// Longer than any deadline of a command that a test runs; one that runs past it is killed.
const PATIENCE: &str = "120";

/// The environment in which commands run.
#[derive(Default)]
pub struct Cli {
    environment: Vec<(String, String)>,
}

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Cli {
    /// Commands that find no Open vSwitch, unless the machine runs one where the sandbox can see it.
    pub fn new() -> Cli {
        Cli::default()
    }

    /// Commands that find `ovs`.
    pub fn with(ovs: &Ovs) -> Cli {
        Cli::new().env("OVS_RUNDIR", ovs.run_dir().to_str().expect("a path of plain characters"))
    }

    /// Adds a variable to the commands' environment.
    pub fn env(mut self, name: &str, value: &str) -> Cli {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command, not yet run, for a test that wants its pipes.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ovsns"));
        self.prepare(&mut command, arguments);
        command
    }

    /// Runs the command to its end.
    ///
    /// # Panics
    ///
    /// If it has to be killed.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", PATIENCE, env!("CARGO_BIN_EXE_ovsns")]);
        self.prepare(&mut command, arguments);
        let output = command.output().unwrap();
        let code = output.status.code().unwrap_or_else(|| panic!("ovsns {arguments:?} ended by {}", output.status));
        assert_ne!(code, 137, "ovsns {arguments:?} ran past {PATIENCE} s, or was killed");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { stdout: text(output.stdout), stderr: text(output.stderr), code }
    }

    /// Runs a command that must succeed, and returns its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "ovsns {arguments:?}: {ran:#?}");
        ran.stdout
    }

    /// Runs a command that must fail with `code`, and returns its standard error.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "ovsns {arguments:?}: {ran:#?}");
        ran.stderr
    }

    /// Of the caller's environment, nothing that would change what a command does or prints.
    fn prepare(&self, command: &mut Command, arguments: &[&str]) {
        for (name, _) in std::env::vars_os() {
            let ours = name.to_str().is_some_and(|name| name.starts_with("OVS") && !name.starts_with("OVSNS_TEST"));
            if ours || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command.args(arguments).envs(self.environment.iter().cloned()).env("NO_COLOR", "1").stdin(Stdio::null());
    }
}
