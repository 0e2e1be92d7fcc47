//! The values of one part of a lab, for one name of its range. What is not of the right shape has been told, and is not there.

use std::str::FromStr;

use ipnet::IpNet;

use crate::lab::count;
use crate::lab::fields::vlans;
use crate::lab::mistake::{Found, Wrong};
use crate::lab::names::Name;
use crate::lab::parts::Worse;
use crate::lab::source::Span;
use crate::lab::tree::Node;
use crate::model::{Mac, Vlan};

#[derive(Clone, Copy)]
pub(super) struct Reader<'n, 'i> {
    pub node: &'n Node,
    pub name: &'i Name,
}

impl<'n, 'i> Reader<'n, 'i> {
    pub fn of(self, node: &'n Node) -> Reader<'n, 'i> {
        Reader { node, ..self }
    }

    /// Where the value of `key` is.
    pub fn span(&self, key: &str) -> &'n Span {
        self.node.get(key).map_or(&self.node.span, |node| &node.span)
    }

    /// The value of `key`, with the numbers of the name.
    pub fn text(&self, key: &str, found: &mut Found) -> Option<String> {
        self.filled(self.node.get(key)?, true, found)
    }

    fn filled(&self, node: &Node, in_name: bool, found: &mut Found) -> Option<String> {
        let filled = self.name.fill(node.scalar()?, in_name);
        Some(found.take(&node.span, filled)?.into_owned())
    }

    /// The same, of each of a list.
    pub fn texts(&self, key: &str, in_name: bool, found: &mut Found) -> Vec<(String, &'n Span)> {
        let members: &'n [Node] = self.node.get(key).map_or(&[], |node| node.members());
        members.iter().filter_map(|node| Some((self.filled(node, in_name, found)?, &node.span))).collect()
    }

    pub fn parse<T: FromStr<Err: std::fmt::Display>>(&self, key: &str, found: &mut Found) -> Option<T> {
        let text = self.text(key, found)?;
        let parsed = text.parse::<T>().map_err(|error| Wrong::new(error.to_string()));
        found.take(self.span(key), parsed)
    }

    /// An IP address without the length of a prefix.
    pub fn ips(&self, key: &str, found: &mut Found) -> Vec<(std::net::IpAddr, &'n Span)> {
        let texts = self.texts(key, false, found);
        texts.into_iter().filter_map(|(text, span)| Some((found.take(span, ip(&text))?, span))).collect()
    }

    /// The addresses of a device.
    pub fn nets(&self, key: &str, found: &mut Found) -> Vec<(IpNet, &'n Span)> {
        let texts = self.texts(key, false, found);
        let net =
            |(text, span): (String, &'n Span)| Some((found.take(span, count::net(&text, self.name.index))?, span));
        texts.into_iter().filter_map(net).collect()
    }

    pub fn mac(&self, key: &str, found: &mut Found) -> Option<Mac> {
        let text = self.text(key, found)?;
        found.take(self.span(key), count::mac(&text, self.name.index))
    }

    /// A number or a flag; of its bounds has been told.
    pub fn plain<T: FromStr>(&self, key: &str) -> Option<T> {
        self.node.get(key)?.scalar()?.parse().ok()
    }

    pub fn vlan(&self, tag: &str, trunks: &str, found: &mut Found) -> Vlan {
        let mut vlan = Vlan { tag: self.parse(tag, found), ..Vlan::default() };
        for (text, span) in self.texts(trunks, false, found) {
            // As the command line has it: `10,20`.
            for part in text.split(',') {
                vlan.trunks.extend(found.take(span, vlans(part)).unwrap_or_default());
            }
        }
        vlan
    }

    pub fn worse(&self) -> Worse {
        Worse {
            delay: self.plain("delay"),
            jitter: self.plain("jitter"),
            loss: self.plain("loss"),
            rate: self.plain("rate"),
        }
    }
}

pub(super) fn ip(text: &str) -> Result<std::net::IpAddr, Wrong> {
    text.parse().map_err(|_| {
        let wrong = Wrong::new(format!("`{text}` is no IP address"));
        match text.split_once('/') {
            Some((address, _)) => wrong.hint(format!("without the length of a prefix: {address}")),
            None => wrong.hint("as in 10.0.0.254"),
        }
    })
}
