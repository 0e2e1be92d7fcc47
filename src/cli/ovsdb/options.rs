use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Failure;
use super::style_options::StyleOptions;
use crate::ovsdb::format::Style;
use crate::ovsdb::tls::{CaCert, TlsFiles};

/// The client of the OVSDB protocol as a command, in the manner of ovsdb-client(1).
///
/// SERVER is unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT (the port is 6640 if it is left out), an IPv6 address in brackets; by default the db.sock of OVS_RUNDIR
/// or /var/run/openvswitch. DATABASE is by default Open_vSwitch, or the only one of the server.
#[derive(Debug, Clone, Args)]
#[command(after_help = COMMANDS)]
pub struct OvsdbArgs {
    #[command(flatten)]
    style: StyleOptions,
    /// Write the time above what a monitor tells
    #[arg(long)]
    pub timestamp: bool,
    /// Give up after so many seconds [default: never, while the server answers]
    #[arg(short = 't', long, value_name = "SECS")]
    pub timeout: Option<String>,
    /// Our private key, for ssl:
    #[arg(short = 'p', long, value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Our certificate, for ssl:
    #[arg(short = 'c', long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Who must have signed the server's certificate, for ssl:
    #[arg(short = 'C', long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// The same, or, if there is no such file, where to write what the server shows
    #[arg(long, value_name = "FILE")]
    pub bootstrap_ca_cert: Option<PathBuf>,
    /// What to do; see below
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    /// What the command takes
    #[arg(value_name = "ARG")]
    pub arguments: Vec<String>,
}

const COMMANDS: &str = "\
Commands:
  list-dbs [SERVER]
  get-schema [SERVER] [DATABASE]
  get-schema-version [SERVER] [DATABASE]
  get-schema-cksum [SERVER] [DATABASE]
  list-tables [SERVER] [DATABASE]
  list-columns [SERVER] [DATABASE] [TABLE]
  transact [SERVER] TRANSACTION
  query [SERVER] TRANSACTION
  dump [SERVER] [DATABASE] [TABLE [COLUMN...]]
  monitor [SERVER] [DATABASE] TABLE [COLUMN,...]...
  monitor [SERVER] [DATABASE] ALL
  monitor-cond [SERVER] [DATABASE] CONDITIONS TABLE [COLUMN,...]
  monitor-cond-since [SERVER] [DATABASE] [LAST-ID] CONDITIONS TABLE [COLUMN,...]
  wait [SERVER] DATABASE added|connected|removed
  lock [SERVER] LOCK
  steal [SERVER] LOCK
  unlock [SERVER] LOCK";

impl OvsdbArgs {
    pub(super) fn style(&self) -> Result<Style, Failure> {
        Ok(self.style.style()?)
    }

    pub(super) fn deadline(&self) -> Result<Option<Duration>, Failure> {
        let Some(text) = &self.timeout else { return Ok(None) };
        match text.parse() {
            Ok(seconds) if seconds > 0 => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(Failure::words(format!("value {text} on -t or --timeout is invalid"))),
        }
    }

    pub(super) fn tls(&self) -> Option<TlsFiles> {
        let ca_cert = self.ca_cert.clone().map(CaCert::File);
        let ca_cert = ca_cert.or_else(|| self.bootstrap_ca_cert.clone().map(CaCert::Bootstrap))?;
        Some(TlsFiles { private_key: self.private_key.clone()?, certificate: self.certificate.clone()?, ca_cert })
    }
}
