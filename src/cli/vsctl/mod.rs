//! `ovsns vsctl`: the switch's configuration, in the manner of ovs-vsctl(8) of Open vSwitch 3.1: the same arguments, the
//! same bytes on standard output, the same messages and exit codes.

mod bridge;
mod change;
mod condition;
mod context;
mod controller;
mod database;
mod failure;
mod getopt;
mod help;
mod log;
mod mappings;
mod names;
mod needs;
mod options;
mod overview;
mod port;
mod print;
mod records;
mod reload;
mod run;
mod switches;
mod symbols;
mod syntax;
mod transaction;

use std::io::Write;
use std::time::Duration;

use context::{Context, Flow, Output};
use log::Log;
use needs::Needs;
use options::{Instead, Mistake, Read};
use run::Run;
use syntax::{COMMANDS, Command, Syntax, escape, read_commands};

pub use failure::Failure;

/// How long ovs-vswitchd may take to take a change over, where nothing else is said and we are not called by the old name.
const PATIENCE: Duration = Duration::from_secs(60);

/// Carries out a command line, without the program's name; what it has to say goes to `out`. `drop_in` is whether we are
/// called as `ovs-vsctl`, whose patience has no end. Gives the exit status.
///
/// # Errors
/// [`Failure`]: print it behind `ovs-vsctl: ` and exit with its status.
pub async fn run(words: &[String], drop_in: bool, out: &mut dyn Write) -> Result<u8, Failure> {
    let (mut options, first, rest) = match options::read(words) {
        Ok(Read::Instead(instead)) => return print_instead(instead, out).map(|()| 0),
        Ok(Read::Commands { options, first, words }) => (options, first, words),
        Err(Mistake::Option(words)) => return Err(Failure::Words(words)),
        Err(Mistake::Failure(failure)) => return Err(failure),
    };
    let commands = read_commands(&rest, first)?;
    let writes = commands.iter().any(|command| command.syntax.writes);
    let mut log = Log::new(std::mem::take(&mut options.levels), writes);
    let limit = options.timeout.or_else(timeout_of_environment);
    let patience = (limit.is_none() && !drop_in).then_some(PATIENCE);
    let typed = escape(std::iter::once("ovs-vsctl").chain(words.iter().map(String::as_str)));
    let comment = format!("ovs-vsctl{}: {typed}", invoked_by());
    let run = Run { options: &options, commands: &commands, comment, patience };
    let outcome = match limit {
        None | Some(0) => run.run(&mut log, out).await,
        Some(seconds) => {
            let limit = Duration::from_secs(seconds.into());
            tokio::time::timeout(limit, run.run(&mut log, out)).await.unwrap_or(Err(Failure::Alarm))
        }
    };
    if matches!(outcome, Err(Failure::Alarm)) {
        log.alarm();
    }
    outcome
}

fn print_instead(instead: Instead, out: &mut dyn Write) -> Result<(), Failure> {
    let text = match instead {
        Instead::Help => help::text(),
        Instead::Version => help::VERSION.to_owned(),
        Instead::Options => options::list(),
        Instead::Commands => COMMANDS.iter().map(|syntax| format!("{}\n", Syntax::completion(syntax))).collect(),
    };
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Failure::words("write to stdout failed"))
}

/// The name of the program that has called us, as the database's log tells it.
fn invoked_by() -> String {
    let path = format!("/proc/{}/cmdline", std::os::unix::process::parent_id());
    let words = std::fs::read(path).unwrap_or_default();
    match words.split(|byte| *byte == 0).next() {
        Some(name) if !name.is_empty() => format!(" (invoked by {})", String::from_utf8_lossy(name)),
        _ => String::new(),
    }
}

/// `OVS_CTL_TIMEOUT`, as ovs-vsctl has it: what is no number is none.
fn timeout_of_environment() -> Option<u32> {
    std::env::var("OVS_CTL_TIMEOUT").ok()?.parse().ok()
}

impl Needs<'_> {
    /// What a command needs; and its mistakes, as far as they can be told without the database's contents.
    fn command(&mut self, command: &Command, log: &mut Log) -> Result<(), Failure> {
        match command.syntax.name {
            "br-set-external-id" | "br-get-external-id" => {
                self.names();
                self.columns("Bridge", &["external_ids"]);
                self.columns("Port", &["external_ids"]);
            }
            "get-controller" | "del-controller" | "set-controller" => self.controller(),
            "get-fail-mode" | "del-fail-mode" | "set-fail-mode" => self.fail_mode(),
            "get-manager" | "del-manager" | "set-manager" => self.manager(),
            "get-ssl" | "del-ssl" | "set-ssl" => self.ssl(),
            "add-aa-mapping" | "del-aa-mapping" | "get-aa-mapping" => self.aa_mapping(),
            "add-zone-tp" | "del-zone-tp" | "list-zone-tp" => self.zone_tp(),
            "list-dp-cap" => self.dp_cap(),
            "emer-reset" => self.emer_reset(),
            "show" => self.show(),
            "get" => self.get(command, log)?,
            "list" | "find" => self.list(command)?,
            "set" => self.set(command)?,
            "add" | "remove" => self.change(command)?,
            "clear" => self.clear(command)?,
            "create" => self.create(command, log)?,
            "destroy" => self.destroy(command)?,
            "wait-until" => self.wait_until(command)?,
            "init" | "comment" => {}
            // All others are about switches, ports and interfaces by name.
            _ => self.names(),
        }
        Ok(())
    }
}

impl Context<'_> {
    /// Carries a command out.
    fn command(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        match command.syntax.name {
            "add-br" => self.add_br(command),
            "del-br" => self.del_br(command),
            "list-br" => Ok(self.list_br(command, out)),
            "br-exists" => self.br_exists(command),
            "br-to-vlan" => self.br_to_vlan(command, out),
            "br-to-parent" => self.br_to_parent(command, out),
            "br-set-external-id" => self.br_set_external_id(command),
            "br-get-external-id" => self.br_get_external_id(command, out),
            "list-ports" => self.list_ports(command, out),
            "add-port" => self.add_port(command),
            "add-bond" => self.add_bond(command),
            "add-bond-iface" => self.add_bond_iface(command),
            "del-bond-iface" => self.del_bond_iface(command),
            "del-port" => self.del_port(command),
            "port-to-br" => self.port_to_br(command, out),
            "list-ifaces" => self.list_ifaces(command, out),
            "iface-to-br" => self.iface_to_br(command, out),
            "get-controller" => self.get_controller(command, out),
            "del-controller" => self.del_controller(command),
            "set-controller" => self.set_controller(command),
            "get-fail-mode" => self.get_fail_mode(command, out),
            "del-fail-mode" => self.del_fail_mode(command),
            "set-fail-mode" => self.set_fail_mode(command),
            "get-manager" => Ok(self.get_manager(out)),
            "del-manager" | "set-manager" => Ok(self.set_manager(command)),
            "get-ssl" => Ok(self.get_ssl(out)),
            "del-ssl" => Ok(self.del_ssl()),
            "set-ssl" => Ok(self.set_ssl(command)),
            "add-aa-mapping" => self.add_aa_mapping(command),
            "del-aa-mapping" => self.del_aa_mapping(command),
            "get-aa-mapping" => self.get_aa_mapping(command, out),
            "add-zone-tp" => self.add_zone_tp(command),
            "del-zone-tp" => self.del_zone_tp(command),
            "list-zone-tp" => self.list_zone_tp(command, out),
            "list-dp-cap" => self.list_dp_cap(command, out),
            "emer-reset" => Ok(self.emer_reset()),
            "show" => Ok(self.show(out)),
            "get" => self.get(command, out),
            "list" => self.list(command, out),
            "find" => self.find(command, out),
            "set" => self.set(command),
            "add" => self.add(command),
            "remove" => self.remove(command),
            "clear" => self.clear(command),
            "create" => self.create(command, out),
            "destroy" => self.destroy(command),
            "wait-until" => self.wait_until(command),
            // The row of `Open_vSwitch` is made for every command.
            _ => Ok(Flow::Done),
        }
    }
}
