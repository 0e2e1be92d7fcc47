//! Lab files: what each makes (`good/`), and what is said of those that are wrong (`mistakes/`).

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ovsns::lab::{self, Facts, Format, Lab, Source};
use ovsns::model::{BackendName, Datapath, Switch, SwitchName};
use ovsns::plan::Plan;

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab_file").join(name)
}

/// The lab files of a directory, in the order of their names.
fn files(name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "toml")).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name} is empty");
    paths
}

fn read(path: &Path) -> Result<Lab, String> {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let source = Source { text: fs::read_to_string(path).unwrap(), name };
    let format = Format::of(&source.name);
    lab::read(&source, format, &BTreeMap::new(), &|_| None).map_err(|mistakes| mistakes.to_string())
}

fn facts() -> Facts {
    let there: SwitchName = "there".parse().unwrap();
    Facts {
        backend: BackendName::Ovs,
        datapath: Datapath::System,
        tx_checksum_off: true,
        external: BTreeMap::from([(there.clone(), Switch::new(there, BackendName::Linux))]),
        out: None,
    }
}

/// What is wrong with the golden file beside `path`, which should hold `text`. With `OVSNS_ACCEPT=1` it is made to.
fn compare(path: &Path, ending: &str, text: &str) -> Option<String> {
    let path = path.with_extension(ending);
    let text = format!("{}\n", text.trim_end());
    if std::env::var_os("OVSNS_ACCEPT").is_some_and(|accept| accept == "1") {
        fs::write(path, text).unwrap();
        return None;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    let name = path.file_name().unwrap().to_str().unwrap();
    (golden != text).then(|| format!("{name} should be\n{golden}\nand is\n{text}"))
}

fn report(wrong: Vec<String>) {
    let accept = "If it is meant to be so: OVSNS_ACCEPT=1 cargo test --test lab_file";
    assert!(wrong.is_empty(), "\n{}\n\n{accept}\n", wrong.join("\n"));
}

#[test]
fn good_files_make_what_they_made() {
    let check = |path: PathBuf| {
        let lab = read(&path).unwrap_or_else(|mistakes| panic!("{}:\n{mistakes}", path.display()));
        let state = lab.state(&facts());
        let plan = Plan::between(&Default::default(), &state).to_string();
        compare(&path, "plan", &plan)
    };
    report(files("good").into_iter().filter_map(check).collect());
}

#[test]
fn wrong_files_are_told_what_they_were_told() {
    let check = |path: PathBuf| {
        let text = match read(&path) {
            Ok(_) => "nothing is wrong".to_owned(),
            Err(mistakes) => mistakes,
        };
        compare(&path, "txt", &text)
    };
    report(files("mistakes").into_iter().filter_map(check).collect());
}
