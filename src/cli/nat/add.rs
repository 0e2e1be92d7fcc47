//! `nat`.

use clap::Args;

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::inside;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::model::{IfName, Nat, Owner, Place, Resource, SwitchName};

use super::books::{Books, said};
use super::ingress::{check_out, default_devices, no_address};
use super::wiring::Wiring;
use super::{around, notes, routes};

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
        let own = around::addresses_of(&device)?;
        if own.is_empty() {
            return Err(no_address(&self.switch));
        }
        let mut books = Books::open(session).await?;
        let nat = Resource::Nat(Nat { switch: self.switch.clone(), out: out.clone() });
        let owner = books.owner(&nat.key());
        if books.observed.contains(&nat.key()) && !self.may_exist {
            let by = if owner == Owner::verbs() { String::new() } else { format!(", {}", said(&owner)) };
            return Err(Failure::new(format!("switch {} is translated at {out} already{by}", self.switch))
                .hint("with --may-exist that is no failure, and what has changed since is set"));
        }
        let mut ruleset = books.ruleset();
        ruleset.set_networks(device.clone(), own.iter().copied());
        books.notes = notes::pass(&mut ruleset, &device, Some(switch.backend), Some(&out))?;
        // What a lab owns stays its own.
        books.want(nat, &owner);
        books.raise(session, ruleset).await?;
        if !self.no_routes {
            let around = around::switch_and_guests(session, &self.switch).await?;
            let wiring = Wiring::of(&around);
            for guest in wiring.guests(&self.switch) {
                routes::add(&mut books, &wiring, &guest, &own);
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
        check_out(&self.switch, &out)?;
        inside::device(session, &Place::Host, &out).await?;
        Ok(out)
    }
}
