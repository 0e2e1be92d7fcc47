//! The parts of a YAML file, written one way.

use granit_parser::ScalarStyle;

use crate::lab::text::quoted;

use super::collect::{Comment, Content, Document, Item, Value};

/// What is longer than this does not stay on one line.
const WIDTH: usize = 120;

pub(super) fn text(document: &Document) -> String {
    let mut out = String::new();
    comments(&document.root.above, 0, &mut out);
    if let Some(value) = &document.root.value {
        if document.root.blank && !out.is_empty() {
            out.push('\n');
        }
        match block(value) {
            Some(items) if value.properties.is_empty() => lines(value, items, 0, &mut out),
            _ => out.push_str(&format!("{}\n", one_line(value, 0).unwrap_or_default())),
        }
    }
    if document.below.iter().any(|comment| comment.blank) && out.is_empty() {
        return document.below.iter().map(|comment| format!("{}\n", comment.text)).collect();
    }
    comments(&document.below, 0, &mut out);
    out
}

fn comments(comments: &[Comment], indent: usize, out: &mut String) {
    for comment in comments {
        if comment.blank && !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}{}\n", " ".repeat(indent), comment.text));
    }
}

/// The items of a collection that has to be written over several lines: it was, or has comments, or nothing but that is possible.
fn block(value: &Value) -> Option<&[Item]> {
    match &value.content {
        Content::Collection { flow, items, .. } if !items.is_empty() && (!flow || items.iter().any(has_comment)) => {
            Some(items)
        }
        _ => None,
    }
}

fn has_comment(item: &Item) -> bool {
    let inside = |value: &Option<Value>| match value.as_ref().map(|value| &value.content) {
        Some(Content::Collection { items, .. }) => items.iter().any(has_comment),
        _ => false,
    };
    !item.above.is_empty() || item.right.is_some() || inside(&item.key) || inside(&item.value)
}

/// Each item of a collection on a line of its own.
fn lines(value: &Value, items: &[Item], indent: usize, out: &mut String) {
    let is_map = matches!(value.content, Content::Collection { is_map: true, .. });
    for (at, item) in items.iter().enumerate() {
        let fresh = out.is_empty();
        comments(&item.above, indent, out);
        if item.blank && !fresh && (at > 0 || !item.above.is_empty()) {
            out.push('\n');
        }
        let space = " ".repeat(indent);
        let head = match (is_map, &item.key) {
            (true, Some(key)) => format!("{space}{}:", one_line(key, 0).unwrap_or_default()),
            _ => format!("{space}-"),
        };
        entry(&head, item, indent, out);
    }
}

fn entry(head: &str, item: &Item, indent: usize, out: &mut String) {
    let right = item.right.as_ref().map(|comment| format!("  {comment}")).unwrap_or_default();
    let Some(value) = &item.value else { return out.push_str(&format!("{head}{right}\n")) };
    if let Some(literal) = literal(value, indent + 2) {
        return out.push_str(&format!("{head} {}|{}{right}\n{}", value.properties, literal.0, literal.1));
    }
    let room = WIDTH.saturating_sub(head.chars().count() + 1);
    match (block(value), one_line(value, room), &value.content) {
        (None, Some(line), _) if line.is_empty() => out.push_str(&format!("{head}{right}\n")),
        (None, Some(line), _) => out.push_str(&format!("{head} {line}{right}\n")),
        (_, _, Content::Collection { items, is_map, .. }) => {
            let properties = value.properties.trim_end();
            // A map in a list begins behind the dash.
            if head.ends_with('-') && *is_map && properties.is_empty() && right.is_empty() && items[0].above.is_empty()
            {
                let mut below = String::new();
                lines(value, items, indent + 2, &mut below);
                return out.push_str(&format!("{head} {}", below.trim_start()));
            }
            let properties = if properties.is_empty() { String::new() } else { format!(" {properties}") };
            out.push_str(&format!("{head}{properties}{right}\n"));
            lines(value, items, indent + 2, out);
        }
        _ => out.push_str(&format!("{head} {}{right}\n", one_line(value, usize::MAX).unwrap_or_default())),
    }
}

/// A text of several lines as they are, and the sign of how it ends; none where that is not possible.
fn literal(value: &Value, indent: usize) -> Option<(&'static str, String)> {
    let Content::Text(text, ScalarStyle::Literal | ScalarStyle::Folded) = &value.content else { return None };
    let body = text.strip_suffix('\n').unwrap_or(text);
    if matches!(&value.content, Content::Text(_, ScalarStyle::Folded)) && !text.contains('\n') {
        return None;
    }
    let odd = |line: &str| line.trim_end() != line || line.chars().any(|c| c.is_control());
    if body.is_empty() || body.starts_with([' ', '\n']) || body.ends_with('\n') || body.split('\n').any(odd) {
        return None;
    }
    let sign = if text.ends_with('\n') { "" } else { "-" };
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{}{line}\n", " ".repeat(indent)) };
    Some((sign, body.split('\n').map(line).collect()))
}

/// A value on one line, if it goes on one of `room` characters.
fn one_line(value: &Value, room: usize) -> Option<String> {
    let properties = &value.properties;
    let line = match &value.content {
        Content::AsIs(text) => return Some(format!("{properties}{text}").trim_end().to_owned()),
        Content::Text(text, _) => return Some(format!("{properties}{}", quoted(text))),
        Content::Collection { is_map, items, .. } => format!("{properties}{}", flow(*is_map, items)?),
    };
    (room == usize::MAX || line.chars().count() <= room || line.ends_with("{}") || line.ends_with("[]")).then_some(line)
}

fn flow(is_map: bool, items: &[Item]) -> Option<String> {
    if items.is_empty() {
        return Some(if is_map { "{}" } else { "[]" }.to_owned());
    }
    let mut parts = Vec::with_capacity(items.len());
    for item in items {
        let value = item.value.as_ref().map(|value| one_line(value, usize::MAX)).unwrap_or(Some(String::new()))?;
        parts.push(match (&item.key, is_map) {
            (Some(key), true) => format!("{}: {value}", one_line(key, usize::MAX)?).trim_end().to_owned(),
            _ => value,
        });
    }
    let inner = parts.join(", ");
    let nested = items
        .iter()
        .filter_map(|item| item.value.as_ref())
        .any(|value| matches!(&value.content, Content::Collection { items, .. } if !items.is_empty()));
    Some(match (is_map, nested) {
        (true, _) => format!("{{ {inner} }}"),
        (false, true) => format!("[ {inner} ]"),
        (false, false) => format!("[{inner}]"),
    })
}
