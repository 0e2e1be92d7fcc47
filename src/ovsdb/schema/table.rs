use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::column::check_name;
use super::members::{Members, require};
use super::{AtomicType, ColumnSchema, ColumnType};
use crate::ovsdb::row::Row;
use crate::ovsdb::value::{Problem, ValueError};

/// One table, `<table-schema>` of RFC 7047 section 3.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableSchema {
    /// The columns by name, without `_uuid` and `_version`, which every table has.
    pub columns: BTreeMap<String, ColumnSchema>,
    /// Whether rows stay that nothing refers to.
    pub is_root: bool,
    /// The most rows, if there is a limit.
    pub max_rows: Option<u32>,
    /// Whether rows may be made, changed and deleted.
    pub mutable: bool,
    /// Sets of columns of which no two rows may hold the same.
    pub indexes: Vec<Vec<String>>,
}

impl TableSchema {
    /// Reads a table.
    ///
    /// # Errors
    /// Where `json` is no object of the members of a table schema, there is no column, a name is reserved, or an index
    /// names no column, an unknown or ephemeral one, or one twice.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        let mut members = Members::of(json, "table schema (an object)")?;
        let columns = require("columns", members.object("columns")?)?;
        let mutable = members.boolean("mutable")?.unwrap_or(true);
        let max_rows = members.integer("maxRows")?.map(read_max_rows).transpose()?.flatten();
        let is_root = members.boolean("isRoot")?.unwrap_or(false);
        let indexes = members.array("indexes")?;
        members.finish()?;
        let columns = read_columns(columns).map_err(|error| error.within("columns"))?;
        let mut table = Self { columns, is_root, max_rows, mutable, indexes: Vec::new() };
        for (number, index) in indexes.into_iter().flatten().enumerate() {
            let index = table.read_index(index).map_err(|error| error.within(number).within("indexes"))?;
            table.indexes.push(index);
        }
        Ok(table)
    }

    fn read_index(&self, json: &Value) -> Result<Vec<String>, ValueError> {
        let mut index = Vec::new();
        let wrong = || Problem::Rule("array of distinct column names expected".to_owned());
        for (at, name) in json.as_array().ok_or_else(wrong)?.iter().enumerate() {
            let name = name.as_str().filter(|name| !index.iter().any(|other| other == name));
            let name = name.ok_or_else(wrong)?;
            self.check_indexed(name).map_err(|error| error.within(at))?;
            index.push(name.to_owned());
        }
        if index.is_empty() {
            return Err(Problem::Rule("index must have at least one column".to_owned()).into());
        }
        Ok(index)
    }

    fn check_indexed(&self, name: &str) -> Result<(), ValueError> {
        let problem = match self.column(name) {
            Some(column) if !column.ephemeral => return Ok(()),
            Some(_) => format!("ephemeral columns (such as {name}) may not be indexed"),
            None => format!("{name} is not a valid column name"),
        };
        Err(Problem::Rule(problem).into())
    }

    /// Writes the table; `isRoot` only where it is not `default_is_root`. Where every table of a schema is a root, none
    /// says so (the case of schemas that are older than `isRoot`).
    #[must_use]
    pub fn to_json(&self, default_is_root: bool) -> Value {
        let columns = self.columns.iter().map(|(name, column)| (name.clone(), column.to_json()));
        let mut json = json!({"columns": columns.collect::<Map<_, _>>()});
        if !self.mutable {
            json["mutable"] = json!(false);
        }
        if self.is_root != default_is_root {
            json["isRoot"] = json!(self.is_root);
        }
        if let Some(max_rows) = self.max_rows {
            json["maxRows"] = json!(max_rows);
        }
        if !self.indexes.is_empty() {
            json["indexes"] = json!(self.indexes);
        }
        json
    }

    /// The column of this name; `_uuid` and `_version` too.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<ColumnSchema> {
        let implicit =
            |ephemeral| Some(ColumnSchema { mutable: false, ephemeral, ..ColumnSchema::new(AtomicType::Uuid.into()) });
        match name {
            "_uuid" => implicit(false),
            "_version" => implicit(true),
            _ => self.columns.get(name).cloned(),
        }
    }

    /// The type of the column of this name; of `_uuid` and `_version` too.
    ///
    /// # Errors
    /// [`Problem::Rule`] if there is none.
    pub fn column_type(&self, name: &str) -> Result<ColumnType, ValueError> {
        let unknown = || Problem::Rule(format!("No column {name}")).into();
        self.column(name).map(|column| column.column_type).ok_or_else(unknown)
    }

    /// Reads a row: each column in the light of its type.
    ///
    /// # Errors
    /// Where `json` is no object, has a column that the table has not, or a value that does not fit its column.
    pub fn read_row(&self, json: &Value) -> Result<Row, ValueError> {
        let members = json.as_object().ok_or_else(|| ValueError::expected("row (an object)", json))?;
        let mut row = Row::new();
        for (name, value) in members {
            let datum = self.column_type(name).and_then(|column_type| column_type.read_datum(value));
            row.insert(name, datum.map_err(|error| error.within(name))?);
        }
        Ok(row)
    }

    /// A row of which nothing is said: each column holds its type's default (section 5.2.1).
    #[must_use]
    pub fn default_row(&self) -> Row {
        self.columns.iter().map(|(name, column)| (name, column.column_type.default_datum())).collect()
    }
}

fn read_columns(members: &Map<String, Value>) -> Result<BTreeMap<String, ColumnSchema>, ValueError> {
    if members.is_empty() {
        return Err(Problem::Rule("table must have at least one column".to_owned()).into());
    }
    let column = |(name, json): (&String, &Value)| match check_name(name).and_then(|()| ColumnSchema::from_json(json)) {
        Ok(column) => Ok((name.clone(), column)),
        Err(error) => Err(error.within(name)),
    };
    members.iter().map(column).collect()
}

/// A limit that no table can reach is none.
fn read_max_rows(number: i64) -> Result<Option<u32>, ValueError> {
    if number < 1 {
        return Err(ValueError::from(Problem::Rule("maxRows must be at least 1".to_owned())).within("maxRows"));
    }
    Ok(u32::try_from(number).ok().filter(|limit| *limit != u32::MAX))
}
