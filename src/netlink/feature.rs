//! What this kernel can do, tried out in a namespace that nobody else sees and that ends with the trial.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridge, InfoData, InfoKind, InfoVlan, InfoVxlan, LinkAttribute, LinkInfo, LinkMessage,
};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use super::error::Error;
use super::request::{Netlink, Request};

/// Something that a kernel may be built without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Veth pairs (`CONFIG_VETH`).
    Veth,
    /// Bridges (`CONFIG_BRIDGE`).
    Bridge,
    /// Bridges that look at VLAN tags (`CONFIG_BRIDGE_VLAN_FILTERING`).
    VlanFiltering,
    /// VLAN devices (`CONFIG_VLAN_8021Q`).
    Vlan,
    /// VXLAN tunnels (`CONFIG_VXLAN`).
    Vxlan,
    /// Emulated delay and loss (`CONFIG_NET_SCH_NETEM`).
    Netem,
}

impl Feature {
    /// All of them.
    pub const ALL: [Feature; 6] =
        [Feature::Veth, Feature::Bridge, Feature::VlanFiltering, Feature::Vlan, Feature::Vxlan, Feature::Netem];

    /// Its name, and the module that brings it.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Feature::Veth => ("veth pairs", "veth"),
            Feature::Bridge => ("Linux bridge", "bridge"),
            Feature::VlanFiltering => {
                ("VLAN filtering of the Linux bridge", "bridge, built with CONFIG_BRIDGE_VLAN_FILTERING")
            }
            Feature::Vlan => ("VLAN devices (802.1Q)", "8021q"),
            Feature::Vxlan => ("VXLAN tunnels", "vxlan"),
            Feature::Netem => ("delay and loss (netem)", "sch_netem"),
        }
    }
}

/// Runs `work` in a fresh network namespace, with a connection into it; child processes that it starts are inside too. The
/// namespace is gone when this returns. Needs `CAP_SYS_ADMIN`.
pub fn in_scratch_netns<T: Send>(work: impl FnOnce(&mut Netlink) -> T + Send) -> Result<T, Error> {
    super::netns::on_fresh_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| Error::io("make a network namespace (unshare)", errno))?;
        Ok(work(&mut Netlink::of_this_thread()?))
    })
}

/// Tries each feature out. The kernel loads modules that it has for them.
pub fn features() -> Result<Vec<(Feature, bool)>, Error> {
    in_scratch_netns(|netlink| {
        Feature::ALL.into_iter().map(|feature| Ok((feature, has(netlink, feature)?))).collect::<Result<Vec<_>, Error>>()
    })?
}

/// What the kernel answers where it lacks the kind: EOPNOTSUPP for links and their settings, ENOENT for queueing disciplines.
fn has(netlink: &mut Netlink, feature: Feature) -> Result<bool, Error> {
    match netlink.request(trial(feature)) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.errno(), Some(Errno::EOPNOTSUPP | Errno::ENOENT | Errno::ENODEV)) => Ok(false),
        // netem without settings: the kernel knows it, and wants some.
        Err(error) if feature == Feature::Netem && error.errno() == Some(Errno::EINVAL) => Ok(true),
        Err(error) => Err(error),
    }
}

fn trial(feature: Feature) -> Request {
    match feature {
        Feature::Veth => new(InfoKind::Veth, "v0", None),
        Feature::Bridge => new(InfoKind::Bridge, "b0", None),
        Feature::VlanFiltering => {
            new(InfoKind::Bridge, "b1", Some(InfoData::Bridge(vec![InfoBridge::VlanFiltering(true)])))
        }
        Feature::Vlan => {
            let mut message = message(InfoKind::Vlan, "l0", Some(InfoData::Vlan(vec![InfoVlan::Id(1)])));
            // On `lo`, which is the first link of every namespace, and refuses VLANs once the kind is known.
            message.attributes.push(LinkAttribute::Link(1));
            create(message, "link add l0 link lo type vlan id 1")
        }
        Feature::Vxlan => {
            new(InfoKind::Vxlan, "x0", Some(InfoData::Vxlan(vec![InfoVxlan::Id(1), InfoVxlan::Port(4789)])))
        }
        Feature::Netem => {
            let mut message = TcMessage::with_index(1);
            message.header.parent = TcHandle::ROOT;
            message.attributes.push(TcAttribute::Kind("netem".to_owned()));
            let flags = netlink_packet_core::NLM_F_CREATE | netlink_packet_core::NLM_F_EXCL;
            Request::new("qdisc add dev lo root netem", flags, RouteNetlinkMessage::NewQueueDiscipline(message))
        }
    }
}

fn new(kind: InfoKind, name: &str, data: Option<InfoData>) -> Request {
    let words = format!("link add {name} type {kind}");
    create(message(kind, name, data), &words)
}

fn message(kind: InfoKind, name: &str, data: Option<InfoData>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    let infos = std::iter::once(LinkInfo::Kind(kind)).chain(data.map(LinkInfo::Data));
    message.attributes.push(LinkAttribute::LinkInfo(infos.collect()));
    message
}

fn create(message: LinkMessage, words: &str) -> Request {
    let flags = netlink_packet_core::NLM_F_CREATE | netlink_packet_core::NLM_F_EXCL;
    Request::new(words, flags, RouteNetlinkMessage::NewLink(message))
}
