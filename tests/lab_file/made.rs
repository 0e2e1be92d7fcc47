//! Ready-made labs.

use std::collections::{BTreeMap, BTreeSet};

use ovsns::lab::{self, Format, Lab, Source, Stp};
use ovsns::model::SwitchName;

use crate::read_text;

fn made(kind: &str, numbers: &[u32]) -> Lab {
    let text = lab::topology("demo", kind, numbers, None).unwrap();
    let source = Source { name: "demo.yaml".to_owned(), text: text.clone() };
    assert_eq!(lab::format(&source, Format::Yaml).unwrap(), text, "it is formatted");
    read_text("demo.yaml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

/// How many parts of the switches are not joined to each other.
fn islands(lab: &Lab) -> usize {
    let mut of: BTreeMap<&SwitchName, &SwitchName> =
        lab.switches.iter().map(|switch| (&switch.name, &switch.name)).collect();
    for trunk in &lab.trunks {
        let (one, other) = (of[&trunk.a.switch], of[&trunk.b.switch]);
        of.values_mut().filter(|island| **island == one).for_each(|island| *island = other);
    }
    of.values().collect::<BTreeSet<_>>().len()
}

#[test]
fn each_kind_has_as_many_parts_as_it_says_and_hangs_together() {
    for (kind, numbers, switches, hosts, trunks) in [
        ("single", &[10][..], 1, 10, 0),
        ("single", &[1], 1, 1, 0),
        ("linear", &[1], 1, 1, 0),
        ("linear", &[2], 2, 2, 1),
        ("linear", &[5], 5, 5, 4),
        ("linear", &[3, 4], 3, 12, 2),
        ("tree", &[1, 3], 1, 3, 0),
        ("tree", &[2, 3], 4, 9, 3),
        ("tree", &[3, 2], 7, 8, 6),
        ("tree", &[2, 40], 41, 1600, 40),
        ("tree", &[3, 1], 3, 1, 2),
        ("torus", &[3, 3], 9, 9, 18),
        ("torus", &[3, 4], 12, 12, 24),
        ("ring", &[6], 6, 6, 6),
        ("star", &[], 5, 4, 4),
        ("star", &[1], 2, 1, 1),
        ("full-mesh", &[5], 5, 5, 10),
        ("full-mesh", &[2], 2, 2, 1),
    ] {
        let lab = made(kind, numbers);
        let counts = (lab.switches.len(), lab.namespaces.len(), lab.trunks.len());
        assert_eq!(counts, (switches, hosts, trunks), "{kind} {numbers:?}");
        assert_eq!(islands(&lab), 1, "{kind} {numbers:?}");
        let pairs: BTreeSet<_> =
            lab.trunks.iter().map(|trunk| BTreeSet::from([&trunk.a.switch, &trunk.b.switch])).collect();
        assert_eq!(pairs.len(), trunks, "{kind} {numbers:?}: no two are joined twice");
        let loops = trunks + 1 > switches;
        let stp = lab.switches.iter().all(|switch| switch.stp == Some(Stp::On));
        assert_eq!(stp, loops, "{kind} {numbers:?}");
    }
}

#[test]
fn each_host_of_a_tree_is_at_a_leaf() {
    let lab = made("tree", &[3, 2]);
    let at: Vec<&str> = lab.namespaces.iter().map(|namespace| namespace.ports[0].switch.as_str()).collect();
    assert_eq!(at, ["s4", "s4", "s5", "s5", "s6", "s6", "s7", "s7"]);
}

#[test]
fn what_cannot_be_made_is_told() {
    for (kind, numbers) in [
        ("cube", &[3][..]),
        ("single", &[]),
        ("single", &[0]),
        ("single", &[65_535]),
        ("linear", &[1, 2, 3]),
        ("linear", &[4_000_000_000, 4_000_000_000]),
        ("tree", &[40, 40]),
        ("tree", &[4_000_000_000, 1]),
        ("torus", &[2, 3]),
        ("ring", &[2]),
        ("full-mesh", &[5000]),
    ] {
        assert!(lab::topology("demo", kind, numbers, None).is_err(), "{kind} {numbers:?}");
    }
}
