//! `nat`.

use clap::Args;

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::inside;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::model::{IfName, Nat, Place, Resource, SwitchName};

use super::books::Books;
use super::{addresses_of, default_devices, notes, routes};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns set-br br1 --ip 192.168.15.1/24      the switch as the router of its namespaces
  ovsns nat br1                              out of the device of the host's default route
  ovsns nat br1 --out eth0                   out of this one
  ovsns exec ns1 -- ping -c1 1.1.1.1
  ovsns del-nat br1                          as it was before

What the namespaces send leaves under the host's own address. The devices that take part forward packets (not the host as
a whole), and namespaces on the switch that have no default route get one, by way of the switch. A namespace that is
plugged in later gets its own by `add-port … --gw`, or when this is run again with --may-exist.")]
pub struct AddNat {
    /// The switch
    switch: SwitchName,
    /// The device that leads out [default: that of the host's default route]
    #[arg(long, value_name = "DEVICE")]
    out: Option<IfName>,
    /// Give the namespaces no default routes
    #[arg(long)]
    no_routes: bool,
    /// Do not fail if it is translated already; set what has changed since
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl AddNat {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let (_, switch) = session.switch(&self.switch).await?;
        let out = self.out(session).await?;
        let device = self.switch.device();
        let own = addresses_of(&device)?;
        if own.is_empty() {
            return Err(self.no_address());
        }
        let mut books = Books::open(session).await?;
        let nat = Resource::Nat(Nat { switch: self.switch.clone(), out: out.clone() });
        if books.observed.contains(&nat.key()) && !self.may_exist {
            return Err(Failure::new(format!("switch {} is translated at {out} already", self.switch))
                .hint("with --may-exist that is no failure, and what has changed since is set"));
        }
        let mut ruleset = books.ruleset();
        ruleset.set_networks(device.clone(), own.iter().copied());
        notes::pass(session, &mut ruleset, &switch, Some(&out))?;
        books.want(nat);
        books.raise(session, ruleset).await?;
        if !self.no_routes {
            for guest in routes::guests(session, &self.switch).await? {
                routes::add(session, &mut books, &guest, &own).await?;
            }
        }
        notes::say(session, &books.notes);
        self.change.carry_out(session, &books.observed, &books.desired).await
    }

    /// The device that leads out.
    async fn out(&self, session: &Session<'_>) -> Result<IfName, Failure> {
        let out = match &self.out {
            Some(out) => out.clone(),
            None => default_devices()?.into_iter().next().ok_or_else(|| {
                Failure::new(format!("nothing says where {} leads out: the host has no default route", self.switch))
                    .hint("name the device: --out DEVICE")
            })?,
        };
        if out == self.switch.device() || out == IfName::lo() {
            let why = if out == IfName::lo() { "the loopback device" } else { "the switch's own device" };
            return Err(Failure::usage(format!("{} cannot lead out of {out}: it is {why}", self.switch))
                .hint("name the device that leads to the world: --out DEVICE"));
        }
        inside::device(session, &Place::Host, &out).await?;
        Ok(out)
    }

    fn no_address(&self) -> Failure {
        let switch = &self.switch;
        Failure::new(format!("switch {switch} has no address: it cannot be the router of its namespaces"))
            .hint(format!("give it one in their network: ovsns set-br {switch} --ip 192.168.15.1/24"))
    }
}
