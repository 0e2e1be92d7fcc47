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

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Another kind of JSON value stands there.
    #[error("expected {wanted}, found {found}")]
    Expected {
        /// What may stand there, with its article.
        wanted: &'static str,
        /// What does, shortened.
        found: String,
    },
    /// The text is not a UUID.
    #[error("{0:?} is not a UUID")]
    Uuid(String),
    /// The text is not an `<id>`: a letter or underscore, then letters, digits and underscores.
    #[error("{0:?} is not a valid identifier")]
    Id(String),
    /// A set holds the same element twice.
    #[error("the set holds {0} twice")]
    DuplicateElement(String),
    /// A map has the same key twice.
    #[error("the map has the key {0} twice")]
    DuplicateKey(String),
    /// The atoms of a set, the keys of a map, or its values are not all of one type.
    #[error("{found} among {others}s: atoms of different types")]
    Mixed {
        /// The type of the atoms before it.
        others: &'static str,
        /// The type of this one.
        found: &'static str,
    },
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
        assert_eq!(error.to_string(), "/3/x~1y~0z: \"a b\" is not a valid identifier");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let text = describe(&Value::from("é".repeat(100)));
        assert_eq!(text.chars().count(), "the string ".len() + 60 + 1);
    }
}
