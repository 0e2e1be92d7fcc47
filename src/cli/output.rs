//! stdout is data, stderr is talk. Nothing is printed anywhere else.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::failure::Failure;

/// What a verb has to say at its end.
#[derive(Debug, Default)]
pub struct Report {
    /// For people: lines, without a line feed at the end. Empty: nothing is printed.
    pub text: String,
    /// For programs, with `--json`.
    pub json: Value,
    /// The exit status.
    pub code: u8,
}

impl Report {
    /// Text for people and a document for programs; exit status 0.
    pub fn new(text: impl Into<String>, json: Value) -> Report {
        Report { text: text.into(), json, code: 0 }
    }

    /// The same with another exit status.
    pub fn code(mut self, code: u8) -> Report {
        self.code = code;
        self
    }
}

/// Where things are printed, and in which form.
#[derive(Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Text, or one JSON document.
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    /// Says something about how it is done, to people, at once.
    pub fn note(&self, text: &str) {
        say(text);
    }

    /// Whether somebody looks at what is said about how it is done.
    pub fn talks_to_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Something has happened in a run that goes on: a document in a line, or lines on stderr for people.
    pub fn event(&self, lines: &[String], document: &Value) {
        match self.json {
            // Whoever read may be gone: what is being done goes on.
            true => drop(print(&document.to_string())),
            false => lines.iter().for_each(|line| self.note(line)),
        }
    }

    /// Standard output as a file, for a verb that has more to print than a report: lines as they come, or bytes.
    pub fn stdout(&self) -> io::Result<File> {
        Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// Whether somebody looks at standard output.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Prints what came of a verb.
    pub fn report(&self, report: Report) -> ExitCode {
        // A verb that has no document, as `exec`: what it printed was the commands' own.
        let text = if self.json && !report.json.is_null() { pretty(&report.json) } else { report.text };
        match print(&text) {
            Ok(()) => ExitCode::from(report.code),
            // Who reads has gone (`ovsns show | head -1`): nothing is wrong with the system.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(report.code),
            Err(error) => {
                let _ = writeln!(io::stderr(), "ovsns: cannot write to standard output: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// Prints what failed, why, and what to do.
    pub fn failure(&self, failure: &Failure) -> ExitCode {
        if self.json {
            let document = json!({"error": failure});
            // There is nobody left to tell if this fails too.
            let _ = print(&pretty(&document));
        }
        let _ = writeln!(io::stderr(), "{failure}");
        ExitCode::from(failure.code)
    }
}

/// Says something about how it is done.
pub fn say(text: &str) {
    // The terminal may be gone; what is being done goes on.
    let _ = writeln!(io::stderr(), "ovsns: {text}");
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}

fn print(text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints clap's own words: help on stdout, errors on stderr with exit status 2; for programs as a document too.
pub fn usage(error: &clap::Error, json: bool) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    if json && error.use_stderr() {
        // There is nobody left to tell if this fails.
        let _ = print(&pretty(&json!({"error": Failure { code, ..Failure::usage(words(error)) }})));
    }
    // Nor if this does.
    let _ = error.print();
    ExitCode::from(code)
}

/// What clap says is wrong: its first paragraph.
fn words(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

/// Ends `ovsdb` in the manner of ovsdb-client(1): what failed on stderr, under that program's name.
pub fn ovsdb(result: Result<(), super::ovsdb::Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ovsdb-client: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Says a line that ovs-vsctl(8) would log or say, with everything that belongs to it.
pub fn vsctl_says(line: &str) {
    // The terminal may be gone; what is being done goes on.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Ends `vsctl` in the manner of ovs-vsctl(8): what failed on stderr, under that program's name; at the end of its time by
/// the signal that ends that program.
pub fn vsctl(result: Result<u8, super::vsctl::Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            match &failure {
                super::vsctl::Failure::Status(_) => {}
                super::vsctl::Failure::Alarm => drop(nix::sys::signal::raise(nix::sys::signal::Signal::SIGALRM)),
                failure => vsctl_says(&format!("ovs-vsctl: {failure}")),
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
