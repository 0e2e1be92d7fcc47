//! Completions and manual pages, made from the same description as the parser.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use super::failure::Failure;
use super::output::Report;
use super::{Cli, OvsdbCli};

#[derive(Debug, Args)]
pub struct Completions {
    /// bash, elvish, fish, powershell or zsh
    shell: Shell,
}

impl Completions {
    pub fn run(&self) -> Result<Report, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "ovsns", &mut script);
        let script = String::from_utf8_lossy(&script).trim_end().to_owned();
        Ok(Report::new(script.clone(), json!({"shell": self.shell.to_string(), "script": script})))
    }
}

#[derive(Debug, Args)]
pub struct Man {
    /// The verb whose page to print; without it, the page of ovsns itself
    verb: Option<String>,
    /// Write all pages into this directory instead
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "verb")]
    directory: Option<PathBuf>,
}

impl Man {
    pub fn run(&self) -> Result<Report, Failure> {
        match &self.directory {
            Some(directory) => write_pages(directory),
            None => self.page(),
        }
    }

    fn page(&self) -> Result<Report, Failure> {
        let mut command = documented();
        command.build();
        let found = match &self.verb {
            None => &command,
            Some(verb) => command.find_subcommand(verb).ok_or_else(|| {
                Failure::usage(format!("there is no verb `{verb}`")).hint("ovsns --help lists the verbs")
            })?,
        };
        let mut page = Vec::new();
        let render = clap_mangen::Man::new(found.clone()).render(&mut page);
        render.map_err(|error| Failure::new("cannot write the manual page").cause(error))?;
        let page = String::from_utf8_lossy(&page).trim_end().to_owned();
        Ok(Report::new(page.clone(), json!({"page": page})))
    }
}

/// The command line with what `ovsdb` takes, which is parsed by itself and therefore not part of it.
fn documented() -> clap::Command {
    let name = |_| OvsdbCli::command().name("ovsdb").about("Speak to an OVSDB server, in the manner of ovsdb-client");
    Cli::command().mut_subcommand("ovsdb", name)
}

fn write_pages(directory: &std::path::Path) -> Result<Report, Failure> {
    let failed = |error| Failure::new(format!("cannot write manual pages into {}", directory.display())).cause(error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(documented(), directory).map_err(failed)?;
    Ok(Report::new(format!("manual pages written into {}", directory.display()), json!({"directory": directory})))
}
