use serde_json::{Value, json};

use super::{Problem, Real, Uuid, ValueError};

/// One indivisible value (`<atom>` of RFC 7047 section 5.1). The order is first that of the variants, then that of the
/// values: numbers by size, strings and UUIDs byte by byte, as ovsdb-server sorts them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// A 64-bit signed integer.
    Integer(i64),
    /// A finite floating-point number.
    Real(Real),
    /// `true` or `false`.
    Boolean(bool),
    /// UTF-8 text.
    String(String),
    /// The identity of a row.
    Uuid(Uuid),
    /// The row that an insert of the same transaction named so with its `uuid-name`; it may come later in the transaction.
    NamedUuid(String),
}

impl Atom {
    /// Reads an atom as it is written: a number without fraction or exponent that fits is an integer, any other a real.
    ///
    /// # Errors
    /// Where `json` is null, an object, or an array other than `["uuid", UUID]` and `["named-uuid", ID]`.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        match json {
            Value::Bool(truth) => Ok(Self::Boolean(*truth)),
            Value::String(text) => Ok(Self::String(text.clone())),
            Value::Number(number) => {
                let real = || number.as_f64().and_then(Real::new).map(Self::Real);
                number.as_i64().map(Self::Integer).or_else(real).ok_or_else(|| ValueError::expected("a number", json))
            }
            Value::Array(pair) => Self::from_pair(pair, json),
            Value::Null | Value::Object(_) => Err(ValueError::expected("an atom", json)),
        }
    }

    fn from_pair(pair: &[Value], json: &Value) -> Result<Self, ValueError> {
        let [Value::String(word), Value::String(text)] = pair else {
            return Err(ValueError::expected("an atom", json));
        };
        match word.as_str() {
            "uuid" => text.parse().map(Self::Uuid).map_err(|error: ValueError| error.within(1)),
            "named-uuid" if is_id(text) => Ok(Self::NamedUuid(text.clone())),
            "named-uuid" => Err(ValueError::from(Problem::Id(text.clone())).within(1)),
            _ => Err(ValueError::expected("an atom", json)),
        }
    }

    /// Writes the atom; a real without fraction keeps its point (`1.0`), so that it is not read back as an integer.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Integer(number) => json!(number),
            Self::Real(number) => json!(number.get()),
            Self::Boolean(truth) => json!(truth),
            Self::String(text) => json!(text),
            Self::Uuid(uuid) => json!(["uuid", uuid.to_string()]),
            Self::NamedUuid(name) => json!(["named-uuid", name]),
        }
    }

    /// The name of the atom's type (`<atomic-type>`); a named UUID is a `uuid`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Integer(_) => "integer",
            Self::Real(_) => "real",
            Self::Boolean(_) => "boolean",
            Self::String(_) => "string",
            Self::Uuid(_) | Self::NamedUuid(_) => "uuid",
        }
    }
}

/// Whether `text` is an `<id>` of RFC 7047 section 3.1: `[a-zA-Z_][a-zA-Z0-9_]*`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(word) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

impl From<i64> for Atom {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<Real> for Atom {
    fn from(number: Real) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Atom {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<&str> for Atom {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Atom {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Uuid> for Atom {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Atom, ValueError> {
        Atom::from_json(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn integers_and_reals_stay_apart() {
        for text in ["1", "1.0", "-0.5", "9223372036854775807", "-9223372036854775808", "true", "\"é\\\"\""] {
            assert_eq!(read(text).unwrap().to_json().to_string(), text);
        }
        assert_eq!(read("1").unwrap(), Atom::Integer(1));
        assert_eq!(read("1.0").unwrap(), Atom::Real(1.into()));
        assert_eq!(read("9223372036854775808").unwrap().type_name(), "real");
    }

    #[test]
    fn references_are_pairs() {
        let uuid = "[\"uuid\",\"550e8400-e29b-41d4-a716-446655440000\"]";
        assert_eq!(read(uuid).unwrap().to_json().to_string(), uuid);
        assert_eq!(read("[\"named-uuid\",\"_x1\"]").unwrap(), Atom::NamedUuid("_x1".into()));
    }

    #[test]
    fn errors_name_the_place() {
        for (text, message) in [
            ("null", "expected an atom, found null"),
            ("[]", "expected an atom, found the array []"),
            ("[\"uuid\",1]", "expected an atom, found the array [\"uuid\",1]"),
            ("[\"uuid\",\"1\"]", "/1: \"1\" is not a valid UUID"),
            ("[\"named-uuid\",\"1x\"]", "/1: \"1x\" is not a valid id"),
            ("[\"named-uuid\",\"\"]", "/1: \"\" is not a valid id"),
            ("[\"set\",[]]", "expected an atom, found the array [\"set\",[]]"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), message);
        }
    }
}
