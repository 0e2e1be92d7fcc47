//! `plan`, in its forms.

use super::common::tool;
use super::stage::{CAMPUS, Stage, steps};

pub fn its_exit_status_tells(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let world = stage.world();
    let ran = stage.run(&format!("plan {file} --exit-code"));
    assert!(ran.code == 3 && ran.stdout.lines().last().unwrap().ends_with("to remove"), "{ran:#?}");
    let planned = stage.steps(&format!("plan {file}"));
    stage.world().assert_is(&world, "a plan changes nothing");
    assert_eq!(stage.steps(&format!("apply {file} --dry-run")), planned);
    assert_eq!(stage.steps(&format!("apply {file}")), planned);
    assert_eq!(stage.run(&format!("plan {file} --exit-code")).code, 0);
    assert_eq!(stage.run(&format!("diff {file} --exit-code")).code, 0);
    stage.lab(&CAMPUS.replace("  n3:", "  n4:"));
    assert_eq!(stage.run(&format!("plan {file} --exit-code")).code, 3);
    assert_eq!(stage.run(&format!("plan {file}")).code, 0);
    stage.destroy();
}

pub fn a_saved_plan_is_exact_or_stale(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let saved = stage.path("plan.json").to_str().unwrap().to_owned();
    let save = || std::fs::write(&saved, stage.ok(&format!("plan {file} --json"))).unwrap();
    save();
    let planned = stage.steps(&format!("plan {file}"));
    // the file is not looked at again
    stage.lab("lab: campus\n");
    assert_eq!(stage.steps(&format!("apply {saved}")), planned);
    stage.lab(CAMPUS);
    stage.is_as_its_file(&file);
    // what was there is there no more
    let said = stage.refused(1, &format!("apply {saved}"));
    assert!(said.contains("stale") && said.contains("ovsns plan"), "{said}");
    stage.lab(&CAMPUS.replace("ip: 10.0.0.2/24", "ip: 10.0.0.22/24"));
    save();
    tool::run("ip -n n2 address del 10.0.0.2/24 dev eth1-n2");
    assert!(stage.refused(1, &format!("apply {saved}")).contains("stale"));
    stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    // what the plan is not about may change
    tool::run("ip -n n3 address add 10.66.0.1/24 dev eth1-n3");
    stage.ok(&format!("apply {saved}"));
    assert!(tool::run("ip -n n2 address").contains("10.0.0.22/24"));
    let damaged = stage.file("damaged.json", "{\"lab\": 1}");
    assert!(stage.refused(2, &format!("apply {damaged}")).contains("no plan of ovsns"));
    stage.destroy();
}

/// Without translation, whose settings are the host's.
pub fn an_offline_plan_is_the_same(stage: &mut Stage) {
    let text: String = CAMPUS
        .lines()
        .filter(|line| !line.starts_with("nat:") && !line.starts_with("publish:"))
        .fold(String::new(), |text, line| text + line + "\n");
    let file = stage.lab(&text);
    let state = stage.path("state.json").to_str().unwrap().to_owned();
    let same = |context: &str| {
        std::fs::write(&state, stage.ok("export --state")).unwrap();
        let real = stage.steps(&format!("plan {file}"));
        let mut nowhere = std::process::Command::new("unshare");
        let ovsns = stage.cli.command(&["plan", &file, "--observed", &state]);
        nowhere.arg("--net").arg(ovsns.get_program()).args(ovsns.get_args());
        let output = nowhere.output().unwrap();
        assert!(output.status.success(), "{context}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(steps(&String::from_utf8(output.stdout).unwrap()), real, "{context}");
        real.len()
    };
    assert!(same("nothing is there") > 10);
    stage.ok(&format!("apply {file}"));
    assert_eq!(same("all is there"), 0);
    tool::run("ip -n n1 address add 10.66.0.1/24 dev eth1-n1");
    tool::run("ip netns del n2");
    stage.lab(&text.replace("rate: 10mbit", "rate: 20mbit"));
    assert!(same("something is there") > 3);
    stage.destroy();
}
