//! What `--help` and `--version` print.

use super::syntax::COMMANDS;
use crate::cli::ovsdb::default_remote;

/// Headings, and the commands below each.
const GROUPS: [(&str, &[&str]); 8] = [
    ("The whole", &["init", "show", "emer-reset"]),
    (
        "Bridges",
        &[
            "add-br",
            "del-br",
            "list-br",
            "br-exists",
            "br-to-vlan",
            "br-to-parent",
            "br-set-external-id",
            "br-get-external-id",
        ],
    ),
    (
        "Ports, bonds and interfaces",
        &[
            "list-ports",
            "add-port",
            "del-port",
            "port-to-br",
            "add-bond",
            "add-bond-iface",
            "del-bond-iface",
            "list-ifaces",
            "iface-to-br",
        ],
    ),
    (
        "OpenFlow controllers",
        &["get-controller", "del-controller", "set-controller", "get-fail-mode", "del-fail-mode", "set-fail-mode"],
    ),
    ("Managers and TLS", &["get-manager", "del-manager", "set-manager", "get-ssl", "del-ssl", "set-ssl"]),
    ("Auto Attach", &["add-aa-mapping", "del-aa-mapping", "get-aa-mapping"]),
    ("Datapaths", &["add-zone-tp", "del-zone-tp", "list-zone-tp", "list-dp-cap"]),
    (
        "Any table",
        &["list", "find", "get", "set", "add", "remove", "clear", "create", "destroy", "wait-until", "comment"],
    ),
];

const OPTIONS: &str = "\
Options:
  --db=SERVER              unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT
  --no-wait                do not wait until ovs-vswitchd has taken the change over
  --retry                  try to connect until it succeeds
  -t, --timeout=SECS       give up after so many seconds (exit status 142); else $OVS_CTL_TIMEOUT
  --dry-run                change nothing
  --oneline                print one line a command
  -f, --format=FORMAT      how list and find print: list, table, html, csv or json
  -d, --data=FORMAT        how they print values: string, bare or json
  --no-headings            without headings
  --bare                   the same as --format=list --data=bare --no-headings
  --max-column-width=N     cut columns of a table off
  --pretty                 write JSON in indented lines
  -p, --private-key=FILE   our private key, for ssl:
  -c, --certificate=FILE   our certificate, for ssl:
  -C, --ca-cert=FILE       who must have signed the server's certificate, for ssl:
  --bootstrap-ca-cert=FILE the same, or, if there is no such file, where to write what the server shows
  -v, --verbose=SPEC       what to warn of: [MODULE:][console:]LEVEL
  --no-syslog, --log-file, --syslog-method, --syslog-target
                           are taken, and have no effect: nothing is logged but on the console
  --commands, --options    list them for completion in a shell
  -h, --help               this
  -V, --version            the version

Exit status:
  0 done                        65 done, but an interface could not be set up
  1 failed, nothing is changed  142 no answer in time
  2 of br-exists: there is no such bridge
";

pub(super) fn text() -> String {
    let mut text = "\
ovs-vsctl: queries and changes the configuration of Open vSwitch (as ovsns does it)
usage: ovs-vsctl [OPTIONS] [--] [OPTIONS] COMMAND [ARG...] [-- [OPTIONS] COMMAND [ARG...]]...

The commands of one line are one transaction: all are in effect, or none. ovs-vsctl(8) describes them.
"
    .to_owned();
    for (heading, names) in GROUPS {
        text.push_str(&format!("\n{heading}:\n"));
        for syntax in names.iter().filter_map(|name| COMMANDS.iter().find(|syntax| syntax.name == *name)) {
            text.push_str(&format!("  {}\n", syntax.usage()));
        }
    }
    format!("{text}\n{OPTIONS}\nThe database is at {} unless --db says otherwise.\n", default_remote())
}

/// The version of Open vSwitch that ours stands in for, and that of the database's schema there.
pub(super) const VERSION: &str = "ovs-vsctl (Open vSwitch) 3.1.0\nDB Schema 8.3.1\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_line() {
        let told: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter()).collect();
        assert_eq!(told.len(), COMMANDS.len());
        assert!(COMMANDS.iter().all(|syntax| told.contains(&&syntax.name)));
    }
}
