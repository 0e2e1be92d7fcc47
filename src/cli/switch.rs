//! `add-br`, `del-br`, `list-br`, `br-exists`.

use std::io::Read;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use serde_json::json;

use crate::backend::Scope;
use crate::model::{
    Address, BackendName, Datapath, Device, Entry, Key, Kind, MTU_MAX, MTU_MIN, Mac, Owner, Place, Resource, State,
    Switch, SwitchName,
};

use super::change::Change;
use super::failure::Failure;
use super::global::Choice;
use super::inside;
use super::output::Report;
use super::place;
use super::port;
use super::session::{self, Session};
use super::setting::{Given, OfSwitch};
use super::vlan;

/// Which datapath is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DatapathChoice {
    /// The kernel's where ovs-vswitchd has it, else netdev
    Auto,
    /// The kernel's
    System,
    /// In ovs-vswitchd itself
    Netdev,
}

impl DatapathChoice {
    /// The datapath that was asked for; `None` is to be found out.
    fn name(self) -> Option<Datapath> {
        match self {
            DatapathChoice::Auto => None,
            DatapathChoice::System => Some(Datapath::System),
            DatapathChoice::Netdev => Some(Datapath::Netdev),
        }
    }
}

#[derive(Debug, Args)]
pub struct AddBr {
    /// The switch
    switch: SwitchName,
    /// Do not fail if it exists; set what differs from what is asked for here
    #[arg(long)]
    may_exist: bool,
    /// An address of the switch's own device, so that the host reaches the namespaces; may be given several times
    #[arg(long, value_name = "ADDRESS/LENGTH", value_parser = port::address)]
    ip: Vec<IpNet>,
    /// Where Open vSwitch forwards packets
    #[arg(long, value_name = "TYPE")]
    datapath: Option<DatapathChoice>,
    /// The Ethernet address of the switch's own device
    #[arg(long)]
    mac: Option<Mac>,
    /// The MTU of the switch's own device, in bytes
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(MTU_MIN)..=i64::from(MTU_MAX)))]
    mtu: Option<u32>,
    /// Spanning tree (IEEE 802.1D), or the rapid one (Open vSwitch)
    #[arg(long, value_name = "on|off|rstp", num_args = 0..=1, default_missing_value = "on", require_equals = true, value_parser = Stp::read)]
    stp: Option<Stp>,
    #[command(flatten)]
    settings: Given<OfSwitch>,
    #[command(flatten)]
    change: Change,
}

/// Which spanning tree is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stp {
    Off,
    On,
    Rapid,
}

impl Stp {
    pub fn read(text: &str) -> Result<Stp, String> {
        match text {
            "on" | "true" => Ok(Stp::On),
            "off" | "false" => Ok(Stp::Off),
            "rstp" => Ok(Stp::Rapid),
            _ => Err("none of on, off, rstp".to_owned()),
        }
    }

    /// The two switches of a switch that it is: of a Linux bridge, which has one, the second is `None` unless it is asked for.
    pub fn of(asked: Option<Stp>, backend: BackendName) -> (Option<bool>, Option<bool>) {
        let ovs = backend == BackendName::Ovs;
        match asked {
            None => (None, None),
            Some(Stp::Off) => (Some(false), ovs.then_some(false)),
            Some(Stp::On) => (Some(true), ovs.then_some(false)),
            Some(Stp::Rapid) => (ovs.then_some(false), Some(true)),
        }
    }
}

impl AddBr {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let key = Key::Switch { name: self.switch.clone() };
        let device = Key::Device { place: Place::Host, name: self.switch.device() };
        let keys = vec![key.clone(), device.clone()];
        let mut observed = session.observe(Scope::Keys(keys)).await?;
        if !self.ip.is_empty() {
            for address in place::addresses(session, &Place::Host).await?.entries() {
                observed.insert(address.clone());
            }
        }
        if self.mac.is_some() && observed.contains(&key) {
            let standing = inside::standing_on(session, &Place::Host, &self.switch.device()).await?;
            standing.entries().for_each(|entry| observed.insert(entry.clone()));
        }
        let wanted = match observed.get(&key).map(|entry| (entry, &entry.resource)) {
            Some((entry, Resource::Switch(there))) => self.changed(session, entry, there)?,
            _ if observed.contains(&device) => return Err(self.name_taken(session).await?),
            _ => self.fresh(session).await?,
        };
        let own = |up| Entry::unmarked(own_device(&self.switch, up));
        if let Some(Resource::Device(there)) = observed.get(&device).map(|entry| entry.resource.clone()) {
            observed.insert(own(there.up));
        }
        let mut desired = observed.clone();
        say_what_never_passes(session, &wanted);
        desired.insert(wanted);
        desired.insert(own(true));
        for ip in &self.ip {
            let wanted = Address::new(Place::Host, self.switch.device(), *ip, false);
            place::check_address(&wanted, &desired)?;
            let wanted = Entry::unmarked(Resource::Address(wanted));
            // One that is there has been through duplicate address detection, or was spared it.
            if !desired.contains(&wanted.key()) {
                desired.insert(wanted);
            }
        }
        self.change.carry_out(session, &observed, &desired).await
    }

    /// A device has the name: a switch on the backend that `--backend` left out, or something else.
    async fn name_taken(&self, session: &Session<'_>) -> Result<Failure, Failure> {
        let name = &self.switch;
        if session::is_linux_bridge(name).await? {
            let what = format!("cannot make switch {name} on backend ovs: it exists on backend linux");
            return Ok(Failure::new(what).hint(format!("delete that one first: ovsns del-br {name} --backend linux")));
        }
        let what = format!("cannot make switch {name}: there is a device {name} already, which is no Linux bridge");
        let hint = match session.global.backend {
            Choice::Linux => {
                format!("if it is a switch of Open vSwitch, delete that first: ovsns del-br {name} --backend ovs")
            }
            Choice::Auto | Choice::Ovs => format!("choose another name, or look at the device: ip -d link show {name}"),
        };
        Ok(Failure::new(what).hint(hint))
    }

    /// The switch as it is there, with what is asked for here.
    fn changed(&self, session: &Session<'_>, entry: &Entry, there: &Switch) -> Result<Entry, Failure> {
        let name = &self.switch;
        if let Some(asked) = session.global.backend.name().filter(|asked| *asked != there.backend) {
            let what = format!("cannot make switch {name} on backend {asked}: it exists on backend {}", there.backend);
            return Err(Failure::new(what).hint(format!("delete that one first: ovsns del-br {name}")));
        }
        if !self.may_exist {
            let what = format!("cannot make switch {name}: it exists, on backend {}", there.backend);
            return Err(Failure::new(what).hint("with --may-exist that is no failure"));
        }
        let asked = self.datapath.and_then(DatapathChoice::name);
        if let (Some(asked), Some(now)) = (asked, there.datapath.filter(|now| asked.is_some_and(|asked| asked != *now)))
        {
            let what = format!("cannot change the datapath of switch {name} from {now} to {asked}");
            return Err(Failure::new(what)
                .hint("its device and its ports would be others: delete the switch, and make it anew"));
        }
        let wanted = Switch { datapath: asked, ..self.asked(there.backend) };
        Ok(Entry { resource: Resource::Switch(wanted), owner: entry.owner.clone() })
    }

    async fn fresh(&self, session: &Session<'_>) -> Result<Entry, Failure> {
        let (backend, why) = session.backend_for_new();
        let mut wanted = self.asked(backend);
        let mut note = why;
        wanted.datapath = match (backend, self.datapath.and_then(DatapathChoice::name)) {
            (_, Some(asked)) => Some(asked),
            (BackendName::Linux, None) => None,
            (BackendName::Ovs, None) => {
                let (datapath, which) = session.datapath_for_new().await?;
                note = Some(note.map_or_else(|| format!("has {which}"), |note| format!("{note}; it has {which}")));
                Some(datapath)
            }
        };
        if let Some(note) = note {
            session.output.note(&format!("switch {} {note}", self.switch));
        }
        // Left to itself the address follows the ports, and with it the neighbours' idea of where the host is.
        wanted.mac = wanted.mac.or_else(random_mac);
        Ok(Entry::owned(Resource::Switch(wanted), &Owner::verbs()))
    }

    fn asked(&self, backend: BackendName) -> Switch {
        let (stp, rstp) = Stp::of(self.stp, backend);
        let settings = self.settings.alone();
        Switch { mac: self.mac, mtu: self.mtu, stp, rstp, settings, ..Switch::new(self.switch.clone(), backend) }
    }
}

/// `BR_GROUPFWD_RESTRICTED`, net/bridge/br_private.h.
pub fn say_what_never_passes(session: &Session<'_>, wanted: &Entry) {
    if let Resource::Switch(Switch { backend: BackendName::Linux, settings, name, .. }) = &wanted.resource
        && settings.is_on("transparent")
    {
        session.output.note(&format!(
            "the kernel never lets these pass through {name}: 01:80:c2:00:00:01 (pause frames), 01:80:c2:00:00:02 (LACP), \
             and 01:80:c2:00:00:00 (STP) while it speaks STP itself"
        ));
    }
}

/// The own device of a switch, of which only this is asked: its address and its MTU are the switch's to set.
fn own_device(switch: &SwitchName, up: bool) -> Resource {
    Resource::Device(Device::new(Place::Host, switch.device(), up))
}

/// Wants the own device of `switch` up, in `desired`; how it is goes into `observed`.
pub async fn want_up(
    session: &Session<'_>,
    switch: &SwitchName,
    observed: &mut State,
    desired: &mut State,
) -> Result<(), Failure> {
    let key = Key::Device { place: Place::Host, name: switch.device() };
    let there = session.observe(Scope::Keys(vec![key.clone()])).await?;
    if let Some(Resource::Device(there)) = there.get(&key).map(|entry| &entry.resource) {
        observed.insert(Entry::unmarked(own_device(switch, there.up)));
    }
    desired.insert(Entry::unmarked(own_device(switch, true)));
    Ok(())
}

/// A random address, locally administered (IEEE 802, second lowest bit of the first byte).
fn random_mac() -> Option<Mac> {
    let mut octets = [0; 6];
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut octets)).ok()?;
    octets[0] = (octets[0] & 0xfe) | 0x02;
    Some(Mac::from_octets(octets))
}

#[derive(Debug, Args)]
pub struct DelBr {
    /// The switch
    switch: SwitchName,
    /// Do not fail if there is none
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelBr {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let observed = session.observe(Scope::Switch(self.switch.clone())).await?;
        if !observed.contains(&Key::Switch { name: self.switch.clone() }) {
            let nothing = State::default();
            return match self.if_exists {
                true => self.change.carry_out(session, &nothing, &nothing).await,
                false => Err(session.no_switch(&self.switch)),
            };
        }
        let ports = observed.resources().filter_map(|resource| match resource {
            Resource::Port(port) => Some(port.device.clone()),
            _ => None,
        });
        let mut observed = port::with_links(session, observed.clone(), ports.collect()).await?;
        for entry in vlan::on(session, &self.switch, &observed).await?.entries() {
            observed.insert(entry.clone());
        }
        let mut desired = State::default();
        port::give_back(session, &mut observed, &mut desired).await?;
        self.change.carry_out(session, &observed, &desired).await
    }
}

#[derive(Debug, Args)]
pub struct ListBr {}

impl ListBr {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let entries = session.engine.backends().entries(&Scope::Kind(Kind::Switch)).await?;
        let mut switches: Vec<&Switch> = entries.iter().filter_map(|entry| switch(&entry.resource)).collect();
        switches.sort_by_key(|switch| (&switch.name, switch.backend));
        let names: Vec<&str> = switches.iter().map(|switch| switch.name.as_str()).collect();
        Ok(Report::new(names.join("\n"), json!({"switches": switches})))
    }
}

fn switch(resource: &Resource) -> Option<&Switch> {
    if let Resource::Switch(switch) = resource { Some(switch) } else { None }
}

#[derive(Debug, Args)]
pub struct BrExists {
    /// The switch
    switch: SwitchName,
}

impl BrExists {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let key = Key::Switch { name: self.switch.clone() };
        let found = session.engine.backends().entries(&Scope::Keys(vec![key])).await?;
        let exists = !found.is_empty();
        // As ovs-vsctl(8) has it.
        let code = if exists { 0 } else { 2 };
        Ok(Report::new("", json!({"switch": self.switch, "exists": exists})).code(code))
    }
}
