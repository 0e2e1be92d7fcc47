use serde_json::Value;

use super::{CellFormat, Style};
use crate::ovsdb::schema::ColumnType;
use crate::ovsdb::text::json_text;

/// What stands where a row and a column meet.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text, always written as it is.
    Text(String),
    /// JSON that is no value of a column, such as a type.
    Json(Value),
    /// A value of a column.
    Datum {
        /// The value, in the notation of RFC 7047 section 5.1.
        json: Value,
        /// The column's type.
        column_type: ColumnType,
    },
}

impl Cell {
    /// The cell as `style` has it. A value that does not fit its column is written as JSON.
    pub(super) fn text(&self, style: &Style) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Json(json) => json_text(json, false),
            Self::Datum { json, column_type } => match (style.cells, column_type.read_datum(json)) {
                (CellFormat::String, Ok(datum)) => column_type.to_text(&datum),
                (CellFormat::Bare, Ok(datum)) => datum.to_bare(),
                _ => json_text(json, false),
            },
        }
    }

    /// The cell in a table that is JSON itself.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) => Value::from(text.as_str()),
            Self::Json(json) | Self::Datum { json, .. } => json.clone(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
