//! Physical devices return to the host from a namespace that goes. There is one in the virtual machine; elsewhere somebody
//! works over it.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::process::{Command, Stdio};

use common::cli::Cli;
use common::tool::{inside, json, link, run};
use common::{require, sandbox};

/// The device of the machine while a sandbox has it; it goes back in the end.
struct Borrowed;

impl Borrowed {
    fn eth0() -> Borrowed {
        let here = format!("/proc/{}/task/{}/ns/net", std::process::id(), nix::unistd::gettid());
        run(&format!("nsenter --net=/proc/1/ns/net ip link set dev eth0 netns {here}"));
        Borrowed
    }

    /// Puts it into the namespace, with an address, and up.
    fn in_ns1(&self, cli: &Cli) {
        cli.ok(&["add-port", "br0", "ns1", "--ip", "10.0.0.1/24"]);
        run("ip link set dev eth0 netns ns1");
        run(&inside("ns1", "ip address add 10.1.0.1/24 dev eth0"));
        run(&inside("ns1", "ip link set eth0 up"));
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        run("ip link set dev eth0 netns /proc/1/ns/net");
    }
}

fn is_up(link: &serde_json::Value) -> bool {
    link["flags"].as_array().unwrap().iter().any(|flag| flag == "UP")
}

#[test]
fn a_device_returns_to_the_host() {
    require!(Root, PhysicalDevice);
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        cli.ok(&["add-br", "br0", "--backend", "linux"]);
        let device = Borrowed::eth0();
        let mac = link("host", "eth0").unwrap()["address"].clone();

        // told, then done by hand, then by the verb
        device.in_ns1(&cli);
        let bus_device = link("ns1", "eth0").unwrap()["parentdev"].as_str().unwrap().to_owned();
        let planned = cli.ok(&["del-ns", "ns1", "--dry-run"]);
        let first = format!("~ physical device {bus_device}: netns ns1 -> host");
        assert_eq!(planned.lines().next(), Some(first.as_str()), "{planned}");
        let commands = cli.ok(&["del-ns", "ns1", "--explain"]);
        let shell = Command::new("sh").args(["-euc", &commands]).stdin(Stdio::null()).output().unwrap();
        assert!(shell.status.success(), "{commands}{}", String::from_utf8_lossy(&shell.stderr));
        assert_eq!(link("host", "eth0").unwrap()["address"], mac);
        for verb in [&["del-ns", "ns1"] as &[&str], &["teardown"]] {
            cli.ok(&["add-br", "br0", "--backend", "linux", "--may-exist"]);
            device.in_ns1(&cli);
            cli.ok(verb);
            let returned = link("host", "eth0").unwrap();
            assert_eq!((&returned["address"], is_up(&returned)), (&mac, false));
            assert_eq!(cli.ok(&["list-ns"]), "");
        }

        // it gets another name where its own is taken
        cli.ok(&["add-br", "br0", "--backend", "linux"]);
        device.in_ns1(&cli);
        run("ip link add eth0 type veth peer name eth1");
        cli.ok(&["del-ns", "ns1"]);
        assert_eq!(link("host", "eth2").unwrap()["address"], mac);
        run("ip link delete eth0");
        run("ip link set eth2 name eth0");

        // what fails later takes it back, up and with its addresses
        device.in_ns1(&cli);
        let before = json(&inside("ns1", "ip -j address show dev eth0"));
        let ovsns = cli.command(&["del-ns", "ns1"]);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=umount2", "-e", "inject=umount2:error=EBUSY:when=1"]);
        strace.arg(ovsns.get_program()).args(ovsns.get_args());
        let output = strace.stdin(Stdio::null()).output().expect("strace starts: install it");
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let after = json(&inside("ns1", "ip -j address show dev eth0"));
        let address = |told: &serde_json::Value| told[0]["addr_info"][0]["local"].clone();
        assert_eq!((address(&after), is_up(&after[0])), (address(&before), true));
        cli.ok(&["del-ns", "ns1"]);
        assert!(link("host", "eth0").is_some());
    });
}
