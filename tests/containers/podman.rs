//! Podman, by its files; and beside Docker.

use std::process::{Command, Stdio};

use super::common::engines::Engine;
use super::common::tool::{link, output};
use super::common::{require, sandbox};
use super::{Host, is_gone};

#[test]
fn a_container_is_plugged_in_by_its_name() {
    require!(Root, OpenVswitch, Podman);
    sandbox::run(async || {
        let (podman, host) = (Engine::podman(), Host::new());
        podman.run("web", "--network none");
        // has a network of its engine, and with it a namespace with a name
        podman.run("db", "");
        // of those that Podman forgets when they end, it writes elsewhere
        podman.run("brief", "--network none --rm");
        for switch in ["ovs0", "br0"] {
            for (number, name) in ["web", "db", "brief"].into_iter().enumerate() {
                host.ok(&format!("add-port {switch} podman:{name} --ip 10.0.0.{}/24", number + 1));
            }
            podman.ok(&["exec", "web", "/bin/ping", "-c1", "-w20", "10.0.0.2"]);
            podman.ok(&["exec", "web", "/bin/ping", "-c1", "-w20", "10.0.0.3"]);
            assert_eq!(host.ok(&format!("list-ports {switch}")), "veth-brief\nveth-db\nveth-web\n");
            let shown = host.ok(&format!("show {switch}"));
            for line in ["netns: podman:web", "netns: podman:db", "addresses: 10.0.0.2/24"] {
                assert!(shown.contains(line), "{line}: {shown}");
            }
            if switch == "ovs0" {
                assert_eq!(host.netns_of("veth-db"), "podman:db");
            }
            // by its process it is the same one, also where it has a name that Podman made up
            host.ok(&format!("add-port {switch} pid:{} --may-exist --mtu 1400", podman.pid("db")));
            assert_eq!(link("host", "veth-db").unwrap()["mtu"], 1400);
            for name in ["web", "db", "brief"] {
                host.ok(&format!("del-port {switch} podman:{name}"));
            }
            assert_eq!(host.ok(&format!("list-ports {switch}")), "");
        }
        let route = host.ok("exec podman:db -- ip route");
        assert!(route.contains("default via"), "the engine's network is as it was: {route}");
    });
}

#[test]
fn what_explain_says_does_the_same() {
    require!(Root, OpenVswitch, Podman);
    sandbox::run(async || {
        let (podman, host) = (Engine::podman(), Host::new());
        let pid = podman.run("web", "--network none");
        let mut commands = host.ok("add-port br0 podman:web --ip 10.0.0.1/24 --explain");
        commands.push_str(&host.ok("attach-ns web podman:web --explain"));
        let (variable, value) = podman.environment();
        let mut shell = Command::new("sh");
        shell.args(["-euc", &commands]).env(variable, value).stdin(Stdio::null());
        assert!(shell.status().unwrap().success(), "{commands}");
        assert!(link(&format!("/proc/{pid}/ns/net"), "eth1-web").is_some());
        assert_eq!(host.ok("add-port br0 podman:web --may-exist --ip 10.0.0.1/24"), "");
        assert_eq!(host.ok("attach-ns web podman:web --may-exist"), "");
    });
}

#[test]
fn a_container_that_is_not_running_is_refused() {
    require!(Root, OpenVswitch, Podman);
    sandbox::run(async || {
        let (podman, host) = (Engine::podman(), Host::new());
        podman.run("web", "--network none");
        podman.run("other", "--network none");
        podman.ok(&["create", "--name=made", "bb:1", "/bin/sleep", "1"]);
        host.ok("add-port ovs0 podman:web");
        podman.ok(&["stop", "--time=0", "web"]);
        is_gone("veth-web");
        let says = ["container web of Podman is not running: it is exited", "hint: start it: podman start web"];
        host.refuses(1, "add-port br0 podman:web", &says);
        host.refuses(1, "add-port br0 podman:made", &["is not running: it is created"]);
        host.refuses(1, "add-port br0 podman:none", &["Podman has no container none", "these are running: other"]);
        host.ok("gc --yes");
        assert_eq!(host.ok("list-ports ovs0"), "");
    });
}

/// The socket that `podman system service` has is asked where it is named.
#[test]
fn a_socket_that_is_named_is_asked() {
    require!(Root, OpenVswitch, Podman);
    sandbox::run(async || {
        let (podman, mut host) = (Engine::podman(), Host::new());
        podman.run("web", "--network none");
        let socket = "unix:///run/named.sock";
        host.cli = host.cli.env("CONTAINER_HOST", socket);
        host.refuses(
            1,
            "add-port br0 podman:web",
            &["Podman is not there", "/run/named.sock", "CONTAINER_HOST=unix:///PATH"],
        );
        let (variable, value) = podman.environment();
        let mut service = Command::new("setpriv");
        service.args(["--pdeathsig", "KILL", "podman", "system", "service", "--time=0", socket]).env(variable, value);
        let mut service = service.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while std::os::unix::net::UnixStream::connect("/run/named.sock").is_err() {
            assert!(std::time::Instant::now() < deadline, "podman system service did not come up");
        }
        host.ok("add-port br0 podman:web");
        assert!(host.ok("list-ns").contains("podman:web\n"));
        host.refuses(1, "add-port br0 podman:none", &["Podman has no container none", "these are running: web"]);
        service.kill().unwrap();
        service.wait().unwrap();
    });
}

/// Who names no engine may mean a container: where no namespace has the name, the ways to say it are told.
#[test]
fn a_name_alone_is_no_container() {
    require!(Root, OpenVswitch, Docker, Podman);
    sandbox::run(async || {
        let (docker, podman, host) = (Engine::docker(), Engine::podman(), Host::new());
        docker.run("web", "--network none");
        docker.run("only", "--network none");
        podman.run("web", "--network none");
        let both = ["there is no namespace web", "docker:web or podman:web", "ovsns add-ns web"];
        host.refuses(1, "add-port br0 web", &both);
        host.refuses(1, "add-port br0 only", &["there is a container only: docker:only", "ovsns add-ns only"]);
        host.refuses(1, "exec web -- true", &["docker:web or podman:web"]);
        host.refuses(1, "list-addr only", &["docker:only"]);
        host.ok("add-port br0 docker:web --ip 10.0.0.1/24");
        host.ok("add-port br0 podman:web --ip 10.0.0.2/24");
        assert_eq!(host.ok("list-ports br0"), "veth-web\nveth2-web\n", "one name, two containers");
        docker.ok(&["exec", "web", "/bin/ping", "-c1", "-w20", "10.0.0.2"]);
        // a namespace that is there goes before a container of its name
        host.ok("add-ns only");
        host.ok("add-port br0 only");
        assert!(output("ip -n only link show eth1-only").status.success());
    });
}
