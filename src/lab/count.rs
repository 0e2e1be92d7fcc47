//! Addresses that count up over the names of a range: `10.1.0.+/16`, `10.1.0.100+/16`, `fd00::+/64`, `02:00:00:00:00:+`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::{Mac, device_address};

use super::mistake::Wrong;

/// The address that `text` is for the name with this index: `+` behind a number starts with it, alone with the first address.
pub(super) fn net(text: &str, index: usize) -> Result<IpNet, Wrong> {
    let Some((counted, length)) =
        text.split_once('/').and_then(|(head, length)| Some((head.strip_suffix('+')?, length)))
    else {
        if text.contains('+') {
            return Err(Wrong::new(format!("`{text}` counts up in the middle"))
                .hint("`+` stands last before the length of the prefix, as in `10.1.0.+/16`"));
        }
        return device_address(text).map_err(|why| no_address(text, &why));
    };
    let (first, alone) = first(counted).ok_or_else(|| no_address(text, "there is no address before the `+`"))?;
    let start = length.parse().ok().and_then(|length| IpNet::new(first, length).ok());
    let start = start.ok_or_else(|| no_address(text, "its prefix has no such length"))?;
    counted_up(&start, index, alone).ok_or_else(|| {
        Wrong::new(format!("`{text}` has no address left for the {} of the range", ordinal(index + 1)))
            .hint(format!("{} is too small, or the count starts too late", start.trunc()))
    })
}

fn no_address(text: &str, why: &str) -> Wrong {
    Wrong::new(format!("`{text}` is no address of a device")).hint(why)
}

/// What stands before the `+`, and whether that ends in a separator, so that the count is of the last part alone.
fn first(text: &str) -> Option<(IpAddr, bool)> {
    if let Some(network) = text.strip_suffix('.') {
        return Some((format!("{network}.0").parse::<Ipv4Addr>().ok()?.into(), true));
    }
    if text.ends_with(':') {
        let network = text.parse::<Ipv6Addr>().or_else(|_| format!("{text}0").parse());
        return Some((network.ok()?.into(), true));
    }
    Some((text.parse().ok()?, false))
}

/// The address `index` steps behind `start`, or one more: never the network itself, nor the one by which all are reached.
fn counted_up(start: &IpNet, index: usize, alone: bool) -> Option<IpNet> {
    let is_network = start.addr() == start.network() && start.prefix_len() + 1 < start.max_prefix_len();
    let steps = index + usize::from(alone || is_network);
    let address: IpAddr = match start.addr() {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits().checked_add(u32::try_from(steps).ok()?)?).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits().checked_add(steps as u128)?).into(),
    };
    let is_broadcast =
        matches!(start, IpNet::V4(v4) if v4.prefix_len() < 31 && IpAddr::from(v4.broadcast()) == address);
    (start.contains(&address) && !is_broadcast).then(|| IpNet::new(address, start.prefix_len()).ok()).flatten()
}

/// The Ethernet address that `text` is for the name with this index.
pub(super) fn mac(text: &str, index: usize) -> Result<Mac, Wrong> {
    let bad = |error: &dyn ToString| Wrong::new(error.to_string());
    let Some(counted) = text.strip_suffix('+') else {
        return text.parse().map_err(|error| bad(&error));
    };
    let alone = counted.ends_with(':');
    let start: Mac = format!("{counted}{}", if alone { "00" } else { "" }).parse().map_err(|error| bad(&error))?;
    let number = start.octets().iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
    let number = number + index as u64 + u64::from(alone);
    let octets: [u8; 6] = std::array::from_fn(|at| (number >> (8 * (5 - at))) as u8);
    if octets[0] != start.octets()[0] {
        return Err(Wrong::new(format!("`{text}` has no address left for the {} of the range", ordinal(index + 1))));
    }
    Ok(Mac::from_octets(octets))
}

fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_up() {
        for (text, index, expected) in [
            ("10.1.0.+/16", 0, "10.1.0.1/16"),
            ("10.1.0.+/16", 254, "10.1.0.255/16"),
            ("10.1.0.+/16", 255, "10.1.1.0/16"),
            ("10.1.0.100+/16", 0, "10.1.0.100/16"),
            ("10.1.0.100+/16", 200, "10.1.1.44/16"),
            ("10.1.0.0+/16", 0, "10.1.0.1/16"),
            ("10.0.0.+/24", 253, "10.0.0.254/24"),
            ("10.0.0.0+/31", 1, "10.0.0.1/31"),
            ("fd00::+/64", 0, "fd00::1/64"),
            ("fd00::+/64", 255, "fd00::100/64"),
            ("fd00::a0+/64", 1, "fd00::a1/64"),
            ("fd00::5:+/64", 0, "fd00::5:1/64"),
            ("10.0.0.7/24", 9, "10.0.0.7/24"),
        ] {
            assert_eq!(net(text, index).map(|net| net.to_string()).as_deref(), Ok(expected), "{text} {index}");
        }
        for (text, index) in [
            ("10.0.0.+/24", 254),
            ("10.0.0.200+/24", 55),
            ("10.0.+.1/24", 0),
            ("10.0.0.+", 0),
            ("+/24", 0),
            ("10.0.0.+/33", 0),
            ("255.255.255.+/8", 255),
            ("fe.+/64", 0),
        ] {
            assert!(net(text, index).is_err(), "{text} {index}");
        }
    }

    #[test]
    fn ethernet_addresses_count_up() {
        for (text, index, expected) in [
            ("02:00:00:00:00:+", 0, "02:00:00:00:00:01"),
            ("02:00:00:00:00:+", 255, "02:00:00:00:01:00"),
            ("02:00:00:00:00:a0+", 0, "02:00:00:00:00:a0"),
            ("02:00:00:00:00:0a", 5, "02:00:00:00:00:0a"),
        ] {
            assert_eq!(mac(text, index).unwrap().to_string(), expected);
        }
        for (text, index) in [("02:ff:ff:ff:ff:ff+", 1), ("03:00:00:00:00:+", 0), ("02:+", 0), ("+", 0)] {
            assert!(mac(text, index).is_err(), "{text}");
        }
    }
}
