//! A row as a reply or an update brings it: column names and what they hold.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::value::{Atom, Datum, Uuid, ValueError};

/// Some columns of one row, `<row>` of RFC 7047 section 5.1. `_uuid` and `_version` are columns like any other.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(BTreeMap<String, Datum>);

/// Why a column of a row cannot be had in the shape that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The row does not have the column: it was not asked for, or the schema has none.
    #[error("the row has no column {column:?}")]
    Missing {
        /// The column's name.
        column: String,
    },
    /// The column holds something else.
    #[error("column {column:?} holds {found}, not {wanted}")]
    Shape {
        /// The column's name.
        column: String,
        /// What was asked for, with its article.
        wanted: &'static str,
        /// What it holds, in JSON.
        found: String,
    },
}

impl Row {
    /// A row without columns.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Reads an object whose members are columns.
    ///
    /// # Errors
    /// Where `json` is no object, or a member is no value; the place begins with the column's name.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        let members = json.as_object().ok_or_else(|| ValueError::expected("a row (an object)", json))?;
        let column = |(name, value): (&String, &Value)| match Datum::from_json(value) {
            Ok(datum) => Ok((name.clone(), datum)),
            Err(error) => Err(error.within(name)),
        };
        members.iter().map(column).collect::<Result<_, _>>().map(Self)
    }

    /// Writes the row as an object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.iter().map(|(name, datum)| (name.clone(), datum.to_json())).collect::<Map<_, _>>())
    }

    /// The row with `column` holding `value`, in place of what it held.
    #[must_use]
    pub fn with(mut self, column: impl Into<String>, value: impl Into<Datum>) -> Self {
        self.insert(column, value);
        self
    }

    /// Puts `value` in `column` and returns what it held.
    pub fn insert(&mut self, column: impl Into<String>, value: impl Into<Datum>) -> Option<Datum> {
        self.0.insert(column.into(), value.into())
    }

    /// Takes `column` out and returns what it held.
    pub fn remove(&mut self, column: &str) -> Option<Datum> {
        self.0.remove(column)
    }

    /// What `column` holds, if the row has it.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&Datum> {
        self.0.get(column)
    }

    /// The columns in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Datum)> {
        self.0.iter().map(|(name, datum)| (name.as_str(), datum))
    }

    /// The number of columns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the row has no column.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `column` holds.
    ///
    /// # Errors
    /// [`RowError::Missing`].
    pub fn datum(&self, column: &str) -> Result<&Datum, RowError> {
        self.get(column).ok_or_else(|| RowError::Missing { column: column.to_owned() })
    }

    /// The row's own `_uuid`.
    ///
    /// # Errors
    /// [`RowError`], as for every getter below: the column is missing, or holds something else.
    pub fn row_uuid(&self) -> Result<Uuid, RowError> {
        self.one("_uuid")
    }

    /// The one atom that `column` holds.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn one<T: FromAtom>(&self, column: &str) -> Result<T, RowError> {
        let datum = self.datum(column)?;
        datum.as_scalar().and_then(T::from_atom).ok_or_else(|| shape(column, T::ONE, datum))
    }

    /// The atom of a column that may be empty.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn optional<T: FromAtom>(&self, column: &str) -> Result<Option<T>, RowError> {
        if self.datum(column)? == &Datum::empty_set() { Ok(None) } else { self.one(column).map(Some) }
    }

    /// All atoms of a set, in order.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn all<T: FromAtom>(&self, column: &str) -> Result<Vec<T>, RowError> {
        let datum = self.datum(column)?;
        let Datum::Set(atoms) = datum else { return Err(shape(column, T::MANY, datum)) };
        atoms.iter().map(T::from_atom).collect::<Option<_>>().ok_or_else(|| shape(column, T::MANY, datum))
    }

    /// The pairs of a map.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn map<K: FromAtom + Ord, V: FromAtom>(&self, column: &str) -> Result<BTreeMap<K, V>, RowError> {
        let datum = self.datum(column)?;
        let wanted = "a map of other types";
        let Datum::Map(pairs) = datum else { return Err(shape(column, "a map", datum)) };
        let pair = |(key, value)| Some((K::from_atom(key)?, V::from_atom(value)?));
        pairs.iter().map(pair).collect::<Option<_>>().ok_or_else(|| shape(column, wanted, datum))
    }
}

fn shape(column: &str, wanted: &'static str, found: &Datum) -> RowError {
    RowError::Shape { column: column.to_owned(), wanted, found: found.to_json().to_string() }
}

impl<N: Into<String>, D: Into<Datum>> FromIterator<(N, D)> for Row {
    fn from_iter<I: IntoIterator<Item = (N, D)>>(columns: I) -> Self {
        Self(columns.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl IntoIterator for Row {
    type Item = (String, Datum);
    type IntoIter = std::collections::btree_map::IntoIter<String, Datum>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A Rust type that an atom can be read into.
pub trait FromAtom: Sized {
    /// "a string" and the like, for messages.
    const ONE: &'static str;
    /// "a set of strings" and the like, for messages.
    const MANY: &'static str;
    /// The value, if the atom is of this type.
    fn from_atom(atom: &Atom) -> Option<Self>;
}

impl FromAtom for i64 {
    const ONE: &'static str = "an integer";
    const MANY: &'static str = "a set of integers";
    fn from_atom(atom: &Atom) -> Option<Self> {
        if let Atom::Integer(number) = atom { Some(*number) } else { None }
    }
}

impl FromAtom for f64 {
    const ONE: &'static str = "a real";
    const MANY: &'static str = "a set of reals";
    /// An integer is a real too: ovsdb-server writes the real 1.0 as `1`.
    #[expect(clippy::cast_precision_loss, reason = "a real holds what a double can")]
    fn from_atom(atom: &Atom) -> Option<Self> {
        match atom {
            Atom::Real(number) => Some(number.get()),
            Atom::Integer(number) => Some(*number as Self),
            _ => None,
        }
    }
}

impl FromAtom for bool {
    const ONE: &'static str = "a boolean";
    const MANY: &'static str = "a set of booleans";
    fn from_atom(atom: &Atom) -> Option<Self> {
        if let Atom::Boolean(truth) = atom { Some(*truth) } else { None }
    }
}

impl FromAtom for String {
    const ONE: &'static str = "a string";
    const MANY: &'static str = "a set of strings";
    fn from_atom(atom: &Atom) -> Option<Self> {
        if let Atom::String(text) = atom { Some(text.clone()) } else { None }
    }
}

impl FromAtom for Uuid {
    const ONE: &'static str = "a UUID";
    const MANY: &'static str = "a set of UUIDs";
    fn from_atom(atom: &Atom) -> Option<Self> {
        if let Atom::Uuid(uuid) = atom { Some(*uuid) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> Row {
        Row::from_json(&json!({
            "name": "br0", "tag": ["set", []], "trunks": ["set", [1, 2]], "rate": 1,
            "other_config": ["map", [["a", "b"]]],
        }))
        .unwrap()
    }

    #[test]
    fn getters_give_rust_types() {
        let row = row();
        assert_eq!(row.one::<String>("name").unwrap(), "br0");
        assert_eq!(row.optional::<i64>("tag").unwrap(), None);
        assert_eq!(row.all::<i64>("trunks").unwrap(), [1, 2]);
        assert_eq!(row.all::<i64>("tag").unwrap(), [0_i64; 0]);
        assert_eq!(row.one::<f64>("rate").unwrap().to_bits(), 1_f64.to_bits());
        assert_eq!(row.map::<String, String>("other_config").unwrap()["a"], "b");
    }

    #[test]
    fn errors_name_the_column() {
        let row = row();
        let text = |error: RowError| error.to_string();
        assert_eq!(text(row.one::<i64>("name").unwrap_err()), r#"column "name" holds "br0", not an integer"#);
        assert_eq!(text(row.one::<i64>("tag").unwrap_err()), r#"column "tag" holds ["set",[]], not an integer"#);
        assert_eq!(text(row.row_uuid().unwrap_err()), r#"the row has no column "_uuid""#);
        assert_eq!(text(row.map::<String, i64>("name").unwrap_err()), r#"column "name" holds "br0", not a map"#);
        let error = Row::from_json(&json!({"a": ["set", [1, 1]]})).unwrap_err();
        assert_eq!(error.to_string(), "/a/1/1: set contains duplicate 1");
    }

    #[test]
    fn json_goes_there_and_back() {
        let row = row();
        assert_eq!(Row::from_json(&row.to_json()).unwrap(), row);
    }
}
