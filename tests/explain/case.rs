//! One case.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::common::cli::Cli;
use super::common::ovs::Ovs;
use super::common::{sandbox, tool};
use super::state;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/cli");

pub struct Case {
    directory: PathBuf,
    verb: Vec<String>,
}

/// A sandbox that the case has prepared.
struct Prepared {
    ovs: Ovs,
    cli: Cli,
}

impl Case {
    pub fn read(backend: &str, name: &str) -> Case {
        let directory = Path::new(CASES).join(backend).join(name);
        let verb = std::fs::read_to_string(directory.join("verb")).unwrap_or_else(|error| panic!("{name}: {error}"));
        Case { directory, verb: verb.split_whitespace().map(str::to_owned).collect() }
    }

    /// The names of a backend's cases.
    pub fn names(backend: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(Path::new(CASES).join(backend)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// The texts, and that both ways lead to the same state.
    pub fn check(&self) {
        let (mut by_verb, mut by_hand) = (Vec::new(), Vec::new());
        self.prepared(|sandbox| {
            sandbox.ovsns(&self.verb, &[]);
            by_verb = state::dump(&sandbox.ovs);
        });
        self.prepared(|sandbox| {
            let before = state::dump(&sandbox.ovs);
            let planned = sandbox.ovsns(&self.verb, &["--dry-run"]);
            let commands = sandbox.ovsns(&self.verb, &["--explain"]);
            assert_eq!(state::dump(&sandbox.ovs), before, "to tell is not to do");
            sandbox.paste(&commands);
            by_hand = state::dump(&sandbox.ovs);
            self.golden("dry-run.txt", &planned);
            self.golden("explain.txt", &commands);
        });
        let only = |one: &[String], other: &[String]| -> Vec<String> {
            one.iter().filter(|line| !other.contains(line)).cloned().collect()
        };
        let (verb, hand) = (only(&by_verb, &by_hand), only(&by_hand, &by_verb));
        assert!(verb.is_empty() && hand.is_empty(), "by the verb:\n{verb:#?}\nby its commands:\n{hand:#?}");
    }

    fn prepared(&self, body: impl FnOnce(&Prepared) + Send) {
        sandbox::run(async || {
            tool::run("ip link set lo up");
            let ovs = Ovs::start();
            let prepared = Prepared { cli: Cli::with(&ovs), ovs };
            prepared.paste(&std::fs::read_to_string(self.directory.join("before.sh")).unwrap());
            body(&prepared);
        });
    }

    /// Holds `text` against the file of the case, or writes that.
    fn golden(&self, file: &str, text: &str) {
        let (path, text) = (self.directory.join(file), state::without_chance(text));
        if std::env::var_os("OVSNS_ACCEPT").is_some_and(|accept| accept == "1") {
            std::fs::write(&path, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(text, expected, "{}", path.display());
    }
}

impl Prepared {
    fn ovsns(&self, verb: &[String], options: &[&str]) -> String {
        let words: Vec<&str> = verb.iter().map(String::as_str).chain(options.iter().copied()).collect();
        self.cli.ok(&words)
    }

    /// What somebody does who pastes the lines into a shell: each must succeed.
    fn paste(&self, lines: &str) {
        let binary = Path::new(env!("CARGO_BIN_EXE_ovsns")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let mut shell = self.ovs.command("sh");
        shell.args(["-e", "-u", "-c", lines]).env("PATH", path).stdin(Stdio::null());
        let output = Command::output(&mut shell).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{lines}\n{}: {said}", output.status);
    }
}
