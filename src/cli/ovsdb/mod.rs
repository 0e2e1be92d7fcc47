//! `ovsns ovsdb`: the client of `crate::ovsdb` as a command, in the manner of ovsdb-client(1) of Open vSwitch 3.1: the same
//! arguments, the same bytes on standard output, the same messages and exit codes.

mod dump;
mod failure;
mod hash_order;
mod lock;
mod monitor;
mod options;
mod schema;
mod session;
mod style_options;
mod syntax;
mod transact;
mod wait;

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use crate::ovsdb::client::{Client, Options};
use crate::ovsdb::endpoint::Endpoints;
use crate::ovsdb::format::{Printer, Table};
use crate::ovsdb::text::json_text;

pub use failure::Failure;
pub(super) use failure::connect_reason;
pub(super) use hash_order::hash_order;
pub use options::OvsdbArgs;
pub(super) use session::default_remote;

/// Carries out the command; what it has to say goes to `out`, at once. It returns when the command is done: `monitor`, `lock`
/// and their like only when the connection ends.
///
/// # Errors
/// [`Failure`]: print it behind `ovsdb-client: ` and exit with [`Failure::exit_code`].
pub async fn run(args: &OvsdbArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let style = args.style()?;
    let deadline = args.deadline()?;
    let printer = Printer::new(style);
    let options = Options {
        tls: args.tls(),
        // A server that is alive answers echoes, so only silence has a limit: a transaction may wait as long as it wants.
        probe_interval: Some(PROBE_INTERVAL),
        monitor_buffer: MONITOR_BUFFER,
        ..Options::default()
    };
    let mut command = Command { args, options, printer, out };
    match deadline {
        None => command.run().await,
        Some(deadline) => tokio::time::timeout(deadline, command.run()).await.unwrap_or(Err(Failure::Alarm)),
    }
}

/// As Open vSwitch has it for TCP (`RECONNECT_DEFAULT_PROBE_INTERVAL`).
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// How many notifications may wait while we print.
const MONITOR_BUFFER: usize = 1 << 16;

/// What a command needs before it can start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Connection,
    Database,
}

/// A command's name, what it needs, and how many arguments it takes besides `[SERVER]` and `[DATABASE]`.
struct Signature {
    name: &'static str,
    needs: Needs,
    least: usize,
    most: usize,
}

const fn signature(name: &'static str, needs: Needs, least: usize, most: usize) -> Signature {
    Signature { name, needs, least, most }
}

const COMMANDS: [Signature; 16] = [
    signature("list-dbs", Needs::Connection, 0, 0),
    signature("get-schema", Needs::Database, 0, 0),
    signature("get-schema-version", Needs::Database, 0, 0),
    signature("get-schema-cksum", Needs::Database, 0, 0),
    signature("list-tables", Needs::Database, 0, 0),
    signature("list-columns", Needs::Database, 0, 1),
    signature("transact", Needs::Nothing, 1, 2),
    signature("query", Needs::Nothing, 1, 2),
    signature("monitor", Needs::Database, 1, usize::MAX),
    signature("monitor-cond", Needs::Database, 2, 3),
    signature("monitor-cond-since", Needs::Database, 2, 4),
    signature("wait", Needs::Nothing, 2, 3),
    signature("dump", Needs::Database, 0, usize::MAX),
    signature("lock", Needs::Connection, 1, 1),
    signature("steal", Needs::Connection, 1, 1),
    signature("unlock", Needs::Connection, 1, 1),
];

/// One run of the command.
struct Command<'a> {
    args: &'a OvsdbArgs,
    options: Options,
    printer: Printer,
    out: &'a mut dyn Write,
}

impl Command<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        let name =
            self.args.command.as_deref().ok_or_else(|| Failure::words("missing command name; use --help for help"))?;
        let unknown = || Failure::words(format!("unknown command '{name}'; use --help for help"));
        let signature = COMMANDS.iter().find(|signature| signature.name == name).ok_or_else(unknown)?;
        let all = self.args.arguments.as_slice();
        match (signature.needs, name) {
            (Needs::Nothing, _) => {
                check_count(signature, all)?;
                match name {
                    "transact" => self.transact(all).await,
                    "query" => self.query(all).await,
                    _ => self.wait(all).await,
                }
            }
            (needs, _) => {
                let (session, rest) = self.open(signature.least, needs == Needs::Database, all, None).await?;
                check_count(signature, rest)?;
                self.run_on(name, &session, rest).await
            }
        }
    }

    async fn run_on(&mut self, name: &str, session: &Session, rest: &[String]) -> Result<(), Failure> {
        match name {
            "list-dbs" => self.list_dbs(session).await,
            "get-schema" => self.get_schema(session).await,
            "get-schema-version" => self.get_schema_version(session).await,
            "get-schema-cksum" => self.get_schema_cksum(session).await,
            "list-tables" => self.list_tables(session).await,
            "list-columns" => self.list_columns(session, rest.first()).await,
            "dump" => self.dump(session, rest).await,
            "monitor" => self.monitor(session, rest).await,
            "monitor-cond" => self.monitor_cond(session, rest).await,
            "monitor-cond-since" => self.monitor_cond_since(session, rest).await,
            method => self.lock(session, method, &rest[0]).await,
        }
    }

    fn print_line(&mut self, text: &str) -> Result<(), Failure> {
        self.print_bytes(format!("{text}\n").as_bytes())
    }

    fn print_json(&mut self, json: &Value) -> Result<(), Failure> {
        let text = json_text(json, self.printer.style().pretty);
        self.print_line(&text)
    }

    fn print_table(&mut self, table: &Table) -> Result<(), Failure> {
        let bytes = self.printer.print(table);
        self.print_bytes(&bytes)
    }

    fn print_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).and_then(|()| self.out.flush()).map_err(Failure::Output)
    }
}

/// A connection, and the database that the command is about, or an empty name.
struct Session {
    client: Client,
    server: Endpoints,
    database: String,
}

fn check_count(signature: &Signature, arguments: &[String]) -> Result<(), Failure> {
    if (signature.least..=signature.most).contains(&arguments.len()) {
        return Ok(());
    }
    Err(Failure::words(format!("invalid syntax for '{}' (use --help for help)", signature.name)))
}
