//! `add-mirror`.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};

use crate::backend::Scope;
use crate::model::{Entry, IfName, Key, Mirror, MirrorOutput, Owner, Resource, Switch, SwitchName, VlanId};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::port;
use crate::cli::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "\
Directions are as the switch sees them: `in` is what comes in by a port, which is what its namespace sends.
A port of Open vSwitch that copies go out of carries nothing else; one of a Linux bridge stays a port like others,
and sees what the bridge floods, too.

Examples:
  ovsns add-mirror s1 m1 --to monitor                          all that s1 forwards, to namespace monitor
  ovsns add-mirror s1 m2 --to monitor --from ns1,ns2           what ns1 and ns2 send and receive
  ovsns add-mirror s1 m3 --to monitor --from ns1 --direction in    what ns1 sends
  ovsns add-mirror s1 m4 --to monitor --vlan 10,20             what is in these VLANs
  ovsns add-mirror s1 m5 --to-vlan 99                          into VLAN 99, which trunks carry on (RSPAN)")]
pub struct AddMirror {
    /// The switch
    switch: SwitchName,
    /// The mirror's name
    #[arg(value_parser = name)]
    name: String,
    /// The port of the switch that the copies go out of: its name, or the namespace behind it
    #[arg(long, value_name = "PORT|NETNS", required_unless_present = "to_vlan", conflicts_with = "to_vlan")]
    to: Option<String>,
    /// The VLAN that the copies go into (RSPAN)
    #[arg(long, value_name = "VLAN")]
    to_vlan: Option<VlanId>,
    /// The ports whose frames are copied [default: the whole switch]
    #[arg(long, value_name = "PORT|NETNS,…", value_delimiter = ',')]
    from: Vec<String>,
    /// Which way past these ports, as the switch sees it
    #[arg(long, value_name = "WAY", default_value = "both", requires = "from")]
    direction: Direction,
    /// Only frames in these VLANs
    #[arg(long, value_name = "VLAN,…", value_delimiter = ',')]
    vlan: Vec<VlanId>,
    /// How many bytes of each frame are copied at most
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(i64::from(Mirror::SNAPLEN_MIN)..))]
    snaplen: Option<u16>,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// What comes in by them: what the namespaces send
    In,
    /// What goes out by them: what the namespaces receive
    Out,
    /// Either
    Both,
}

/// A name that can stand in a line of text.
fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    match !text.is_empty() && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("a name has no white space, and is not empty".to_owned()),
    }
}

impl AddMirror {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let (_, switch) = session.switch(&self.switch).await?;
        let key = Key::Mirror { switch: self.switch.clone(), name: self.name.clone() };
        let observed = session.observe(Scope::Keys(vec![key.clone()])).await?;
        if observed.contains(&key) {
            return Err(Failure::new(format!("switch {} has a mirror {} already", self.switch, self.name))
                .hint(format!("delete that one first: ovsns del-mirror {} {}", self.switch, self.name)));
        }
        let wanted = self.mirror(session, &switch).await?;
        let mut desired = observed.clone();
        desired.insert(Entry::owned(Resource::Mirror(wanted), &Owner::verbs()));
        self.change.carry_out(session, &observed, &desired).await
    }

    async fn mirror(&self, session: &Session<'_>, switch: &Switch) -> Result<Mirror, Failure> {
        let output = match (&self.to, self.to_vlan) {
            (Some(target), _) => MirrorOutput::Port(port::on_switch(session, &self.switch, target).await?),
            (None, Some(vlan)) => MirrorOutput::Vlan(vlan),
            (None, None) => return Err(Failure::usage("a mirror needs --to or --to-vlan")),
        };
        let mut sources: BTreeSet<IfName> = BTreeSet::new();
        for target in &self.from {
            sources.insert(port::on_switch(session, &self.switch, target).await?);
        }
        let selects =
            |ways: [Direction; 2]| if ways.contains(&self.direction) { sources.clone() } else { BTreeSet::new() };
        let mirror = Mirror {
            switch: switch.name.clone(),
            name: self.name.clone(),
            backend: switch.backend,
            all: sources.is_empty(),
            ingress: selects([Direction::In, Direction::Both]),
            egress: selects([Direction::Out, Direction::Both]),
            vlans: self.vlan.iter().copied().collect(),
            snaplen: self.snaplen,
            output,
        };
        self.check(&mirror)?;
        Ok(mirror)
    }

    fn check(&self, mirror: &Mirror) -> Result<(), Failure> {
        if let Some(port) = mirror.output_port().filter(|port| mirror.sources().contains(port)) {
            return Err(Failure::usage(format!("mirror {} would copy what it sends out of {port} itself", self.name))
                .hint("let the copies go out of a port that is not among --from"));
        }
        if let MirrorOutput::Vlan(vlan) = mirror.output {
            if mirror.vlans.contains(&vlan) {
                return Err(Failure::usage(format!("mirror {} would copy VLAN {vlan} into itself", self.name))
                    .hint("let the copies go into a VLAN that is not among --vlan"));
            }
            if self.snaplen.is_some() {
                return Err(Failure::usage("copies that go into a VLAN are whole (snaplen, ovs-vswitchd.conf.db(5))")
                    .hint("leave --snaplen out, or send them out of a port: --to"));
            }
        }
        Ok(())
    }
}
