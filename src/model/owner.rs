//! The mark by which ovsns knows what it made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who made a resource: a lab, or `-` for the verbs that work without one.
///
/// It stands in `external_ids:ovsns-owner` of OVS rows and, behind [`Owner::ALIAS_PREFIX`], in the alias of links, Linux
/// bridges, and of the `lo` of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

/// Why a text cannot be an owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("owner `{0}` is not 1 to 64 letters, digits, `-`, `_` and `.`")]
pub struct OwnerError(pub String);

impl Owner {
    /// What stands before the owner in a link's alias.
    pub const ALIAS_PREFIX: &str = "ovsns-owner=";

    /// The owner of what verbs make.
    pub fn verbs() -> Owner {
        Owner("-".to_owned())
    }

    /// The owner as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The alias that marks a link as this owner's.
    pub fn alias(&self) -> String {
        format!("{}{}", Self::ALIAS_PREFIX, self.0)
    }

    /// The owner that a link's alias names, if it is one of our marks.
    pub fn from_alias(alias: &str) -> Option<Owner> {
        alias.strip_prefix(Self::ALIAS_PREFIX)?.parse().ok()
    }
}

impl FromStr for Owner {
    type Err = OwnerError;

    fn from_str(text: &str) -> Result<Owner, OwnerError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Owner(text.to_owned()))
        } else {
            Err(OwnerError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Owner {
    type Error = OwnerError;
    fn try_from(text: String) -> Result<Owner, OwnerError> {
        text.parse()
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> String {
        owner.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alias_names_the_owner() {
        assert_eq!(Owner::from_alias(&Owner::verbs().alias()), Some(Owner::verbs()));
        assert_eq!(Owner::from_alias("the office uplink"), None);
        assert_eq!(Owner::from_alias("ovsns-owner="), None);
        assert!("a lab".parse::<Owner>().is_err());
    }
}
