use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::column::check_name;
use super::members::{Members, require};
use super::{BaseType, Strength, TableSchema};
use crate::ovsdb::value::{Problem, ValueError};

/// A database, `<database-schema>` of RFC 7047 section 3.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseSchema {
    /// The database's name.
    pub name: String,
    /// The schema's version, `X.Y.Z`; very old schemas have none.
    pub version: Option<String>,
    /// A checksum of the schema's text, if it was given one.
    pub cksum: Option<String>,
    /// The tables by name.
    pub tables: BTreeMap<String, TableSchema>,
}

impl DatabaseSchema {
    /// Reads a schema. If no table is a root, all are: such a schema is older than `isRoot`. A strong reference to a table
    /// that is no root is never ephemeral: the row that it keeps alive would be lost with it.
    ///
    /// # Errors
    /// Where `json` is no object of the members of a database schema, the version is not `X.Y.Z`, a name is reserved, a
    /// table is at fault, or a reference names a table that is not there.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        let mut members = Members::of(json, "database schema (an object)")?;
        let name = require("name", members.id("name")?)?.to_owned();
        let version = members.string("version")?.map(read_version).transpose()?;
        let cksum = members.string("cksum")?.map(str::to_owned);
        let tables = require("tables", members.object("tables")?)?;
        members.finish()?;
        let tables = read_tables(tables).map_err(|error| error.within("tables"))?;
        let mut schema = Self { name, version, cksum, tables };
        schema.settle_roots();
        schema.settle_references()?;
        Ok(schema)
    }

    fn settle_roots(&mut self) {
        if !self.tables.values().any(|table| table.is_root) {
            self.tables.values_mut().for_each(|table| table.is_root = true);
        }
    }

    fn settle_references(&mut self) -> Result<(), ValueError> {
        let roots: BTreeMap<_, _> = self.tables.iter().map(|(name, table)| (name.clone(), table.is_root)).collect();
        for (table_name, table) in &mut self.tables {
            for (column_name, column) in &mut table.columns {
                let types = [("key", Some(column.column_type.key())), ("value", column.column_type.value())];
                let mut keeps_alive = false;
                for (word, base) in types {
                    keeps_alive |= check_reference(column_name, word, base, &roots).map_err(|error| {
                        error
                            .within(word)
                            .within("type")
                            .within(column_name)
                            .within("columns")
                            .within(table_name)
                            .within("tables")
                    })?;
                }
                column.ephemeral &= !keeps_alive;
            }
        }
        Ok(())
    }

    /// Writes the schema.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let all_roots = self.tables.values().all(|table| table.is_root);
        let tables = self.tables.iter().map(|(name, table)| (name.clone(), table.to_json(all_roots)));
        let mut json = json!({"name": self.name, "tables": tables.collect::<Map<_, _>>()});
        if let Some(version) = &self.version {
            json["version"] = json!(version);
        }
        if let Some(cksum) = &self.cksum {
            json["cksum"] = json!(cksum);
        }
        json
    }
}

/// Whether `base` is a strong reference to a table that is no root.
fn check_reference(
    column: &str,
    word: &str,
    base: Option<&BaseType>,
    roots: &BTreeMap<String, bool>,
) -> Result<bool, ValueError> {
    let Some((table, strength)) = base.and_then(BaseType::reference) else { return Ok(false) };
    match roots.get(table) {
        Some(is_root) => Ok(strength == Strength::Strong && !is_root),
        None => Err(Problem::Rule(format!("column {column} {word} refers to undefined table {table}")).into()),
    }
}

fn read_tables(members: &Map<String, Value>) -> Result<BTreeMap<String, TableSchema>, ValueError> {
    let table = |(name, json): (&String, &Value)| match check_name(name).and_then(|()| TableSchema::from_json(json)) {
        Ok(table) => Ok((name.clone(), table)),
        Err(error) => Err(error.within(name)),
    };
    members.iter().map(table).collect()
}

fn read_version(text: &str) -> Result<String, ValueError> {
    let numbers: Vec<_> = text.split('.').collect();
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() == 3 && numbers.iter().all(number) {
        return Ok(text.to_owned());
    }
    let words = format!("schema version \"{text}\" not in format x.y.z");
    Err(ValueError::from(Problem::Rule(words)).within("version"))
}
