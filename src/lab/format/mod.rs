//! A lab file in its canonical form: the same values, the same order, the same comments; spaces, indentation and quotes one way.

mod collect;
mod emit;
mod toml;

use super::mistake::{Found, Mistakes};
use super::source::{Format, Source};
use super::tree::{Node, Value};
use super::yaml;

/// The canonical form of a file. Comments stay with what they stand above or behind. A file with something that would be lost stays
/// as it is.
///
/// # Errors
///
/// Why it cannot be read.
pub fn format(source: &Source, format: Format) -> Result<String, Mistakes> {
    let mut found = Found::default();
    let parse = |text: &str, found: &mut Found| match format {
        Format::Yaml => yaml::parse(text, found),
        Format::Toml => super::toml::parse(text, found),
    };
    let tree = parse(&source.text, &mut found);
    let Some(tree) = tree.filter(|_| found.is_empty()) else { return Err(found.into_mistakes(source)) };
    let formatted = match format {
        Format::Yaml => collect::document(&source.text).map(|document| emit::text(&document)),
        Format::Toml => toml::text(&source.text),
    };
    let Some(formatted) = formatted else { return Ok(source.text.clone()) };
    let again = parse(&formatted, &mut found);
    let kept = found.is_empty() && again.is_some_and(|again| same(&tree, &again));
    Ok(if kept && comments(&source.text) == comments(&formatted) { formatted } else { source.text.clone() })
}

/// Whether two trees say the same.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            let entry = |((key, value), (other_key, other)): (&(_, Node), &(_, Node))| {
                let (key, other_key): (&super::tree::Text, &super::tree::Text) = (key, other_key);
                key.text == other_key.text && same(value, other)
            };
            one.len() == other.len() && one.iter().zip(other).all(entry)
        }
        (one, other) => one == other,
    }
}

/// How many characters could begin a comment: none may come or go. Quotes change, so this is only a rough count for TOML.
fn comments(text: &str) -> usize {
    text.matches('#').count()
}
