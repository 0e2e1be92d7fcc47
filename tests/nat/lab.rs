//! Labs by their files: each is written, and handed to `ovsns plan` and `ovsns apply`, which has nothing left to do afterwards.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use tempfile::TempDir;

use super::common::cli::{Cli, Ran};

/// A lab of switches of the Linux bridge, and of namespaces on them, each with one port.
#[derive(Default)]
pub struct Lab {
    name: String,
    switches: BTreeMap<String, String>,
    namespaces: BTreeMap<String, String>,
    nat: Vec<String>,
    published: Vec<String>,
    directory: Option<TempDir>,
}

impl Lab {
    pub fn new(name: &str) -> Lab {
        Lab { name: name.to_owned(), directory: Some(tempfile::tempdir().unwrap()), ..Lab::default() }
    }

    /// Wants what `other` wants.
    pub fn becomes(&mut self, other: Lab) {
        *self = Lab { name: std::mem::take(&mut self.name), directory: self.directory.take(), ..other };
    }

    pub fn wants_no_nat(&mut self) {
        self.nat.clear();
    }

    pub fn publishes_nothing(&mut self) {
        self.published.clear();
    }

    pub fn switch(&mut self, name: &str, addresses: &[&str]) {
        self.switches.insert(name.to_owned(), format!("ip: {}, nodad: true", list(addresses)));
    }

    /// One that is there already.
    pub fn others_switch(&mut self, name: &str) {
        self.switches.insert(name.to_owned(), "external: true".to_owned());
    }

    pub fn guest(&mut self, switch: &str, netns: &str, addresses: &[&str]) {
        let port = format!("switch: {switch}, name: lab0, host-name: v-{netns}, nodad: true, ip: {}", list(addresses));
        self.namespaces.insert(netns.to_owned(), format!("ports: [ {{ {port} }} ]"));
    }

    /// The same in a namespace that is there already.
    pub fn others_guest(&mut self, switch: &str, netns: &str, addresses: &[&str]) {
        self.guest(switch, netns, addresses);
        self.namespaces.entry(netns.to_owned()).and_modify(|says| says.push_str(", external: true"));
    }

    pub fn nat(&mut self, switch: &str, out: &str) {
        self.nat.push(format!("{{ switch: {switch}, out: {out} }}"));
    }

    pub fn publish(&mut self, port: u16, netns: &str) {
        self.published.push(format!("\"{port}:{netns}:80\""));
    }

    fn text(&self) -> String {
        let mut text = format!("lab: {}\ndefaults: {{ backend: linux }}\n", self.name);
        for (key, parts) in [("switches", &self.switches), ("namespaces", &self.namespaces)] {
            let parts: Vec<String> = parts.iter().map(|(name, says)| format!("{name}: {{ {says} }}")).collect();
            writeln!(text, "{key}: {{ {} }}", parts.join(", ")).unwrap();
        }
        writeln!(text, "nat: [ {} ]\npublish: [ {} ]", self.nat.join(", "), self.published.join(", ")).unwrap();
        text
    }

    /// Runs `ovsns VERB` on the file.
    pub fn run(&self, verb: &str) -> Ran {
        let path = self.directory.as_ref().unwrap().path().join("lab.yaml");
        fs::write(&path, self.text()).unwrap();
        Cli::new().run(&[verb, path.to_str().unwrap()])
    }

    /// The steps that `ovsns VERB` tells, a line each.
    fn steps(&self, verb: &str) -> String {
        let ran = self.run(verb);
        assert_eq!(ran.code, 0, "ovsns {verb}: {ran:#?}\n{}", self.text());
        let is_step = |line: &&str| ["+ ", "~ ", "- "].iter().any(|sign| line.starts_with(sign));
        ran.stdout.lines().filter(is_step).collect::<Vec<_>>().join("\n")
    }

    pub fn plan(&self) -> String {
        self.steps("plan")
    }

    pub fn apply(&self) -> String {
        let steps = self.steps("apply");
        assert_eq!(self.plan(), "", "nothing is left to do");
        steps
    }

    /// What `ovsns apply` says that does not do it.
    pub fn refused(&self) -> String {
        let ran = self.run("apply");
        assert!(matches!(ran.code, 1 | 2), "{ran:#?}\n{}", self.text());
        ran.stderr
    }

    pub fn destroy(&self) -> String {
        self.steps("destroy")
    }
}

fn list(addresses: &[&str]) -> String {
    let quoted: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    format!("[{}]", quoted.join(", "))
}
