use super::general;
use crate::ovsdb::schema::ColumnType;
use crate::ovsdb::value::{Atom, Datum, Uuid};

impl Atom {
    /// The atom in the form that [`crate::ovsdb::schema::BaseType::read_text`] reads: a string in quotes, with JSON's
    /// escapes, unless it is a word; a named UUID behind an `@`.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::String(text) if needs_quotes(text) => self.to_json().to_string(),
            other => other.to_bare(),
        }
    }

    /// The atom for scripts: a string as it is. It cannot always be read back.
    #[must_use]
    pub fn to_bare(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => general(number.get()),
            Self::Boolean(truth) => truth.to_string(),
            Self::String(text) => text.clone(),
            Self::Uuid(uuid) => uuid.to_string(),
            Self::NamedUuid(name) => format!("@{name}"),
        }
    }
}

/// What could be taken for something else than a string needs quotes: anything but a word, a boolean, a UUID.
fn needs_quotes(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let next = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let is_word = text.bytes().next().is_some_and(first) && text.bytes().all(next);
    !is_word || text == "true" || text == "false" || text.parse::<Uuid>().is_ok()
}

impl ColumnType {
    /// A datum of this type in the form that [`ColumnType::read_text`] reads: sets that may hold more than one in `[]`, maps
    /// in `{}`.
    #[must_use]
    pub fn to_text(&self, datum: &Datum) -> String {
        let members = members(datum, Atom::to_text).join(", ");
        match datum {
            _ if self.max_count() == 1 && !datum.is_empty() => members,
            _ if self.is_map() => format!("{{{members}}}"),
            _ => format!("[{members}]"),
        }
    }
}

impl Datum {
    /// The elements or pairs for scripts, with spaces between them. It cannot always be read back.
    #[must_use]
    pub fn to_bare(&self) -> String {
        members(self, Atom::to_bare).join(" ")
    }
}

fn members(datum: &Datum, text: impl Fn(&Atom) -> String) -> Vec<String> {
    match datum {
        Datum::Set(atoms) => atoms.iter().map(text).collect(),
        Datum::Map(pairs) => pairs.iter().map(|(key, value)| format!("{}={}", text(key), text(value))).collect(),
    }
}
