//! The options before the first command.

use std::path::PathBuf;

use super::failure::Failure;
use super::getopt::{Getopt, Given, Known, Takes};
use super::log::Levels;
use super::syntax::{COMMANDS, CommandOption};
use crate::ovsdb::format::{CellFormat, Format, Style};
use crate::ovsdb::tls::{CaCert, TlsFiles};

/// What an option says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Db,
    NoSyslog,
    NoWait,
    DryRun,
    Oneline,
    Timeout,
    Retry,
    Help,
    Commands,
    Options,
    /// Which of several servers, in which order: there is one that is asked, and the first that answers.
    Remotes,
    Version,
    Verbose,
    /// Logging to a file or to another machine, which ours does not do.
    Log,
    Format,
    Data,
    NoHeadings,
    Pretty,
    Bare,
    MaxColumnWidth,
    PrivateKey,
    Certificate,
    CaCert,
    /// Restrictions of TLS, and certificates to send along, that ours does not have.
    Tls,
    BootstrapCaCert,
    /// An option of a command.
    Command,
}

use Takes::{Argument, Maybe, Nothing};

/// In the order in which `ovs-vsctl --options` prints them.
const GLOBAL: [(&str, Option<char>, Takes, What); 32] = [
    ("db", None, Argument, What::Db),
    ("no-syslog", None, Nothing, What::NoSyslog),
    ("no-wait", None, Nothing, What::NoWait),
    ("dry-run", None, Nothing, What::DryRun),
    ("oneline", None, Nothing, What::Oneline),
    ("timeout", Some('t'), Argument, What::Timeout),
    ("retry", None, Nothing, What::Retry),
    ("help", Some('h'), Nothing, What::Help),
    ("commands", None, Nothing, What::Commands),
    ("options", None, Nothing, What::Options),
    ("leader-only", None, Nothing, What::Remotes),
    ("no-leader-only", None, Nothing, What::Remotes),
    ("shuffle-remotes", None, Nothing, What::Remotes),
    ("no-shuffle-remotes", None, Nothing, What::Remotes),
    ("version", Some('V'), Nothing, What::Version),
    ("verbose", Some('v'), Maybe, What::Verbose),
    ("log-file", None, Maybe, What::Log),
    ("syslog-method", None, Argument, What::Log),
    ("syslog-target", None, Argument, What::Log),
    ("format", Some('f'), Argument, What::Format),
    ("data", Some('d'), Argument, What::Data),
    ("no-headings", None, Nothing, What::NoHeadings),
    ("pretty", None, Nothing, What::Pretty),
    ("bare", None, Nothing, What::Bare),
    ("max-column-width", None, Argument, What::MaxColumnWidth),
    ("private-key", Some('p'), Argument, What::PrivateKey),
    ("certificate", Some('c'), Argument, What::Certificate),
    ("ca-cert", Some('C'), Argument, What::CaCert),
    ("ssl-protocols", None, Argument, What::Tls),
    ("ssl-ciphers", None, Argument, What::Tls),
    ("bootstrap-ca-cert", None, Argument, What::BootstrapCaCert),
    ("peer-ca-cert", None, Argument, What::Tls),
];

/// What to do instead of carrying commands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    Help,
    Commands,
    Options,
    Version,
}

/// What the options say.
#[derive(Debug)]
pub(super) struct Options {
    pub db: Option<String>,
    pub wait: bool,
    pub dry_run: bool,
    pub oneline: bool,
    /// In seconds.
    pub timeout: Option<u32>,
    pub retry: bool,
    pub style: Style,
    pub levels: Levels,
    private_key: Option<PathBuf>,
    certificate: Option<PathBuf>,
    ca_cert: Option<CaCert>,
}

/// A command line, taken apart as far as its first command.
pub(super) enum Read {
    Instead(Instead),
    Commands { options: Box<Options>, first: Vec<CommandOption>, words: Vec<String> },
}

/// Why options could not be read.
pub(super) enum Mistake {
    /// In the words of the C library.
    Option(String),
    Failure(Failure),
}

impl From<Failure> for Mistake {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn known() -> Vec<Known<What>> {
    let global = GLOBAL.iter().map(|(name, short, takes, what)| Known {
        name: (*name).to_owned(),
        short: *short,
        takes: *takes,
        what: *what,
    });
    let mut all: Vec<_> = global.collect();
    for (name, argument) in COMMANDS.iter().flat_map(|syntax| syntax.options()) {
        let name = name.trim_start_matches('-');
        if !all.iter().any(|known| known.name == name) {
            let takes = if argument { Argument } else { Nothing };
            all.push(Known { name: name.to_owned(), short: None, takes, what: What::Command });
        }
    }
    all
}

/// Reads the options at the beginning of a command line, those of the first command among them.
pub(super) fn read(words: &[String]) -> Result<Read, Mistake> {
    let known = known();
    let mut getopt = Getopt::new(&known, words);
    let mut options = Options::new();
    let mut first = Vec::new();
    while let Some(given) = getopt.next().map_err(Mistake::Option)? {
        let instead = match given.what {
            What::Help => Instead::Help,
            What::Commands => Instead::Commands,
            What::Options => Instead::Options,
            What::Version => Instead::Version,
            What::Command => {
                first.push((format!("--{}", given.name), given.argument));
                continue;
            }
            _ => {
                options.take(given)?;
                continue;
            }
        };
        return Ok(Read::Instead(instead));
    }
    Ok(Read::Commands { options: options.into(), first, words: getopt.rest().to_vec() })
}

impl Options {
    fn new() -> Self {
        Self {
            db: None,
            wait: true,
            dry_run: false,
            oneline: false,
            timeout: None,
            retry: false,
            style: Style { format: Format::List, ..Style::default() },
            levels: Levels::default(),
            private_key: None,
            certificate: None,
            ca_cert: None,
        }
    }

    fn take(&mut self, given: Given<What>) -> Result<(), Failure> {
        let argument = given.argument.unwrap_or_default();
        match given.what {
            What::Db => self.db = Some(argument),
            What::NoSyslog => self.levels.no_syslog(),
            What::NoWait => self.wait = false,
            What::DryRun => self.dry_run = true,
            What::Oneline => self.oneline = true,
            What::Timeout => self.timeout = Some(read_timeout(&argument)?),
            What::Retry => self.retry = true,
            What::Verbose => self.levels.set(&argument)?,
            What::Format => self.style.format = argument.parse()?,
            What::Data => self.style.cells = argument.parse()?,
            What::NoHeadings => self.style.headings = false,
            What::Pretty => self.style.pretty = true,
            What::Bare => {
                self.style.format = Format::List;
                self.style.cells = CellFormat::Bare;
                self.style.headings = false;
            }
            What::MaxColumnWidth => self.style.max_column_width = argument.parse().unwrap_or(0),
            What::PrivateKey => self.private_key = Some(argument.into()),
            What::Certificate => self.certificate = Some(argument.into()),
            What::CaCert if argument == "none" => {
                return Err(Failure::words("--ca-cert=none is not possible: without it anybody could be the server"));
            }
            What::CaCert => self.ca_cert = Some(CaCert::File(argument.into())),
            What::BootstrapCaCert => self.ca_cert = Some(CaCert::Bootstrap(argument.into())),
            What::Remotes | What::Log | What::Tls => {}
            What::Help | What::Commands | What::Options | What::Version | What::Command => {}
        }
        Ok(())
    }

    /// Key and certificates, if all three are given.
    pub(super) fn tls(&self) -> Option<TlsFiles> {
        let (private_key, certificate) = (self.private_key.clone()?, self.certificate.clone()?);
        Some(TlsFiles { private_key, certificate, ca_cert: self.ca_cert.clone()? })
    }
}

fn read_timeout(text: &str) -> Result<u32, Failure> {
    let invalid = || Failure::words(format!("value {text} on -t or --timeout is invalid"));
    text.parse().map_err(|_| invalid())
}

/// What `--options` prints.
pub(super) fn list() -> String {
    let mut lines = String::new();
    for (name, short, takes, _) in GLOBAL {
        let (long, behind) = if takes == Nothing { ("", "") } else { ("=ARG", " ARG") };
        lines.push_str(&format!("--{name}{long}\n"));
        if let Some(letter) = short {
            lines.push_str(&format!("-{letter}{behind}\n"));
        }
    }
    lines
}
