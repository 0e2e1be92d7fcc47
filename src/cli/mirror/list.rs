//! `del-mirror` and `list-mirrors`.

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::model::{Entry, Key, Kind, State, SwitchName};
use crate::plan::describe;

use super::mirror;
use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;

#[derive(Debug, Args)]
pub struct DelMirror {
    /// The switch
    switch: SwitchName,
    /// The mirror's name
    name: String,
    /// Do not fail if there is none
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelMirror {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let key = Key::Mirror { switch: self.switch.clone(), name: self.name.clone() };
        let observed = session.observe(Scope::Keys(vec![key.clone()])).await?;
        if !observed.contains(&key) && !self.if_exists {
            session.switch(&self.switch).await?;
            return Err(Failure::new(format!("switch {} has no mirror {}", self.switch, self.name))
                .hint(format!("ovsns list-mirrors {} lists its mirrors", self.switch)));
        }
        self.change.carry_out(session, &observed, &State::default()).await
    }
}

#[derive(Debug, Args)]
pub struct ListMirrors {
    /// Of this switch only
    switch: Option<SwitchName>,
}

impl ListMirrors {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        if let Some(switch) = &self.switch {
            session.switch(switch).await?;
        }
        let found = session.observe(Scope::Kind(Kind::Mirror)).await?;
        let here = |entry: &&Entry| {
            mirror(entry).is_some_and(|mirror| self.switch.as_ref().is_none_or(|switch| mirror.switch == *switch))
        };
        let shown: Vec<&Entry> = found.entries().filter(here).collect();
        let lines: Vec<String> = shown.iter().map(|entry| describe(&entry.resource)).collect();
        Ok(Report::new(lines.join("\n"), json!({"mirrors": shown})))
    }
}
