//! What is read is written so that it is read back as the same thing. Held by the fuzz target, and by the ordinary tests for
//! the files in `fuzz/corpus/value`.

use ovsns::ovsdb::row::Row;
use ovsns::ovsdb::schema::{AtomicType, ColumnType, DatabaseSchema};
use ovsns::ovsdb::text::json_text;
use ovsns::ovsdb::value::Datum;

/// Takes `bytes` for JSON and for text.
pub fn hold(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        hold_for_text(text);
    }
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    assert!(serde_json::from_str::<serde_json::Value>(&json_text(&json, true)).is_ok(), "{json}");
    if let Ok(datum) = Datum::from_json(&json) {
        assert_eq!(Datum::from_json(&datum.to_json()).as_ref(), Ok(&datum));
    }
    if let Ok(row) = Row::from_json(&json) {
        assert_eq!(Row::from_json(&row.to_json()).as_ref(), Ok(&row));
    }
    if let Ok(column_type) = ColumnType::from_json(&json) {
        assert_eq!(ColumnType::from_json(&column_type.to_json()).as_ref(), Ok(&column_type));
    }
    if let Ok(schema) = DatabaseSchema::from_json(&json) {
        assert_eq!(DatabaseSchema::from_json(&schema.to_json()).as_ref(), Ok(&schema));
    }
    for column_type in types() {
        if let Ok(datum) = column_type.read_datum(&json) {
            assert_eq!(column_type.read_datum(&datum.to_json()).as_ref(), Ok(&datum));
            assert_eq!(column_type.conform(datum.clone()).as_ref(), Ok(&datum));
        }
    }
}

fn hold_for_text(text: &str) {
    for column_type in types() {
        if let Ok(datum) = column_type.read_text(text) {
            let written = column_type.to_text(&datum);
            let again = column_type.read_text(&written);
            assert!(again.is_ok(), "{text:?} is written {written:?}: {again:?}");
            // A real is written with 15 digits, so the first time some may get lost, but no more the second time.
            assert_eq!(again.map(|datum| column_type.to_text(&datum)), Ok(written));
        }
    }
}

fn types() -> impl Iterator<Item = ColumnType> {
    AtomicType::ALL.into_iter().flat_map(|key| {
        let set = ColumnType::set(key.into(), 0, 5);
        let map = ColumnType::map(key.into(), AtomicType::String.into(), 0, 5);
        [ColumnType::from(key), set, map]
    })
}
