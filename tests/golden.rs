//! For each story of `tests/cases`: from `observed.json` and `desired.json`, the plan as `--dry-run` shows it (`plan.txt`) and
//! the commands as `--explain` shows them (`explain.txt`).

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod stories;

use std::fs;
use std::path::Path;

use stories::{Story, explain, stories};

/// What is wrong with the golden file at `path`, which should hold `text`. With `OVSNS_ACCEPT=1` it is made to.
fn compare(path: &Path, text: &str) -> Option<String> {
    let text = format!("{text}\n");
    if std::env::var_os("OVSNS_ACCEPT").is_some_and(|accept| accept == "1") {
        fs::write(path, text).unwrap();
        return None;
    }
    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display();
    match fs::read_to_string(path) {
        Ok(golden) if golden == text => None,
        Ok(golden) => Some(format!("{name} (- as it was, + as it is)\n{}", diff(&golden, &text))),
        Err(error) => Some(format!("{name}: {error}\n{}", diff("", &text))),
    }
}

/// The lines of `old` and `new`, those of one only behind `-` or `+`.
fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // common[i][j]: how many lines old[i..] and new[j..] share at most
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(format!("      {}", old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(format!("    - {}", old[i]));
            i += 1;
        } else {
            lines.push(format!("    + {}", new[j]));
            j += 1;
        }
    }
    lines.join("\n")
}

fn check(text: impl Fn(&Story) -> String, file: &str) {
    let wrong: Vec<String> =
        stories().iter().filter_map(|story| compare(&story.directory.join(file), &text(story))).collect();
    assert!(
        wrong.is_empty(),
        "\n{}\n\nIf it is meant to be so: OVSNS_ACCEPT=1 cargo test --test golden\n",
        wrong.join("\n\n")
    );
}

#[test]
fn plans_read_as_they_did() {
    check(|story| format!("{}\n{}", story.plan(), story.plan().summary()), "plan.txt");
}

#[test]
fn commands_read_as_they_did() {
    check(|story| explain(&story.plan(), None), "explain.txt");
}

#[test]
fn a_difference_is_shown() {
    assert_eq!(diff("a\nb\nc\n", "a\nx\nc\nd\n"), "      a\n    - b\n    + x\n      c\n    + d");
}
