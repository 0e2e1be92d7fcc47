use std::fmt;

use serde_json::Value;

use super::members;
use crate::ovsdb::value::{Atom, Problem, Real, Uuid, ValueError};

/// The type of an atom, `<atomic-type>` of RFC 7047 section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AtomicType {
    /// 64-bit signed integers.
    Integer,
    /// Finite floating-point numbers.
    Real,
    /// `true` and `false`.
    Boolean,
    /// UTF-8 text.
    String,
    /// Identities of rows.
    Uuid,
}

impl AtomicType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Integer, Self::Real, Self::Boolean, Self::String, Self::Uuid];

    /// Its name in a schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Uuid => "uuid",
        }
    }

    /// Reads the name of an atomic type.
    ///
    /// # Errors
    /// Where `json` is no such name.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        let name = json.as_str().ok_or_else(|| ValueError::expected("atomic-type", json))?;
        let unknown = || Problem::Rule(format!("{name:?} is not an atomic-type")).into();
        Self::ALL.into_iter().find(|atomic| atomic.name() == name).ok_or_else(unknown)
    }

    /// The value of a column of which nothing is said (section 5.2.1).
    #[must_use]
    pub fn default_atom(self) -> Atom {
        match self {
            Self::Integer => Atom::Integer(0),
            Self::Real => Atom::Real(Real::default()),
            Self::Boolean => Atom::Boolean(false),
            Self::String => Atom::String(String::new()),
            Self::Uuid => Atom::Uuid(Uuid::ZERO),
        }
    }

    pub(super) fn read(self, json: &Value) -> Result<Atom, ValueError> {
        let atom = match self {
            Self::Integer => members::integer(json).map(Atom::Integer),
            Self::Real => json.as_f64().and_then(Real::new).map(Atom::Real),
            Self::Boolean => json.as_bool().map(Atom::Boolean),
            Self::String => json.as_str().map(Atom::from),
            Self::Uuid => return read_uuid(json),
        };
        atom.ok_or_else(|| ValueError::expected(self.name(), json))
    }
}

fn read_uuid(json: &Value) -> Result<Atom, ValueError> {
    match Atom::from_json(json) {
        Ok(atom @ Atom::Uuid(_)) => Ok(atom),
        Err(ValueError { problem: problem @ Problem::Uuid(_), place }) => Err(ValueError { place, problem }),
        _ => Err(ValueError::expected("[\"uuid\", <string>]", json)),
    }
}

impl fmt::Display for AtomicType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
