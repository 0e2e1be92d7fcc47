//! `check`, `fmt`, `new` and `schema`: lab files as texts. None of them looks at the system.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::global::Global;
use crate::cli::output::Report;
use crate::lab::{self, Format, Lab};

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
        ("switch", "switches", lab.switches.len()),
        ("namespace", "namespaces", lab.namespaces.len()),
        ("port", "ports", ports),
        ("link", "links", lab.links.len()),
        ("trunk", "trunks", lab.trunks.len()),
        ("translation", "translations", lab.nats.len()),
        ("published port", "published ports", lab.published.len()),
        ("program", "programs", lab.run.len()),
    ];
    let named = all.into_iter().map(|(one, many, count)| (if count == 1 { one } else { many }, count));
    named.filter(|(_, count)| *count > 0).collect()
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
    let name = path.display().to_string();
    let format = Format::of(&name);
    Ok(lab::format(&lab::Source { name, text: text.to_owned() }, format)?)
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
Kinds of topology:
  single,HOSTS                one switch
  linear,SWITCHES[,HOSTS]     a row of switches, each with a host, or with HOSTS
  tree,DEPTH,FANOUT           a tree of switches with hosts at its leaves
  torus,X,Y                   a grid of switches with a host each, whose sides are joined
  ring,SWITCHES               a row of switches with a host each, whose ends are joined
  star[,SWITCHES]             switches with a host each around one in the middle
  full-mesh,SWITCHES          switches with a host each, all joined to each other

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
    /// The kind, and its numbers.
    fn topology(&self) -> Result<(&str, Vec<u32>), Failure> {
        let mut words = self.topo.split(',');
        let kind = words.next().unwrap_or_default();
        let numbers = words.map(|word| word.parse::<u32>()).collect::<Result<Vec<u32>, _>>();
        let bad =
            |error| Failure::usage(format!("topology `{}` has something that is no number", self.topo)).cause(error);
        Ok((kind, numbers.map_err(bad)?))
    }

    pub fn run(&self, global: &Global) -> Result<Report, Failure> {
        let (kind, numbers) = self.topology()?;
        let backend = global.backend.name();
        let text = lab::topology(self.name.as_str(), kind, &numbers, backend).map_err(Failure::usage)?;
        Ok(Report::new(text.trim_end(), json!({"lab": text})))
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
