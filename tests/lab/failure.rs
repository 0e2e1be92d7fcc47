//! An apply that does not come to its end leaves all as it was, and says so.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::common::running::Running;
use super::common::tool;
use super::stage::{CAMPUS, Stage};

/// A setting that no kernel has: it fails after the links and before the addresses.
const IN_THE_WAY: (&str, &str) = ("net.ipv4.ip_forward: 1", "net.ipv4.no_such_thing: 1");

const UNDONE: &str = "what was done for lab campus is undone: all is as it was";

pub fn a_failure_is_undone(stage: &mut Stage) {
    let file = stage.lab(&CAMPUS.replace(IN_THE_WAY.0, IN_THE_WAY.1));
    let said = stage.refused(1, &format!("apply {file}"));
    assert!(said.contains("no_such_thing") && said.contains(UNDONE), "{said}");
    let said = stage.fails(1, "rollback --lab campus");
    assert!(said.contains("there is no apply of lab campus"), "{said}");
    // on a lab that is there
    stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let changed = CAMPUS.replace(IN_THE_WAY.0, IN_THE_WAY.1).replace("  n2:", "  n4:").replace("b: n2", "b: n4");
    stage.lab(&changed.replace(":n2:", ":n4:").replace("s2: { mtu: 1500 }", "s2: { mtu: 1500, stp: true }"));
    assert!(stage.refused(1, &format!("apply {file}")).contains(UNDONE));
    stage.lab(CAMPUS);
    stage.is_as_its_file(&file);
    // a device of somebody else is in the way, in a namespace of the lab
    tool::run("ip -n n1 link add eth9 type veth peer name eth8");
    stage.lab(&CAMPUS.replace("rate: 10mbit }", "rate: 10mbit }, { switch: s2, name: eth9 }"));
    let said = stage.refused(1, &format!("apply {file}"));
    assert!(said.contains("eth9"), "{said}");
    tool::run("ip -n n1 link del eth9");
    stage.destroy();
}

/// A signal in the middle, by strace(1): at the n-th message to the kernel or the database.
pub fn an_interrupt_is_undone(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let before = stage.world();
    let mut stopped = 0;
    for n in [8, 16, 24, 32] {
        let ovsns = stage.cli.command(&["apply", &file]);
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-o", "/dev/null", "--trace=sendto"]);
        strace.arg(format!("--inject=sendto:signal=INT:when={n}")).arg(ovsns.get_program()).args(ovsns.get_args());
        strace.envs(ovsns.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = Running::start(strace).end();
        if ran.code == 0 {
            stage.destroy();
            continue;
        }
        stopped += 1;
        let told = ran.stderr.contains("interrupted") && ran.stderr.contains("undone");
        assert!(ran.code == 1 && told, "{ran:#?}");
        stage.world().assert_is(&before, &format!("interrupted at message {n}"));
    }
    assert!(stopped > 0, "each of them came to its end");
}

pub fn ovs_vswitchd_does_not_answer(stage: &mut Stage) {
    let Some(ovs) = stage.ovs() else { return };
    let file = stage.lab(CAMPUS);
    let before = stage.world();
    ovs.stop_vswitchd();
    let said = stage.fails(5, &format!("apply {file} --timeout 2"));
    assert!(said.contains("ovs-vswitchd") && said.contains(UNDONE), "{said}");
    let mut apply = Running::start(stage.cli.command(&["apply", &file]));
    until("a bridge is in the database", || ovs.vsctl(&["--no-wait", "list-br"]).contains("s1"));
    apply = {
        apply.signal(Signal::SIGINT);
        apply
    };
    let ran = apply.end();
    assert!(ran.code == 1 && ran.stderr.contains("interrupted"), "{ran:#?}");
    ovs.continue_vswitchd();
    ovs.vsctl(&["set", "Open_vSwitch", ".", "external_ids:seen=yes"]);
    stage.world().assert_is(&before, "ovs-vswitchd goes on");
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::yield_now();
    }
}

pub fn as_far_as_it_goes(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let world = stage.world();
    let more = "  n4: { ports: [ { switch: s2, ip: 10.1.0.4/24 } ] }\nlinks:";
    stage.lab(&CAMPUS.replace(IN_THE_WAY.0, IN_THE_WAY.1).replace("links:", more));
    let said = stage.fails(4, &format!("apply {file} --keep-going"));
    for words in ["only partly in effect", "no_such_thing", "these are still to do:", "ovsns rollback"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(tool::run("ip -n n4 address").contains("10.1.0.4/24"));
    stage.ok("rollback --lab campus");
    stage.world().assert_is(&world, "rolled back");
    stage.destroy();
}

pub fn without_a_confirmation_it_goes_back(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let before = stage.world();
    let said = stage.refused(1, &format!("apply {file} --confirm 1s"));
    assert!(said.contains("nobody confirmed") && said.contains(UNDONE), "{said}");
    let apply = Running::start(stage.cli.command(&["apply", &file, "--confirm", "60s"]));
    until("somebody waits for a confirmation", || stage.run("confirm").code == 0);
    let ran = apply.end();
    assert_eq!(ran.code, 0, "{ran:#?}");
    stage.is_as_its_file(&file);
    // Ctrl-C while it waits
    let applied = stage.world();
    stage.lab(&CAMPUS.replace("  n3:", "  n4:"));
    let apply = Running::start(stage.cli.command(&["apply", &file, "--confirm", "60s"]));
    until("n4 is there", || tool::succeeds("ip -n n4 link show eth1-n4"));
    apply.signal(Signal::SIGINT);
    let ran = apply.end();
    assert!(ran.code == 1 && ran.stderr.contains(UNDONE), "{ran:#?}");
    stage.world().assert_is(&applied, "interrupted while it waited");
    stage.ok("rollback --lab campus");
    stage.world().assert_is(&before, "the apply that was confirmed is the last one");
}
