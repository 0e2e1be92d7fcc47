//! The fields of bonds.

use super::{CVLANS, Holder, MANY_DEVICES, Object, Shape, TAG, TRUNKS, VLAN_MODE, default, field, required};

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
        TAG,
        TRUNKS,
        VLAN_MODE,
        CVLANS,
    ],
};
