//! The values of one part of a lab, for one name of its range. What is not of the right shape has been told, and is not there.

use std::collections::BTreeSet;
use std::str::FromStr;

use ipnet::IpNet;

use crate::lab::count;
use crate::lab::fields::vlans;
use crate::lab::mistake::{Found, Wrong};
use crate::lab::names::Name;
use crate::lab::parts::Worse;
use crate::lab::source::Span;
use crate::lab::tree::Node;
use crate::model::setting::{Holder, Setting};
use crate::model::{BackendName, Mac, Settings, Vlan, VlanId};

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
        let (trunks, cvlans) = (self.vlans(trunks, found), self.vlans("cvlans", found));
        let vlan = Vlan { tag: self.parse(tag, found), trunks, mode: None, cvlans };
        let with_mode = match self.text("vlan-mode", found) {
            Some(mode) => vlan.clone().with_mode(&mode).map_err(Wrong::new),
            None if !vlan.cvlans.is_empty() => {
                Err(Wrong::new("`cvlans` is for a port into an outer VLAN").hint("add `vlan-mode: dot1q-tunnel`"))
            }
            None => Ok(vlan.clone()),
        };
        found.take(self.span("vlan-mode"), with_mode).unwrap_or(vlan)
    }

    fn vlans(&self, key: &str, found: &mut Found) -> BTreeSet<VlanId> {
        let mut all = BTreeSet::new();
        for (text, span) in self.texts(key, false, found) {
            // As the command line has it: `10,20`.
            for part in text.split(',') {
                all.extend(found.take(span, vlans(part)).unwrap_or_default());
            }
        }
        all
    }

    /// What is said of settings; the others are to be as they are by themselves. Of those that switches of this kind lack is told.
    pub fn settings(&self, holder: Holder, backend: Option<BackendName>, found: &mut Found) -> Settings {
        let mut settings = Settings::whole();
        for setting in Setting::of(holder) {
            let texts: Vec<String> = self.texts(setting.name, true, found).into_iter().map(|(text, _)| text).collect();
            if texts.is_empty() {
                continue;
            }
            let read = setting.read(&texts.join(",")).map_err(Wrong::new);
            let Some(value) = found.take(self.span(setting.name), read) else { continue };
            let mut alone = Settings::default();
            alone.set(setting, value.clone());
            match backend.and_then(|backend| Some((backend, alone.lacking(backend)?))) {
                Some((backend, (what, reason, hint))) => {
                    let wrong =
                        Wrong::new(format!("`{what}` cannot be said on a switch of backend {backend}: {reason}"));
                    let other = if backend == BackendName::Ovs { BackendName::Linux } else { BackendName::Ovs };
                    let hint =
                        hint.unwrap_or_else(|| format!("leave it out, or make the switch with `backend: {other}`"));
                    found.add(self.span(setting.name), wrong.hint(hint));
                }
                None => settings.set(setting, value),
            }
        }
        settings
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
