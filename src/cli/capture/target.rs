//! What is to be watched, from the words of the user.

use crate::backend::Scope;
use crate::capture::Device;
use crate::model::{BackendName, IfName, Key, NetnsName, Place, Switch, SwitchName};

use crate::cli::failure::Failure;
use crate::cli::place;
use crate::cli::session::{SeenDevice, Session, seen};

/// What is to be watched.
pub enum Target {
    /// Devices of a namespace.
    Place(Place),
    /// A switch.
    Switch(Switch),
    /// One end of a veth pair.
    Link(Place, IfName),
}

/// Devices to open rings on.
pub struct Watched {
    /// What they are together, in a few words.
    pub what: String,
    /// What each of them belongs to, for who reads the file.
    pub described: String,
    /// The namespace that they are in.
    pub place: Place,
    pub devices: Vec<Device>,
    /// Whether it was they that were asked for, and not what there is.
    pub named: bool,
}

impl Target {
    pub async fn parse(text: &str, session: &Session<'_>) -> Result<Target, Failure> {
        if let Some(name) = text.strip_prefix("switch:") {
            return Ok(Target::Switch(session.switch(&name.parse()?).await?.1));
        }
        if let Some(link) = text.strip_prefix("link:") {
            let (place, name) = match link.rsplit_once('/') {
                Some((place, name)) => (place::existing(session, place).await?, name),
                None => (Place::Host, link),
            };
            return Ok(Target::Link(place, name.parse()?));
        }
        let named = text.strip_prefix("netns:");
        if named.is_some() || text == "host" || text.contains(':') {
            return Ok(Target::Place(place::existing(session, named.unwrap_or(text)).await?));
        }
        Target::of_name(text, session).await
    }

    /// A namespace, or a switch.
    async fn of_name(text: &str, session: &Session<'_>) -> Result<Target, Failure> {
        let netns: NetnsName = text.parse()?;
        let switch: Option<SwitchName> = text.parse().ok();
        let place = Key::Netns { name: netns.clone() };
        let keys = switch.iter().map(|name| Key::Switch { name: name.clone() }).chain([place.clone()]);
        let found = session.observe(Scope::Keys(keys.collect())).await?;
        let is_netns = found.contains(&place);
        match switch.filter(|name| found.contains(&Key::Switch { name: name.clone() })) {
            Some(_) if is_netns => Err(Failure::usage(format!("{text} is a switch, and a namespace too"))
                .hint(format!("say which: switch:{text} or netns:{text}"))),
            Some(name) => Ok(Target::Switch(session.switch(&name).await?.1)),
            None if is_netns => Ok(Target::Place(Place::Named(netns))),
            None => Err(nothing(text)?),
        }
    }

    /// The devices to be watched; of a namespace those called `picked`, if there are any.
    pub fn watched(&self, picked: &[IfName]) -> Result<Watched, Failure> {
        match self {
            Target::Place(place) => of_place(place, picked),
            _ if !picked.is_empty() => Err(Failure::usage("--dev picks devices of a namespace, and this is none")
                .hint("for a port, or another device of the host: ovsns capture host --dev DEVICE")),
            Target::Switch(switch) => of_device(&Place::Host, switch.name.as_str(), None),
            Target::Link(place, name) => of_device(place, name.as_str(), Some("veth")),
        }
    }

    /// The switch, if it is one that takes a mirror to be watched.
    pub fn mirrored(&self) -> Option<&Switch> {
        match self {
            Target::Switch(switch) if switch.backend == BackendName::Ovs => Some(switch),
            _ => None,
        }
    }
}

/// Neither a namespace nor a switch has this name. Perhaps a device has.
fn nothing(text: &str) -> Result<Failure, Failure> {
    let failure = Failure::new(format!("there is no namespace and no switch {text}"));
    let is_device = seen::devices(&Place::Host)?.iter().any(|device| device.name == text);
    Ok(match is_device {
        true => failure.hint(format!("it is a device of the host: ovsns capture host --dev {text}")),
        false => failure.hint("ovsns list-ns lists the namespaces, ovsns list-br the switches"),
    })
}

fn of_place(place: &Place, picked: &[IfName]) -> Result<Watched, Failure> {
    let there = seen::devices(place)?;
    let named = !picked.is_empty();
    let devices: Vec<Device> = if named {
        let find = |name: &IfName| there.iter().find(|seen| seen.name == name.as_str());
        let found = |name: &IfName| find(name).map(whole).ok_or_else(|| no_device(place, name.as_str(), &there));
        picked.iter().map(found).collect::<Result<_, _>>()?
    } else {
        there.iter().map(whole).collect()
    };
    Ok(Watched { what: place.to_string(), described: in_netns(place), place: place.clone(), devices, named })
}

fn of_device(place: &Place, name: &str, kind: Option<&str>) -> Result<Watched, Failure> {
    let there = seen::devices(place)?;
    let seen = there.iter().find(|seen| seen.name == name).ok_or_else(|| no_device(place, name, &there))?;
    if kind.is_some() && seen.kind.as_deref() != kind {
        return Err(Failure::new(format!("device {name} of {place} is no end of a veth pair"))
            .hint(format!("as a device: ovsns capture {place} --dev {name}")));
    }
    let devices = vec![whole(seen)];
    Ok(Watched { what: name.to_owned(), described: in_netns(place), place: place.clone(), devices, named: true })
}

fn in_netns(place: &Place) -> String {
    format!("netns {place}")
}

/// A device of which everything is wanted.
fn whole(seen: &SeenDevice) -> Device {
    Device::new(seen.index, seen.name.clone())
}

fn no_device(place: &Place, name: &str, there: &[SeenDevice]) -> Failure {
    let names = there.iter().map(|seen| seen.name.as_str()).collect::<Vec<_>>().join(", ");
    Failure::new(format!("there is no device {name} in {place}")).hint(format!("there are: {names}"))
}
