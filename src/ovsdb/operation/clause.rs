use serde_json::{Value, json};

use crate::ovsdb::value::{Atom, Datum, Uuid};

/// A test of one column, `[COLUMN, FUNCTION, VALUE]` (`<condition>` of RFC 7047 section 5.1). A row is chosen if all
/// conditions hold, so no condition chooses every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    column: String,
    function: Function,
    value: Datum,
}

/// How a condition compares; the order is only for scalar numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
    /// The column holds every element or pair of the value.
    Includes,
    /// The column holds no element or pair of the value.
    Excludes,
}

impl Function {
    /// All of them, in RFC 7047's order of precedence.
    pub const ALL: [Self; 8] = [
        Self::Less,
        Self::LessOrEqual,
        Self::Equal,
        Self::NotEqual,
        Self::GreaterOrEqual,
        Self::Greater,
        Self::Includes,
        Self::Excludes,
    ];

    /// As it is written on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
            Self::Includes => "includes",
            Self::Excludes => "excludes",
        }
    }
}

impl Condition {
    /// `column` compared with `value` by `function`.
    pub fn new(column: impl Into<String>, function: Function, value: impl Into<Datum>) -> Self {
        Self { column: column.into(), function, value: value.into() }
    }

    /// `column == value`.
    pub fn equal(column: impl Into<String>, value: impl Into<Datum>) -> Self {
        Self::new(column, Function::Equal, value)
    }

    /// `column != value`.
    pub fn not_equal(column: impl Into<String>, value: impl Into<Datum>) -> Self {
        Self::new(column, Function::NotEqual, value)
    }

    /// `column` holds every element or pair of `value`.
    pub fn includes(column: impl Into<String>, value: impl Into<Datum>) -> Self {
        Self::new(column, Function::Includes, value)
    }

    /// The row with this `_uuid`: the one condition that the server answers without looking at every row.
    #[must_use]
    pub fn uuid(uuid: Uuid) -> Self {
        Self::equal("_uuid", uuid)
    }

    /// Writes the condition.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!([self.column, self.function.name(), self.value.to_json()])
    }
}

/// A change of one column, `[COLUMN, MUTATOR, VALUE]` (`<mutation>` of RFC 7047 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    column: String,
    mutator: Mutator,
    value: Datum,
}

/// How a mutation changes: numbers by arithmetic, sets and maps by inserting and deleting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutator {
    /// `+=`
    Add,
    /// `-=`
    Subtract,
    /// `*=`
    Multiply,
    /// `/=`
    Divide,
    /// `%=`, integers only.
    Remainder,
    /// Adds elements or pairs; a key that a map has already keeps its value.
    Insert,
    /// Removes elements; from a map, pairs, or whatever stands at the keys of a set.
    Delete,
}

impl Mutator {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Add, Self::Subtract, Self::Multiply, Self::Divide, Self::Remainder, Self::Insert, Self::Delete];

    /// As it is written on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "+=",
            Self::Subtract => "-=",
            Self::Multiply => "*=",
            Self::Divide => "/=",
            Self::Remainder => "%=",
            Self::Insert => "insert",
            Self::Delete => "delete",
        }
    }
}

impl Mutation {
    /// `column` changed by `mutator` and `value`.
    pub fn new(column: impl Into<String>, mutator: Mutator, value: impl Into<Datum>) -> Self {
        Self { column: column.into(), mutator, value: value.into() }
    }

    /// `column += number`.
    pub fn add(column: impl Into<String>, number: impl Into<Atom>) -> Self {
        Self::new(column, Mutator::Add, number.into())
    }

    /// Adds the elements or pairs of `value`; a key that a map has already keeps its value.
    pub fn insert(column: impl Into<String>, value: impl Into<Datum>) -> Self {
        Self::new(column, Mutator::Insert, value)
    }

    /// Removes the elements of `value`, or the pairs that are equal to its pairs.
    pub fn delete(column: impl Into<String>, value: impl Into<Datum>) -> Self {
        Self::new(column, Mutator::Delete, value)
    }

    /// Puts the pairs of `value` in a map, over what stands at their keys: `insert` alone would keep that, so the keys
    /// are deleted first. Both go into the same `mutate`, in this order.
    pub fn set_pairs<K: Into<Atom>, V: Into<Atom>>(column: &str, pairs: impl IntoIterator<Item = (K, V)>) -> [Self; 2] {
        let (keys, pairs): (Vec<_>, Vec<_>) = pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .map(|(key, value): (Atom, Atom)| (key.clone(), (key, value)))
            .unzip();
        [Self::delete(column, Datum::set(keys)), Self::insert(column, Datum::map(pairs))]
    }

    /// Writes the mutation.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!([self.column, self.mutator.name(), self.value.to_json()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_triples() {
        assert_eq!(Condition::equal("name", "br0").to_json(), json!(["name", "==", "br0"]));
        assert_eq!(Condition::includes("tag", None::<i64>).to_json(), json!(["tag", "includes", ["set", []]]));
        assert_eq!(Mutation::add("next_cfg", 1).to_json(), json!(["next_cfg", "+=", 1]));
        assert_eq!(
            Condition::uuid(Uuid::ZERO).to_json(),
            json!(["_uuid", "==", ["uuid", "00000000-0000-0000-0000-000000000000"]])
        );
    }

    /// Point 23 of what an OVSDB client must honour: `insert` keeps an existing key's value.
    #[test]
    fn setting_pairs_deletes_their_keys_first() {
        let [delete, insert] = Mutation::set_pairs("external_ids", [("a", "1"), ("b", "2")]);
        assert_eq!(delete.to_json(), json!(["external_ids", "delete", ["set", ["a", "b"]]]));
        assert_eq!(insert.to_json(), json!(["external_ids", "insert", ["map", [["a", "1"], ["b", "2"]]]]));
    }
}
