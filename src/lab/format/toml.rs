//! TOML, written one way: spaces around `=`, none at the ends of lines, no two empty lines. Quotes and the order stay.

use toml_edit::{Decor, DocumentMut, Item, RawString, Table, Value};

/// The canonical form of `text`; none if it is no TOML.
pub(super) fn text(text: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    table(document.as_table_mut());
    let end = document.trailing().as_str().map(above).unwrap_or_default();
    document.set_trailing(end);
    Some(document.to_string().trim_start_matches('\n').to_owned())
}

fn table(of: &mut Table) {
    let prefix = of.decor().prefix().and_then(RawString::as_str).map(above).unwrap_or_default();
    let suffix = of.decor().suffix().and_then(RawString::as_str).map(behind).unwrap_or_default();
    *of.decor_mut() = Decor::new(prefix, suffix);
    for (mut key, item) in of.iter_mut() {
        match item {
            Item::Table(inner) => table(inner),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(table),
            Item::Value(inner) => {
                let decor = key.leaf_decor_mut();
                let prefix = decor.prefix().and_then(RawString::as_str).map(above).unwrap_or_default();
                *decor = Decor::new(prefix, " ");
                value(inner);
            }
            Item::None => {}
        }
    }
}

fn value(of: &mut Value) {
    let suffix = of.decor().suffix().and_then(RawString::as_str).map(behind).unwrap_or_default();
    // What has comments, or several lines, stays as it was made.
    let plain = !of.to_string().contains(['#', '\n']);
    match of {
        Value::Array(array) if plain => array.fmt(),
        Value::InlineTable(inline) if plain => inline.fmt(),
        _ => {}
    }
    *of.decor_mut() = Decor::new(" ", suffix);
}

/// Comments on lines of their own, each without space around it.
fn above(text: &str) -> String {
    let mut lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    lines.dedup_by(|one, other| one.is_empty() && other.is_empty());
    let mut whole = lines.join("\n");
    if whole.trim().is_empty() {
        whole = if text.contains('\n') { "\n".to_owned() } else { String::new() };
    }
    whole
}

/// A comment behind a value.
fn behind(text: &str) -> String {
    let comment = text.trim();
    if comment.is_empty() { String::new() } else { format!("  {comment}") }
}
