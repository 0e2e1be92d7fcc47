use std::fmt;

use super::{ColumnType, DatabaseSchema, TableSchema};

/// Something that one schema has and another has not, or has otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The table is not there.
    Table {
        /// Its name.
        table: String,
    },
    /// The table has no such column.
    Column {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
    },
    /// The column is of another type.
    Type {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
        /// The type that was looked for.
        wanted: Box<ColumnType>,
        /// The type that is there.
        found: Box<ColumnType>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { table } => write!(f, "table {table} is missing"),
            Self::Column { table, column } => write!(f, "column {table}.{column} is missing"),
            Self::Type { table, column, wanted, found } => {
                write!(f, "column {table}.{column} is {}, not {}", found.to_json(), wanted.to_json())
            }
        }
    }
}

impl DatabaseSchema {
    /// What `self` has and `live` lacks: tables, columns, types. What `live` has more is no difference, nor are `isRoot`,
    /// limits of rows and indexes. Two types are alike if they are equal, or if only the allowed atoms differ: a newer
    /// server allows more of them.
    #[must_use]
    pub fn missing_from(&self, live: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (name, table) in &self.tables {
            match live.tables.get(name) {
                Some(other) => table.missing_from(other, name, &mut differences),
                None => differences.push(Difference::Table { table: name.clone() }),
            }
        }
        differences
    }
}

impl TableSchema {
    fn missing_from(&self, live: &Self, table: &str, differences: &mut Vec<Difference>) {
        for (name, column) in &self.columns {
            let (table, column_name) = (table.to_owned(), name.clone());
            match live.columns.get(name) {
                None => differences.push(Difference::Column { table, column: column_name }),
                Some(other) if column.column_type.is_like(&other.column_type) => {}
                Some(other) => differences.push(Difference::Type {
                    table,
                    column: column_name,
                    wanted: Box::new(column.column_type.clone()),
                    found: Box::new(other.column_type.clone()),
                }),
            }
        }
    }
}

impl ColumnType {
    /// Whether both have the same shape and the same atomic types.
    fn is_like(&self, other: &Self) -> bool {
        let shape = |column_type: &Self| {
            let value = column_type.value().map(super::BaseType::atomic);
            (column_type.key().atomic(), value, column_type.min_count(), column_type.max_count())
        };
        shape(self) == shape(other)
    }
}
