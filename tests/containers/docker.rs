//! Docker, by its socket and by its files.

use super::common::engines::Engine;
use super::common::tool::{link, run};
use super::common::{require, sandbox};
use super::{Host, is_gone};

#[test]
fn a_container_is_plugged_in_by_its_name() {
    require!(Root, OpenVswitch, Docker);
    sandbox::run(async || {
        let (docker, host) = (Engine::docker(), Host::new());
        let pid = docker.run("web", "--network none");
        docker.run("db", "--network none");
        for switch in ["ovs0", "br0"] {
            host.ok(&format!("add-port {switch} docker:web --ip 10.0.0.1/24"));
            let id = docker.ok(&["inspect", "--format", "{{.Id}}", "db"]);
            host.ok(&format!("add-port {switch} docker:{} --ip 10.0.0.2/24", &id[..12]));
            docker.ok(&["exec", "web", "/bin/ping", "-c1", "-w20", "10.0.0.2"]);
            assert_eq!(host.ok(&format!("list-ports {switch}")), "veth-db\nveth-web\n", "named after the containers");
            assert!(link(&format!("/proc/{pid}/ns/net"), "eth1-web").is_some());
            let shown = host.ok(&format!("show {switch}"));
            for line in ["netns: docker:web", "netns: docker:db", "device: eth1-web", "addresses: 10.0.0.1/24"] {
                assert!(shown.contains(line), "{line}: {shown}");
            }
            // by its process it is the same one
            host.ok(&format!("add-port {switch} pid:{pid} --may-exist --mtu 1400"));
            assert_eq!(link("host", "veth-web").unwrap()["mtu"], 1400);
            if switch == "ovs0" {
                assert_eq!(
                    (host.netns_of("veth-web"), host.netns_of("veth-db")),
                    ("docker:web".into(), "docker:db".into())
                );
            }
            assert!(host.ok("exec docker:web -- ip -o address show eth1-web").contains("10.0.0.1/24"));
            assert!(host.ok("list-addr docker:web").contains("10.0.0.1/24"));
            host.ok(&format!("del-port {switch} docker:web"));
            host.ok(&format!("del-port {switch} docker:db"));
            assert!(link("host", "veth-web").is_none() && link("host", "veth-db").is_none());
        }
    });
}

#[test]
fn what_explain_says_does_the_same() {
    require!(Root, OpenVswitch, Docker);
    sandbox::run(async || {
        let (docker, host) = (Engine::docker(), Host::new());
        let pid = docker.run("web", "--network none");
        let commands = host.ok("add-port br0 docker:web --ip 10.0.0.1/24 --explain");
        // the client of the distribution, which is the daemon's
        let mut shell = std::process::Command::new("sh");
        let path = format!("/usr/bin:{}", std::env::var("PATH").unwrap());
        shell.args(["-euc", &commands]).env("PATH", path).env_remove("DOCKER_HOST");
        assert!(shell.status().unwrap().success(), "{commands}");
        assert_eq!(link(&format!("/proc/{pid}/ns/net"), "eth1-web").unwrap()["flags"][2], "UP");
        assert!(link("host", "veth-web").unwrap()["master"] == "br0");
        assert_eq!(host.ok("add-port br0 docker:web --may-exist --ip 10.0.0.1/24"), "");
    });
}

#[test]
fn a_container_that_is_not_running_is_refused() {
    require!(Root, OpenVswitch, Docker);
    sandbox::run(async || {
        let (docker, host) = (Engine::docker(), Host::new());
        host.refuses(
            1,
            "add-port br0 docker:web",
            &["Docker has no container web", "no container of Docker is running"],
        );
        docker.run("other", "--network none");
        host.refuses(1, "add-port br0 docker:web", &["Docker has no container web", "these are running: other"]);
        docker.run("web", "--network none");
        docker.ok(&["stop", "--time=0", "web"]);
        let says = ["container web of Docker is not running: it is exited", "hint: start it: docker start web"];
        host.refuses(1, "add-port br0 docker:web", &says);
        host.refuses(1, "exec docker:web -- true", &says);
        host.refuses(1, "list-addr docker:web", &says);
        host.refuses(2, "add-port br0 docker:a/b", &["`a/b`"]);
        docker.run("shared", "--network host");
        host.refuses(2, "add-port br0 docker:shared", &["docker:shared is the host"]);
    });
}

/// The kernel takes the devices along; the row of Open vSwitch is left to gc, and can be named until then.
#[test]
fn a_container_that_stops_leaves_a_row_to_gc() {
    require!(Root, OpenVswitch, Docker);
    sandbox::run(async || {
        let (docker, host) = (Engine::docker(), Host::new());
        docker.run("web", "--network none");
        for switch in ["ovs0", "br0"] {
            host.ok(&format!("add-port {switch} docker:web --ip 10.0.0.1/24"));
            docker.ok(&["stop", "--time=0", "web"]);
            is_gone("veth-web");
            if switch == "ovs0" {
                assert!(host.ok("show ovs0").contains("failed: "));
                assert_eq!(host.ok("gc"), "- port veth-web on ovs0 (ovs)\nto do this: ovsns gc --yes\n");
                host.ok("gc --yes");
            }
            assert_eq!(host.ok("gc"), "nothing is dead\n");
            assert_eq!(host.ok(&format!("list-ports {switch}")), "");
            docker.ok(&["start", "web"]);
        }
        host.ok("add-port ovs0 docker:web");
        docker.ok(&["stop", "--time=0", "web"]);
        is_gone("veth-web");
        host.ok("del-port ovs0 docker:web");
        assert_eq!(host.ok("list-ports ovs0"), "");
    });
}

/// Containers outlive a daemon that dies; what it wrote says where they are.
#[test]
fn the_files_are_read_where_the_socket_is_silent() {
    require!(Root, OpenVswitch, Docker);
    sandbox::run(async || {
        let (mut docker, host) = (Engine::docker(), Host::new());
        let pid = docker.run("web", "--network none");
        docker.run("done", "--network none");
        docker.ok(&["stop", "--time=0", "done"]);
        docker.ok(&["create", "--name=made", "bb:1", "/bin/sleep", "1"]);
        docker.stop_daemon(true);
        host.ok("add-port br0 docker:web --ip 10.0.0.1/24");
        docker.stop_daemon(false);
        docker.kill_daemon();
        assert_eq!(host.ok(&format!("identify --pid {pid}")), "docker:web\n");
        host.refuses(1, "add-port br0 docker:done", &["is not running: it is exited"]);
        host.refuses(1, "add-port br0 docker:made", &["is not running: it is created"]);
        host.refuses(1, "add-port br0 docker:none", &["Docker has no container none", "these are running: web"]);
        host.ok("del-port br0 docker:web");
        // what a crash leaves behind says that it runs
        run(&format!("kill -9 {pid}"));
        super::common::pid::wait_for_end(pid.try_into().unwrap());
        host.refuses(1, "add-port br0 docker:web", &["is not running: it is exited"]);
    });
}
