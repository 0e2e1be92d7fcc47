//! From the tree of a file to the lab: names and numbers are parsed, ranges expanded, and what does not go together found.

mod bonds;
mod books;
mod expect;
mod links;
mod namespaces;
mod ports;
mod publish;
mod reader;
mod routes;
mod run;
mod switches;
mod traffic;
mod tunnels;
mod vlans;

use std::collections::HashMap;
use std::str::FromStr;

use crate::model::{BackendName, Datapath, Owner, Place, SwitchName};

use super::mistake::{Found, Wrong};
use super::names::{self, Name, PARTS_MAX};
use super::parts::{Inside, Lab, Stp};
use super::source::Span;
use super::tree::{Node, Text};
use books::Books;
use reader::Reader;

/// The lab that `root` describes, as far as that can be told in spite of what was found to be wrong.
pub(super) fn lab(root: &Node, found: &mut Found) -> Option<Lab> {
    let owner = root.get("lab").and_then(Node::scalar).and_then(|name| name.parse::<Owner>().ok());
    let defaults = Defaults::read(root.get("defaults"));
    let mut build = Build {
        found,
        defaults,
        left: PARTS_MAX,
        books: Books::default(),
        switches: HashMap::new(),
        places: HashMap::new(),
        numbers: HashMap::new(),
        to_host: HashMap::new(),
        pending: Vec::new(),
        lab: Lab {
            owner: owner.clone().unwrap_or_else(Owner::verbs),
            switches: Vec::new(),
            namespaces: Vec::new(),
            links: Vec::new(),
            trunks: Vec::new(),
            nats: Vec::new(),
            published: Vec::new(),
            run: Vec::new(),
            expect: Vec::new(),
            host: Inside::default(),
        },
    };
    build.all(root);
    let lab = build.lab;
    owner.map(|owner| Lab { owner, ..lab })
}

/// What holds where nothing else is said.
#[derive(Debug, Default)]
struct Defaults {
    backend: Option<BackendName>,
    datapath: Option<Datapath>,
    stp: Option<Stp>,
    mtu: Option<u32>,
    nodad: bool,
}

impl Defaults {
    fn read(node: Option<&Node>) -> Defaults {
        let text = |key: &str| node.and_then(|node| node.get(key)).and_then(Node::scalar);
        Defaults {
            backend: text("backend").and_then(backend),
            datapath: text("datapath").and_then(|text| text.parse().ok()),
            stp: text("stp").and_then(stp),
            mtu: text("mtu").and_then(|text| text.parse().ok()),
            nodad: text("nodad") == Some("true"),
        }
    }
}

fn backend(text: &str) -> Option<BackendName> {
    [BackendName::Ovs, BackendName::Linux].into_iter().find(|name| name.as_str() == text)
}

fn stp(text: &str) -> Option<Stp> {
    match text {
        "true" => Some(Stp::On),
        "false" => Some(Stp::Off),
        "rstp" => Some(Stp::Rapid),
        _ => None,
    }
}

/// A lab that is being read.
struct Build<'n, 'f> {
    found: &'f mut Found,
    lab: Lab,
    defaults: Defaults,
    /// How many parts it may still have.
    left: usize,
    books: Books<'n>,
    /// Where in the lab each switch is, and where in the file.
    switches: HashMap<SwitchName, (usize, &'n Span)>,
    /// The same of each namespace.
    places: HashMap<Place, (usize, &'n Span)>,
    /// The number of the last port or link of each namespace.
    numbers: HashMap<Place, u32>,
    /// The links that end on the host, by the namespace at their other end.
    to_host: HashMap<Place, Vec<usize>>,
    /// The namespaces that have more to say once all devices are known.
    pending: Vec<(&'n Node, Name, Place)>,
}

impl<'n> Build<'n, '_> {
    fn all(&mut self, root: &'n Node) {
        self.each_name(root.get("switches"), Build::switch);
        self.each_name(root.get("namespaces"), Build::namespace);
        self.each(root.get("links"), "a", Build::link);
        self.each(root.get("trunks"), "a", Build::trunk);
        self.check_ports();
        self.traffic_of_switches(root.get("switches"));
        self.host(root.get("host"));
        self.routes(root.get("host"));
        self.books.check(&self.lab, self.found);
        self.each(root.get("nat"), "switch", Build::nat);
        root.get("publish").map_or(&[][..], Node::members).iter().for_each(|node| self.publish(node));
        self.each_name(root.get("run"), Build::run);
        root.get("expect").map_or(&[][..], Node::members).iter().for_each(|node| self.expect(node));
    }

    /// Calls `part` for each name that the keys of the map `node` stand for.
    fn each_name(&mut self, node: Option<&'n Node>, part: impl Fn(&mut Self, &'n Text, &Reader<'n, '_>)) {
        for (key, node) in node.map_or(&[][..], Node::entries) {
            for name in self.expand(&key.text, &key.span) {
                part(self, key, &Reader { node, name: &name });
            }
        }
    }

    /// Calls `part` for each member of the list `node`, as often as the range of its `key` says.
    fn each(&mut self, node: Option<&'n Node>, key: &str, part: impl Fn(&mut Self, &Reader<'n, '_>)) {
        for node in node.map_or(&[][..], Node::members) {
            let Some((text, span)) = node.get(key).and_then(|node| Some((node.scalar()?, &node.span))) else {
                continue;
            };
            for name in self.expand(text, span) {
                part(self, &Reader { node, name: &name });
            }
        }
    }

    /// The names that `text` stands for; they count against what a lab may have.
    fn expand(&mut self, text: &str, span: &Span) -> Vec<Name> {
        let names = self.found.take(span, names::expand(text, self.left)).unwrap_or_default();
        self.spend(names.len(), span);
        names
    }

    /// Whether a lab may have `count` more parts.
    fn spend(&mut self, count: usize, span: &Span) -> bool {
        match self.left.checked_sub(count) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                self.found.add(span, Wrong::new(format!("a lab has at most {PARTS_MAX} parts: this is one more")));
                false
            }
        }
    }

    /// The switch that `text` names, which the file has to have.
    fn switch_named(&mut self, text: &str, span: &Span) -> Option<SwitchName> {
        let name: SwitchName = self.parse(text, span)?;
        if self.switches.contains_key(&name) {
            return Some(name);
        }
        if self.found.is_full() {
            self.found.add(span, Wrong::new(""));
            return None;
        }
        let known = self.lab.switches.iter().map(|switch| switch.name.as_str());
        let otherwise = format!("add it: `switches: {{ {text}: {{}} }}`; `external: true` if it is there already");
        let wrong = Wrong::new(format!("there is no switch `{text}` in this lab")).meant(text, known, otherwise);
        self.found.add(span, wrong);
        None
    }

    /// The namespace that `text` names, which the file has to have.
    fn place_named(&mut self, text: &str, span: &Span) -> Option<Place> {
        let place: Place = self.parse(text, span)?;
        if self.places.contains_key(&place) {
            return Some(place);
        }
        if self.found.is_full() {
            self.found.add(span, Wrong::new(""));
            return None;
        }
        let known: Vec<String> = self.lab.namespaces.iter().map(|namespace| namespace.place.to_string()).collect();
        let otherwise = format!("add it: `namespaces: {{ {text}: {{}} }}`; `external: true` if it is there already");
        let wrong = match place {
            Place::Host => Wrong::new("the host is no namespace of the lab").hint("here goes the name of a namespace"),
            _ => Wrong::new(format!("there is no namespace `{text}` in this lab")).meant(
                text,
                known.iter().map(String::as_str),
                otherwise,
            ),
        };
        self.found.add(span, wrong);
        None
    }

    /// What `text` says, or a mistake.
    fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, text: &str, span: &Span) -> Option<T> {
        self.found.take(span, text.parse::<T>().map_err(|error| Wrong::new(error.to_string())))
    }
}
