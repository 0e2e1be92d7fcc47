use serde_json::{Value, json};

use super::{Cell, Style, Table};
use crate::ovsdb::text::json_text;

/// An object: `headings`, `data`, and `caption` and `time` where there are such.
pub(super) fn write(table: &Table, style: &Style, out: &mut Vec<u8>) {
    let row = |row: &Vec<Cell>| row.iter().map(Cell::to_json).collect::<Value>();
    let mut object = json!({"headings": table.headings, "data": table.rows.iter().map(row).collect::<Value>()});
    if let Some(caption) = &table.caption {
        object["caption"] = json!(caption);
    }
    if let Some(timestamp) = &table.timestamp {
        object["time"] = json!(timestamp);
    }
    out.extend_from_slice(json_text(&object, style.pretty).as_bytes());
    out.push(b'\n');
}
