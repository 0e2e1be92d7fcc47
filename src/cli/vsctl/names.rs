//! Names of tables and columns as they are typed: in any case, `-` for `_`, and shortened; and `COLUMN[:KEY][=VALUE]`.

use super::failure::Failure;
use crate::ovsdb::schema::{ColumnSchema, ColumnType, DatabaseSchema, TableSchema};
use crate::ovsdb::text::split_token;

/// How well a typed word matches a name: all of it best, then all but for case and hyphens, then its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    None,
    Begun(usize),
    Folded,
    Exact,
}

fn matches(name: &str, typed: &str) -> Match {
    let fold = |text: &str| text.replace('-', "_").to_ascii_lowercase();
    if name == typed {
        return Match::Exact;
    }
    let (name, typed) = (fold(name), fold(typed));
    match name.strip_prefix(&typed) {
        Some("") => Match::Folded,
        Some(_) if !typed.is_empty() => Match::Begun(typed.len()),
        _ => Match::None,
    }
}

/// The names that match best.
fn best<'a>(names: impl Iterator<Item = &'a str> + Clone, typed: &str) -> Vec<&'a str> {
    let best = names.clone().map(|name| matches(name, typed)).max().unwrap_or(Match::None);
    if best == Match::None {
        return Vec::new();
    }
    names.filter(|name| matches(name, typed) == best).collect()
}

/// A table of the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    pub name: &'a str,
    pub schema: &'a TableSchema,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a> {
    pub name: &'a str,
    pub schema: &'a ColumnSchema,
}

impl<'a> Column<'a> {
    pub(super) const fn column_type(&self) -> &'a ColumnType {
        &self.schema.column_type
    }
}

/// The table that is called so, or begins so.
pub(super) fn find_table<'a>(schema: &'a DatabaseSchema, typed: &str) -> Result<Table<'a>, Failure> {
    let found = best(schema.tables.keys().map(String::as_str), typed);
    match found.as_slice() {
        [name] => table(schema, name),
        [] => Err(Failure::words(format!("unknown table \"{typed}\""))),
        several => {
            let names = several.join(", ");
            Err(Failure::words(format!("\"{typed}\" matches multiple table names: {names}")))
        }
    }
}

/// The table of exactly this name.
pub(super) fn table<'a>(schema: &'a DatabaseSchema, name: &str) -> Result<Table<'a>, Failure> {
    let missing = || Failure::words(format!("{} database lacks {name} table (database needs upgrade?)", schema.name));
    let (name, schema) = schema.tables.get_key_value(name).ok_or_else(missing)?;
    Ok(Table { name, schema })
}

impl<'a> Table<'a> {
    /// The column that is called so, or begins so.
    pub(super) fn find(&self, typed: &str) -> Result<Column<'a>, Failure> {
        let found = best(self.schema.columns.keys().map(String::as_str), typed);
        let only = match found.as_slice() {
            [name] => self.column(name),
            _ => None,
        };
        only.ok_or_else(|| {
            Failure::words(match found.as_slice() {
                [] => format!("{} does not contain a column whose name matches \"{typed}\"", self.name),
                several => {
                    let names = several.join(", ");
                    format!("{} contains more than one column whose name matches \"{typed}\": {names}", self.name)
                }
            })
        })
    }

    /// The column of exactly this name.
    pub(super) fn column(&self, name: &str) -> Option<Column<'a>> {
        self.schema.columns.get_key_value(name).map(|(name, schema)| Column { name, schema })
    }
}

/// `COLUMN[:KEY]`, and what stands behind it.
#[derive(Debug)]
pub(super) struct Place<'a, 't> {
    pub column: Column<'a>,
    pub key: Option<String>,
    rest: &'t str,
}

/// The column that an argument begins with.
pub(super) fn read_column<'a>(table: &Table<'a>, argument: &str) -> Result<Column<'a>, Failure> {
    let (name, _) = split_token(argument)?;
    if name.is_empty() {
        return Err(Failure::words(format!("{argument}: missing column name")));
    }
    table.find(&name)
}

fn read_place<'a, 't>(table: &Table<'a>, argument: &'t str) -> Result<Place<'a, 't>, Failure> {
    let column = read_column(table, argument)?;
    let (_, rest) = split_token(argument)?;
    match rest.strip_prefix(':') {
        Some(rest) => {
            let (key, rest) = split_token(rest)?;
            Ok(Place { column, key: Some(key), rest })
        }
        None => Ok(Place { column, key: None, rest }),
    }
}

/// Reads `COLUMN[:KEY]`.
pub(super) fn read_column_key<'a, 't>(table: &Table<'a>, argument: &'t str) -> Result<Place<'a, 't>, Failure> {
    let place = read_place(table, argument)?;
    match place.rest {
        "" => Ok(place),
        rest => Err(Failure::words(format!("{argument}: trailing garbage \"{rest}\" in argument"))),
    }
}

/// Reads `COLUMN[:KEY]OPERATOR VALUE` (without the space): which of the operators it is, and the value.
pub(super) fn read_column_value<'a, 't>(
    table: &Table<'a>,
    argument: &'t str,
    operators: &[&str],
) -> Result<(Place<'a, 't>, usize, &'t str), Failure> {
    let place = read_place(table, argument)?;
    let fits = |(at, operator): (usize, &&str)| {
        let value = place.rest.strip_prefix(*operator).filter(|value| !value.is_empty())?;
        Some((operator.len(), at, value))
    };
    let best = operators.iter().enumerate().filter_map(fits).max_by_key(|(length, at, _)| (*length, usize::MAX - at));
    match best {
        Some((_, at, value)) => Ok((place, at, value)),
        None => Err(Failure::words(format!(
            "{argument}: argument does not end in {} followed by a value.",
            list(operators)
        ))),
    }
}

fn list(operators: &[&str]) -> String {
    let quoted: Vec<_> = operators.iter().map(|operator| format!("\"{operator}\"")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} or {other}"),
        [others @ .., last] => format!("{}, or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovsdb::schema::AtomicType;

    fn schema() -> DatabaseSchema {
        let column = |name: &str| (name.to_owned(), ColumnSchema::new(AtomicType::String.into()));
        let columns = ["name", "netflow", "other_config", "other"].into_iter().map(column).collect();
        let table = TableSchema { columns, is_root: false, max_rows: None, mutable: true, indexes: Vec::new() };
        let tables = ["Bridge", "Port", "Flow_Table", "Flow_Sample_Collector_Set", "QoS", "Queue"];
        let tables = tables.into_iter().map(|name| (name.to_owned(), table.clone())).collect();
        DatabaseSchema { name: "x".to_owned(), version: None, cksum: None, tables }
    }

    #[test]
    fn tables_may_be_shortened() {
        let schema = schema();
        for (typed, found) in [
            ("Bridge", Ok("Bridge")),
            ("b", Ok("Bridge")),
            ("flow-t", Ok("Flow_Table")),
            ("QUEUE", Ok("Queue")),
            ("nope", Err("unknown table \"nope\"")),
            ("", Err("unknown table \"\"")),
            ("Bridges", Err("unknown table \"Bridges\"")),
        ] {
            let found_table = find_table(&schema, typed);
            assert_eq!(
                found_table.map(|table| table.name).map_err(|error| error.to_string()),
                found.map_err(str::to_owned)
            );
        }
        assert_eq!(find_table(&schema, "q").unwrap_err().to_string(), "\"q\" matches multiple table names: QoS, Queue");
    }

    #[test]
    fn the_whole_name_is_better_than_a_beginning() {
        let schema = schema();
        let table = find_table(&schema, "Bridge").unwrap();
        assert_eq!(table.find("other").unwrap().name, "other");
        assert_eq!(table.find("OTHER-C").unwrap().name, "other_config");
        assert!(table.find("n").is_err());
    }

    #[test]
    fn arguments_are_taken_apart() {
        let schema = schema();
        let table = find_table(&schema, "Bridge").unwrap();
        let (place, at, value) = read_column_value(&table, "other_c:\"a=b\"!=c d", &["=", "!="]).unwrap();
        assert_eq!((place.column.name, place.key.as_deref(), at, value), ("other_config", Some("\"a=b\""), 1, "c d"));
        for (argument, message) in [
            ("=x", "=x: missing column name"),
            ("name", "name: argument does not end in \"=\" or \"!=\" followed by a value."),
            ("name=", "name=: argument does not end in \"=\" or \"!=\" followed by a value."),
            ("nam\\", "nam\\: backslash at end of argument"),
        ] {
            let error = read_column_value(&table, argument, &["=", "!="]).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        let error = read_column_key(&table, "name=x").unwrap_err();
        assert_eq!(error.to_string(), "name=x: trailing garbage \"=x\" in argument");
    }
}
