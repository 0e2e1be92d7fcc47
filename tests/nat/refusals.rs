//! What is refused, why, and what is to be done: nothing is changed.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::common::cli::Cli;
use super::common::tool::run;
use super::common::traffic::within;
use super::host::{Host, is_as, state};

/// Refuses `verb`, in words that hold each of `expected`.
fn refuses(host: &Host, code: i32, verb: &str, expected: &[&str]) {
    let said = host.refused(code, verb);
    for words in expected {
        assert!(said.contains(words), "ovsns {verb}: `{words}` is not in: {said}");
    }
}

pub fn what_cannot_be_translated(host: &Host) {
    host.add_br("br2", "");
    refuses(host, 1, "nat br2", &["switch br2 has no address", "hint: give it one", "ovsns set-br br2 --ip"]);
    refuses(host, 1, "nat nosuch", &["there is no switch nosuch"]);
    refuses(host, 1, "nat br1 --out nosuch", &["the host has no device nosuch", "there are: br1, br2, eth0, lo"]);
    refuses(host, 2, "nat br1 --out br1", &["br1 cannot lead out of br1: it is the switch's own device"]);
    refuses(host, 2, "nat br1 --out lo", &["it is the loopback device"]);
    refuses(host, 1, "del-nat br1", &["switch br1 is not translated", "ovsns list-nat"]);
    run("ip route delete default");
    run("ip -6 route delete default");
    refuses(host, 1, "nat br1", &["the host has no default route", "--out DEVICE"]);
    let ran = host.run("publish 8080:ns1:80");
    assert!(
        ran.code == 0 && ran.stderr.contains("the host has no default route") && ran.stderr.contains("--in DEVICE")
    );
}

pub fn what_cannot_be_published(host: &Host) {
    for (code, verb, expected) in [
        (1, "publish 8080:ns9:80", &["there is no namespace ns9", "ovsns list-ns"][..]),
        (2, "publish 8080:host:80", &["the host's own ports need not be published"]),
        (2, "publish 8080", &["not PORT:NETNS:PORT"]),
        (2, "publish 0:ns1:80", &["`0` is no port"]),
        (2, "publish 8080:ns1:80 --address ::1", &["a port cannot be published at ::1"]),
        (2, "publish 8080:ns1:80 --address fe80::1", &["fe80::1 is an address of one link alone"]),
        (2, "publish 8080:ns1:80 --address 0.0.0.0", &["0.0.0.0 is no address that the host can have"]),
        (2, "publish 8080:ns1:80 --address 192.0.2.1 --to fd00::1", &["are of different versions of IP"]),
        (
            1,
            "publish 8080:ns1:80 --address 192.0.2.77",
            &["the host does not have the address 192.0.2.77", "list-addr host"],
        ),
        (1, "publish 8080:ns1:80 --to 10.0.0.9", &["namespace ns1 does not have the address 10.0.0.9", "10.0.0.1/24"]),
        (1, "publish 8080:ns1:80 --in nosuch", &["the host has no device nosuch"]),
        (1, "publish 8080:world:80 8081:ns9:80", &["there is no namespace ns9"]),
        (1, "unpublish 8080", &["tcp port 8080 is not published", "ovsns list-published"]),
        (1, "unpublish --netns ns1", &["no port is published to namespace ns1"]),
    ] {
        refuses(host, code, verb, expected);
    }
    host.ok("add-port br1 bare");
    refuses(
        host,
        1,
        "publish 8080:bare:80",
        &["namespace bare has no address", "ovsns add-addr bare", "--dev eth1-bare"],
    );
    host.ok("add-addr bare 10.9.0.1/24");
    let expected = ["the host has no address in the network of namespace bare (10.9.0.1/24)", "ovsns set-br br1 --ip"];
    refuses(host, 1, "publish 8080:bare:80", &expected);
    host.ok("add-ns alone");
    refuses(
        host,
        1,
        "publish 8080:alone:80",
        &["nothing leads from the host to namespace alone", "ovsns add-port SWITCH alone"],
    );
    host.ok("del-addr ns2 fd00::2/64");
    refuses(host, 1, "publish 8080:ns2:80 --address 2001:db8::1", &["namespace ns2 has no IPv6 address"]);
    let long = "n".repeat(200);
    host.ok(&format!("add-port br1 {long} --ip 10.0.0.9/24"));
    refuses(host, 1, &format!("publish 8080:{long}:80"), &["a comment of at most 128 bytes", "a shorter name"]);
}

pub fn a_port_that_is_taken(host: &Host) {
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let expected =
        ["port 8080 of the host is taken: a program listens at it (tcp)", "ss -Hltnp 'sport = 8080' shows it"];
    refuses(host, 1, "publish 8080:ns1:80", &expected);
    let datagrams = within("host", || UdpSocket::bind("[::]:5353")).unwrap();
    refuses(host, 1, "publish 5353:ns1:53 --udp", &["port 5353 of the host is taken", "(udp)"]);
    // another address, another protocol
    host.ok("publish 8080:ns1:80 --address 192.0.2.1");
    host.ok("publish 8080:ns1:80 --udp");
    drop((listener, datagrams));
    let expected =
        ["tcp port 8080 is published at 192.0.2.1 already, to ns1:80", "ovsns unpublish 8080 --address 192.0.2.1"];
    refuses(host, 1, "publish 8080:ns2:80", &expected);
    refuses(
        host,
        1,
        "publish 8080:ns2:80 --udp",
        &["udp port 8080 is published already", "ovsns unpublish 8080 --udp"],
    );
    refuses(host, 1, "publish 8080:ns2:80 --udp --may-exist --address 192.0.2.1", &["is published already"]);
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.exists()).unwrap()
}

/// Commands that find no program but those of `directory`.
fn with_programs(directory: &std::path::Path) -> Cli {
    symlink(program("timeout"), directory.join("timeout")).unwrap();
    Cli::new().env("OVSNS_BACKEND", "linux").env("PATH", directory.to_str().unwrap())
}

pub fn without_nft(host: &Host) {
    let before = state();
    let directory = tempfile::tempdir().unwrap();
    let cli = with_programs(directory.path());
    for verb in [&["nat", "br1"][..], &["publish", "8080:ns1:80"]] {
        let said = cli.fails(1, verb);
        assert!(said.contains("cannot run nft") && said.contains("apt install nftables"), "{said}");
    }
    is_as(&before, "without nft");
    // who has nothing to do with it does without
    cli.ok(&["add-port", "br1", "ns3", "--ip", "10.0.0.3/24"]);
    cli.ok(&["show"]);
    cli.ok(&["del-ns", "ns3"]);
    assert_eq!(cli.ok(&["list-nat"]), "");
    host.ok("publish 8080:ns1:80");
    let said = cli.fails(1, &["list-published"]);
    assert!(said.contains("apt install nftables"), "{said}");
}

/// A kernel without it refuses every chain that translates. Here nft says so in its place.
pub fn without_nat(host: &Host) {
    let _ = host;
    let before = state();
    let directory = tempfile::tempdir().unwrap();
    let cli = with_programs(directory.path());
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = -f ]; then echo '/dev/stdin:1:1-9: Error: Could not process rule: No such file or directory' >&2; exit 1; fi\nexec {} \"$@\"\n",
        program("nft").display()
    );
    let nft = directory.path().join("nft");
    std::fs::write(&nft, script).unwrap();
    std::fs::set_permissions(&nft, std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = cli.fails(1, &["nat", "br1"]);
    for words in ["this kernel does not translate addresses (NAT)", "Could not process rule", "modprobe nft_chain_nat"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    is_as(&before, "without NAT");
}
