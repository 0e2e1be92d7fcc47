use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::condition::{is_number, operator_mismatch};
use crate::ovsdb::row::Row;
use crate::ovsdb::schema::{AtomicType, BaseType, ColumnType, TableSchema, UNLIMITED};
use crate::ovsdb::value::{Atom, Datum, Problem, Real, ValueError};

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

/// Why a mutation cannot be carried out on a row, in ovsdb-server's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MutationError {
    /// The divisor is zero.
    #[error("domain error: Division by zero.")]
    DivisionByZero,
    /// The result does not fit 64 bits, or is no finite number.
    #[error("range error: Result of \"{0}\" operation is out of range.")]
    OutOfRange(&'static str),
    /// Two elements of the set became equal.
    #[error("constraint violation: Result of \"{0}\" operation contains duplicates.")]
    Duplicates(&'static str),
    /// The set or map got too small or too large.
    #[error("constraint violation: Attempted to store {present} elements in {column_type}.")]
    Count {
        /// How many elements or pairs there would be.
        present: usize,
        /// The column's type.
        column_type: ColumnType,
    },
    /// The column is not there, or the result is not one that it may hold.
    #[error(transparent)]
    Value(#[from] ValueError),
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

    const fn is_arithmetic(self) -> bool {
        !matches!(self, Self::Insert | Self::Delete)
    }

    fn fits(self, column_type: &ColumnType) -> bool {
        if !self.is_arithmetic() {
            return !column_type.is_scalar();
        }
        let atomic = column_type.key().atomic();
        let divides = atomic == AtomicType::Integer || !matches!(self, Self::Remainder);
        !column_type.is_map() && is_number(atomic) && divides
    }

    /// Reads what a column of `column_type` is changed with.
    fn read_argument(self, column_type: &ColumnType, json: &Value) -> Result<Datum, ValueError> {
        let unlimited = column_type.with_count(0, UNLIMITED);
        match self {
            Self::Insert => column_type.with_count(0, column_type.max_count()).read_datum(json),
            Self::Delete if column_type.is_map() => {
                let keys = ColumnType::set(column_type.key().clone(), 0, UNLIMITED);
                unlimited.read_datum(json).or_else(|_| keys.read_datum(json))
            }
            Self::Delete => unlimited.read_datum(json),
            _ => ColumnType::from(column_type.key().atomic()).read_datum(json),
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
        let (keys, pairs): (Vec<Atom>, Vec<(Atom, Atom)>) = pairs
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

    /// Reads a mutation of rows of `table`.
    ///
    /// # Errors
    /// Where `json` is not three elements, names a column or a mutator that is not there, a column that may not change or
    /// not in this way, or a value that does not fit it.
    pub fn from_json(table: &TableSchema, json: &Value) -> Result<Self, ValueError> {
        let Some([Value::String(column), Value::String(name), value]) = json.as_array().map(Vec::as_slice) else {
            return Err(ValueError::expected("mutation [<column>, <mutator>, <value>]", json));
        };
        let column_type = table.column_type(column).map_err(|error| error.within(0))?;
        if table.column(column).is_some_and(|column| !column.mutable) {
            let words = format!("Cannot mutate immutable column {column}");
            return Err(ValueError::from(Problem::Constraint(words)).within(0));
        }
        let unknown = || ValueError::from(Problem::Rule(format!("No mutator named {name}"))).within(1);
        let mutator = Mutator::ALL.into_iter().find(|mutator| mutator.name() == name).ok_or_else(unknown)?;
        if !mutator.fits(&column_type) {
            return Err(operator_mismatch(name, column, &column_type).within(1));
        }
        let value = mutator.read_argument(&column_type, value).map_err(|error| error.within(2))?;
        Ok(Self { column: column.clone(), mutator, value })
    }

    /// Carries out the mutation on `row`, which is left as it was on failure.
    ///
    /// # Errors
    /// [`MutationError`].
    pub fn apply(&self, table: &TableSchema, row: &mut Row) -> Result<(), MutationError> {
        let column_type = table.column_type(&self.column)?;
        let before = row.get(&self.column).cloned().unwrap_or_else(|| column_type.default_datum());
        let after = match self.mutator {
            Mutator::Insert => check_count(insert(before, &self.value), &column_type)?,
            Mutator::Delete => check_count(delete(before, &self.value), &column_type)?,
            mutator => mutator.calculate(before, &self.value, column_type.key())?,
        };
        row.insert(&self.column, after);
        Ok(())
    }
}

fn insert(mut datum: Datum, value: &Datum) -> Datum {
    match (&mut datum, value) {
        (Datum::Set(atoms), Datum::Set(more)) => atoms.extend(more.iter().cloned()),
        (Datum::Map(pairs), Datum::Map(more)) => {
            for (key, value) in more {
                pairs.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        _ => {}
    }
    datum
}

fn delete(mut datum: Datum, value: &Datum) -> Datum {
    match (&mut datum, value) {
        (Datum::Set(atoms), Datum::Set(fewer)) => atoms.retain(|atom| !fewer.contains(atom)),
        (Datum::Map(pairs), Datum::Set(keys)) => pairs.retain(|key, _| !keys.contains(key)),
        (Datum::Map(pairs), Datum::Map(fewer)) => pairs.retain(|key, value| fewer.get(key) != Some(&*value)),
        (Datum::Set(_), Datum::Map(_)) => {}
    }
    datum
}

fn check_count(datum: Datum, column_type: &ColumnType) -> Result<Datum, MutationError> {
    let present = datum.len();
    if (column_type.min_count() as usize..=column_type.max_count() as usize).contains(&present) {
        return Ok(datum);
    }
    Err(MutationError::Count { present, column_type: column_type.clone() })
}

impl Mutator {
    fn calculate(self, datum: Datum, value: &Datum, base: &BaseType) -> Result<Datum, MutationError> {
        let (Datum::Set(atoms), Some(operand)) = (&datum, value.as_scalar()) else { return Ok(datum) };
        let atoms_after = atoms.iter().map(|atom| self.calculate_atom(atom, operand)).collect::<Result<Vec<_>, _>>()?;
        let count = atoms_after.len();
        let conforming = atoms_after.into_iter().map(|atom| base.conform(atom));
        let set = conforming.collect::<Result<BTreeSet<_>, _>>()?;
        if set.len() < count { Err(MutationError::Duplicates(self.name())) } else { Ok(Datum::Set(set)) }
    }

    fn calculate_atom(self, left: &Atom, right: &Atom) -> Result<Atom, MutationError> {
        let out_of_range = || MutationError::OutOfRange(self.name());
        match (left, right) {
            (Atom::Integer(left), Atom::Integer(right)) => {
                let is_division = matches!(self, Self::Divide | Self::Remainder);
                if is_division && *right == 0 {
                    return Err(MutationError::DivisionByZero);
                }
                self.calculate_integer(*left, *right).map(Atom::Integer).ok_or_else(out_of_range)
            }
            (Atom::Real(_), Atom::Real(right)) if self == Self::Divide && right.get() == 0.0 => {
                Err(MutationError::DivisionByZero)
            }
            (Atom::Real(left), Atom::Real(right)) => {
                let number = self.calculate_real(left.get(), right.get());
                Real::new(number).map(Atom::Real).ok_or_else(out_of_range)
            }
            _ => Err(ValueError::expected(left.type_name(), &right.to_json()).into()),
        }
    }

    const fn calculate_integer(self, left: i64, right: i64) -> Option<i64> {
        match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
            Self::Insert | Self::Delete => None,
        }
    }

    const fn calculate_real(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder | Self::Insert | Self::Delete => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_triples() {
        assert_eq!(Mutation::add("next_cfg", 1).to_json(), json!(["next_cfg", "+=", 1]));
        assert_eq!(Mutation::insert("a", Datum::set([1, 2])).to_json(), json!(["a", "insert", ["set", [1, 2]]]));
    }

    /// Point 23 of what an OVSDB client must honour: `insert` keeps an existing key's value.
    #[test]
    fn setting_pairs_deletes_their_keys_first() {
        let [delete, insert] = Mutation::set_pairs("external_ids", [("a", "1"), ("b", "2")]);
        assert_eq!(delete.to_json(), json!(["external_ids", "delete", ["set", ["a", "b"]]]));
        assert_eq!(insert.to_json(), json!(["external_ids", "insert", ["map", [["a", "1"], ["b", "2"]]]]));
    }
}
