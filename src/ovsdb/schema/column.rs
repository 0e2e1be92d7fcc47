use serde_json::{Value, json};

use super::ColumnType;
use super::members::Members;
use crate::ovsdb::value::{Problem, ValueError, is_id};

/// One column, `<column-schema>` of RFC 7047 section 3.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnSchema {
    /// What it may hold.
    pub column_type: ColumnType,
    /// Whether it may change once the row is there.
    pub mutable: bool,
    /// Whether its contents may be lost when the server restarts.
    pub ephemeral: bool,
}

impl ColumnSchema {
    /// A column that may change and lasts.
    #[must_use]
    pub const fn new(column_type: ColumnType) -> Self {
        Self { column_type, mutable: true, ephemeral: false }
    }

    /// Reads a column.
    ///
    /// # Errors
    /// Where `json` is no object of `type`, `mutable` and `ephemeral`, or the type is at fault.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        let mut members = Members::of(json, "column schema (an object)")?;
        let mutable = members.boolean("mutable")?.unwrap_or(true);
        let ephemeral = members.boolean("ephemeral")?.unwrap_or(false);
        let column_type = ColumnType::from_json(members.required("type")?).map_err(|error| error.within("type"))?;
        members.finish()?;
        Ok(Self { column_type, mutable, ephemeral })
    }

    /// Writes the column.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({"type": self.column_type.to_json()});
        if !self.mutable {
            json["mutable"] = json!(false);
        }
        if self.ephemeral {
            json["ephemeral"] = json!(true);
        }
        json
    }
}

/// Refuses names of tables and columns that are no `<id>`, or that the protocol keeps for itself.
pub(super) fn check_name(name: &str) -> Result<(), ValueError> {
    if name.starts_with('_') {
        return Err(Problem::Rule("names beginning with \"_\" are reserved".to_owned()).into());
    }
    if is_id(name) { Ok(()) } else { Err(Problem::Id(name.to_owned()).into()) }
}
