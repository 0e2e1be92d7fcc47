//! Lab files: what each makes (`good/`), and what is said of those that are wrong (`mistakes/`).

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod forms;
mod hostile;
mod made;

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
    read_text(path.file_name().unwrap().to_str().unwrap(), &fs::read_to_string(path).unwrap())
}

fn read_text(name: &str, text: &str) -> Result<Lab, String> {
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    let format = Format::of(name);
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
        tunnel_mtus: BTreeMap::new(),
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

#[test]
fn variables_come_from_the_command_line_the_file_and_the_environment() {
    let text = "lab: v\nvars: { net: 10.0.0, more: \"${net}.7\" }\nswitches: { s: { ip: [\"${net}.1/24\", \"${more}/24\"] } }\n\
                namespaces: { \"h[1-${n:-2}]\": {}, \"${who}\": {} }\n";
    let source = Source { name: "v.yaml".to_owned(), text: text.to_owned() };
    let env = |name: &str| Some(format!("env-{name}")).filter(|_| name == "who" || name == "net");
    let of = |set: &[(&str, &str)]| {
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        lab::read(&source, Format::Yaml, &set, &env).map_err(|mistakes| mistakes.to_string())
    };
    let lab = of(&[]).unwrap();
    let ips: Vec<String> = lab.switches[0].ip.iter().map(ToString::to_string).collect();
    let names: Vec<String> = lab.namespaces.iter().map(|namespace| namespace.place.to_string()).collect();
    assert_eq!((ips.join(" "), names.join(" ")), ("10.0.0.1/24 10.0.0.7/24".to_owned(), "h1 h2 env-who".to_owned()));
    let set = of(&[("net", "10.9.9"), ("n", "3")]).unwrap();
    assert_eq!((set.switches[0].ip[1].to_string().as_str(), set.namespaces.len()), ("10.9.9.7/24", 4));
    let wrong = of(&[("nte", "1")]).unwrap_err();
    assert!(wrong.contains("did you mean `--set net=…`?"), "{wrong}");
}
