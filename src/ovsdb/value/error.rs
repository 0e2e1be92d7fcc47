use std::fmt;

use serde_json::Value;

/// Where in a JSON document something is: a JSON pointer (RFC 6901), such as `/tables/Bridge/columns/ports/type`.
/// The empty one is the whole document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Place(String);

impl Place {
    /// The pointer's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn prepend(&mut self, step: &str) {
        let step = step.replace('~', "~0").replace('/', "~1");
        self.0.insert_str(0, &step);
        self.0.insert(0, '/');
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a piece of JSON is not what the notation asks for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// Where it is, seen from the document that was read.
    pub place: Place,
    /// What is wrong there.
    pub problem: Problem,
}

impl ValueError {
    /// The same error, seen from the object or array that holds the faulty value as member or element `step`.
    #[must_use]
    pub fn within(mut self, step: impl fmt::Display) -> Self {
        self.place.prepend(&step.to_string());
        self
    }

    /// `found` is not a `wanted`.
    pub(crate) fn expected(wanted: &'static str, found: &Value) -> Self {
        Problem::Expected { wanted, found: describe(found) }.into()
    }
}

impl From<Problem> for ValueError {
    fn from(problem: Problem) -> Self {
        Self { place: Place::default(), problem }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.0.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for ValueError {}

/// What is wrong with a value or a schema. The words are those of ovsdb-server where it has a message for the case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Another kind of JSON value stands there.
    #[error("expected {wanted}, found {found}")]
    Expected {
        /// What may stand there.
        wanted: &'static str,
        /// What does, shortened.
        found: String,
    },
    /// The text is not a UUID.
    #[error("{0:?} is not a valid UUID")]
    Uuid(String),
    /// The text is not an `<id>`: a letter or underscore, then letters, digits and underscores.
    #[error("{0:?} is not a valid id")]
    Id(String),
    /// A set holds the same element twice.
    #[error("set contains duplicate {0}")]
    DuplicateElement(String),
    /// A map has the same key twice.
    #[error("map contains duplicate key {0}")]
    DuplicateKey(String),
    /// The atoms of a set, the keys of a map, or its values are not all of one type.
    #[error("{found} among {others}s: atoms of different types")]
    Mixed {
        /// The type of the atoms before it.
        others: &'static str,
        /// The type of this one.
        found: &'static str,
    },
    /// A set or map has fewer or more members than its column allows.
    #[error("{class} must have {} but {present} are present", how_many(*min, *max))]
    Count {
        /// `set` or `map`.
        class: &'static str,
        /// The fewest.
        min: u32,
        /// The most.
        max: u32,
        /// How many there are.
        present: usize,
    },
    /// An atom is not one that its type allows.
    #[error("constraint violation: {0}")]
    Constraint(String),
    /// An object lacks a member.
    #[error("Required '{0}' member is missing")]
    Missing(&'static str),
    /// An object's member is of another type.
    #[error("Type mismatch for member '{member}': expected {wanted}, found {found}")]
    Mismatch {
        /// The member's name.
        member: &'static str,
        /// What it may be.
        wanted: &'static str,
        /// What it is, shortened.
        found: String,
    },
    /// An object has a member that has no meaning there.
    #[error("Member '{0}' is present but not allowed here")]
    Surplus(String),
    /// The pieces are well formed, but together they break a rule of RFC 7047 section 3.2 or 5.1.
    #[error("{0}")]
    Rule(String),
    /// The text does not stand for a value.
    #[error("{0}")]
    Text(String),
}

fn how_many(min: u32, max: u32) -> String {
    if (min, max) == (1, 1) { "exactly one member".to_owned() } else { format!("{min} to {max} members") }
}

/// Says in a few words what a JSON value is.
pub(crate) fn describe(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    let kind = match value {
        Value::Null | Value::Bool(_) => return text,
        Value::Number(_) => "the number",
        Value::String(_) => "the string",
        Value::Array(_) => "the array",
        Value::Object(_) => "the object",
    };
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{kind} {}…", &text[..cut]),
        None => format!("{kind} {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_json_pointers() {
        let error = ValueError::from(Problem::Id("a b".into())).within("x/y~z").within(3);
        assert_eq!(error.place.as_str(), "/3/x~1y~0z");
        assert_eq!(error.to_string(), "/3/x~1y~0z: \"a b\" is not a valid id");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let text = describe(&Value::from("é".repeat(100)));
        assert_eq!(text.chars().count(), "the string ".len() + 60 + 1);
    }
}
