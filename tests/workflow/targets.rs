//! What can be plugged in.

use std::process::{Child, Command, Stdio};

use super::common::tool::{inside, link, run};
use super::common::traffic::{pings, silent};
use super::lab::Lab;

/// A process in a network namespace of its own that has no name; it ends with the test.
struct Unnamed(Child);

impl Unnamed {
    fn start() -> Unnamed {
        // `cat` writes once the namespace is there, and ends with its input
        let script = "exec setpriv --pdeathsig KILL sh -c 'echo; exec cat'";
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        Unnamed(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.pid())
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn a_process(lab: &Lab) {
    let process = Unnamed::start();
    let (pid, path) = (process.pid(), process.path());
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok(&format!("add-port sw1 pid:{pid} --ip 10.0.0.2/24 --name eth0"));
    assert!(pings("ns1", "10.0.0.2"));
    assert!(pings(&path, "10.0.0.1"));
    let port = format!("veth-pid{pid}");
    assert!(lab.lines("list-ports sw1").contains(&port));
    lab.ok(&format!("add-port sw1 pid:{pid} --may-exist --mtu 1400"));
    assert!(run(&inside(&path, "ip link show eth0")).contains("mtu 1400"));
    assert!(lab.ok(&format!("exec pid:{pid} -- ip -o link")).contains("eth0"));
    lab.ok(&format!("del-port sw1 pid:{pid}"));
    assert!(silent("ns1", "10.0.0.2"));
    assert!(link("host", &port).is_none());
    drop(process);
    let said = lab.refused(1, &format!("add-port sw1 pid:{pid}"));
    assert!(said.contains(&format!("there is no namespace pid:{pid}: no such process")), "{said}");
}

pub fn a_file(lab: &Lab) {
    let process = Unnamed::start();
    std::fs::create_dir("/run/containers").unwrap();
    std::fs::write("/run/containers/c1", "").unwrap();
    run(&format!("mount --bind {} /run/containers/c1", process.path()));
    // only the file leads there now
    drop(process);
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok("add-port sw1 path:/run/containers/c1 --ip 10.0.0.2/24");
    assert!(pings("ns1", "10.0.0.2"));
    assert_eq!(lab.lines("list-ports sw1"), ["veth-c1", "veth-ns1"]);
    assert!(lab.ok("exec path:/run/containers/c1 -- ip -o address").contains("eth1-c1    inet 10.0.0.2/24"));
    lab.ok("del-port sw1 path:/run/containers/c1");
    assert_eq!(lab.lines("list-ports sw1"), ["veth-ns1"]);
    // the same namespace by its name and by its file is one
    lab.ok("add-port sw1 path:/run/netns/ns1 --may-exist --mtu 1400");
    assert_eq!(link("ns1", "eth1-ns1").unwrap()["mtu"], 1400);
    let said = lab.refused(1, "add-port sw1 path:/run/containers/none");
    assert!(said.contains("path:/run/containers/none"), "{said}");
    let said = lab.refused(1, "add-port sw1 path:/etc/passwd");
    assert!(said.contains("path:/etc/passwd"), "{said}");
    run("umount /run/containers/c1");
}

/// An uplink: its other end stands for the rest of the world.
pub fn a_device(lab: &Lab) {
    lab.ok("add-ns world");
    run("ip link add up0 type veth peer name world0 netns world");
    run(&inside("world", "ip link set world0 up"));
    run(&inside("world", "ip address add 10.0.0.99/24 dev world0"));
    run(&inside("world", "ethtool -K world0 tx off"));
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok("add-port sw1 dev:up0");
    assert!(pings("ns1", "10.0.0.99"));
    assert_eq!(lab.ok("port-to-br up0"), "sw1\n");
    // it is the user's: only the plug is pulled
    lab.ok("del-port sw1 dev:up0");
    assert!(link("host", "up0").is_some());
    assert!(silent("ns1", "10.0.0.99"));
    let said = lab.refused(2, "add-port sw1 dev:up0 --ip 10.0.0.5/24");
    assert!(said.contains("--ip is for namespaces"), "{said}");
    for (device, why) in [("nosuch", "the host has no device nosuch"), ("lo", "loopback"), ("sw1", "itself a switch")] {
        let said = lab.refused(1, &format!("add-port sw1 dev:{device}"));
        assert!(said.contains(why), "{said}");
    }
}

pub fn a_device_with_an_address_is_refused(lab: &Lab) {
    lab.add_br("sw1", "");
    run("ip link add up0 type veth peer name up1");
    run("ip address add 10.9.0.1/24 dev up0");
    let said = lab.refused(1, "add-port sw1 dev:up0");
    assert!(said.contains("its addresses (10.9.0.1/24) would stop working"), "{said}");
    assert!(said.contains("ovsns add-port sw1 dev:up0 --take-over"), "{said}");
    run("ip link delete up0");
}

pub fn what_is_no_namespace_is_refused(lab: &Lab) {
    lab.add_br("sw1", "");
    run("ip link add up0 type veth peer name up1");
    let said = lab.refused(1, "add-port sw1 up0");
    assert!(said.contains("there is no namespace up0, but a device of the host") && said.contains("dev:up0"), "{said}");
    run("ip link delete up0");
    let said = lab.refused(1, "add-port nosuch ns1");
    assert!(said.contains("there is no switch nosuch"), "{said}");
    for (target, why) in [("pid:0", "process id"), ("path:here", "not absolute"), ("a/b", "'/'"), ("host", "the host")]
    {
        let said = lab.refused(2, &format!("add-port sw1 {target}"));
        assert!(said.contains(why), "{target}: {said}");
    }
    // a name whose mount is gone
    std::fs::create_dir_all("/run/netns").unwrap();
    std::fs::write("/run/netns/stale", "").unwrap();
    let said = lab.refused(1, "add-port sw1 stale");
    assert!(said.contains("stale"), "{said}");
    lab.ok("del-ns stale");
    lab.ok("add-port sw1 stale");
}
