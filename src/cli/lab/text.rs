//! `check`, `fmt`, `new` and `schema`: lab files as texts. None of them looks at the system.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::global::{Choice, Global};
use crate::cli::output::Report;
use crate::lab::{self, Format, Lab, Source};
use crate::model::BackendName;

use super::file::{LabFile, text_of};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns check lab.yaml
  ovsns check lab.yaml --json      the mistakes with their lines and columns")]
pub struct Check {
    #[command(flatten)]
    file: LabFile,
}

impl Check {
    pub fn run(&self) -> Result<Report, Failure> {
        let lab = self.file.read()?;
        let counts = counts(&lab);
        let text: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let document =
            json!({"lab": lab.owner, "counts": counts.into_iter().collect::<std::collections::BTreeMap<_, _>>()});
        Ok(Report::new(format!("lab {} is well-formed: {}", lab.owner, text.join(", ")), document))
    }
}

/// How much of what there is in a lab.
fn counts(lab: &Lab) -> Vec<(&'static str, usize)> {
    let ports = lab.namespaces.iter().map(|namespace| namespace.ports.len()).sum();
    let all = [
        ("switches", lab.switches.len()),
        ("namespaces", lab.namespaces.len()),
        ("ports", ports),
        ("links", lab.links.len()),
        ("trunks", lab.trunks.len()),
        ("translations", lab.nats.len()),
        ("published ports", lab.published.len()),
        ("programs", lab.run.len()),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[derive(Debug, Args)]
#[command(after_help = "\
Comments and the order of things stay. A file with mistakes stays as it is.

Examples:
  ovsns fmt lab.yaml                writes the file anew
  ovsns fmt --check *.yaml          exit status 1 where one is not formatted
  ovsns fmt < lab.yaml")]
pub struct Fmt {
    /// The lab files; none: standard input to standard output
    files: Vec<PathBuf>,
    /// Write nothing; end with exit status 1 where a file is not formatted
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub fn run(&self) -> Result<Report, Failure> {
        if self.files.is_empty() {
            let text = formatted(Path::new("-"), &text_of(Path::new("-"))?)?;
            return Ok(Report::new(text.trim_end(), json!({"text": text})));
        }
        let mut changed = Vec::new();
        for path in &self.files {
            let text = text_of(path)?;
            let new = formatted(path, &text)?;
            if new == text {
                continue;
            }
            changed.push(path.display().to_string());
            if !self.check {
                replace(path, &new)?;
            }
        }
        let code = u8::from(self.check && !changed.is_empty());
        Ok(Report::new(changed.join("\n"), json!({"changed": changed})).code(code))
    }
}

fn formatted(path: &Path, text: &str) -> Result<String, Failure> {
    let source = Source { name: path.display().to_string(), text: text.to_owned() };
    lab::format(&source, Format::of(&source.name)).map_err(Failure::from)
}

/// Puts `text` in the place of the file at `path`, whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let new = path.with_extension("ovsns-new");
    let failed = |error| Failure::new(format!("cannot write {}", path.display())).cause(error);
    let kept = std::fs::metadata(path).map(|file| file.permissions());
    std::fs::write(&new, text).and_then(|()| std::fs::set_permissions(&new, kept?)).map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)
}

#[derive(Debug, Args)]
#[command(after_help = "\
Kinds: single,HOSTS  linear,SWITCHES[,HOSTS]  tree,DEPTH,FANOUT  torus,X,Y  ring,SWITCHES  star,SWITCHES  full-mesh,SWITCHES

Examples:
  ovsns new demo --topo single,10 > lab.yaml
  ovsns new ring --topo ring,6 --backend linux > ring.yaml")]
pub struct New {
    /// The lab's name
    #[arg(value_parser = super::which::lab_name)]
    name: crate::model::Owner,
    /// The topology, as Mininet's --topo has it
    #[arg(long, default_value = "single,2")]
    topo: String,
}

impl New {
    pub fn run(&self, global: &Global) -> Result<Report, Failure> {
        let backend = if global.backend == Choice::Auto { None } else { global.backend.name() };
        let text = self.text(backend).map_err(|why| Failure::usage(why).hint("ovsns new --help shows all kinds"))?;
        Ok(Report::new(text.trim_end(), json!({"lab": text})))
    }
}

impl New {
    fn text(&self, backend: Option<BackendName>) -> Result<String, String> {
        let (kind, numbers) = self.topo.split_once(',').unwrap_or((&self.topo, ""));
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| format!("`{text}` is no number"));
        let numbers: Vec<u32> = match numbers {
            "" => Vec::new(),
            numbers => numbers.split(',').map(number).collect::<Result<_, _>>()?,
        };
        lab::topology(self.name.as_str(), kind, &numbers, backend)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
An editor that knows the schema completes and checks lab files: put this line at the top of one,
  # yaml-language-server: $schema=lab.schema.json

Example:
  ovsns schema > lab.schema.json")]
pub struct Schema {}

impl Schema {
    pub fn run(&self) -> Result<Report, Failure> {
        let schema = lab::schema();
        Ok(Report::new(format!("{schema:#}"), schema))
    }
}
