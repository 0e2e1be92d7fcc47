//! `del-nat`.

use std::collections::BTreeSet;

use clap::Args;

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::model::{IfName, Key, Nat, SwitchName};

use super::books::Books;
use super::wiring::Wiring;
use super::{around, routes};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  ovsns del-nat br1

The settings that `nat` turned on are turned off again, and the default routes that it gave go, as far as no other
translation and no published port needs them.")]
pub struct DelNat {
    /// The switch
    switch: SwitchName,
    /// Only the translation at this device [default: at all]
    #[arg(long, value_name = "DEVICE")]
    out: Option<IfName>,
    /// Do not fail if it is not translated
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelNat {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let mut books = Books::open(session).await?;
        let meant = |nat: &&Nat| nat.switch == self.switch && self.out.as_ref().is_none_or(|out| nat.out == *out);
        let gone: Vec<Nat> = books.nats().filter(meant).cloned().collect();
        if gone.is_empty() && !self.if_exists {
            let at = self.out.as_ref().map(|out| format!(" at {out}")).unwrap_or_default();
            return Err(Failure::new(format!("switch {} is not translated{at}", self.switch))
                .hint("ovsns list-nat lists what is; with --if-exists that is no failure"));
        }
        for Nat { switch, out } in gone {
            books.desired.remove(&Key::Nat { switch, out });
        }
        books.settle(session, &BTreeSet::new()).await?;
        for guest in Wiring::of(&around::switch(session, &self.switch).await?).guests(&self.switch) {
            routes::remove(session, &mut books, &guest.place).await?;
        }
        self.change.carry_out(session, &books.observed, &books.desired).await
    }
}
