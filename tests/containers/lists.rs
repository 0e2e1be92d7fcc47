//! `list-ns`, `identify`, `attach-ns`, `del-ns` and containers.

use serde_json::Value;

use super::Host;
use super::common::engines::Engine;
use super::common::tool::{output, run};
use super::common::{require, sandbox};

fn namespaces(host: &Host, options: &[&str]) -> Vec<Value> {
    let text = host.cli.ok(&[&["--json", "list-ns"], options].concat());
    let document: Value = serde_json::from_str(&text).unwrap();
    document["namespaces"].as_array().unwrap().clone()
}

#[test]
fn containers_are_listed_by_name() {
    require!(Root, OpenVswitch, Docker, Podman);
    sandbox::run(async || {
        let (docker, podman, host) = (Engine::docker(), Engine::podman(), Host::new());
        let pid = docker.run("web", "--network none");
        let guest = docker.run("guest", "--network container:web");
        docker.run("shares-the-hosts", "--network host");
        podman.run("plain", "--network none");
        podman.run("bridged", "");
        host.ok("add-ns ns1");
        let listed = host.ok("list-ns");
        let lines: Vec<&str> = listed.lines().collect();
        let [podmans, ns1, web, plain] = lines.as_slice() else { panic!("{listed}") };
        assert!(podmans.starts_with("netns-") && podmans.ends_with("  podman:bridged"), "{listed}");
        assert_eq!((*ns1, *web, *plain), ("ns1", "docker:web  docker:guest", "podman:plain"));
        for first in lines.iter().map(|line| line.split(' ').next().unwrap()) {
            host.ok(&format!("exec {first} -- true"));
        }
        let all = namespaces(&host, &[]);
        let web = &all[2];
        assert_eq!(web["container"]["engine"], "docker");
        assert_eq!(web["container"]["name"], "web");
        assert_eq!(web["container"]["id"], docker.ok(&["inspect", "--format", "{{.Id}}", "web"]));
        assert_eq!(web["pids"], serde_json::json!([pid.min(guest), pid.max(guest)]));
        assert!(web["path"].as_str().unwrap().starts_with("/run/docker/netns/"), "{web}");
        let inode = std::fs::metadata(format!("/proc/{pid}/ns/net")).unwrap();
        assert_eq!(web["inode"], std::os::unix::fs::MetadataExt::ino(&inode));
        assert_eq!((&all[1]["name"], &all[1]["owner"]), (&"ns1".into(), &"-".into()));
        assert_eq!(host.ok("identify docker:guest"), "docker:web\ndocker:guest\n");
        assert_eq!(host.ok(&format!("identify --pid {}", podman.pid("bridged"))).lines().count(), 2);
    });
}

/// A name that a container's namespace has been given is only a name.
#[test]
fn a_container_keeps_its_namespace() {
    require!(Root, OpenVswitch, Docker, Podman);
    sandbox::run(async || {
        let (docker, podman, host) = (Engine::docker(), Engine::podman(), Host::new());
        docker.run("web", "--network none");
        podman.run("bridged", "");
        host.ok("attach-ns w docker:web");
        assert!(host.ok("list-ns").lines().any(|line| line == "w  docker:web"));
        host.ok("add-port br0 docker:web --ip 10.0.0.1/24");
        let said = host.cli.run(&["del-ns", "w"]);
        assert_eq!((said.code, said.stdout.as_str()), (0, "- netns w of docker:web\n"));
        assert!(said.stderr.contains("only the name w is gone: the namespace is docker:web too"), "{}", said.stderr);
        assert_eq!(host.ok("list-ports br0"), "veth-web\n");
        docker.ok(&["exec", "web", "/bin/ip", "link", "show", "eth1-web"]);
        let listed = host.ok("list-ns");
        let podmans = listed.split(' ').next().unwrap();
        host.refuses(1, &format!("del-ns {podmans}"), &["processes run in it", "of podman:bridged", "--force"]);
        assert!(output(&format!("ip -n {podmans} link")).status.success());
        // what bears no mark of ours stays; what does goes
        host.ok("teardown");
        docker.ok(&["exec", "web", "/bin/ip", "link", "show", "lo"]);
        podman.ok(&["exec", "bridged", "/bin/ip", "link", "show", "eth0"]);
        assert_eq!(run("ip -o link show type bridge").lines().count(), 1, "podman's");
    });
}
