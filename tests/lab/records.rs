//! What is kept in files: damaged, or without room.

use std::path::PathBuf;

use super::common::tool;
use super::stage::{CAMPUS, Stage};

/// The journal of this network namespace, as the lock beside it is called.
fn journal() -> PathBuf {
    let names = std::fs::read_dir("/run/ovsns").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let id = names.filter_map(|name| name.strip_prefix("lock-").map(str::to_owned)).next().unwrap();
    PathBuf::from(format!("/run/ovsns/journal-{id}.json"))
}

/// What is kept of the lab.
fn record(name: &str) -> PathBuf {
    let mut paths = std::fs::read_dir("/run/ovsns").unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_str().unwrap().ends_with("-campus")).unwrap().join(name)
}

pub fn a_damaged_journal_is_told(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let whole = std::fs::read(record("last-apply")).unwrap();
    let other = [&whole[..100], b"x", &whole[101..]].concat();
    for damaged in [&whole[..whole.len() / 2], b"", &other] {
        std::fs::write(journal(), damaged).unwrap();
        for words in [format!("apply {file}"), "rollback --lab campus".into(), "destroy --lab campus".into()] {
            let said = stage.refused(1, &words);
            let told = said.contains("is damaged") && said.contains(journal().to_str().unwrap());
            assert!(told && said.contains("ovsns gc --yes"), "{words}: {said}");
        }
        let said = stage.ok("gc --yes");
        assert!(said.contains("put a damaged journal aside"), "{said}");
        std::fs::remove_file(journal().with_extension("damaged")).unwrap();
        stage.is_as_its_file(&file);
    }
    stage.destroy();
}

pub fn damaged_records_are_told(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let damage = |name: &str| std::fs::write(record(name), b"00000000\n{}").unwrap();
    damage("last-apply");
    let said = stage.refused(1, "rollback --lab campus");
    assert!(said.contains("is damaged") && said.contains("last-apply"), "{said}");
    assert_eq!(stage.ok(&format!("apply {file}")), "nothing to do\n");
    stage.destroy();
    stage.is_as_before("destroyed with a damaged record");
    stage.ok(&format!("apply {file}"));
    damage("destroying");
    stage.destroy();
}

/// A tmpfs of a page or two.
pub fn a_full_disk(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let small = stage.path("small");
    std::fs::create_dir(&small).unwrap();
    tool::run(&format!("mount -t tmpfs -o size=4k tmpfs {}", small.display()));
    let before = stage.world();
    let mut command = stage.cli.command(&["apply", &file]);
    let output = command.env("OVSNS_RUNDIR", &small).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("No space left on device") && said.contains("journal"), "{said}");
    stage.world().assert_is(&before, "the disk is full");
    tool::run(&format!("umount {}", small.display()));
}
