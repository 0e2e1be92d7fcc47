//! What others have made, and other runs.

use super::common::running::Running;
use super::common::tool;
use super::stage::{CAMPUS, Stage};

pub fn names_of_others_are_refused(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let make_switch = |stage: &Stage| match stage.ovs() {
        Some(ovs) => ovs.add_br("s2"),
        None => drop(tool::run("brctl addbr s2")),
    };
    tool::run("ip netns add n1");
    stage.ok("add-ns n2");
    make_switch(stage);
    let said = stage.refused(1, &format!("apply {file}"));
    for words in [
        "names what is there already and is not its own",
        "netns n1, which bears no mark",
        "netns n2, made by a verb of ovsns",
        "switch s2, which bears no mark",
        "--adopt",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let other = stage.file("other.yaml", "lab: other\nnamespaces: { n3: {} }\n");
    stage.ok(&format!("apply {other}"));
    assert!(stage.refused(1, &format!("apply {file}")).contains("netns n3, of lab other"));
    stage.ok("destroy --lab other");
    stage.ok(&format!("apply {file} --adopt"));
    stage.is_as_its_file(&file);
    assert_eq!(stage.ok(&format!("apply {file}")), "nothing to do\n");
    // it is the lab's now
    stage.destroy();
}

pub fn two_at_once(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let other = stage.file(
        "other.yaml",
        "lab: other\ndefaults: { backend: BACKEND }\nswitches: { t1: { ip: 10.4.0.254/24 } }\nnamespaces: { \"t[1-3]x\": { ports: [ { switch: t1, ip: 10.4.0.+/24 } ] } }\n",
    );
    let start = |file: &str| Running::start(stage.cli.command(&["apply", file]));
    let ran = [start(&file), start(&file), start(&other)].map(Running::end);
    assert!(ran.iter().all(|ran| ran.code == 0), "{ran:#?}");
    let idle = ran.iter().filter(|ran| ran.stdout == "nothing to do\n").count();
    assert_eq!(idle, 1, "of two runs for one lab, the second finds nothing to do: {ran:#?}");
    stage.is_as_its_file(&file);
    stage.is_as_its_file(&other);
    let status = stage.ok("status");
    assert!(status.contains("Lab campus") && status.contains("Lab other"), "{status}");
    stage.destroy();
    stage.is_as_its_file(&other);
    stage.ok("destroy --lab other");
}
