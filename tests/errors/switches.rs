//! Switches that are there already, twice, or not at all.

use crate::common::{require, sandbox};
use crate::{Host, sh};

#[test]
fn that_do_not_exist() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        for command in ["add-port sw0 ns1", "del-port sw0 ns1", "list-ports sw0", "del-br sw0"] {
            host.refuses(1, command, &["there is no switch sw0", "ovsns list-br", "ovsns add-br sw0"]);
        }
        host.refuses(1, "add-port sw0 ns1 --backend linux", &["there is no switch sw0 on backend linux"]);
        host.refuses(2, "br-exists sw0", &[]);
        host.ok("del-br sw0 --if-exists");
    });
}

#[test]
fn that_exist() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        host.ok("add-br sw0 --backend ovs\nadd-br br0 --backend linux");
        host.refuses(1, "add-br sw0", &["sw0", "it exists, on backend ovs", "--may-exist"]);
        host.refuses(1, "add-br br0", &["br0", "it exists, on backend linux", "--may-exist"]);
    });
}

#[test]
fn that_exist_on_the_other_backend() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        host.ok("add-br sw0 --backend ovs\nadd-br br0 --backend linux");
        let says = ["br0 on backend ovs: it exists on backend linux", "ovsns del-br br0 --backend linux"];
        host.refuses(1, "add-br br0 --backend ovs", &says);
        host.refuses(1, "add-br br0 --backend ovs --may-exist", &says);
        host.refuses(1, "add-br sw0 --backend linux", &["sw0", "no Linux bridge", "ovsns del-br sw0 --backend ovs"]);
        host.refuses(1, "add-port sw0 ns1 --backend linux", &["there is no switch sw0 on backend linux"]);
        host.refuses(1, "del-br br0 --backend ovs", &["there is no switch br0 on backend ovs"]);
    });
}

/// Only others can bring this about: `ovs-vsctl` does not look at bridges of the kernel.
#[test]
fn that_exist_on_both() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        // with a switch of its own, ovs-vswitchd has set up what it sets up
        host.ok("add-br sw1 --datapath netdev");
        sh("ip link add sw0 type bridge");
        host.ovs.as_ref().unwrap().vsctl(&[
            "--no-wait",
            "add-br",
            "sw0",
            "--",
            "set",
            "bridge",
            "sw0",
            "datapath_type=netdev",
        ]);
        let says = ["switch sw0 is there twice", "on backend ovs", "on backend linux", "say which one: --backend"];
        for command in ["add-br sw0", "add-br sw0 --may-exist", "add-port sw0 ns1", "list-ports sw0", "del-br sw0"] {
            host.refuses(1, command, &says);
        }
        let list = host.cli.ok(&["list-br"]);
        assert_eq!(list, "sw0\nsw0\nsw1\n");
        host.ok("br-exists sw0\ndel-br sw0 --backend linux\ndel-br sw0");
        assert_eq!(host.cli.ok(&["list-br"]), "sw1\n");
    });
}

#[test]
fn whose_name_a_device_has() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        sh("ip link add d0 type veth peer name d1");
        host.refuses(1, "add-br d0", &["d0", "no Linux bridge", "ip -d link show d0"]);
        host.refuses(1, "add-br d0 --may-exist", &["d0", "no Linux bridge"]);
    });
}
