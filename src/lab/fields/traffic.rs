//! What is done to the traffic of switches and ports.

use crate::lab::shape::{Kind, Object, Shape};

use super::{RATE, VLAN, VLANS, default, field, kind, parses, required};

static MIRROR_NAME: Kind = kind("the name of a mirror", "m1");
static PORT: Kind = kind("a port of the switch, or the namespace behind it", "ns1");

pub(super) const MIRRORS: Shape = Shape::Map(&MIRROR_NAME, &Shape::Object(&MIRROR));

static QUEUE_NUMBER: Kind = kind("the number of a queue", "0");
static BURST: Kind = Kind { check: parses::<crate::model::Burst>, ..kind("an amount with its unit", "80kbit") };

pub(super) const QOS: Shape = Shape::Object(&OBJECT_QOS);

static OBJECT_QOS: Object = Object {
    name: "qos",
    doc: "How what the switch sends to a port is shared among queues",
    fields: &[
        default("type", Shape::Words(&["linux-htb", "linux-hfsc"]), "linux-htb", "The discipline"),
        required("max-rate", Shape::Text(&RATE), "How much passes at most, over all queues"),
        field("queues", Shape::Map(&QUEUE_NUMBER, &Shape::Object(&QUEUE)), "The queues by number; 0 is there always"),
    ],
};

static QUEUE: Object = Object {
    name: "queue",
    doc: "A queue of a port",
    fields: &[
        field("min-rate", Shape::Text(&RATE), "How much it may always have"),
        field("max-rate", Shape::Text(&RATE), "How much it has at most"),
        field("burst", Shape::Text(&BURST), "linux-htb: how much may go at once"),
        field("priority", Shape::Number(0, 7), "linux-htb: what the lower leaves, the higher gets"),
    ],
};

static MIRROR: Object = Object {
    name: "mirror",
    doc: "Copies of what passes through a switch",
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
