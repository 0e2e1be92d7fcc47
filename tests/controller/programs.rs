//! The programs of a lab: started by `apply`, kept by `run`, stopped by `destroy`.

use nix::sys::signal::Signal;

use crate::BRIDGE;
use crate::common::cli::Cli;
use crate::common::{sandbox, tool};
use crate::kept::{FILE, Kept};

fn run(command: &str) {
    tool::run(command);
}

fn write(programs: &str) {
    std::fs::write(FILE, format!("{BRIDGE}{programs}\n")).unwrap();
}

fn pids() -> Vec<String> {
    tool::run("ip netns pids ns1").lines().map(str::to_owned).collect()
}

#[test]
fn they_come_and_go_with_the_lab() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        write("run: { ns1: [ \"echo hello; exec sleep 1000\", { command: [sleep, '1001'] } ] }");
        let plan = cli.ok(&["plan", FILE]);
        assert!(plan.contains("+ program echo in ns1: echo hello; exec sleep 1000"), "{plan}");
        let applied = cli.ok(&["apply", FILE]);
        assert!(applied.contains("+ program sleep in ns1: sleep 1001"), "{applied}");
        let before = pids();
        assert_eq!(before.len(), 2);
        assert_eq!(cli.ok(&["apply", FILE]).trim(), "nothing to do");
        assert_eq!(pids(), before);
        // One is not named any more; the other's namespace goes.
        write("run: { ns1: [ { command: [sleep, '1001'] } ] }");
        assert_eq!(cli.ok(&["apply", FILE]).trim(), "- program echo in ns1");
        assert_eq!(pids().len(), 1);
        let without = BRIDGE.lines().filter(|line| !line.contains("ns1:")).collect::<Vec<_>>().join("\n");
        std::fs::write(FILE, without).unwrap();
        cli.ok(&["apply", FILE]);
        assert!(!tool::run("ip netns list").contains("ns1"));
        write("run: { ns1: [ { command: [sleep, '1001'] } ] }");
        cli.ok(&["apply", FILE]);
        let status = cli.ok(&["status", "--lab", "campus"]);
        assert!(status.contains("/var/log/ovsns/lab-campus/sleep@ns1.log"), "{status}");
        let pid = pids().remove(0);
        cli.ok(&["destroy", "--lab", "campus"]);
        assert_eq!(tool::run("ip netns list"), "");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        assert_eq!(std::fs::read_to_string("/var/log/ovsns/lab-campus/echo@ns1.log").unwrap(), "hello\n");
    });
}

#[test]
fn one_that_does_not_start_takes_the_apply_back() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        for (program, words) in [
            ("{ command: [no-such-program] }", "no-such-program: command not found"),
            ("\"echo the port is in use; exit 3\"", "the port is in use"),
        ] {
            write(&format!("run: {{ ns1: [ {program} ] }}"));
            let said = cli.fails(1, &["apply", FILE]);
            assert!(said.contains(words) && said.contains("all is as it was"), "{said}");
            assert_eq!(tool::run("ip netns list"), "");
            assert!(!tool::succeeds("ip link show br1"));
        }
        // What ran before runs again, where it is only another program that does not start.
        write("run: { ns1: [ { command: [sleep, '1001'] } ] }");
        cli.ok(&["apply", FILE]);
        write("run: { ns1: [ { command: [sleep, '1002'], name: sleep }, { command: [no-such-program] } ] }");
        cli.fails(1, &["apply", FILE]);
        let command = std::fs::read(format!("/proc/{}/cmdline", pids()[0])).unwrap();
        assert_eq!(command, b"sleep\x001001\0");
        write("run: { ns1: [ { command: [sleep, '1002'], name: sleep }, { command: [no-such-program] } ] }");
        let said = cli.fails(1, &["apply", FILE, "--keep-going"]);
        assert!(said.contains("all else of lab campus is in effect"), "{said}");
        cli.ok(&["destroy", "--lab", "campus"]);
    });
}

#[test]
fn a_rollback_stops_those_whose_namespaces_go() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        write("run: { ns1: [ { command: [sleep, '1001'] } ] }");
        cli.ok(&["apply", FILE]);
        let pid = pids().remove(0);
        cli.ok(&["rollback", "--lab", "campus"]);
        assert_eq!(tool::run("ip netns list"), "");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    });
}

#[test]
fn programs_are_kept_too() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let program = "run: { ns1: [ { command: exec sleep 1000, restart: always } ] }\n";
        let mut kept = Kept::start(&cli, &format!("{BRIDGE}{program}"));
        let pids = || tool::run("ip netns pids ns1");
        let before = pids();
        kept.heals("program", || run(&format!("kill -9 {before}")), || pids().lines().count() == 1);
        kept.heals(
            "program in a namespace made anew",
            || run("ip netns del ns1"),
            || tool::output("ip netns pids ns1").stdout.len() > 1,
        );
        assert_ne!(pids(), before);
        let status = cli.ok(&["status", "--lab", "campus"]);
        assert!(
            status.contains("program sleep in ns1: runs, pid ") || status.contains("in ns1: runs, pid "),
            "{status}"
        );
        kept.end(Signal::SIGTERM);
        cli.ok(&["destroy", "--lab", "campus"]);
        assert_eq!(tool::run("ip netns list"), "");
    });
}
