use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Atom, Problem, Uuid, ValueError};

/// What a column holds (`<value>` of RFC 7047 section 5.1). A scalar is a set of one, as it is in ovsdb-server: so a
/// datum has one representation, `==` is equality of contents, and both spellings of a set of one are read alike.
///
/// The order is that in which ovsdb-client sorts rows: the smaller number of elements first, then the elements in turn; of
/// maps all keys, then all values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Datum {
    /// No, one or many atoms of one type.
    Set(BTreeSet<Atom>),
    /// Keys of one type, each with a value of one type.
    Map(BTreeMap<Atom, Atom>),
}

impl Datum {
    /// The empty set.
    #[must_use]
    pub const fn empty_set() -> Self {
        Self::Set(BTreeSet::new())
    }

    /// The empty map.
    #[must_use]
    pub const fn empty_map() -> Self {
        Self::Map(BTreeMap::new())
    }

    /// A set of the atoms; of equal ones, one stays.
    pub fn set<A: Into<Atom>>(atoms: impl IntoIterator<Item = A>) -> Self {
        Self::Set(atoms.into_iter().map(Into::into).collect())
    }

    /// A map of the pairs; of equal keys, the last one stays.
    pub fn map<K: Into<Atom>, V: Into<Atom>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// Reads a datum as it is written: an atom, `["set", [ATOM, …]]` or `["map", [[ATOM, ATOM], …]]`.
    ///
    /// # Errors
    /// Where `json` is none of these, repeats an element or a key (RFC 7047 section 5.1), or mixes types.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        match json.as_array().map(Vec::as_slice) {
            Some([Value::String(word), elements]) if word == "set" => {
                read_set(elements).map_err(|error| error.within(1))
            }
            Some([Value::String(word), pairs]) if word == "map" => read_map(pairs).map_err(|error| error.within(1)),
            _ => Atom::from_json(json).map(Self::from),
        }
    }

    /// Writes the datum; a set of one is written bare.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Set(atoms) => match self.as_scalar() {
                Some(atom) => atom.to_json(),
                None => json!(["set", atoms.iter().map(Atom::to_json).collect::<Vec<_>>()]),
            },
            Self::Map(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(key, value)| json!([key.to_json(), value.to_json()])).collect();
                json!(["map", pairs])
            }
        }
    }

    /// The atom of a set of one.
    #[must_use]
    pub fn as_scalar(&self) -> Option<&Atom> {
        match self {
            Self::Set(atoms) if atoms.len() == 1 => atoms.first(),
            _ => None,
        }
    }

    /// The number of elements or pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Set(atoms) => atoms.len(),
            Self::Map(pairs) => pairs.len(),
        }
    }

    /// Whether this is an empty set or an empty map.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Ord for Datum {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_count = self.len().cmp(&other.len());
        match (self, other) {
            (Self::Set(left), Self::Set(right)) => by_count.then_with(|| left.cmp(right)),
            (Self::Map(left), Self::Map(right)) => {
                let by_keys = || left.keys().cmp(right.keys());
                by_count.then_with(by_keys).then_with(|| left.values().cmp(right.values()))
            }
            (Self::Set(_), Self::Map(_)) => Ordering::Less,
            (Self::Map(_), Self::Set(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Datum {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn read_set(json: &Value) -> Result<Datum, ValueError> {
    let elements = json.as_array().ok_or_else(|| ValueError::expected("an array of atoms", json))?;
    let mut atoms = BTreeSet::new();
    for (index, element) in elements.iter().enumerate() {
        let atom = Atom::from_json(element).and_then(|atom| alike(atoms.first(), atom));
        if !atoms.insert(atom.map_err(|error| error.within(index))?) {
            return Err(ValueError::from(Problem::DuplicateElement(element.to_string())).within(index));
        }
    }
    Ok(Datum::Set(atoms))
}

fn read_map(json: &Value) -> Result<Datum, ValueError> {
    let elements = json.as_array().ok_or_else(|| ValueError::expected("an array of pairs", json))?;
    let mut pairs = BTreeMap::new();
    for (index, element) in elements.iter().enumerate() {
        let (key, value) = read_pair(element, pairs.first_key_value()).map_err(|error| error.within(index))?;
        if pairs.insert(key, value).is_some() {
            let problem = Problem::DuplicateKey(element[0].to_string());
            return Err(ValueError::from(problem).within(0).within(index));
        }
    }
    Ok(Datum::Map(pairs))
}

fn read_pair(json: &Value, other: Option<(&Atom, &Atom)>) -> Result<(Atom, Atom), ValueError> {
    let Some([key, value]) = json.as_array().map(Vec::as_slice) else {
        return Err(ValueError::expected("a pair of atoms", json));
    };
    let key = Atom::from_json(key).and_then(|key| alike(other.map(|(key, _)| key), key));
    let value = Atom::from_json(value).and_then(|value| alike(other.map(|(_, value)| value), value));
    Ok((key.map_err(|error| error.within(0))?, value.map_err(|error| error.within(1))?))
}

/// Refuses an atom of another type than its neighbour's; integers and reals may stand side by side, since a column of
/// reals is written with both.
fn alike(neighbour: Option<&Atom>, atom: Atom) -> Result<Atom, ValueError> {
    let class = |name| if name == "integer" { "real" } else { name };
    match neighbour.map(Atom::type_name) {
        Some(others) if class(others) != class(atom.type_name()) => {
            Err(Problem::Mixed { others, found: atom.type_name() }.into())
        }
        _ => Ok(atom),
    }
}

impl From<Atom> for Datum {
    fn from(atom: Atom) -> Self {
        Self::Set(BTreeSet::from([atom]))
    }
}

impl From<i64> for Datum {
    fn from(number: i64) -> Self {
        Atom::from(number).into()
    }
}

impl From<bool> for Datum {
    fn from(truth: bool) -> Self {
        Atom::from(truth).into()
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Atom::from(text).into()
    }
}

impl From<String> for Datum {
    fn from(text: String) -> Self {
        Atom::from(text).into()
    }
}

impl From<Uuid> for Datum {
    fn from(uuid: Uuid) -> Self {
        Atom::from(uuid).into()
    }
}

/// An optional scalar: a set of no or one atom.
impl<A: Into<Atom>> From<Option<A>> for Datum {
    fn from(atom: Option<A>) -> Self {
        Self::set(atom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Datum, ValueError> {
        Datum::from_json(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn both_spellings_of_one_are_one() {
        assert_eq!(read("[\"set\",[1]]").unwrap(), read("1").unwrap());
        assert_eq!(read("[\"set\",[1]]").unwrap().to_json().to_string(), "1");
        assert_eq!(Datum::from(Some("x")), Datum::from("x"));
        assert_eq!(Datum::from(None::<&str>), Datum::empty_set());
    }

    #[test]
    fn sets_and_maps_are_written_in_order() {
        for (text, written) in [
            ("[\"set\",[]]", "[\"set\",[]]"),
            ("[\"map\",[]]", "[\"map\",[]]"),
            ("[\"set\",[3,1,2]]", "[\"set\",[1,2,3]]"),
            ("[\"map\",[[\"b\",1]]]", "[\"map\",[[\"b\",1]]]"),
            ("[\"map\",[[\"b\",1],[\"a\",1]]]", "[\"map\",[[\"a\",1],[\"b\",1]]]"),
        ] {
            assert_eq!(read(text).unwrap().to_json().to_string(), written);
        }
    }

    #[test]
    fn fewer_elements_come_first() {
        let data = [
            "[\"set\",[]]",
            "9",
            "[\"set\",[1,2]]",
            "[\"map\",[]]",
            "[\"map\",[[1,9],[2,0]]]",
            "[\"map\",[[1,0],[3,0]]]",
        ];
        assert!(data.map(|text| read(text).unwrap()).is_sorted());
    }

    #[test]
    fn errors_name_the_place() {
        for (text, message) in [
            ("[\"set\",1]", "/1: expected an array of atoms, found the number 1"),
            ("[\"set\",[1,2,1]]", "/1/2: set contains duplicate 1"),
            ("[\"set\",[1,\"a\"]]", "/1/1: string among integers: atoms of different types"),
            ("[\"set\",[[\"set\",[]]]]", "/1/0: expected an atom, found the array [\"set\",[]]"),
            ("[\"map\",{}]", "/1: expected an array of pairs, found the object {}"),
            ("[\"map\",[[1]]]", "/1/0: expected a pair of atoms, found the array [1]"),
            ("[\"map\",[[1,2],[1,3]]]", "/1/1/0: map contains duplicate key 1"),
            ("[\"map\",[[1,2],[2,null]]]", "/1/1/1: expected an atom, found null"),
            ("[\"map\",[[1,2],[2,\"x\"]]]", "/1/1/1: string among integers: atoms of different types"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), message);
        }
    }
}
