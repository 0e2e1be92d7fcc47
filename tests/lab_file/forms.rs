//! A lab file in other words: formatted, written anew, as a schema has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ovsns::lab::{self, Format, Source};
use ovsns::model::BackendName;
use ovsns::model::setting::{Holder, Setting, Side, Values};
use proptest::prelude::*;

use crate::common::require;
use crate::{compare, files, read, read_text, report};

fn formatted(name: &str, text: &str) -> String {
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    lab::format(&source, Format::of(name)).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

#[test]
fn a_lab_that_is_written_reads_as_the_same() {
    for path in files("good") {
        let lab = read(&path).unwrap();
        let text = lab::write(&lab);
        let again = read_text("written.yaml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
        assert_eq!(again, lab, "{text}");
        assert_eq!(formatted("written.yaml", &text), text, "what is written is formatted");
    }
}

#[test]
fn a_file_keeps_its_meaning_and_its_comments() {
    let check = |path: PathBuf| {
        let (name, text) = (path.to_str().unwrap(), fs::read_to_string(&path).unwrap());
        let once = formatted(name, &text);
        assert_eq!(formatted(name, &once), once, "{name}: a second time changes nothing");
        assert_eq!(read_text(name, &once), read_text(name, &text), "{name}\n{once}");
        compare(&path, &format!("formatted.{}", path.extension().unwrap().to_str().unwrap()), &once)
    };
    report(
        files("format")
            .into_iter()
            .filter(|path| !path.to_str().unwrap().contains(".formatted."))
            .filter_map(check)
            .collect(),
    );
}

/// Lines as people may type them, which make YAML or nothing.
fn some_yaml() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z]{1,4}",
        "[0-9]{1,2}",
        Just("'x y'".to_owned()),
        Just("\"a: b\"".to_owned()),
        Just("*a".to_owned())
    ];
    let flow = prop_oneof![
        word.clone(),
        proptest::collection::vec(word.clone(), 0..3).prop_map(|words| format!("[{}]", words.join(" ,"))),
        (word.clone(), word.clone()).prop_map(|(key, value)| format!("{{{}:  {value}}}", key.replace('*', "k"))),
    ];
    let comment = prop_oneof![3 => Just(String::new()), 1 => "   # [a-z]{0,5}"];
    let line = (0..3_usize, "[a-z]{1,5}", flow, comment, 0..8_u8).prop_map(|(depth, key, value, comment, kind)| {
        let space = "   ".repeat(depth);
        match kind {
            0 => String::new(),
            1 => format!("{space}# about {key}"),
            2 => format!("{space}{key}:{comment}"),
            3 => format!("{space}-   {value}{comment}"),
            4 => format!("{space}{key}: &a {value}{comment}"),
            5 => format!("{space}{key}: |\n{space}  one\n{space}   two"),
            _ => format!("{space}{key}:   {value}{comment}"),
        }
    });
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_is_formatted_stays_so(text in some_yaml()) {
        let source = Source { name: "x.yaml".to_owned(), text: text.clone() };
        if let Ok(once) = lab::format(&source, Format::Yaml) {
            let again = Source { name: "x.yaml".to_owned(), text: once.clone() };
            let twice = lab::format(&again, Format::Yaml);
            prop_assert_eq!(twice.ok(), Some(once.clone()), "{}\n--- became\n{}", text, once);
            prop_assert_eq!(text.matches('#').count(), once.matches('#').count(), "{}\n--- became\n{}", text, once);
        }
    }
}

fn schema() -> String {
    format!("{:#}\n", lab::schema())
}

#[test]
fn the_schema_that_is_shipped_is_the_one_that_is_made() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/lab.schema.json");
    if std::env::var_os("OVSNS_ACCEPT").is_some_and(|accept| accept == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, schema()).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), schema(), "ovsns schema > schema/lab.schema.json");
}

fn examples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).filter(yaml).collect();
    paths.sort();
    assert!(paths.len() > 7, "{paths:?}");
    paths
}

#[test]
fn examples_are_in_the_canonical_form() {
    for path in examples() {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(formatted("example.yaml", &text), text, "ovsns fmt {}", path.display());
    }
}

/// The page that tells what can be said.
fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lab-file.md")).unwrap()
}

#[test]
fn whole_files_of_the_page_are_good() {
    let page = page();
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole: Vec<&str> = blocks.filter(|block| block.starts_with("lab:")).collect();
    assert!(whole.len() > 2);
    for text in whole {
        read_text("page.yaml", text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    }
}

#[test]
fn parts_on_the_page_are_as_the_schema_has_them() {
    let page = page();
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut parts = 0;
    for block in blocks.filter(|block| !block.starts_with("lab:")) {
        parts += 1;
        let mistakes = read_text("page.yaml", &format!("lab: page\n{block}")).err().unwrap_or_default();
        // What is not of the part is not there: switches, namespaces, and so the way to a gateway.
        let shape = mistakes.lines().filter(|line| line.starts_with("error")).find(|line| {
            ["no switch `", "no namespace `", "no port `", "outside every subnet", "has no device"]
                .iter()
                .all(|known| !line.contains(known))
        });
        assert_eq!(shape, None, "{block}");
    }
    assert!(parts > 8, "{parts}");
}

#[test]
fn every_key_is_on_the_page() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            found.extend(properties.keys().cloned());
        }
        if let Some(definitions) = schema["$defs"].as_object() {
            definitions.values().for_each(|definition| keys(definition, found));
        }
    }
    let (page, mut found) = (page(), Vec::new());
    keys(&lab::schema(), &mut found);
    assert!(found.len() > 60, "{found:?}");
    // In the text, or in an example.
    let told = |key: &&String| {
        [
            format!("`{key}`"),
            format!("{key}: "),
            format!("{key}:\n"),
            format!("`{key} "),
            format!(" {key} "),
            format!(" {key}`"),
        ]
        .iter()
        .any(|form| page.contains(form.as_str()))
    };
    let missing: Vec<&String> = found.iter().filter(|key| !told(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Says of each file whether the schema takes it. Keys and scalars are as JSON has them.
const VALIDATE: &str = r#"
import json, sys, yaml
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
for path in sys.argv[2:]:
    errors = list(Draft202012Validator(schema).iter_errors(json.loads(json.dumps(yaml.safe_load(open(path)), default=str))))
    print(path.rsplit("/", 1)[1], "good" if not errors else "bad: " + errors[0].message)
"#;

#[test]
fn the_schema_takes_good_files_and_refuses_bad_ones() {
    require!(JsonSchema);
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/lab.schema.json");
    let yaml = |path: &PathBuf| path.extension().unwrap() == "yaml";
    let good: Vec<_> = files("good").into_iter().filter(yaml).collect();
    let bad: Vec<_> = files("mistakes").into_iter().filter(|path| path.ends_with("keys.yaml")).collect();
    let good: Vec<_> = good.into_iter().chain(examples()).collect();
    let all: Vec<_> = good.iter().chain(&bad).collect();
    let output = Command::new("python3").args(["-c", VALIDATE]).arg(schema).args(&all).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.lines().filter(|line| line.ends_with(" good")).count(), good.len(), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains(" bad: ")).count(), bad.len(), "{text}");
}

/// The table of settings: what it is by itself on either kind of switch.
fn settings_table() -> String {
    let by_itself = |setting: &Setting, backend| match setting.side(backend) {
        Side::Lacks { .. } => "–".to_owned(),
        Side::Has { default: None, .. } => "its own".to_owned(),
        Side::Has { default: Some(text), follows: true, .. } => format!("{text} (veth), else its own"),
        Side::Has { default: Some(text), range: None, .. } => (*text).to_owned(),
        Side::Has { default: Some(text), range: Some((min, max)), .. } => format!("{text} ({min} to {max})"),
    };
    let values = |values: &Values| match values {
        Values::Bool => "`true`, `false`".to_owned(),
        Values::Number(min, max, _) => format!("{min} to {max}"),
        Values::Words(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Values::Text(form) => format!("{}: `{}`", form.what, form.example),
        Values::Texts(form) => format!("{}, or several: `{}`", form.what, form.example),
    };
    let mut table =
        "| of | setting | value | what it does | Open vSwitch | Linux bridge |\n|---|---|---|---|---|---|\n".to_owned();
    for (holder, of) in [(Holder::Switch, "switch"), (Holder::Port, "port")] {
        for setting in Setting::of(holder) {
            let sides = [BackendName::Ovs, BackendName::Linux].map(|backend| by_itself(setting, backend));
            let [ovs, linux] = sides;
            table += &format!(
                "| {of} | `{}` | {} | {} | {ovs} | {linux} |\n",
                setting.name,
                values(&setting.values),
                setting.doc
            );
        }
    }
    table
}

#[test]
fn the_page_has_all_settings() {
    let (begin, end) = ("--test lab_file -->\n", "<!-- settings end -->");
    let page = page();
    let (before, rest) = page.split_once(begin).unwrap();
    let (table, after) = rest.split_once(end).unwrap();
    if std::env::var_os("OVSNS_ACCEPT").is_some_and(|accept| accept == "1") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lab-file.md");
        fs::write(path, format!("{before}{begin}{}{end}{after}", settings_table())).unwrap();
    } else {
        assert_eq!(table, settings_table(), "OVSNS_ACCEPT=1 cargo test --test lab_file");
    }
}
