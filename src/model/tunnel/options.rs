//! A tunnel as `type` and `options` of table Interface (ovs-vswitchd.conf.db(5)).

use std::collections::BTreeMap;

use super::{Direction, Erspan, Remote, Tunnel, TunnelKey, TunnelType};

/// The keys of `options` that say what a [`Tunnel`] is. Others stay as they are.
const KEYS: [&str; 15] = [
    "remote_ip",
    "local_ip",
    "key",
    "in_key",
    "out_key",
    "dst_port",
    "tos",
    "ttl",
    "df_default",
    "csum",
    "erspan_ver",
    "erspan_idx",
    "erspan_dir",
    "erspan_hwid",
    "packet_type",
];

impl Tunnel {
    /// The keys of `options` that say what a tunnel is.
    pub fn option_keys() -> &'static [&'static str] {
        &KEYS
    }

    /// The column `type`: over IPv6, GRE and ERSPAN are types of their own.
    pub fn interface_type(&self) -> &'static str {
        match (self.kind, self.is_ipv6()) {
            (TunnelType::Gre, true) => "ip6gre",
            (TunnelType::Erspan, true) => "ip6erspan",
            (kind, _) => kind.as_str(),
        }
    }

    /// The column `options`.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = vec![("remote_ip", self.remote.to_string())];
        let mut put = |key, value: Option<String>| options.extend(value.map(|value| (key, value)));
        put("local_ip", self.local.map(|local| local.to_string()));
        put("key", self.key.map(|key| key.to_string()));
        put("dst_port", self.dst_port.map(|port| port.to_string()));
        put("tos", self.tos.map(|tos| tos.to_string()));
        put("ttl", self.ttl.map(|ttl| ttl.to_string()));
        put("df_default", self.df.map(|df| df.to_string()));
        put("csum", self.csum.map(|csum| csum.to_string()));
        match self.erspan {
            None => {}
            Some(Erspan::Index(index)) => {
                put("erspan_ver", Some("1".to_owned()));
                // In base 16, without a prefix (`set_tunnel_config`, lib/netdev-vport.c).
                put("erspan_idx", Some(format!("{index:x}")));
            }
            Some(Erspan::Direction(way)) => {
                put("erspan_ver", Some("2".to_owned()));
                put("erspan_dir", Some(u8::from(way == Direction::Egress).to_string()));
                put("erspan_hwid", Some("0".to_owned()));
            }
        }
        options
    }

    /// The tunnel that an interface of this `type` with these `options` is; `None` where it is none, or none of ours.
    pub fn from_options(interface_type: &str, options: &BTreeMap<String, String>) -> Option<Tunnel> {
        let kind = interface_type.strip_prefix("ip6").unwrap_or(interface_type).parse().ok()?;
        let get = |key: &str| options.get(key).map(String::as_str);
        let both = get("in_key").filter(|key| get("out_key") == Some(*key));
        let remote: Remote = get("remote_ip")?.parse().ok()?;
        let tunnel = Tunnel {
            local: get("local_ip").and_then(|local| local.parse().ok()),
            key: get("key").or(both).and_then(|key| key.parse::<TunnelKey>().ok()),
            dst_port: get("dst_port").and_then(|port| port.parse().ok()),
            tos: get("tos").and_then(|tos| tos.parse().ok()),
            ttl: get("ttl").and_then(|ttl| ttl.parse().ok()),
            df: get("df_default").and_then(|df| df.parse().ok()),
            csum: get("csum").and_then(|csum| csum.parse().ok()),
            erspan: (kind == TunnelType::Erspan).then(|| erspan(&get)),
            ..Tunnel::new(kind, remote)
        };
        Some(tunnel.normalised())
    }
}

fn erspan<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Erspan {
    match get("erspan_ver") {
        Some("2") if get("erspan_dir") == Some("1") => Erspan::Direction(Direction::Egress),
        Some("2") => Erspan::Direction(Direction::Ingress),
        _ => {
            let digits = get("erspan_idx").unwrap_or_default();
            Erspan::Index(u32::from_str_radix(digits.trim_start_matches("0x"), 16).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for kind in TunnelType::ALL {
            for remote in ["192.0.2.1", "2001:db8::1", "flow"] {
                let plain = Tunnel::new(kind, remote.parse().unwrap());
                let full = Tunnel {
                    key: Some(TunnelKey::Number(77)),
                    tos: "inherit".parse().ok(),
                    ttl: Some(9),
                    df: Some(false),
                    csum: Some(true),
                    dst_port: kind.default_port().map(|port| port + 1),
                    ..plain
                };
                let other = Tunnel { erspan: plain.erspan.map(|_| Erspan::Direction(Direction::Egress)), ..plain };
                for tunnel in [plain, full, other] {
                    let options: BTreeMap<String, String> =
                        tunnel.options().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
                    assert!(options.keys().all(|key| KEYS.contains(&key.as_str())));
                    assert_eq!(Tunnel::from_options(tunnel.interface_type(), &options), Some(tunnel));
                }
            }
        }
    }

    #[test]
    fn two_keys_that_are_one_are_read_as_one() {
        let options = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let read = |pairs: &[(&str, &str)]| Tunnel::from_options("gre", &options(pairs)).and_then(|tunnel| tunnel.key);
        let remote = ("remote_ip", "192.0.2.1");
        assert_eq!(read(&[remote, ("in_key", "5"), ("out_key", "5")]), Some(TunnelKey::Number(5)));
        assert_eq!(read(&[remote, ("in_key", "5"), ("out_key", "6")]), None);
        assert_eq!(Tunnel::from_options("patch", &options(&[("peer", "x")])), None);
        assert_eq!(Tunnel::from_options("stt", &options(&[remote])), None);
    }
}
