//! What is done to the traffic of switches and ports.

use crate::lab::shape::{Kind, Object, Shape};

use super::{VLAN, VLANS, field, kind};

static MIRROR_NAME: Kind = kind("the name of a mirror", "m1");
static PORT: Kind = kind("a port of the switch, or the namespace behind it", "ns1");

pub(super) const MIRRORS: Shape = Shape::Map(&MIRROR_NAME, &Shape::Object(&MIRROR));

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
