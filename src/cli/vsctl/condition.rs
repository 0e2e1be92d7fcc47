//! Conditions of `find` and `wait-until`: `COLUMN[:KEY]OPERATOR VALUE`, without the space.

use std::cmp::Ordering;

use super::failure::Failure;
use super::names::{Table, read_column_value};
use super::symbols::Symbols;
use crate::ovsdb::schema::{ColumnType, UNLIMITED};
use crate::ovsdb::value::{Atom, Datum};

const OPERATORS: [&str; 14] =
    ["=", "!=", "<", ">", "<=", ">=", "{=}", "{!=}", "{<}", "{>}", "{<=}", "{>=}", "{in}", "{not-in}"];

/// What a column is compared with, and how.
#[derive(Debug)]
pub(super) struct Condition<'a> {
    pub column: &'a str,
    key: Option<Atom>,
    operator: &'static str,
    value: Datum,
}

impl<'a> Condition<'a> {
    pub(super) fn read(table: &Table<'a>, argument: &str, symbols: &mut Symbols) -> Result<Self, Failure> {
        let (place, operator, text) = read_column_value(table, argument, &OPERATORS)?;
        let (column, operator) = (place.column, OPERATORS[operator]);
        let column_type = column.column_type();
        let Some(key) = place.key else {
            let value = symbols.read_datum(column_type, text)?;
            return Ok(Self { column: column.name, key: None, operator, value });
        };
        let Some(of_values) = column_type.value() else {
            let words = format!("cannot specify key to check for non-map column {}", column.name);
            return Err(Failure::words(words));
        };
        let key = symbols.read_atom(column_type.key(), &key)?;
        let values = ColumnType::set(of_values.clone(), 0, UNLIMITED).with_count(column_type.min_count(), UNLIMITED);
        let value = symbols.read_datum(&values, text)?;
        Ok(Self { column: column.name, key: Some(key), operator, value })
    }

    /// Whether a column holds what it should. Without the key, a map fails all but the operators of sets, for which it
    /// counts as empty.
    pub(super) fn holds(&self, datum: &Datum) -> bool {
        let Some(key) = &self.key else { return compare(datum, self.operator, &self.value) };
        let at_key = match datum {
            Datum::Map(pairs) => pairs.get(key),
            Datum::Set(_) => None,
        };
        match at_key {
            None if !self.operator.starts_with('{') => false,
            value => compare(&value.cloned().map_or(Datum::empty_set(), Datum::from), self.operator, &self.value),
        }
    }
}

fn compare(have: &Datum, operator: &str, want: &Datum) -> bool {
    let order = have.cmp(want);
    match operator {
        "=" | "{=}" => order == Ordering::Equal,
        "!=" | "{!=}" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        ">" => order == Ordering::Greater,
        "<=" => order != Ordering::Greater,
        ">=" => order != Ordering::Less,
        "{<}" => have.len() < want.len() && includes(want, have),
        "{>}" => want.len() < have.len() && includes(have, want),
        "{<=}" | "{in}" => includes(want, have),
        "{>=}" => includes(have, want),
        _ => common(have, want) == 0,
    }
}

fn includes(all: &Datum, some: &Datum) -> bool {
    common(all, some) == some.len()
}

/// How many elements or pairs are in both.
fn common(left: &Datum, right: &Datum) -> usize {
    match (left, right) {
        (Datum::Set(left), Datum::Set(right)) => left.intersection(right).count(),
        (Datum::Map(left), Datum::Map(right)) => {
            left.iter().filter(|(key, value)| right.get(key) == Some(value)).count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_compare_sets() {
        let set = |numbers: &[i64]| Datum::set(numbers.iter().copied());
        for (have, operator, want, holds) in [
            (&[1, 2][..], "=", &[1, 2][..], true),
            (&[9], "<", &[1, 2], true),
            (&[1, 3], ">", &[1, 2], true),
            (&[1], "{<}", &[1, 2], true),
            (&[1, 2], "{<}", &[1, 2], false),
            (&[1, 2], "{<=}", &[1, 2], true),
            (&[1, 2, 3], "{>}", &[1, 2], true),
            (&[], "{>=}", &[], true),
            (&[], "{in}", &[1], true),
            (&[3], "{not-in}", &[1, 2], true),
            (&[1, 3], "{not-in}", &[1, 2], false),
            (&[1], "{!=}", &[1], false),
        ] {
            assert_eq!(compare(&set(have), operator, &set(want)), holds, "{have:?} {operator} {want:?}");
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_an_empty_set_for_set_operators_only() {
        let with = |operator, value: &str| Condition {
            column: "other_config",
            key: Some("mtu".into()),
            operator,
            value: Datum::from(value),
        };
        let (none, other) = (Datum::empty_map(), Datum::map([("mtu", "9000")]));
        assert!(!with("!=", "1500").holds(&none));
        assert!(with("{!=}", "1500").holds(&none));
        assert!(with("!=", "1500").holds(&other));
        assert!(with("=", "9000").holds(&other));
    }
}
