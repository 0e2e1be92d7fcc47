//! Who imports whom, and other rules of the source that reading it can check.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules, and what each may import besides itself. The first that matches the start of a path counts.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    // The client as a command.
    ("cli::ovsdb", &["engine", "backend", "plan", "model", "process", "daemon", "ovsdb"]),
    // The drop-in of ovs-vsctl.
    ("cli::vsctl", &["ovsdb"]),
    // Builds the set of backends, and tells the one of Open vSwitch where its database is.
    ("cli::session", &["engine", "backend", "backend::*", "plan", "model", "process", "daemon", "ovsdb", "watch"]),
    // Keeps a lab as its file says.
    ("cli::lab::run", &["engine", "backend", "plan", "model", "process", "lab", "watch"]),
    // Watches packets; nobody else does.
    ("cli::capture", &["engine", "backend", "plan", "model", "capture"]),
    // Asks who reaches whom; nobody else does.
    ("cli::lab::test", &["backend", "model", "lab", "probe"]),
    ("cli", &["engine", "backend", "plan", "model", "process", "daemon", "lab"]),
    ("engine", &["backend", "plan", "model"]),
    ("lab", &["model"]),
    ("backend::ovs", &["backend", "plan", "model", "ovsdb"]),
    ("backend::linux_bridge", &["backend", "plan", "model", "netlink"]),
    ("backend::kernel", &["backend", "plan", "model", "netlink", "container"]),
    // Tries NAT out in a namespace that the kernel backend makes.
    ("backend::nat", &["backend", "backend::kernel", "plan", "model", "nft"]),
    ("backend::memory", &["backend", "plan", "model"]),
    ("backend", &["plan", "model"]),
    ("plan", &["model"]),
    ("model", &[]),
    ("ovsdb", &[]),
    ("netlink", &[]),
    ("nft", &[]),
    ("container", &[]),
    ("daemon", &[]),
    ("process", &[]),
    ("capture", &[]),
    // Waits for what any of them tells.
    ("watch", &["netlink", "ovsdb"]),
    ("probe", &[]),
];

/// The files that may have unsafe code: the memory that is shared with the kernel, and the time zone of the C library.
const UNSAFE: [&str; 2] = ["src/capture/clock.rs", "src/capture/ring.rs"];

/// The backends themselves. Importing one of them is importing more than `backend`, the trait and its types.
const CONCRETE: [&str; 5] =
    ["backend::ovs", "backend::linux_bridge", "backend::kernel", "backend::nat", "backend::memory"];

/// Commands that have no place in the program: it speaks netlink and OVSDB.
const NOT_RUN: [&str; 6] = ["ip", "bridge", "brctl", "tc", "ovs-vsctl", "ethtool"];

/// Tests may be longer: they hold tables.
const LINES_MAX: [(&str, usize); 2] = [("src", 450), ("tests", 600)];

/// A file below `src`: the path of its module without `crate`, and its text.
struct Source {
    path: PathBuf,
    module: Vec<String>,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    files(&root().join("src"), &mut paths);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(root()).unwrap().to_owned();
        Source { module: module_of(&path), path, text }
    };
    let sources: Vec<Source> = paths.into_iter().map(read).collect();
    assert!(sources.len() > 20, "only {} files found", sources.len());
    sources
}

/// `src/cli/mod.rs` is `[cli]`, `src/cli/port.rs` is `[cli, port]`, `src/lib.rs` is `[]`.
fn module_of(path: &Path) -> Vec<String> {
    let parts = path.with_extension("");
    let mut parts: Vec<String> = parts.iter().skip(1).map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// The code without comments, and with strings and characters emptied.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#") => raw_string(rest),
            '"' => string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(c);
        }
        rest = &rest[skipped.max(c.len_utf8())..];
    }
    code
}

/// The length of the string that `text` starts with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the raw string that `text` starts with; none for a raw identifier.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = 2 + hashes;
    text[start..].find(&end).map_or(text.len(), |index| start + index + end.len())
}

/// The length of the character that `text` starts with; none for a lifetime.
fn character(text: &str) -> usize {
    let inner = text[1..].chars().next();
    match inner {
        Some('\\') => 3 + text[3..].find('\'').map_or(0, |index| index + 1),
        Some(c) if text[1 + c.len_utf8()..].starts_with('\'') => 2 + c.len_utf8(),
        _ => 0,
    }
}

/// The paths in `code`, from the crate, that start with `crate`, `ovsns` or `super`.
fn paths(code: &str, module: &[String]) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    for start in ["crate", "ovsns", "super"] {
        for (index, _) in code.match_indices(&format!("{start}::")) {
            if code[..index].ends_with(is_word) {
                continue;
            }
            let mut base = Vec::new();
            let mut rest = &code[index + start.len()..];
            if start == "super" {
                base = module[..module.len().saturating_sub(1)].to_vec();
                while let Some(after) = rest.strip_prefix("::super") {
                    base.pop();
                    rest = after;
                }
            }
            tree(rest, &base, &mut found);
        }
    }
    found
}

/// Notes the paths of a use tree that starts with `::`, three names deep: no rule looks further.
fn tree(rest: &str, base: &[String], found: &mut BTreeSet<Vec<String>>) {
    let Some(rest) = rest.strip_prefix("::").filter(|_| base.len() < 3) else {
        found.insert(base.to_vec());
        return;
    };
    if let Some(group) = rest.strip_prefix('{') {
        for item in items(group) {
            tree(&format!("::{}", item.trim()), base, found);
        }
        return;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let mut path = base.to_vec();
    path.push(rest[..end].to_owned());
    tree(&rest[end..], &path, found);
}

/// The items of a group, up to the brace that closes it.
fn items(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (index, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[start..index]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

fn is_at(path: &str, node: &str) -> bool {
    path == node || path.strip_prefix(node).is_some_and(|rest| rest.starts_with("::"))
}

/// The module that a path belongs to, as the rules know it: `backend::ovs::ops` is `backend::ovs`, `plan::Step` is `plan`.
fn node(path: &str) -> &str {
    let concrete = CONCRETE.iter().find(|concrete| is_at(path, concrete));
    concrete.copied().unwrap_or_else(|| path.split("::").next().unwrap_or(path))
}

/// What is wrong with `module` using `path`, if anything.
fn wrong_arrow(module: &str, path: &str) -> Option<String> {
    let target = node(path);
    let known = MAY_IMPORT.iter().any(|(name, _)| is_at(target, name));
    if module.is_empty() || !known || target == node(module) {
        return None;
    }
    let Some((importer, allowed)) = MAY_IMPORT.iter().find(|(name, _)| is_at(module, name)) else {
        return Some(format!("{module} is in no rule"));
    };
    let any_backend = target.starts_with("backend::") && allowed.contains(&"backend::*");
    let fine = allowed.contains(&target) || any_backend;
    (!fine).then(|| format!("{module} uses {path}: {importer} may not import {target}"))
}

fn report(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn imports_follow_the_arrows() {
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for source in sources() {
        let module = source.module.join("::");
        for path in paths(&code(&source.text), &source.module) {
            arrows += 1;
            wrong.extend(wrong_arrow(&module, &path.join("::")).map(|why| format!("{}: {why}", source.path.display())));
        }
    }
    assert!(arrows > 50, "only {arrows} imports found");
    report(wrong);
}

#[test]
fn wrong_arrows_are_found() {
    let uses = |module: &str, text: &str| {
        let parts: Vec<String> = module.split("::").map(str::to_owned).collect();
        let paths = paths(&code(text), &parts);
        paths.iter().filter_map(|path| wrong_arrow(module, &path.join("::"))).count()
    };
    for (module, text, expected) in [
        ("model::port", "use crate::plan::Plan;", 1),
        (
            "model::port",
            "// use crate::plan::Plan;\nlet x = \"crate::plan\"; let c = '\"'; use crate::model::{Port, Vlan};",
            0,
        ),
        ("model::port", "use super::super::plan::{Plan, Step};", 2),
        ("plan", "use crate::{model::{Key, State}, engine::Engine};", 1),
        ("engine::apply", "use crate::backend::memory::Memory;", 1),
        ("engine::apply", "use crate::backend::{ovs::Ovs, Scope};", 1),
        ("cli::port", "let x: crate::netlink::Link<'_>;", 1),
        ("cli::port", "use crate::backend::kernel;", 1),
        ("cli::session", "use crate::backend::kernel::Kernel;", 0),
        ("backend::ovs::read", "use super::super::kernel::x;", 1),
        ("backend::ovs::read", "use super::ops::x; use crate::ovsdb::client::Client;", 0),
        ("backend::kernel", "use crate::ovsdb::client::Client;", 1),
        ("backend::set", "use super::{Backend, ovs};", 1),
        ("ovsdb::client", "use crate::model::Key;", 1),
        ("ovsdb::client", "use super::value::{Atom, Datum};", 0),
        ("daemon", "r#\"crate::model::x\"#; crate::daemon::y()", 0),
        ("nowhere", "use crate::model::Key;", 1),
    ] {
        assert_eq!(uses(module, text), expected, "{module}: {text}");
    }
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for (directory, max) in LINES_MAX {
        let mut paths = Vec::new();
        files(&root().join(directory), &mut paths);
        for path in paths {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > max {
                wrong.push(format!("{} has {lines} lines: look for the seam", path.display()));
            }
        }
    }
    report(wrong);
}

#[test]
fn unsafe_code_is_where_it_has_to_be_and_says_why() {
    let mut wrong = Vec::new();
    for source in sources() {
        let path = source.path.display().to_string();
        let code: String = code(&source.text).split_whitespace().collect();
        let allows = code.contains("allow(unsafe_code") || code.contains("expect(unsafe_code");
        if allows != UNSAFE.contains(&path.as_str()) {
            wrong.push(format!("{path} allows itself unsafe code, or is in the list and does not"));
        }
        if allows && !code.contains("#![warn(clippy::undocumented_unsafe_blocks)]") {
            wrong.push(format!("{path} lets unsafe blocks be without a word"));
        }
    }
    report(wrong);
}

#[test]
fn no_other_tool_is_run() {
    let mut wrong = Vec::new();
    for source in sources() {
        for name in NOT_RUN {
            if source.text.contains(&format!("Command::new(\"{name}\")")) {
                wrong.push(format!("{} runs {name}", source.path.display()));
            }
        }
    }
    report(wrong);
}
