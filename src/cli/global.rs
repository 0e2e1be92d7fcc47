//! The options that every verb takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::model::BackendName;

/// Which kind of switch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// An existing switch's own; for a new one Open vSwitch where its database answers, else the Linux bridge
    Auto,
    /// Open vSwitch
    Ovs,
    /// The Linux bridge
    Linux,
}

impl Choice {
    /// The backend that was asked for; `None` is to be found out.
    pub fn name(self) -> Option<BackendName> {
        match self {
            Choice::Auto => None,
            Choice::Ovs => Some(BackendName::Ovs),
            Choice::Linux => Some(BackendName::Linux),
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The kind of switch
    #[arg(
        long,
        global = true,
        value_name = "KIND",
        env = "OVSNS_BACKEND",
        default_value = "auto",
        hide_possible_values = true
    )]
    #[arg(help = "The kind of switch: auto, ovs or linux")]
    pub backend: Choice,

    /// The OVS database: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT [default: unix:$OVS_RUNDIR/db.sock]
    #[arg(long, global = true, value_name = "SERVER", env = "OVSNS_DB")]
    pub db: Option<String>,

    /// Our private key, for ssl:
    #[arg(long, short = 'p', global = true, value_name = "FILE")]
    pub private_key: Option<PathBuf>,

    /// Our certificate, for ssl:
    #[arg(long, short = 'c', global = true, value_name = "FILE")]
    pub certificate: Option<PathBuf>,

    /// The certificate of the authority that signed the server's, for ssl:
    #[arg(long, short = 'C', global = true, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,

    /// How long to wait for anything, in seconds
    #[arg(long, short = 't', global = true, value_name = "SECONDS", env = "OVSNS_TIMEOUT", default_value = "10", value_parser = seconds)]
    pub timeout: Duration,

    /// Print one JSON document
    #[arg(long, global = true)]
    pub json: bool,

    /// Say more on stderr; -vv says all
    #[arg(long, short = 'v', global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// Whole or decimal seconds, more than none, at most a day.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if seconds > 0.0 && seconds <= 86_400.0 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("not between 0 and 86400 seconds".to_owned())
    }
}

/// Seconds, with or without an `s` behind them.
pub fn seconds_with_unit(text: &str) -> Result<Duration, String> {
    seconds(text.strip_suffix('s').unwrap_or(text))
}

impl Global {
    /// Sends tracing to stderr: warnings, or what `-v` and `RUST_LOG` ask for.
    pub fn start_tracing(&self) {
        let level = ["warn", "ovsns=debug", "debug"][usize::from(self.verbose.min(2))];
        let filter = tracing_subscriber::EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        // Fails only where a subscriber is set already: by a program that uses the library.
        let _ = subscriber.without_time().try_init();
    }
}
