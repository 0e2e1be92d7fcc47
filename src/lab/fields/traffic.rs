//! What is done to the traffic of switches and ports.

use crate::lab::shape::{Kind, Object, Shape};

use super::{DEVICE, RATE, VLAN, VLANS, default, field, kind, parses, required};

static MIRROR_NAME: Kind = kind("the name of a mirror", "m1");
static PORT: Kind = kind("a port of the switch, or the namespace behind it", "ns1");

pub(super) const MIRRORS: Shape = Shape::Map(&MIRROR_NAME, &Shape::Object(&MIRROR));

static QUEUE_NUMBER: Kind = kind("the number of a queue", "0");
pub(super) static BURST: Kind =
    Kind { check: parses::<crate::model::Burst>, ..kind("an amount with its unit", "80kbit") };

pub(super) const INGRESS_RATE_DOC: &str =
    "How much of what the namespace sends the switch takes: what is more is dropped";
pub(super) const INGRESS_BURST_DOC: &str = "How much of it may come at once, else 8mbit";
pub(super) const STORM_RATE_DOC: &str =
    "Linux bridge: how much broadcast and multicast of what the namespace sends it takes";

pub(super) const QOS: Shape = Shape::Object(&OBJECT_QOS);

static OBJECT_QOS: Object = Object {
    name: "qos",
    doc: "How what the switch sends to a port is shared among queues",
    settings: None,
    fields: &[
        default("type", Shape::Words(&["linux-htb", "linux-hfsc"]), "linux-htb", "The discipline"),
        required("max-rate", Shape::Text(&RATE), "How much passes at most, over all queues"),
        field("queues", Shape::Map(&QUEUE_NUMBER, &Shape::Object(&QUEUE)), "The queues by number; 0 is there always"),
    ],
};

static QUEUE: Object = Object {
    name: "queue",
    doc: "A queue of a port",
    settings: None,
    fields: &[
        field("min-rate", Shape::Text(&RATE), "How much it may always have"),
        field("max-rate", Shape::Text(&RATE), "How much it has at most"),
        field("burst", Shape::Text(&BURST), "linux-htb: how much may go at once"),
        field("priority", Shape::Number(0, 7), "linux-htb: what the lower leaves, the higher gets"),
    ],
};

static TARGET: Kind = Kind { number: false, ..kind("ADDRESS:PORT of a collector", "192.0.2.1:6343") };
const TARGETS: Shape = Shape::OneOrMany(&Shape::Text(&TARGET));
const TARGETS_DOC: &str = "The collectors";
const NUMBER: Shape = Shape::Number(1, u32::MAX as u64);
const SAMPLING_DOC: &str = "One packet of so many is told";
const TIMEOUT: Shape = Shape::Number(1, 4200);
const TIMEOUT_DOC: &str = "After how many seconds a flow that goes on is told";

pub(super) static SFLOW: Object = Object {
    name: "sflow",
    doc: "Collectors that are told of its traffic by sFlow",
    settings: None,
    fields: &[
        required("targets", TARGETS, TARGETS_DOC),
        field("sampling", NUMBER, SAMPLING_DOC),
        field("polling", NUMBER, "How often counters are told, in seconds"),
        field("header", NUMBER, "How many bytes of a packet are told"),
        field("agent", Shape::Text(&DEVICE), "The device whose address says who tells"),
    ],
};

pub(super) static NETFLOW: Object = Object {
    name: "netflow",
    doc: "Collectors that are told of its traffic by NetFlow",
    settings: None,
    fields: &[required("targets", TARGETS, TARGETS_DOC), field("active-timeout", TIMEOUT, TIMEOUT_DOC)],
};

pub(super) static IPFIX: Object = Object {
    name: "ipfix",
    doc: "Collectors that are told of its traffic by IPFIX",
    settings: None,
    fields: &[
        required("targets", TARGETS, TARGETS_DOC),
        field("sampling", NUMBER, SAMPLING_DOC),
        field("active-timeout", TIMEOUT, TIMEOUT_DOC),
    ],
};

static MIRROR: Object = Object {
    name: "mirror",
    doc: "Copies of what passes through a switch",
    settings: None,
    fields: &[
        field("to", Shape::Text(&PORT), "The port that the copies go out of"),
        field("to-vlan", Shape::Text(&VLAN), "Open vSwitch: the VLAN that they go into (RSPAN)"),
        field(
            "from",
            Shape::OneOrMany(&Shape::Text(&PORT)),
            "The ports whose frames are copied, else the whole switch",
        ),
        field(
            "direction",
            Shape::Words(&["in", "out", "both"]),
            "Which way past these ports, as the switch sees it, else both: in is what their namespaces send",
        ),
        field("vlans", Shape::OneOrMany(&Shape::Text(&VLANS)), "Open vSwitch: only frames in these VLANs"),
        field("snaplen", Shape::Number(14, 65_535), "Open vSwitch: how many bytes of each frame are copied at most"),
    ],
};
