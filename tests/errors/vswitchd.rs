//! ovs-vswitchd dead, stopped, or not able to do what the database says.

use crate::Host;
use crate::common::{require, sandbox};

/// What changes something on Open vSwitch, from where `prepared` leaves off.
const VERBS: [&str; 6] = [
    "add-br sw1 --datapath netdev --ip 10.1.0.1/24",
    "add-port sw0 ns2 --ip 10.0.0.2/24",
    "add-port sw0 ns1",
    "del-port sw0 ns1",
    "del-br sw0",
    "del-ns ns1",
];

fn prepared() -> Host {
    let host = Host::with_ovs();
    host.ok("add-br sw0 --ip 10.0.0.254/24\nadd-port sw0 ns1 --ip 10.0.0.1/24 --gw 10.0.0.254");
    host
}

fn all_run_into_the_deadline(host: &Host) {
    for verb in VERBS {
        let says = ["no answer from the vswitchd within 1 s", "ovsns doctor", "--timeout"];
        host.refuses(5, &format!("--timeout 1 {verb}"), &says);
    }
}

#[test]
fn stopped() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = prepared();
        host.ovs().stop_vswitchd();
        all_run_into_the_deadline(&host);
        host.ovs().continue_vswitchd();
        // it carries out the sum of all that: nothing
        host.ok(
            "add-port sw0 ns2 --ip 10.0.0.2/24\nexec ns2 -- ping -c1 -W5 10.0.0.1\ndel-ns ns2\ndel-br sw0\ndel-ns ns1",
        );
    });
}

#[test]
fn dead() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = prepared();
        host.ovs().kill_vswitchd();
        all_run_into_the_deadline(&host);
        host.ok("list-br\nlist-ports sw0");
    });
}

/// Without the kernel's datapath the transaction stands, and the switch does not come up.
#[test]
fn not_able_to() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        if host.ovs.as_ref().unwrap().datapath_type() == "system" {
            host.ok("add-br sw0 --datapath system");
        } else {
            host.refuses(1, "add-br sw0 --datapath system", &["add switch sw0", "--datapath netdev"]);
        }
    });
}
