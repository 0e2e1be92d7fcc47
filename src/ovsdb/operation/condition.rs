use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::ovsdb::row::Row;
use crate::ovsdb::schema::{AtomicType, ColumnType, TableSchema, UNLIMITED};
use crate::ovsdb::value::{Datum, Problem, Uuid, ValueError};

/// A test of a row (`<condition>` of RFC 7047 section 5.1). A row is chosen if all conditions hold, so no condition
/// chooses every row. The order is that in which ovsdb-server tries them: the more a test rules out, the earlier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// `true` or `false`: all rows or none. Only `monitor_cond` knows it (ovsdb-server(7) section 4.1.12).
    Constant(bool),
    /// `[COLUMN, FUNCTION, VALUE]`.
    Clause {
        /// How the column is compared.
        function: Function,
        /// The column's name.
        column: String,
        /// With what it is compared.
        value: Datum,
    },
}

/// How a condition compares; the order is only for scalar numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// `==`
    Equal,
    /// The column holds every element or pair of the value.
    Includes,
    /// `<=`
    LessOrEqual,
    /// `<`
    Less,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
    /// The column holds no element or pair of the value.
    Excludes,
    /// `!=`
    NotEqual,
}

impl Function {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Equal,
        Self::Includes,
        Self::LessOrEqual,
        Self::Less,
        Self::GreaterOrEqual,
        Self::Greater,
        Self::Excludes,
        Self::NotEqual,
    ];

    /// As it is written on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Includes => "includes",
            Self::LessOrEqual => "<=",
            Self::Less => "<",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
            Self::Excludes => "excludes",
            Self::NotEqual => "!=",
        }
    }

    const fn is_ordering(self) -> bool {
        matches!(self, Self::LessOrEqual | Self::Less | Self::GreaterOrEqual | Self::Greater)
    }

    /// The type of what a column of `column_type` is compared with: more or fewer elements than the column may hold, where
    /// that makes sense.
    fn argument(self, column_type: &ColumnType) -> ColumnType {
        match self {
            Self::Excludes if !column_type.is_scalar() => column_type.with_count(0, UNLIMITED),
            Self::Includes if !column_type.is_scalar() => column_type.with_count(0, column_type.max_count()),
            _ if self.is_ordering() => column_type.with_count(1, 1),
            _ => column_type.clone(),
        }
    }
}

impl Condition {
    /// `column` compared with `value` by `function`.
    pub fn new(column: impl Into<String>, function: Function, value: impl Into<Datum>) -> Self {
        Self::Clause { function, column: column.into(), value: value.into() }
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
        match self {
            Self::Constant(truth) => json!(truth),
            Self::Clause { function, column, value } => json!([column, function.name(), value.to_json()]),
        }
    }

    /// Reads a condition on rows of `table`.
    ///
    /// # Errors
    /// Where `json` is neither a boolean nor three elements, names a column or a function that is not there, orders
    /// anything but a number, or compares with what does not fit the column.
    pub fn from_json(table: &TableSchema, json: &Value) -> Result<Self, ValueError> {
        let elements = match json {
            Value::Bool(truth) => return Ok(Self::Constant(*truth)),
            _ => json.as_array().map(Vec::as_slice),
        };
        let Some([Value::String(column), Value::String(name), value]) = elements else {
            return Err(ValueError::expected("condition [<column>, <function>, <value>]", json));
        };
        let column_type = table.column_type(column).map_err(|error| error.within(0))?;
        let function = Function::ALL.into_iter().find(|function| function.name() == name);
        let unknown = || ValueError::from(Problem::Rule(format!("No function named {name}"))).within(1);
        let function = function.ok_or_else(unknown)?;
        if function.is_ordering() && !is_orderable(&column_type) {
            return Err(operator_mismatch(name, column, &column_type).within(1));
        }
        let value = function.argument(&column_type).read_datum(value).map_err(|error| error.within(2))?;
        Ok(Self::Clause { function, column: column.clone(), value })
    }

    /// Whether `row` meets the condition. A column that the row lacks meets none.
    #[must_use]
    pub fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Constant(truth) => *truth,
            Self::Clause { function, column, value } => {
                row.get(column).is_some_and(|datum| function.holds(datum, value))
            }
        }
    }
}

impl Function {
    fn holds(self, datum: &Datum, value: &Datum) -> bool {
        // An optional number that is not there is neither less nor more than anything.
        let ordering = || datum.as_scalar().zip(value.as_scalar()).map(|(left, right)| left.cmp(right));
        match self {
            Self::Equal => datum == value,
            Self::NotEqual => datum != value,
            Self::Less => ordering() == Some(Ordering::Less),
            Self::LessOrEqual => ordering().is_some_and(Ordering::is_le),
            Self::Greater => ordering() == Some(Ordering::Greater),
            Self::GreaterOrEqual => ordering().is_some_and(Ordering::is_ge),
            Self::Includes => match (datum, value) {
                (Datum::Set(all), Datum::Set(some)) => some.is_subset(all),
                (Datum::Map(all), Datum::Map(some)) => some.iter().all(|(key, value)| all.get(key) == Some(value)),
                _ => value.is_empty(),
            },
            Self::Excludes => match (datum, value) {
                (Datum::Set(all), Datum::Set(none)) => none.is_disjoint(all),
                (Datum::Map(all), Datum::Map(none)) => none.iter().all(|(key, value)| all.get(key) != Some(value)),
                _ => true,
            },
        }
    }
}

fn is_orderable(column_type: &ColumnType) -> bool {
    is_number(column_type.key().atomic()) && column_type.max_count() == 1 && !column_type.is_map()
}

pub(super) const fn is_number(atomic: AtomicType) -> bool {
    matches!(atomic, AtomicType::Integer | AtomicType::Real)
}

pub(super) fn operator_mismatch(operator: &str, column: &str, column_type: &ColumnType) -> ValueError {
    let words =
        format!("Type mismatch: \"{operator}\" operator may not be applied to column {column} of type {column_type}");
    Problem::Rule(words).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_triples() {
        assert_eq!(Condition::equal("name", "br0").to_json(), json!(["name", "==", "br0"]));
        assert_eq!(Condition::includes("tag", None::<i64>).to_json(), json!(["tag", "includes", ["set", []]]));
        assert_eq!(Condition::Constant(true).to_json(), json!(true));
        assert_eq!(
            Condition::uuid(Uuid::ZERO).to_json(),
            json!(["_uuid", "==", ["uuid", "00000000-0000-0000-0000-000000000000"]])
        );
    }
}
