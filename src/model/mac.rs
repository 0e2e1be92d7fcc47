//! Ethernet addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The Ethernet address of a device: six bytes, written `02:00:00:00:00:01`; neither a group address nor all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; 6]);

/// Why a text is no Ethernet address that a device can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("MAC address `{text}` {reason}")]
pub struct MacError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Mac {
    /// The six bytes, in the order in which they are sent.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The address that these names stand for: locally administered (IEEE 802, second lowest bit of the first byte), and the same on
    /// every machine and in every version.
    pub fn of_names(names: &[&str]) -> Mac {
        // FNV-1a, 64 bits; the zero keeps the names apart.
        let bytes = names.iter().flat_map(|name| name.bytes().chain([0]));
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let [a, b, c, d, e, f, ..] = hash.to_be_bytes();
        Mac([a & 0xfc | 0x02, b, c, d, e, f])
    }

    /// An address as the kernel reports it, which may hold what a user may not ask for (all zero on `lo`).
    pub fn from_octets(octets: [u8; 6]) -> Mac {
        Mac(octets)
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Mac, MacError> {
        let refuse = |reason| MacError { text: text.to_owned(), reason };
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|part| (1..=2).contains(&part.len()));
            *octet = part
                .and_then(|part| u8::from_str_radix(part, 16).ok())
                .ok_or_else(|| refuse("is not six hexadecimal bytes joined by `:`"))?;
        }
        if parts.next().is_some() {
            return Err(refuse("has more than six bytes"));
        }
        // IEEE 802: the lowest bit of the first byte marks a group address. The kernel refuses both (is_valid_ether_addr).
        if octets[0] & 1 == 1 {
            return Err(refuse("is a group (multicast) address; the first byte must be even"));
        }
        if octets == [0; 6] {
            return Err(refuse("is all zero"));
        }
        Ok(Mac(octets))
    }
}

impl TryFrom<String> for Mac {
    type Error = MacError;
    fn try_from(text: String) -> Result<Mac, MacError> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> String {
        mac.to_string()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_ip_link_prints() {
        let mac: Mac = "02:fc:00:00:0A:1".parse().unwrap();
        assert_eq!(mac.to_string(), "02:fc:00:00:0a:01");
    }

    #[test]
    fn names_have_an_address() {
        let mac = Mac::of_names(&["campus", "s1"]);
        assert_eq!(mac.to_string().parse(), Ok(mac));
        assert_ne!(mac, Mac::of_names(&["campuss", "1"]));
        assert_eq!(mac.octets()[0] & 3, 2);
    }

    #[test]
    fn refuses_what_no_device_can_have() {
        for bad in [
            "",
            "02:00",
            "02:00:00:00:00:00:00",
            "zz:00:00:00:00:00",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "+2:0:0:0:0:0x",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }
}
