use std::fmt;
use std::str::FromStr;

use super::{Problem, ValueError};

/// The identity of a row: 128 bits, written as 8-4-4-4-12 hexadecimal digits (RFC 4122).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(u128);

/// Where the hyphens stand in the 36 bytes of the text.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uuid {
    /// The UUID of which all bits are zero.
    pub const ZERO: Self = Self(0);

    /// Makes a UUID of its 128 bits, the first digit being the most significant.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl FromStr for Uuid {
    type Err = ValueError;

    /// Reads the 36 characters of the canonical form, in either case, and nothing else.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::from(Problem::Uuid(text.to_owned()));
        if text.len() != 36 {
            return Err(wrong());
        }
        let mut bits = 0_u128;
        for (at, byte) in text.bytes().enumerate() {
            if HYPHENS.contains(&at) {
                if byte != b'-' {
                    return Err(wrong());
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16).ok_or_else(wrong)?;
            bits = bits << 4 | u128::from(digit);
        }
        Ok(Self(bits))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 64 & 0xffff,
            bits >> 48 & 0xffff,
            bits & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        let text = "550e8400-e29b-41d4-a716-446655440000";
        let uuid: Uuid = text.parse().unwrap();
        assert_eq!(uuid.as_u128(), 0x550e_8400_e29b_41d4_a716_4466_5544_0000);
        assert_eq!(uuid.to_string(), text);
        assert_eq!(text.to_uppercase().parse::<Uuid>().unwrap(), uuid);
    }

    #[test]
    fn refuses_what_is_not_canonical() {
        for text in [
            "",
            "550e8400",
            "550e8400-e29b-41d4-a716-44665544000",
            "550e8400-e29b-41d4-a716-4466554400000",
            "550e8400-e29b-41d4-a716-44665544000g",
            "550e8400ee29b-41d4-a716-446655440000",
            "+50e8400-e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-44665544000é",
        ] {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
    }

    #[test]
    fn order_is_that_of_the_text() {
        let low: Uuid = "0fffffff-ffff-ffff-ffff-ffffffffffff".parse().unwrap();
        let high: Uuid = "10000000-0000-0000-0000-000000000000".parse().unwrap();
        assert!(Uuid::ZERO < low && low < high);
    }
}
