//! Databases that are reached by TCP and TLS.

use std::path::Path;
use std::process::Stdio;

use crate::common::ovs::Ovs;
use crate::common::{cli::Cli, require, sandbox};
use crate::{Host, sh};

const TCP: &str = "tcp:127.0.0.1:6640";
const SSL: &str = "ssl:127.0.0.1:6641";

/// An authority `name`, with a key and a certificate of the same name that it signed, in `directory`.
fn authority(ovs: &Ovs, directory: &Path, name: &str) {
    let pki = |words: &[&str]| {
        let dir = format!("--dir={}", directory.join(format!("{name}-pki")).display());
        let log = format!("--log={}", directory.join("pki.log").display());
        let mut command = ovs.command("ovs-pki");
        let output = command
            .args(["--force", &dir, &log])
            .args(words)
            .current_dir(directory)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "ovs-pki {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    pki(&["init"]);
    pki(&["req+sign", name, "switch"]);
}

/// The options that make use of `key`, and trust `authority`.
fn options(directory: &Path, key: &str, authority: &str) -> String {
    let file = |name: String| directory.join(name).display().to_string();
    format!(
        "--private-key {} --certificate {} --ca-cert {}",
        file(format!("{key}-privkey.pem")),
        file(format!("{key}-cert.pem")),
        file(format!("{authority}-pki/switchca/cacert.pem"))
    )
}

fn listen(ovs: &Ovs, remote: &str) {
    let output =
        ovs.command("ovs-appctl").args(["-t", "ovsdb-server", "ovsdb-server/add-remote", remote]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn tcp() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        sh("ip link set lo up");
        let host = Host { cli: Cli::new(), ..Host::with_ovs() };
        listen(host.ovs.as_ref().unwrap(), "ptcp:6640:127.0.0.1");
        host.ok(&format!("add-br sw0 --db {TCP}\nadd-port sw0 ns1 --db {TCP}"));
        assert_eq!(host.cli.ok(&["list-ports", "sw0", "--db", TCP]), "veth-ns1\n");
        host.refuses(1, "list-br --db tcp:127.0.0.1:6639", &["tcp:127.0.0.1:6639", "Connection refused", "--db"]);
        host.refuses(1, "list-br --db tcp:[::1]:6640", &["tcp:[::1]:6640", "Connection refused"]);
        host.ok(&format!("del-ns ns1 --db {TCP}\ndel-br sw0 --db {TCP}"));
    });
}

/// Packets that nobody answers: the address is of our own network, and no host has it.
#[test]
fn tcp_into_the_void() {
    require!(Root);
    sandbox::run(|| async {
        sh("ip link add d0 type veth peer name d1");
        sh("ip address add 10.9.0.1/24 dev d0");
        sh("ip link set d0 up");
        sh("ip link set d1 up");
        let says = ["no answer from the socket within 0.5 s", "tcp:10.9.0.2:6640"];
        Host::bare().refuses(5, "--timeout 0.5 list-br --db tcp:10.9.0.2:6640", &says);
    });
}

#[test]
fn ssl() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        sh("ip link set lo up");
        let host = Host { cli: Cli::new(), ..Host::with_ovs() };
        let ovs = host.ovs.as_ref().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        authority(ovs, path, "good");
        authority(ovs, path, "other");
        let file = |name: &str| path.join(name).display().to_string();
        ovs.vsctl(&[
            "--no-wait",
            "set-ssl",
            &file("good-privkey.pem"),
            &file("good-cert.pem"),
            &file("good-pki/switchca/cacert.pem"),
        ]);
        listen(ovs, "pssl:6641:127.0.0.1");
        let good = options(path, "good", "good");
        host.ok(&format!("add-br sw0 --db {SSL} {good}"));
        host.refuses(2, &format!("list-br --db {SSL}"), &[SSL, "--private-key, --certificate and --ca-cert"]);
        let only = format!("list-br --db {SSL} --private-key {}", file("good-privkey.pem"));
        host.refuses(2, &only, &["--private-key, --certificate and --ca-cert"]);
        let untrusted = format!("list-br --db {SSL} {}", options(path, "good", "other"));
        host.refuses(1, &untrusted, &[SSL, "certificate"]);
        let missing = format!("list-br --db {SSL} {good}").replace("good-cert.pem", "no-cert.pem");
        host.refuses(1, &missing, &["no-cert.pem", "No such file"]);
    });
}
