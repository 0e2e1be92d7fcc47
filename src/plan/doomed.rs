//! What goes by itself, with what it is on.

use std::collections::BTreeSet;

use crate::model::{BackendName, IfName, Link, Place, Resource};

use super::Step;

/// The namespaces and devices that some steps delete. They take their addresses, routes and impairments along, so that these need no command
/// of their own; one might even find them gone: the first address of a subnet takes the others with it (`promote_secondaries`,
/// Documentation/networking/ip-sysctl.rst).
pub struct Doomed {
    netnses: BTreeSet<Place>,
    devices: BTreeSet<(Place, IfName)>,
}

impl Doomed {
    /// What `steps` delete.
    pub fn by(steps: &[Step]) -> Doomed {
        let deleted =
            || steps.iter().filter_map(|step| if let Step::Delete(entry) = step { Some(entry) } else { None });
        let netnses = deleted().filter_map(|entry| match &entry.resource {
            // One that has other names, or processes, does not end.
            Resource::Netns(netns) if netns.of.is_none() => Some(Place::Named(netns.name.clone())),
            _ => None,
        });
        Doomed { netnses: netnses.collect(), devices: deleted().flat_map(|entry| entry.resource.provides()).collect() }
    }

    /// Whether `resource` is an address, a route or an impairment that goes with its device or its namespace.
    pub fn take(&self, resource: &Resource) -> bool {
        match resource {
            Resource::Address(address) => self.has(&address.place, Some(&address.device)),
            Resource::Route(route) => self.has(&route.place, route.device.as_ref()),
            Resource::Impairment(impairment) => self.has(&impairment.place, Some(&impairment.device)),
            Resource::Qos(qos) if qos.backend == BackendName::Linux => self.has(&Place::Host, Some(&qos.device)),
            Resource::Policing(policing) if policing.backend == BackendName::Linux => {
                self.has(&Place::Host, Some(&policing.device))
            }
            _ => false,
        }
    }

    /// The same, of a port of a Linux bridge too: to take it off the bridge first costs the kernel as much as all the rest. And of
    /// a veth pair between two namespaces that go: alone it takes 15 ms.
    pub fn imply(&self, resource: &Resource) -> bool {
        match resource {
            Resource::Port(port) if port.backend == BackendName::Linux => self.has(&Place::Host, Some(&port.device)),
            Resource::Link(link) => [&link.a, &link.b].iter().all(|end| self.netnses.contains(&end.place)),
            resource => self.take(resource),
        }
    }

    /// Whether one of the namespaces has an end of this veth pair, so that the kernel takes it away, a moment later.
    pub fn hold_an_end_of(&self, link: &Link) -> bool {
        [&link.a, &link.b].iter().any(|end| self.netnses.contains(&end.place))
    }

    fn has(&self, place: &Place, device: Option<&IfName>) -> bool {
        let with_device = device.is_some_and(|device| self.devices.contains(&(place.clone(), device.clone())));
        with_device || self.netnses.contains(place)
    }
}
