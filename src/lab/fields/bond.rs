//! The fields of bonds.

use super::{Holder, MANY_DEVICES, Object, Shape, VLAN, VLAN_MODES, VLANS, default, field, required};

pub static BOND: Object = Object {
    name: "bond",
    doc: "Several devices of the host that are one port of a switch",
    settings: Some(Holder::Port),
    fields: &[
        required("devices", MANY_DEVICES, "The devices, two at least"),
        default(
            "mode",
            Shape::Words(&["active-backup", "balance-slb", "balance-tcp"]),
            "active-backup",
            "How frames are spread over the devices",
        ),
        field(
            "lacp",
            Shape::Words(&["off", "active", "passive"]),
            "Whether to settle with the other end by LACP, else off, with balance-tcp active",
        ),
        field(
            "lacp-time",
            Shape::Words(&["slow", "fast"]),
            "How often the other end is asked to tell of itself, else slow",
        ),
        field("tag", Shape::Text(&VLAN), "The VLAN of untagged frames: makes it an access port"),
        field(
            "trunks",
            Shape::OneOrMany(&Shape::Text(&VLANS)),
            "The VLANs that pass with their tags: makes it a trunk port",
        ),
        field("vlan-mode", VLAN_MODES, "What the tag means, where it is not plain"),
        field(
            "cvlans",
            Shape::OneOrMany(&Shape::Text(&VLANS)),
            "Of a dot1q-tunnel port: the VLANs of customers that pass, else all",
        ),
    ],
};
