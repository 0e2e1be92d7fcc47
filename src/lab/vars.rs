//! Variables: `${net}`, `${net:-10.0.0}`, `${net:?say which}`, and `$$` for a dollar, as docker-compose has them.

use std::collections::{BTreeMap, BTreeSet};

use super::mistake::{Found, Wrong, closest};
use super::source::Span;
use super::tree::{Node, Size, Text, Value};

/// Where the values of variables come from.
pub(super) struct Given<'a> {
    /// Those of the command line, which stand above all others.
    pub set: &'a BTreeMap<String, String>,
    /// Those of the environment, which stand below all others.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

struct Variables<'a> {
    given: &'a Given<'a>,
    /// Those of the file.
    file: BTreeMap<String, String>,
    used: BTreeSet<String>,
    size: Size,
    found: &'a mut Found,
}

/// Puts the values of variables in their place, in keys and in values. What `vars` says of itself may use variables before it.
pub(super) fn replace(root: &mut Node, given: &Given<'_>, found: &mut Found) {
    let mut variables = Variables { given, file: BTreeMap::new(), used: BTreeSet::new(), size: root.size(), found };
    let Value::Map(entries) = &mut root.value else { return };
    for (_, node) in entries.iter_mut().filter(|(key, _)| key.text == "vars") {
        variables.declare(node);
    }
    for (_, node) in entries.iter_mut().filter(|(key, _)| key.text != "vars") {
        variables.node(node);
    }
    let place = entries
        .iter()
        .find(|(key, _)| key.text == "vars")
        .map_or(root.span.start..root.span.start, |(key, _)| key.span.clone());
    variables.all_set_are_known(&place);
}

impl Variables<'_> {
    fn declare(&mut self, vars: &mut Node) {
        let Value::Map(entries) = &mut vars.value else { return };
        for (Text { text: name, span }, node) in entries {
            if !is_name(name) {
                let wrong = Wrong::new(format!("`{name}` is no name of a variable"));
                self.found.add(span, wrong.hint("those are letters, digits and `_`, and begin with a letter"));
            }
            self.node(node);
            let value = node.scalar().unwrap_or_default().to_owned();
            self.file.insert(name.clone(), value);
        }
    }

    fn node(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::Nothing => {}
            Value::Scalar(text) => self.text(text, &node.span),
            Value::List(members) => members.iter_mut().for_each(|member| self.node(member)),
            Value::Map(entries) => {
                for (key, node) in entries {
                    self.text(&mut key.text, &key.span);
                    self.node(node);
                }
            }
        }
    }

    fn text(&mut self, text: &mut String, span: &Span) {
        if !text.contains('$') {
            return;
        }
        let replaced = self.replaced(text);
        if let Some(replaced) = self.found.take(span, replaced) {
            *text = replaced;
        }
    }

    fn replaced(&mut self, text: &str) -> Result<String, Wrong> {
        let (mut whole, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('$') {
            whole.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                (whole, rest) = (whole + "$", after);
            } else if let Some(after) = rest.strip_prefix('{') {
                let Some((inside, after)) = after.split_once('}') else {
                    return Err(Wrong::new("`${` has no `}`").hint("for the characters themselves write `$${`"));
                };
                let value = self.value(inside)?;
                self.size.grow(Size { nodes: 0, text: value.len() })?;
                whole.push_str(&value);
                rest = after;
            } else {
                // That of a shell, perhaps, in a command.
                whole.push('$');
            }
        }
        Ok(whole + rest)
    }

    /// The value of what stands between the braces.
    fn value(&mut self, inside: &str) -> Result<String, Wrong> {
        let end = inside.find([':', '-', '?']).unwrap_or(inside.len());
        let (name, rest) = inside.split_at(end);
        if !is_name(name) {
            return Err(Wrong::new(format!("`${{{inside}}}` names no variable")).hint(
                "a variable is written `${name}` or `${name:-default}`; for the characters themselves write `$$`",
            ));
        }
        self.used.insert(name.to_owned());
        let value = self.given.set.get(name).or_else(|| self.file.get(name)).cloned();
        let value = value.or_else(|| (self.given.env)(name));
        let full = value.clone().filter(|value| !value.is_empty());
        match (rest.get(..2), rest.get(..1)) {
            (Some(":-"), _) => Ok(full.unwrap_or_else(|| rest[2..].to_owned())),
            (Some(":?"), _) => {
                full.ok_or_else(|| Wrong::new(format!("the variable `{name}` is empty: {}", &rest[2..])))
            }
            (_, Some("-")) => Ok(value.unwrap_or_else(|| rest[1..].to_owned())),
            (_, Some("?")) => {
                value.ok_or_else(|| Wrong::new(format!("the variable `{name}` is not set: {}", &rest[1..])))
            }
            (_, None) => value.ok_or_else(|| self.unknown(name)),
            _ => Err(Wrong::new(format!("`${{{inside}}}` is no variable"))
                .hint("behind its name may stand `:-default` or `:?message`")),
        }
    }

    fn unknown(&self, name: &str) -> Wrong {
        let known = self.file.keys().chain(self.given.set.keys()).map(String::as_str);
        let otherwise =
            format!("give it a value: `vars: {{ {name}: … }}`, `--set {name}=…`, or `${{{name}:-default}}`");
        Wrong::new(format!("there is no variable `{name}`")).meant(name, known, otherwise)
    }

    /// Who sets what nobody asks for has mistyped it.
    fn all_set_are_known(&mut self, place: &Span) {
        for name in self.given.set.keys() {
            if !self.used.contains(name) && !self.file.contains_key(name) {
                let known = self.used.iter().chain(self.file.keys()).map(String::as_str);
                let hint = match closest(name, known) {
                    Some(known) => format!("did you mean `--set {known}=…`?"),
                    None => format!("write `${{{name}}}` where its value belongs"),
                };
                let wrong = Wrong::new(format!("`--set {name}=…` sets a variable that the file does not use"));
                self.found.add(place, wrong.hint(hint));
            }
        }
    }
}

/// Letters, digits and `_`, as a shell has them.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
