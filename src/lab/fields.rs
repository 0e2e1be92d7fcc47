//! The keys of a lab file. Everything that reads, explains or writes one goes by this table.

mod bond;
mod traffic;

use crate::model::setting::Holder;
use crate::model::{MTU_MAX, MTU_MIN, VlanId};

use super::mistake::Wrong;
use super::shape::{Field, Kind, Object, Shape};

const fn field(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, doc, shape, required: false, default: None }
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { required: true, ..field(name, shape, doc) }
}

const fn default(name: &'static str, shape: Shape, value: &'static str, doc: &'static str) -> Field {
    Field { default: Some(value), ..field(name, shape, doc) }
}

/// A kind that is checked when ranges are expanded: until then it may have `{1}` or `+` in it.
const fn kind(what: &'static str, example: &'static str) -> Kind {
    Kind { what, example, check: anything, pattern: None, number: true }
}

fn anything(_: &str) -> Result<(), Wrong> {
    Ok(())
}

fn parses<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<(), Wrong> {
    text.parse::<T>().map(drop).map_err(|error| Wrong::new(error.to_string()))
}

fn lab_name(text: &str) -> Result<(), Wrong> {
    parses::<crate::model::Owner>(text)?;
    match text {
        "-" => Err(Wrong::new("`-` is the mark of what verbs make without a lab").hint("give the lab a name")),
        _ => Ok(()),
    }
}

static LAB_NAME: Kind = Kind {
    what: "the name of a lab",
    example: "campus",
    check: lab_name,
    pattern: Some("^[A-Za-z0-9._-]{1,64}$"),
    number: true,
};
static VARIABLE: Kind = kind("the name of a variable", "net");
static VALUE: Kind = kind("a value", "10.0.0");
static SWITCH_NAME: Kind = kind("the name of a switch", "s1");
static NAMESPACE_NAME: Kind = kind("the name of a namespace", "ns1");
static PLACE: Kind = kind("the name of a namespace, or host", "ns1");
static DEVICE: Kind = kind("the name of a device", "eth0");
static NET: Kind = Kind {
    pattern: Some(r"^[^/]+/[^/]+$"),
    number: false,
    ..kind("an address with the length of its prefix", "10.0.0.1/24")
};
static IP: Kind = Kind { number: false, ..kind("an address", "10.0.0.254") };
static DESTINATION: Kind = Kind { number: false, ..kind("default, a network or an address", "10.2.0.0/16") };
static MAC: Kind = Kind { number: false, ..kind("an Ethernet address", "02:00:00:00:00:01") };
static VLAN: Kind = kind("a VLAN, 1 to 4094", "10");
static VLANS: Kind = kind("a VLAN, or several: 20-30", "20-30");
static REMOTE: Kind = Kind { number: false, ..kind("an address, or flow", "192.0.2.2") };
static KEY: Kind = kind("a number, or flow", "100");
static TOS: Kind = kind("a number, or inherit", "inherit");
static ID: Kind = kind("an id", "vm1");
static TIME: Kind = Kind { check: parses::<crate::model::Delay>, ..kind("a time with its unit", "20ms") };
static PERCENT: Kind = Kind { check: parses::<crate::model::Loss>, ..kind("a percentage", "1%") };
static RATE: Kind = Kind { check: parses::<crate::model::Rate>, ..kind("a rate with its unit", "10mbit") };
static SYSCTL: Kind = Kind {
    check: parses::<crate::model::SysctlKey>,
    number: false,
    pattern: Some("^net[./]"),
    ..kind("a setting of the network stack", "net.ipv4.ip_forward")
};
static ROUTE_WORDS: Kind = Kind { number: false, ..kind("a route in the words of ip route", "default via 10.0.0.254") };
static PUBLISH_WORDS: Kind =
    Kind { number: false, pattern: Some(r"^.+:.+:.+$"), ..kind("PORT:NAMESPACE:PORT", "8080:ns1:80") };
static TARGET: Kind = Kind { number: false, pattern: Some(r"^.+:.+$"), ..kind("NAMESPACE:PORT", "ns1:80") };
static COMMAND_LINE: Kind = kind("a command", "python3 -m http.server 80");
static PARTNER: Kind = kind("a namespace, * for all, or an address", "ns1");

static MANY_NETS: Shape = Shape::OneOrMany(&Shape::Text(&NET));

const BACKENDS: Shape = Shape::Words(&["ovs", "linux"]);
const DATAPATHS: Shape = Shape::Words(&["system", "netdev"]);
const STP: Shape = Shape::Words(&["true", "false", "rstp"]);
const VLAN_MODES: Shape = Shape::Words(&["access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"]);
const MTU: Shape = Shape::Number(MTU_MIN as u64, MTU_MAX as u64);
const MANY_DEVICES: Shape = Shape::List(&Shape::Text(&DEVICE));
const NETS: Shape = Shape::OneOrMany(&Shape::Text(&NET));
const TEXTS: Shape = Shape::Map(&SYSCTL, &Shape::Text(&VALUE));
const ADDRESSES: Shape = Shape::Map(&DEVICE, &MANY_NETS);
const ROUTES: Shape = Shape::List(&Shape::TextOr(&ROUTE_WORDS, &ROUTE));

const DELAY_DOC: &str = "How long each packet is held back";
const JITTER_DOC: &str = "By how much the delay varies, up and down";
const LOSS_DOC: &str = "How many packets are lost";
const RATE_DOC: &str = "How much passes at most";
const NODAD_DOC: &str = "IPv6 addresses can be used at once, without duplicate address detection";

// What every port can say of its VLANs.
const MANY_VLANS: Shape = Shape::OneOrMany(&Shape::Text(&VLANS));
const TAG: Field = field("tag", Shape::Text(&VLAN), "The VLAN of untagged frames: makes it an access port");
const TRUNKS: Field = field("trunks", MANY_VLANS, "The VLANs that pass with their tags: makes it a trunk port");
const VLAN_MODE: Field = field("vlan-mode", VLAN_MODES, "What the tag means, where it is not plain");
const CVLANS: Field = field("cvlans", MANY_VLANS, "Of a dot1q-tunnel port: the VLANs of customers that pass, else all");

/// The whole file.
pub(super) static LAB: Object = Object {
    name: "lab",
    doc: "A lab of ovsns: switches, network namespaces, and what joins them",
    settings: None,
    fields: &[
        required("lab", Shape::Text(&LAB_NAME), "The name of the lab: the mark on everything that it makes"),
        field("vars", Shape::Map(&VARIABLE, &Shape::Text(&VALUE)), "Values for ${name}; --set overrides them"),
        field(
            "defaults",
            Shape::Object(&DEFAULTS),
            "What holds for all switches, ports and links that do not say otherwise",
        ),
        field("switches", Shape::Map(&SWITCH_NAME, &Shape::Object(&SWITCH)), "The switches by name; s[1-3] are three"),
        field(
            "namespaces",
            Shape::Map(&NAMESPACE_NAME, &Shape::Object(&NAMESPACE)),
            "The namespaces by name; h[1-50] are fifty; docker:NAME, podman:NAME, pid:PID and path:FILE are there already",
        ),
        field("links", Shape::List(&Shape::Object(&LINK)), "Veth pairs without a switch"),
        field("trunks", Shape::List(&Shape::Object(&TRUNK)), "What joins two switches"),
        field(
            "nat",
            Shape::List(&Shape::Object(&NAT)),
            "Switches whose namespaces reach the world under the host's address",
        ),
        field(
            "publish",
            Shape::List(&Shape::TextOr(&PUBLISH_WORDS, &PUBLISH)),
            "Ports of the host that lead to namespaces",
        ),
        field(
            "run",
            Shape::Map(&NAMESPACE_NAME, &Shape::OneOrMany(&Shape::TextOr(&COMMAND_LINE, &COMMAND))),
            "Programs in namespaces, from apply to destroy",
        ),
        field("expect", Shape::List(&Shape::Object(&EXPECT)), "Who must, or must not, reach whom"),
        field("host", Shape::Object(&HOST), "Settings of the host itself"),
    ],
};

static DEFAULTS: Object = Object {
    name: "defaults",
    doc: "What holds for all switches, ports and links that do not say otherwise",
    settings: None,
    fields: &[
        field("backend", BACKENDS, "Which system switches are made with"),
        field("datapath", DATAPATHS, "Open vSwitch: where packets are forwarded"),
        field("stp", STP, "Spanning tree of switches"),
        field("mtu", MTU, "The MTU of switches, ports and links, in bytes"),
        field("nodad", Shape::Bool, NODAD_DOC),
    ],
};

static SWITCH: Object = Object {
    name: "switch",
    doc: "A switch",
    settings: Some(Holder::Switch),
    fields: &[
        field("backend", BACKENDS, "Which system it is made with"),
        field("ip", NETS, "Addresses of its own device, by which the host is in its network"),
        field("mac", Shape::Text(&MAC), "The Ethernet address of its own device"),
        field("mtu", MTU, "The MTU of its own device, in bytes"),
        field("stp", STP, "Spanning tree: IEEE 802.1D, or rapid (Open vSwitch)"),
        field("datapath", DATAPATHS, "Open vSwitch: where packets are forwarded"),
        field("vlan-filtering", Shape::Bool, "Linux bridge: whether it looks at VLAN tags"),
        default("external", Shape::Bool, "false", "It is there already, and is neither made nor deleted"),
        field("sflow", Shape::Object(&traffic::SFLOW), "Open vSwitch: who is told of its traffic by sFlow"),
        field("netflow", Shape::Object(&traffic::NETFLOW), "Open vSwitch: who is told of its traffic by NetFlow"),
        field("ipfix", Shape::Object(&traffic::IPFIX), "Open vSwitch: who is told of its traffic by IPFIX"),
        field("mirrors", traffic::MIRRORS, "Copies of what passes through it, by the names of the mirrors"),
        field("uplinks", Shape::OneOrMany(&Shape::TextOr(&DEVICE, &UPLINK)), "Devices of the host that are ports"),
        field(
            "bonds",
            Shape::Map(&DEVICE, &Shape::Object(&bond::BOND)),
            "Ports by name that are several devices of the host",
        ),
        field(
            "tunnels",
            Shape::Map(&DEVICE, &Shape::Object(&TUNNEL)),
            "Ports by name that lead to switches on other hosts",
        ),
        field(
            "vlans",
            Shape::Map(&VLAN, &Shape::Object(&VLAN_INTERFACE)),
            "VLANs that the host takes part in, by a device each",
        ),
        field("nodad", Shape::Bool, NODAD_DOC),
    ],
};

static VLAN_INTERFACE: Object = Object {
    name: "vlan",
    doc: "The device by which the host takes part in a VLAN",
    settings: None,
    fields: &[
        field("ip", NETS, "Its addresses"),
        field("name", Shape::Text(&DEVICE), "Its name, else SWITCH.VLAN"),
        field("mac", Shape::Text(&MAC), "Its Ethernet address"),
        field("mtu", MTU, "Its MTU, in bytes"),
        field("nodad", Shape::Bool, NODAD_DOC),
    ],
};

static TUNNEL: Object = Object {
    name: "tunnel",
    doc: "A port that leads to a switch on another host",
    settings: Some(Holder::Port),
    fields: &[
        required("type", Shape::Words(&["vxlan", "gre", "geneve", "erspan"]), "How frames are wrapped"),
        required("remote", Shape::Text(&REMOTE), "The address of the other host; flow: OpenFlow says which"),
        field("local", Shape::Text(&IP), "The address of this host that is used, if it has several"),
        field(
            "key",
            Shape::Text(&KEY),
            "What tells tunnels between two hosts apart, the same at both; flow: OpenFlow says it",
        ),
        field("dst-port", Shape::Number(1, 65_535), "The UDP port of the other host"),
        field("tos", Shape::Text(&TOS), "The type of service between the hosts, or inherit"),
        field("ttl", Shape::Number(1, 255), "The time to live between the hosts"),
        default("df", Shape::Bool, "true", "Whether packets between the hosts may not be fragmented (IPv4)"),
        default("csum", Shape::Bool, "false", "Whether packets between the hosts have a checksum of their own"),
        field("erspan-index", Shape::Number(0, (1 << 20) - 1), "Of erspan: the index of the mirrored port (type II)"),
        field(
            "erspan-direction",
            Shape::Words(&["ingress", "egress"]),
            "Of erspan: which way the mirrored frames went (type III)",
        ),
        TAG,
        TRUNKS,
        VLAN_MODE,
        CVLANS,
        field("mtu", MTU, "Linux bridge: the MTU of its device, in bytes, else what fits"),
    ],
};

static UPLINK: Object = Object {
    name: "uplink",
    doc: "A device of the host that is a port of a switch",
    settings: Some(Holder::Port),
    fields: &[required("device", Shape::Text(&DEVICE), "The device"), TAG, TRUNKS, VLAN_MODE, CVLANS],
};

static NAMESPACE: Object = Object {
    name: "namespace",
    doc: "A network namespace",
    settings: None,
    fields: &[
        field("ports", Shape::List(&Shape::Object(&PORT)), "How it is plugged into switches"),
        field("routes", ROUTES, "Its routes"),
        field("sysctl", TEXTS, "Settings of its network stack"),
        field("addresses", ADDRESSES, "Addresses of its other devices, such as lo"),
        default("external", Shape::Bool, "false", "It is there already, and is neither made nor deleted"),
    ],
};

static PORT: Object = Object {
    name: "port",
    doc: "A veth pair by which a namespace is plugged into a switch",
    settings: Some(Holder::Port),
    fields: &[
        required("switch", Shape::Text(&SWITCH_NAME), "The switch"),
        field("ip", NETS, "Addresses of the device inside; + counts up over the names of a range"),
        field("gw", Shape::OneOrMany(&Shape::Text(&IP)), "Gateways of default routes"),
        TAG,
        TRUNKS,
        VLAN_MODE,
        CVLANS,
        field("mac", Shape::Text(&MAC), "The Ethernet address of the device inside; + counts up"),
        field("mtu", MTU, "The MTU of both ends, in bytes"),
        field("name", Shape::Text(&DEVICE), "The name of the device inside, else eth1-NAMESPACE"),
        field("host-name", Shape::Text(&DEVICE), "The name of the end on the host, else veth-NAMESPACE"),
        default(
            "internal",
            Shape::Bool,
            "false",
            "Open vSwitch: a device that it makes, inside, in place of a veth pair",
        ),
        field("iface-id", Shape::Text(&ID), "Open vSwitch: the port's name for controllers"),
        field("nodad", Shape::Bool, NODAD_DOC),
        field("ingress-rate", Shape::Text(&RATE), traffic::INGRESS_RATE_DOC),
        field("ingress-burst", Shape::Text(&traffic::BURST), traffic::INGRESS_BURST_DOC),
        field("storm-rate", Shape::Text(&RATE), traffic::STORM_RATE_DOC),
        field("qos", traffic::QOS, "How what the switch sends to it is shared among queues"),
        field("delay", Shape::Text(&TIME), DELAY_DOC),
        field("jitter", Shape::Text(&TIME), JITTER_DOC),
        field("loss", Shape::Text(&PERCENT), LOSS_DOC),
        field("rate", Shape::Text(&RATE), RATE_DOC),
    ],
};

static ROUTE: Object = Object {
    name: "route",
    doc: "A route of the main table",
    settings: None,
    fields: &[
        required("to", Shape::Text(&DESTINATION), "Where to"),
        field("via", Shape::Text(&IP), "The next router"),
        field("dev", Shape::Text(&DEVICE), "The device that it leaves through"),
        field("metric", Shape::Number(0, u32::MAX as u64), "Of two routes the one with the lower metric is taken"),
        field("src", Shape::Text(&IP), "The address that own packets go out under"),
    ],
};

static LINK: Object = Object {
    name: "link",
    doc: "A veth pair between two namespaces, or a namespace and the host",
    settings: None,
    fields: &[
        required("a", Shape::Text(&PLACE), "The namespace of one end, or host"),
        required("b", Shape::Text(&PLACE), "The namespace of the other end, or host"),
        field("a-ip", NETS, "Addresses of end a"),
        field("b-ip", NETS, "Addresses of end b"),
        field("a-name", Shape::Text(&DEVICE), "The device's name at a"),
        field("b-name", Shape::Text(&DEVICE), "The device's name at b"),
        field("a-mac", Shape::Text(&MAC), "The Ethernet address of end a"),
        field("b-mac", Shape::Text(&MAC), "The Ethernet address of end b"),
        field("mtu", MTU, "The MTU of both ends, in bytes"),
        field("nodad", Shape::Bool, NODAD_DOC),
        field("delay", Shape::Text(&TIME), "How long each packet is held back, either way"),
        field("jitter", Shape::Text(&TIME), JITTER_DOC),
        field("loss", Shape::Text(&PERCENT), "How many packets are lost, either way"),
        field("rate", Shape::Text(&RATE), "How much passes at most, either way"),
    ],
};

static TRUNK: Object = Object {
    name: "trunk",
    doc: "What joins two switches",
    settings: None,
    fields: &[
        required("a", Shape::Text(&SWITCH_NAME), "One switch"),
        required("b", Shape::Text(&SWITCH_NAME), "The other switch"),
        field("vlans", Shape::OneOrMany(&Shape::Text(&VLANS)), "The VLANs that pass with their tags, else all"),
        field("native", Shape::Text(&VLAN), "The VLAN of untagged frames"),
        field("mtu", MTU, "The MTU of both ends, in bytes"),
        field("a-name", Shape::Text(&DEVICE), "The port's name at a, else A-B"),
        field("b-name", Shape::Text(&DEVICE), "The port's name at b, else B-A"),
    ],
};

static NAT: Object = Object {
    name: "nat",
    doc: "The namespaces of a switch reach the world under the host's address",
    settings: None,
    fields: &[
        required("switch", Shape::Text(&SWITCH_NAME), "The switch; it needs an address"),
        field("out", Shape::Text(&DEVICE), "The device that leads out, else that of the host's default route"),
    ],
};

static PUBLISH: Object = Object {
    name: "published port",
    doc: "A port of the host that leads to a port of a namespace",
    settings: None,
    fields: &[
        required("port", Shape::Number(1, 65_535), "The port of the host"),
        required("to", Shape::Text(&TARGET), "The namespace, and its port"),
        default("udp", Shape::Bool, "false", "UDP, else TCP"),
        field("address", Shape::Text(&IP), "The address of the host, else all of them"),
    ],
};

static COMMAND: Object = Object {
    name: "program",
    doc: "A program that runs in a namespace",
    settings: None,
    fields: &[
        required("command", Shape::OneOrMany(&Shape::Text(&COMMAND_LINE)), "A line for sh -c, or a list of words"),
        field("name", Shape::Text(&ID), "Its name in messages and of its log, else the first word"),
        default(
            "restart",
            Shape::Words(&["no", "on-failure", "always"]),
            "no",
            "Whether it is started again when it ends",
        ),
    ],
};

static EXPECT: Object = Object {
    name: "expectation",
    doc: "Who must, or must not, reach whom",
    settings: None,
    fields: &[
        required("from", Shape::OneOrMany(&Shape::Text(&PARTNER)), "Namespaces; h[1-3] are three, * are all"),
        field("to", Shape::OneOrMany(&Shape::Text(&PARTNER)), "Namespaces, host, or addresses"),
        field("only", Shape::OneOrMany(&Shape::Text(&PARTNER)), "These are reached, and no other namespace of the lab"),
        default("reach", Shape::Bool, "true", "Whether each of `to` must be reached, or must not"),
    ],
};

static HOST: Object = Object {
    name: "host",
    doc: "Settings of the host itself",
    settings: None,
    fields: &[
        field("sysctl", TEXTS, "Settings of its network stack"),
        field("routes", ROUTES, "Routes by way of the lab"),
        field("addresses", ADDRESSES, "Addresses of its other devices"),
    ],
};

/// `10`, `20-30`.
pub(super) fn vlans(text: &str) -> Result<Vec<VlanId>, Wrong> {
    let id = |text: &str| text.trim().parse::<VlanId>().map_err(|error| Wrong::new(error.to_string()));
    match text.split_once('-') {
        None => Ok(vec![id(text)?]),
        Some((first, last)) => {
            let (first, last) = (id(first)?, id(last)?);
            if first > last {
                return Err(Wrong::new(format!("`{text}` counts down")).hint(format!("write {last}-{first}")));
            }
            Ok((first.get()..=last.get()).filter_map(|id| VlanId::try_from(id).ok()).collect())
        }
    }
}
