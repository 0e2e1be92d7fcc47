//! Options with values that cannot be, and addresses and gateways that do not fit.

use crate::Host;
use crate::common::{require, sandbox};

#[test]
fn of_options() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux");
        let bad = [
            ("--ip 192.168.0.1", "write for example 192.168.0.1/24"),
            ("--ip fd00::1", "write for example fd00::1/64"),
            ("--ip 192.168.0.1/33", "such as 192.168.0.1/24"),
            ("--ip 192.168.0.256/24", "such as 192.168.0.1/24"),
            ("--ip nonsense", "such as 192.168.0.1/24"),
            ("--ip 0.0.0.0/0", "no address that one device can have"),
            ("--ip ::/64", "no address that one device can have"),
            ("--ip 224.0.0.1/24", "no address that one device can have"),
            ("--ip ff02::1/64", "no address that one device can have"),
            ("--gw 192.168.0", "such as 192.168.0.254"),
            ("--gw 192.168.0.1/24", "such as 192.168.0.254"),
            ("--mac nonsense", "not six hexadecimal bytes"),
            ("--mac 02:00:00:00:00", "not six hexadecimal bytes"),
            ("--mac 02:00:00:00:00:zz", "not six hexadecimal bytes"),
            ("--mac 01:00:00:00:00:01", "group (multicast) address"),
            ("--mac 00:00:00:00:00:00", "00:00:00:00:00:00"),
            ("--mtu 67", "68..=65535"),
            ("--mtu 65536", "68..=65535"),
            ("--mtu many", "many"),
            ("--tag 0", "not a number from 1 to 4094"),
            ("--tag 4095", "not a number from 1 to 4094"),
            ("--tag ten", "not a number from 1 to 4094"),
            ("--trunks 4095", "not a number from 1 to 4094"),
            ("--trunks 1-5", "not a number from 1 to 4094"),
        ];
        for (option, says) in bad {
            let (name, value) = option.split_once(' ').unwrap();
            host.refuses(2, &format!("add-port br0 ns1 {option}"), &[name, value, says]);
        }
        host.refuses(2, "add-port br0 ns1 --trunks 1,,2", &["--trunks", "VLAN ``"]);
        host.refuses(2, "add-port br0 ns1 --ip fd00::1/64 --mtu 1279", &["fd00::1/64", "--mtu 1279", "1280"]);
        host.refuses(2, "add-br br1 --stp=maybe", &["maybe", "none of on, off, rstp"]);
        host.refuses(2, "add-br br1 --datapath magic", &["magic", "netdev"]);
        host.refuses(2, "add-br br1 --backend magic", &["magic", "ovs"]);
        host.refuses(2, "list-br --timeout 0", &["--timeout", "0"]);
        host.refuses(2, "list-br --timeout soon", &["soon", "not a number of seconds"]);
        host.refuses(2, "frobnicate", &["frobnicate", "--help"]);
        host.refuses(2, "add-port br0", &["TARGET"]);
    });
}

#[test]
fn that_a_backend_cannot_express() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux");
        host.refuses(
            1,
            "add-br br1 --backend linux --datapath netdev",
            &["datapath netdev", "br1", "linux", "--backend ovs"],
        );
        host.refuses(1, "add-port br0 ns1 --iface-id a", &["iface-id a", "linux", "--backend ovs"]);
    });
}

#[test]
fn of_gateways() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux");
        let port = "add-port br0 ns1 --ip 10.0.0.2/24 --gw";
        host.refuses(2, &format!("{port} 10.0.1.1"), &["gateway 10.0.1.1 is outside", "10.0.0.0/24"]);
        host.refuses(2, &format!("{port} 10.0.0.2"), &["gateway 10.0.0.2 is the port's own address"]);
        host.refuses(2, &format!("{port} fd00::1"), &["gateway fd00::1 is outside", "10.0.0.0/24"]);
        host.refuses(2, "add-port br0 ns1 --gw 10.0.0.1", &["gateway 10.0.0.1 is outside", "give the port an --ip"]);
        host.ok("add-port br0 ns1 --ip 10.0.0.2/24 --gw 10.0.0.1");
        let second = "add-port br0 ns1 --ip 10.0.1.2/24 --gw 10.0.1.1";
        host.refuses(1, second, &["default route via 10.0.0.1 already", "ip -n ns1 route del default"]);
    });
}

#[test]
fn an_address_that_is_in_use() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux\nadd-port br0 ns1 --ip 10.0.0.1/24 --ip fd00::1/64 --nodad");
        for (ip, there) in
            [("10.0.0.1/24", "10.0.0.1/24"), ("10.0.0.1/16", "10.0.0.1/24"), ("fd00::1/64", "fd00::1/64")]
        {
            let says = [ip, "eth1-ns1", there, "already, in namespace ns1", "choose another"];
            host.refuses(1, &format!("add-port br0 ns1 --ip {ip}"), &says);
        }
        host.refuses(1, "add-port br0 ns2 --ip 10.0.0.3/24 --ip 10.0.0.3/16", &["10.0.0.3"]);
    });
}

/// Found out by duplicate address detection, when all is made already.
#[test]
fn an_address_that_a_neighbour_has() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux\nadd-port br0 ns1 --ip fd00::1/64");
        host.refuses(
            1,
            "add-port br0 ns2 --ip fd00::1/64",
            &["fd00::1/64", "eth1-ns2", "duplicate address detection", "choose another address"],
        );
    });
}
