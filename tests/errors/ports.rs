//! Ports that cannot be made or are not there.

use crate::common::{require, sandbox};
use crate::{Host, sh};

#[test]
fn of_devices() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        host.ok("add-br sw0\nadd-br sw1\nadd-br br0 --backend linux");
        sh("ip link add d0 type veth peer name d1");
        sh("ip address add 10.0.0.1/24 dev d0");
        host.refuses(1, "add-port sw0 dev:nope", &["sw0", "the host has no device nope", "ip link"]);
        host.refuses(1, "add-port sw0 dev:lo", &["lo", "the loopback device"]);
        host.refuses(1, "add-port sw0 dev:sw1", &["sw1", "itself a switch"]);
        host.refuses(1, "add-port sw0 dev:br0", &["br0", "itself a switch"]);
        host.refuses(1, "add-port sw0 dev:d0", &["d0", "10.0.0.1/24", "ovsns add-port sw0 dev:d0 --take-over"]);
        host.refuses(1, "add-port sw0 d1", &["there is no namespace d1, but a device", "ovsns add-port sw0 dev:d1"]);
        host.refuses(2, "add-port sw0 dev:d1 --ip 10.0.0.2/24", &["--ip is for namespaces", "ovsns add-br SWITCH"]);
        host.ok("add-port sw1 dev:d1");
        host.refuses(1, "add-port sw1 dev:d1", &["d1", "a port of it already", "--may-exist"]);
        for other in ["sw0", "br0"] {
            host.refuses(
                1,
                &format!("add-port {other} dev:d1"),
                &["d1", "a port of switch sw1", "ovsns del-port sw1 d1"],
            );
            host.refuses(1, &format!("add-port {other} dev:d1 --may-exist"), &["d1", "a port of switch sw1"]);
        }
    });
}

#[test]
fn that_are_not_there() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok(
            "add-br br0 --backend linux\nadd-port br0 ns1\nadd-port br0 ns1\nadd-ns ns2\nadd-br br1 --backend linux",
        );
        host.refuses(1, "del-port br0 ns2", &["ns2 has no port on switch br0", "ovsns list-ports br0"]);
        host.refuses(1, "del-port br1 ns1", &["ns1 has no port on switch br1", "ovsns list-ports br1"]);
        host.refuses(1, "del-port nope", &["there is no port nope", "ovsns show"]);
        host.refuses(1, "port-to-br nope", &["there is no port nope"]);
        host.refuses(1, "del-port br0 ns1", &["ns1 has 2 ports: veth-ns1, veth2-ns1", "--all"]);
        host.ok("del-port br0 nope --if-exists");
    });
}

/// One namespace may have several ports on a switch: eth1, eth2 …
#[test]
fn a_second_one_of_the_same_namespace_is_none_of_them() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        host.ok("add-br sw0\nadd-br br0 --backend linux");
        for switch in ["sw0", "br0"] {
            let netns = format!("n{switch}");
            host.ok(&format!("add-port {switch} {netns}\nadd-port {switch} {netns}"));
            let world = host.world();
            for device in ["eth1", "eth2"] {
                assert!(world.has(&format!("link {netns} {device}-{netns}")), "{device} in {netns}");
            }
            assert!(world.has(&format!("link host veth2-{netns}")));
            host.ok(&format!("add-port {switch} {netns} --may-exist"));
            host.world().assert_is(&world, "with --may-exist there is nothing to do");
        }
    });
}

#[test]
fn whose_names_are_taken() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        host.ok("add-br sw0\nadd-port sw0 ns1");
        host.refuses(
            1,
            "add-port sw0 ns1 --name eth1-ns1",
            &["eth1-ns1", "namespace ns1 has one of this name", "--name"],
        );
        host.refuses(
            1,
            "add-port sw0 ns2 --host-name veth-ns1",
            &["veth-ns1", "the host has one of this name", "--host-name"],
        );
        host.refuses(1, "add-port sw0 ns2 --host-name sw0", &["sw0", "the host has one of this name"]);
    });
}

/// The row of a port whose device is not there, made by somebody else.
#[test]
fn whose_names_are_kept_for_others() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        host.ok("add-br sw0\nadd-br sw1");
        for switch in ["sw0", "sw1"] {
            let ovs = host.ovs.as_ref().unwrap();
            ovs.vsctl(&["--no-wait", "add-port", switch, "veth-ns1"]);
            let says = ["veth-ns1", &format!("switch {switch} has a port of this name"), "not ours", "--host-name"];
            host.refuses(1, "add-port sw0 ns1", &says);
            ovs.vsctl(&["--no-wait", "del-port", "veth-ns1"]);
        }
        host.ok("add-port sw0 ns1");
    });
}

/// The name of a switch's own port, whose device is not there since ovs-vswitchd could not make it: the database says no.
#[test]
fn that_the_database_refuses() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0");
        host.ovs().stop_vswitchd();
        host.ovs().vsctl(&["--no-wait", "add-br", "veth-ns1"]);
        let says =
            ["add port veth-ns1 on switch sw0", "constraint violation", "ovs-vsctl list Interface", "--host-name"];
        host.refuses(1, "add-port sw0 ns1", &says);
        host.ovs().vsctl(&["--no-wait", "del-br", "veth-ns1"]);
        host.ovs().continue_vswitchd();
        host.ok("add-port sw0 ns1");
    });
}
