//! `rollback` and `destroy`.

use std::process::{Child, Command, Stdio};

use super::common::tool::{self, inside};
use super::common::traffic::pings;
use super::stage::{CAMPUS, Stage};

pub fn there_and_back(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let nothing = stage.world();
    stage.ok(&format!("apply {file}"));
    let first = stage.world();
    let changed = CAMPUS.replace("  n3:", "  n4:").replace("10.0.0.1/24", "10.0.0.11/24").replace("10mbit", "20mbit");
    stage.lab(&changed.replace("s2: { mtu: 1500 }", "s2: { mtu: 1500, stp: true }").replace("8080:n2", "8081:n4"));
    stage.ok(&format!("apply {file}"));
    let second = stage.world();
    let planned = stage.steps("rollback --lab campus --dry-run");
    stage.world().assert_is(&second, "a dry run");
    assert_eq!(stage.steps("rollback --lab campus"), planned);
    stage.world().assert_is(&first, "back from the change");
    assert!(pings("n3", "10.0.0.1"));
    // once only
    let said = stage.refused(1, "rollback --lab campus");
    assert!(said.contains("there is no apply of lab campus to go back from"), "{said}");
    stage.ok(&format!("apply {file}"));
    stage.world().assert_is(&second, "there again");
    // nothing to do is no apply
    stage.ok(&format!("apply {file}"));
    stage.ok(&format!("rollback {file}"));
    stage.world().assert_is(&first, "and back again");
    stage.destroy();
    stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    stage.ok(&format!("rollback {file}"));
    stage.world().assert_is(&nothing, "back from the first apply");
    stage.destroy();
    let ran = stage.run("status");
    assert!(ran.stdout.contains("there is no lab on this host"), "{ran:#?}");
}

/// Also when a part is gone, without the file, and of others' things in the lab nothing.
pub fn it_is_destroyed_whatever_is_left(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let before = stage.world();
    let on_ovs = stage.ovs().is_some();
    let gone: &[&[&str]] = &[
        &[],
        &["ip netns del n1", "ip netns del n3"],
        &["ip link del veth-n1", "ip link del veth-n2", "ip -n n1 link del eth2-n1"],
        &["nft delete table inet ovsns", "ip link set s1 down"],
        if on_ovs { &["ovs-vsctl del-br s1", "ip netns del n2"] } else { &["ip link del s1", "ip netns del n2"] },
    ];
    for hands in gone {
        stage.ok(&format!("apply {file}"));
        for hand in *hands {
            match hand.strip_prefix("ovs-vsctl ") {
                Some(words) => drop(stage.ovs().unwrap().vsctl(&words.split(' ').collect::<Vec<_>>())),
                None => drop(tool::run(hand)),
            }
        }
        if !on_ovs {
            // somebody else's device on a bridge of the lab
            tool::run("ip link add theirs type veth peer name theirs2");
            tool::run("ip link set theirs master s2");
        }
        stage.ok("destroy --lab campus");
        if !on_ovs {
            tool::run("ip link del theirs");
        }
        if hands.iter().any(|hand| hand.starts_with("nft")) {
            tool::run("sysctl -qw net.ipv4.conf.out0.forwarding=0 net.ipv6.conf.out0.force_forwarding=0");
        }
        stage.world().assert_is(&before, &format!("destroyed after {hands:?}"));
    }
    assert_eq!(stage.run("destroy --lab campus").code, 0, "there is nothing left");
    stage.ok(&format!("apply {file}"));
    let planned = stage.steps(&format!("destroy {file} --dry-run"));
    assert!(planned.contains(&"- netns n1".to_owned()), "{planned:#?}");
    stage.ok(&format!("destroy {file}"));
}

/// A process in a namespace; it ends with this.
struct Sleeper(Child);

impl Sleeper {
    fn within(netns: &str) -> Sleeper {
        let command = inside(netns, "sleep 300");
        let words: Vec<&str> = command.split(' ').collect();
        let mut child = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).spawn().unwrap();
        // nsenter(1) becomes it
        let name = format!("/proc/{}/comm", child.id());
        while std::fs::read_to_string(&name).unwrap().trim() != "sleep" {
            assert!(child.try_wait().unwrap().is_none());
            std::thread::yield_now();
        }
        Sleeper(child)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn processes_are_not_forgotten(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let sleeper = Sleeper::within("n1");
    let pid = sleeper.0.id().to_string();
    // what would lose it
    stage.lab(&CAMPUS.replace("  n1:", "  n5:").replace("a: n1", "a: n5"));
    for words in [format!("apply {file}"), "rollback --lab campus".to_owned()] {
        let said = stage.refused(1, &words);
        assert!(said.contains("in n1:") && said.contains(&pid) && said.contains("--force"), "{said}");
    }
    let said = stage.fails(1, "destroy --lab campus");
    assert!(said.contains("namespace n1") && said.contains(&pid) && said.contains("--force"), "{said}");
    assert!(tool::run("ip netns list").contains("n1"));
    assert!(!tool::run("ip netns list").contains("n2"));
    drop(sleeper);
    stage.ok("destroy --lab campus");
    stage.is_as_before("the process is gone");
    stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let _sleeper = Sleeper::within("n1");
    stage.ok("destroy --lab campus --force");
}

/// So many that their namespaces take the pairs along, but for one that lives on without its name.
pub fn many_go_with_their_namespaces(stage: &mut Stage) {
    let file = stage.lab(
        "lab: campus\ndefaults: { backend: BACKEND }\nswitches: { s1: {} }\n\
         namespaces: { \"m[1-300]\": { ports: [ { switch: s1, ip: 10.0.0.+/16 } ] } }\n",
    );
    stage.ok(&format!("apply {file} --timeout 60"));
    assert!(tool::link("host", "veth-m300").is_some());
    let _held = std::fs::File::open("/run/netns/m7").unwrap();
    stage.ok("destroy --lab campus --timeout 60");
    stage.is_as_before("one namespace is held open");
}
