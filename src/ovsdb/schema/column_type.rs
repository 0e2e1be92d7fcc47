use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::members::{self, Members};
use super::{AtomicType, BaseType};
use crate::ovsdb::value::{Datum, Problem, ValueError};

/// `max` of a set or map without limit.
pub const UNLIMITED: u32 = u32::MAX;

/// What a column may hold, `<type>` of RFC 7047 section 3.2: a scalar, an optional scalar, a set or a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnType {
    key: BaseType,
    value: Option<BaseType>,
    min: u32,
    max: u32,
}

impl ColumnType {
    /// Exactly one atom.
    #[must_use]
    pub const fn scalar(key: BaseType) -> Self {
        Self { key, value: None, min: 1, max: 1 }
    }

    /// A set of `min` to `max` atoms; `min` is 0 or 1 (anything greater counts as 1), `max` at least 1.
    #[must_use]
    pub fn set(key: BaseType, min: u32, max: u32) -> Self {
        Self { key, value: None, min: min.min(1), max: max.max(1) }
    }

    /// A map of `min` to `max` pairs; `min` is 0 or 1 (anything greater counts as 1), `max` at least 1.
    #[must_use]
    pub fn map(key: BaseType, value: BaseType, min: u32, max: u32) -> Self {
        Self { value: Some(value), ..Self::set(key, min, max) }
    }

    /// The type of the scalar, of the elements, or of the keys.
    #[must_use]
    pub const fn key(&self) -> &BaseType {
        &self.key
    }

    /// The type of a map's values.
    #[must_use]
    pub const fn value(&self) -> Option<&BaseType> {
        self.value.as_ref()
    }

    /// The fewest elements or pairs, 0 or 1.
    #[must_use]
    pub const fn min_count(&self) -> u32 {
        self.min
    }

    /// The most elements or pairs, or [`UNLIMITED`].
    #[must_use]
    pub const fn max_count(&self) -> u32 {
        self.max
    }

    /// Whether it is a map.
    #[must_use]
    pub const fn is_map(&self) -> bool {
        self.value.is_some()
    }

    /// Whether it is exactly one atom.
    #[must_use]
    pub const fn is_scalar(&self) -> bool {
        self.value.is_none() && self.min == 1 && self.max == 1
    }

    /// The same type for another number of elements or pairs.
    #[must_use]
    pub fn with_count(&self, min: u32, max: u32) -> Self {
        Self { min, max, ..self.clone() }
    }

    /// Reads a type: the name of an atomic type, or an object.
    ///
    /// # Errors
    /// Where `json` is neither, a base type is at fault, or `min` and `max` are not `0..=1` and `1..`.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        if json.is_string() {
            return BaseType::from_json(json).map(Self::scalar);
        }
        let mut members = Members::of(json, "ovsdb type (a string or an object)")?;
        let key = BaseType::from_json(members.required("key")?).map_err(|error| error.within("key"))?;
        let value = members.optional("value").map(BaseType::from_json).transpose();
        let value = value.map_err(|error| error.within("value"))?;
        let min = read_count(members.optional("min")).map_err(|error| error.within("min"))?;
        let max = match members.optional("max") {
            Some(json) if json == "unlimited" => UNLIMITED,
            json => read_count(json).map_err(|error| error.within("max"))?,
        };
        members.finish()?;
        if min > 1 || max < 1 {
            return Err(Problem::Rule("ovsdb type fails constraint checks".to_owned()).into());
        }
        Ok(Self { key, value, min, max })
    }

    /// Writes the type: a scalar without constraints by its name alone.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let key = self.key.to_json();
        if self.is_scalar() && key.is_string() {
            return key;
        }
        let mut json = json!({"key": key});
        if let Some(value) = &self.value {
            json["value"] = value.to_json();
        }
        if self.min != 1 {
            json["min"] = json!(self.min);
        }
        match self.max {
            1 => {}
            UNLIMITED => json["max"] = json!("unlimited"),
            max => json["max"] = json!(max),
        }
        json
    }

    /// What a column of this type holds if nothing is said (section 5.2.1): nothing where it may be empty, else one
    /// default atom or pair.
    #[must_use]
    pub fn default_datum(&self) -> Datum {
        let key = |_| self.key.atomic().default_atom();
        match &self.value {
            None => Datum::Set((0..self.min).map(key).collect()),
            Some(value) => Datum::Map((0..self.min).map(|n| (key(n), value.atomic().default_atom())).collect()),
        }
    }

    /// Reads a datum of this type.
    ///
    /// # Errors
    /// Where `json` is of another shape or type, repeats an element or a key, has too few or too many, or holds an atom
    /// that is not allowed.
    pub fn read_datum(&self, json: &Value) -> Result<Datum, ValueError> {
        let tagged = |tag| match json.as_array().map(Vec::as_slice) {
            Some([Value::String(word), rest @ ..]) if word == tag => Some(rest),
            _ => None,
        };
        match (&self.value, tagged("set")) {
            (Some(value), _) => {
                let Some([Value::Array(pairs)]) = tagged("map") else {
                    return Err(ValueError::expected("[\"map\", <array>]", json));
                };
                self.check_count(pairs.len())?;
                self.read_pairs(value, pairs).map_err(|error| error.within(1))
            }
            (None, Some([Value::Array(elements)])) => {
                self.check_count(elements.len())?;
                self.read_elements(elements).map_err(|error| error.within(1))
            }
            (None, Some(_)) => Err(ValueError::expected("[\"set\", <array>]", json)),
            (None, None) => self.key.read_atom(json).map(Datum::from),
        }
    }

    fn read_elements(&self, elements: &[Value]) -> Result<Datum, ValueError> {
        let mut atoms = BTreeSet::new();
        for (index, element) in elements.iter().enumerate() {
            let atom = self.key.read_atom(element).map_err(|error| error.within(index))?;
            if !atoms.insert(atom) {
                return Err(ValueError::from(Problem::DuplicateElement(element.to_string())).within(index));
            }
        }
        Ok(Datum::Set(atoms))
    }

    fn read_pairs(&self, value_type: &BaseType, elements: &[Value]) -> Result<Datum, ValueError> {
        let mut pairs = BTreeMap::new();
        for (index, element) in elements.iter().enumerate() {
            let Some([key, value]) = element.as_array().map(Vec::as_slice) else {
                return Err(ValueError::expected("2-element array", element).within(index));
            };
            let atom = self.key.read_atom(key).map_err(|error| error.within(0).within(index))?;
            let value = value_type.read_atom(value).map_err(|error| error.within(1).within(index))?;
            if pairs.insert(atom, value).is_some() {
                return Err(ValueError::from(Problem::DuplicateKey(key.to_string())).within(0).within(index));
            }
        }
        Ok(Datum::Map(pairs))
    }

    /// Gives a datum the type's representation: integers become reals in a column of reals, and the empty set is an
    /// empty map in a column of maps. Named UUIDs pass.
    ///
    /// # Errors
    /// Where it is of another shape or type, has too few or too many, or holds an atom that is not allowed.
    pub fn conform(&self, datum: Datum) -> Result<Datum, ValueError> {
        self.check_count(datum.len())?;
        match (datum, &self.value) {
            (Datum::Set(atoms), None) => {
                atoms.into_iter().map(|atom| self.key.conform(atom)).collect::<Result<_, _>>().map(Datum::Set)
            }
            (Datum::Map(pairs), Some(value)) => {
                let pair = |(k, v)| Ok((self.key.conform(k)?, value.conform(v)?));
                pairs.into_iter().map(pair).collect::<Result<_, _>>().map(Datum::Map)
            }
            (Datum::Set(atoms), Some(_)) if atoms.is_empty() => Ok(Datum::empty_map()),
            (datum, _) => Err(ValueError::expected(self.class(), &datum.to_json())),
        }
    }

    /// Refuses a wrong number of elements or pairs.
    fn check_count(&self, present: usize) -> Result<(), ValueError> {
        if (self.min as usize..=self.max as usize).contains(&present) {
            return Ok(());
        }
        Err(Problem::Count { class: self.class(), min: self.min, max: self.max, present }.into())
    }

    const fn class(&self) -> &'static str {
        if self.is_map() { "map" } else { "set" }
    }
}

fn read_count(json: Option<&Value>) -> Result<u32, ValueError> {
    let Some(json) = json else { return Ok(1) };
    let count = members::integer(json).and_then(|count| u32::try_from(count).ok());
    let count = count.filter(|count| *count != UNLIMITED);
    count.ok_or_else(|| Problem::Rule(format!("bad min or max value {json}")).into())
}

/// In English: `string`, `set of up to 3 uuids`, `map of (string, string) pairs`.
impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.atomic();
        if self.is_scalar() {
            return write!(f, "{key}");
        }
        write!(f, "{} of", self.class())?;
        match (self.min, self.max) {
            (0, UNLIMITED) => {}
            (min, UNLIMITED) => write!(f, " {min} or more")?,
            (0, max) => write!(f, " up to {max}")?,
            (min, max) => write!(f, " {min} to {max}")?,
        }
        match &self.value {
            None => write!(f, " {key}s"),
            Some(value) => write!(f, " ({key}, {}) pairs", value.atomic()),
        }
    }
}

impl From<AtomicType> for ColumnType {
    fn from(atomic: AtomicType) -> Self {
        Self::scalar(atomic.into())
    }
}
