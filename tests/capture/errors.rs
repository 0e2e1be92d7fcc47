//! What cannot be captured is said, with what to do about it.

use std::process::Command;

use super::common::cli::Cli;
use super::common::require;
use super::common::tool::run;
use super::with_pair;

fn refused(cli: &Cli, code: i32, arguments: &[&str], says: &[&str]) {
    let ran = cli.run(arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{arguments:?}: {ran:?}");
    for words in says {
        assert!(ran.stderr.contains(words), "{arguments:?} does not say `{words}`: {}", ran.stderr);
    }
}

#[test]
fn there_is_no_such_thing() {
    require!(Root);
    with_pair(|| {
        let cli = Cli::new();
        run("ip link add dummy1 type veth peer name dummy2");
        for (arguments, says) in [
            (&["capture", "nosuch"][..], &["there is no namespace and no switch nosuch", "hint: ovsns list-ns"][..]),
            (&["capture", "dummy1"], &["hint: it is a device of the host: ovsns capture host --dev dummy1"]),
            (&["capture", "switch:nosuch"], &["there is no switch nosuch"]),
            (&["capture", "netns:nosuch"], &["there is no namespace nosuch"]),
            (&["capture", "pid:4194305"], &["there is no namespace pid:4194305"]),
            (&["capture", "left", "--dev", "eth7"], &["there is no device eth7 in left", "hint: there are: lo, eth0"]),
            (&["capture", "link:eth7"], &["there is no device eth7 in host"]),
            (&["capture", "link:nosuch/eth0"], &["there is no namespace nosuch"]),
            (&["capture", "link:left/lo"], &["lo of left is no end of a veth pair", "ovsns capture left --dev lo"]),
            (&["capture", "left", "-w", "/nosuch/x"], &["cannot write /nosuch/x: No such file or directory"]),
        ] {
            refused(&cli, 1, arguments, says);
        }
        let watching = super::watching::Watching::ours(&cli, "capture link:left/eth0");
        watching.stop();
        let watching = super::watching::Watching::ours(&cli, "capture link:dummy1");
        watching.stop();
    });
}

#[test]
fn what_makes_no_sense_is_bad_usage() {
    require!(Root);
    with_pair(|| {
        let cli = Cli::new();
        cli.ok(&["add-br", "left", "--backend", "linux"]);
        cli.ok(&["add-br", "br1", "--backend", "linux"]);
        for (arguments, says) in [
            (&["capture", "left"][..], &["left is a switch, and a namespace too", "switch:left or netns:left"][..]),
            (
                &["capture", "br1", "--dev", "br1"],
                &["--dev picks devices of a namespace", "ovsns capture host --dev DEVICE"],
            ),
            (
                &["capture", "right", "--filter", "and and"],
                &["can't parse filter expression: syntax error", "pcap-filter(7)"],
            ),
            (&["capture", "right", "--filter", "port 99999"], &["`port 99999` is no filter: ", "99999"]),
            (&["capture", "right", "--filter", "-x"], &["unexpected argument '-x'"]),
            (&["capture", "right", "-w", "-", "--explain", "--dry-run"], &["cannot be used with"]),
            (&["capture", "right", "--count", "0"], &["0"]),
            (&["capture", "right", "--seconds", "-1"], &["-1"]),
            (&["capture", "right", "--snaplen", "0"], &["0"]),
        ] {
            refused(&cli, 2, arguments, says);
        }
        for arguments in [&["capture", "right", "--json"][..], &["capture", "right", "--json", "-w", "-"]] {
            let ran = cli.run(arguments);
            assert_eq!(ran.code, 2, "{ran:?}");
            let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!(said["error"]["exit_status"], 2);
        }
        // a filter that is none spoils no file
        std::fs::write("/run/x", "precious").unwrap();
        refused(&cli, 2, &["capture", "right", "-w", "/run/x", "--filter", "and and"], &[]);
        assert_eq!(std::fs::read_to_string("/run/x").unwrap(), "precious");
    });
}

#[test]
fn a_terminal_gets_no_binary() {
    require!(Root);
    with_pair(|| {
        let ovsns = env!("CARGO_BIN_EXE_ovsns");
        let mut script = Command::new("script");
        let output = script.args(["-qec", &format!("{ovsns} capture left -w -"), "/dev/null"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("standard output is a terminal") && said.contains("| wireshark -k -i -"), "{said}");
    });
}

#[test]
fn without_tcpdump_there_are_no_filters() {
    require!(Root);
    with_pair(|| {
        std::fs::create_dir("/run/empty").unwrap();
        let cli = Cli::new().env("PATH", "/run/empty");
        let mut command = cli.command(&["capture", "left", "--filter", "icmp"]);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("there is no tcpdump") && said.contains("hint: apt install tcpdump"), "{said}");
        let output = cli.command(&["capture", "left", "--seconds", "0.1"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    });
}

#[test]
fn where_lo_is_down_that_is_said() {
    require!(Root);
    with_pair(|| {
        run("ip link set lo down");
        refused(&Cli::new(), 1, &["capture", "left", "--filter", "icmp"], &["lo is down", "hint: ip link set lo up"]);
    });
}

#[test]
fn a_user_is_told_the_capability() {
    require!(Root);
    with_pair(|| {
        let directory = tempfile::tempdir().unwrap();
        run(&format!("chmod 755 {}", directory.path().display()));
        let ovsns = directory.path().join("ovsns");
        run(&format!("cp {} {}", env!("CARGO_BIN_EXE_ovsns"), ovsns.display()));
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&ovsns);
        let output = setpriv.args(["capture", "host", "--dev", "lo"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot capture on device lo") && said.contains("packets take CAP_NET_RAW"), "{said}");
    });
}
