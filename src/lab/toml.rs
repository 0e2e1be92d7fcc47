//! TOML 1.0 as a tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Found, Wrong};
use super::tree::{DEPTH_MAX, Node, Size, Text, Value};

/// The tree that `text` writes. All mistakes are found; what could be read in spite of them is in the tree.
pub(super) fn parse(text: &str, found: &mut Found) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        found.add(&span, Wrong::new(format!("this is no TOML: {}", error.message())));
    }
    let mut size = Size::default();
    let node = Node { span: 0..text.len(), value: map(table.get_ref(), 1, &mut size, found)? };
    errors.is_empty().then_some(node)
}

fn map(table: &DeTable<'_>, depth: usize, size: &mut Size, found: &mut Found) -> Option<Value> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let text = Text { span: key.span(), text: key.get_ref().to_string() };
        entries.push((text, node(value, depth, size, found)?));
    }
    Some(Value::Map(entries))
}

fn node(value: &Spanned<DeValue<'_>>, depth: usize, size: &mut Size, found: &mut Found) -> Option<Node> {
    let span = value.span();
    if depth >= DEPTH_MAX {
        found.add(&span, Wrong::new(format!("this is nested more than {DEPTH_MAX} levels deep")));
        return None;
    }
    let grown = size.grow(Size { nodes: 1, text: value.get_ref().as_str().map_or(0, str::len) });
    found.take(&span, grown)?;
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Scalar(text.to_string()),
        DeValue::Integer(number) => {
            let decimal = i64::from_str_radix(number.as_str(), number.radix());
            Value::Scalar(decimal.map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()))
        }
        DeValue::Float(number) => Value::Scalar(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Scalar(value.to_string()),
        DeValue::Datetime(value) => Value::Scalar(value.to_string()),
        DeValue::Array(members) => {
            let members = members.iter().map(|member| node(member, depth + 1, size, found));
            Value::List(members.collect::<Option<_>>()?)
        }
        DeValue::Table(table) => map(table, depth + 1, size, found)?,
    };
    Some(Node { span, value })
}
