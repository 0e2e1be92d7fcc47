//! What ovs-vsctl says beside its output: lines of Open vSwitch's logging (lib/vlog.c) on standard error.

use std::time::{Duration, SystemTime};

use super::failure::Failure;
use crate::cli::output;
use crate::ovsdb::format::timestamp;

/// How important what is logged has to be, from nothing at all to everything.
const LEVELS: [&str; 6] = ["off", "emer", "err", "warn", "info", "dbg"];
const WARN: usize = 3;
const DESTINATIONS: [&str; 3] = ["syslog", "console", "file"];

/// The modules of which we may have something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Module {
    Vsctl,
    DbCtlBase,
    OvsdbIdl,
}

impl Module {
    const ALL: [Self; 3] = [Self::Vsctl, Self::DbCtlBase, Self::OvsdbIdl];
}

impl Module {
    const fn name(self) -> &'static str {
        match self {
            Self::Vsctl => "vsctl",
            Self::DbCtlBase => "db_ctl_base",
            Self::OvsdbIdl => "ovsdb_idl",
        }
    }
}

/// What is logged where.
#[derive(Debug)]
pub(super) struct Levels {
    /// Of each module, on the console.
    console: [usize; Module::ALL.len()],
    /// Whether the command line goes to the system's log, as far as the numbering of lines tells.
    called: bool,
}

impl Default for Levels {
    fn default() -> Self {
        Self { console: [WARN; Module::ALL.len()], called: true }
    }
}

impl Levels {
    /// The system's log is told warnings only.
    pub(super) const fn no_syslog(&mut self) {
        self.called = false;
    }

    /// Sets levels as `--verbose` says it: words for a module, a destination and a level, in any order.
    pub(super) fn set(&mut self, text: &str) -> Result<(), Failure> {
        if text.to_ascii_uppercase().starts_with("PATTERN:") || text.to_ascii_uppercase().starts_with("FACILITY:") {
            return Ok(());
        }
        let (mut level, mut destination, mut module) = (None, None, None);
        for word in text.split([' ', ',', ':', '\t']).filter(|word| !word.is_empty()) {
            let word = word.to_ascii_lowercase();
            let slot = if LEVELS.contains(&word.as_str()) {
                &mut level
            } else if DESTINATIONS.contains(&word.as_str()) {
                &mut destination
            } else {
                &mut module
            };
            if word != "any" && slot.replace(word).is_some() {
                return Err(Failure::words("syntax error: only one module, destination and level may be specified"));
            }
        }
        let level = level.and_then(|level| LEVELS.iter().position(|known| *known == level)).unwrap_or(LEVELS.len() - 1);
        let (to, of) = (destination.as_deref(), module.as_deref());
        if matches!(to, None | Some("console")) {
            for (module, slot) in Module::ALL.into_iter().zip(&mut self.console) {
                if of.is_none_or(|name| name == module.name()) {
                    *slot = level;
                }
            }
        }
        if matches!(to, None | Some("syslog")) && matches!(of, None | Some("vsctl")) {
            self.called = level > WARN;
        }
        Ok(())
    }

    const fn of(&self, module: Module) -> usize {
        self.console[module as usize]
    }
}

/// Numbers the lines as ovs-vsctl would, which has logged its command line first if it may change the database.
#[derive(Debug)]
pub(super) struct Log {
    levels: Levels,
    number: u32,
}

impl Log {
    pub(super) fn new(levels: Levels, writes: bool) -> Self {
        let number = u32::from(writes && levels.called);
        Self { levels, number }
    }

    /// Says that the time is over.
    pub(super) fn alarm(&mut self) {
        self.write(WARN, "fatal_signal", "terminating with signal 14 (Alarm clock)");
    }

    /// Warns at once.
    pub(super) fn warn(&mut self, module: Module, words: &str) {
        self.write(self.levels.of(module), module.name(), words);
    }

    fn write(&mut self, level: usize, module: &str, words: &str) {
        self.number += 1;
        if level >= WARN {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let time = timestamp(now);
            let time = time.split('.').next().unwrap_or_default().replace(' ', "T");
            output::vsctl_says(&format!("{time}Z|{:05}|{module}|WARN|{words}", self.number));
        }
    }
}
