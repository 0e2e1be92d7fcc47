//! The lab file of a verb.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::failure::Failure;
use crate::lab::{self, Format, Lab, Source};

/// What is looked for where no file is named.
const NAMES: [&str; 3] = ["lab.yaml", "lab.yml", "lab.toml"];

#[derive(Debug, Clone, Args)]
pub struct LabFile {
    /// The lab file: YAML, or TOML by its ending; - is standard input [default: lab.yaml, lab.yml or lab.toml here]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Give a variable of the file a value; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl LabFile {
    /// Whether a file was named.
    pub fn is_named(&self) -> bool {
        self.file.is_some()
    }

    /// The file that was named, or the one that is here.
    pub fn path(&self) -> Result<PathBuf, Failure> {
        let here = || NAMES.iter().map(PathBuf::from).find(|path| path.exists());
        self.file.clone().or_else(here).ok_or_else(|| {
            Failure::usage("there is no lab file here: none of lab.yaml, lab.yml, lab.toml")
                .hint("name the file; ovsns new NAME --topo single,3 > lab.yaml makes one")
        })
    }

    /// Reads the file and checks all of it.
    pub fn read(&self) -> Result<Lab, Failure> {
        let path = self.path()?;
        self.parse(&path, text_of(&path)?)
    }

    /// The same of a text that was read from `path`.
    pub fn parse(&self, path: &Path, text: String) -> Result<Lab, Failure> {
        let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let variables: BTreeMap<String, String> = self.variables.iter().cloned().collect();
        let source = Source { name, text };
        let environment = |name: &str| std::env::var(name).ok();
        lab::read(&source, Format::of(&source.name), &variables, &environment).map_err(Failure::from)
    }
}

/// The text of the file at `path`; `-` is standard input. More than a lab file may hold is not read.
pub fn text_of(path: &Path) -> Result<String, Failure> {
    use std::io::Read;
    let mut text = Vec::new();
    // One more, so that it is told.
    let limit = lab::FILE_MAX as u64 + 1;
    let read = match path == Path::new("-") {
        true => std::io::stdin().take(limit).read_to_end(&mut text),
        false => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text)),
    };
    let unreadable = || format!("cannot read {}", path.display());
    read.map_err(|error| Failure::usage(unreadable()).cause(error))?;
    String::from_utf8(text).map_err(|_| Failure::usage(unreadable()).hint("it is no UTF-8 text"))
}
