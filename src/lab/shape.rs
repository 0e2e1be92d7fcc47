//! What a value of a lab file may be: said once, for reading, for hints, and for the JSON Schema.

use std::sync::LazyLock;

use crate::model::setting::{Form, Holder, Setting, Values};

use super::mistake::{Found, Wrong};
use super::tree::{Node, Value};

/// A map with certain keys.
pub(super) struct Object {
    /// Its name in the schema.
    pub name: &'static str,
    pub doc: &'static str,
    pub fields: &'static [Field],
    /// The settings that it has besides.
    pub settings: Option<Holder>,
}

/// A key, and what stands behind it.
pub(super) struct Field {
    pub name: &'static str,
    pub doc: &'static str,
    pub shape: Shape,
    pub required: bool,
    /// What holds where it is left out, if that is a value of its own.
    pub default: Option<&'static str>,
}

/// What a value may be.
pub(super) enum Shape {
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Number(u64, u64),
    /// One of these words; `true` and `false` may be among them.
    Words(&'static [&'static str]),
    /// A text of a kind.
    Text(&'static Kind),
    /// One, or a list of them.
    OneOrMany(&'static Shape),
    /// A list.
    List(&'static Shape),
    /// Names of a kind, and what belongs to each.
    Map(&'static Kind, &'static Shape),
    /// A map with certain keys.
    Object(&'static Object),
    /// A text that says in short what the map says at length.
    TextOr(&'static Kind, &'static Object),
}

/// A kind of text.
pub(super) struct Kind {
    /// What it is called in messages, with its article.
    pub what: &'static str,
    pub example: &'static str,
    /// What is wrong with a text that is none, as far as that shows before ranges are expanded.
    pub check: fn(&str) -> Result<(), Wrong>,
    /// What every such text matches (ECMA-262), for the schema.
    pub pattern: Option<&'static str>,
    /// Whether it may be written as a number too.
    pub number: bool,
}

impl Object {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.all_fields().find(|field| field.name == name)
    }

    /// Its own, and those of its settings.
    pub fn all_fields(&self) -> impl Iterator<Item = &Field> {
        let settings: &[Field] = match self.settings {
            Some(Holder::Switch) => &OF_SWITCHES,
            Some(Holder::Port) => &OF_PORTS,
            None => &[],
        };
        self.fields.iter().chain(settings)
    }
}

static OF_SWITCHES: LazyLock<Vec<Field>> = LazyLock::new(|| Setting::of(Holder::Switch).map(setting).collect());
static OF_PORTS: LazyLock<Vec<Field>> = LazyLock::new(|| Setting::of(Holder::Port).map(setting).collect());

/// The key of a setting. What is wrong with a text or a multiple is told when it is read.
fn setting(setting: &'static Setting) -> Field {
    fn anything(_: &str) -> Result<(), Wrong> {
        Ok(())
    }
    // One for each setting, as long as the program runs.
    let text = |form: &'static Form| -> &'static Shape {
        let kind = Kind { what: form.what, example: form.example, check: anything, pattern: None, number: true };
        Box::leak(Box::new(Shape::Text(Box::leak(Box::new(kind)))))
    };
    let shape = match &setting.values {
        Values::Bool => Shape::Bool,
        Values::Number(min, max, _) => Shape::Number(*min, *max),
        Values::Words(words) => Shape::Words(words),
        Values::Text(form) | Values::Texts(form) => Shape::OneOrMany(text(form)),
    };
    Field { name: setting.name, doc: setting.doc, shape, required: false, default: None }
}

/// Finds what of `node` is not of `shape`. `path` is where it stands, in words.
pub(super) fn check(node: &Node, shape: &Shape, found: &mut Found) {
    match shape {
        Shape::OneOrMany(one) => match &node.value {
            Value::List(members) => members.iter().for_each(|member| check(member, one, found)),
            _ => check(node, one, found),
        },
        Shape::List(one) => match &node.value {
            Value::List(members) => members.iter().for_each(|member| check(member, one, found)),
            Value::Nothing => {}
            _ => wrong_type(node, shape, found),
        },
        Shape::Map(kind, one) => match &node.value {
            Value::Map(entries) => {
                for (key, node) in entries {
                    found.take(&key.span, (kind.check)(&key.text));
                    check(node, one, found);
                }
            }
            Value::Nothing => {}
            _ => wrong_type(node, shape, found),
        },
        Shape::Object(object) => check_object(node, object, shape, found),
        Shape::TextOr(kind, object) => match &node.value {
            Value::Scalar(text) => drop(found.take(&node.span, (kind.check)(text))),
            _ => check_object(node, object, shape, found),
        },
        _ => match &node.value {
            Value::Scalar(text) => drop(found.take(&node.span, check_scalar(text, shape))),
            _ => wrong_type(node, shape, found),
        },
    }
}

fn check_scalar(text: &str, shape: &Shape) -> Result<(), Wrong> {
    match shape {
        Shape::Bool => match text {
            "true" | "false" => Ok(()),
            _ => Err(Wrong::new(format!("`{text}` is neither true nor false")).meant_bool(text)),
        },
        Shape::Number(min, max) => match text.parse::<u64>() {
            Ok(number) if (*min..=*max).contains(&number) => Ok(()),
            Ok(number) => Err(Wrong::new(format!("{number} is not within {min} to {max}"))),
            Err(_) => {
                Err(Wrong::new(format!("`{text}` is no whole number")).hint(format!("it is one of {min} to {max}")))
            }
        },
        Shape::Words(words) => match words.contains(&text) {
            true => Ok(()),
            false if words.contains(&"true") && is_yes_or_no(text) => {
                Err(Wrong::new(format!("`{text}` is none of {}", words.join(", "))).meant_bool(text))
            }
            false => Err(Wrong::new(format!("`{text}` is none of {}", words.join(", "))).meant(
                text,
                words.iter().copied(),
                format!("write one of {}", words.join(", ")),
            )),
        },
        Shape::Text(kind) => (kind.check)(text),
        _ => Ok(()),
    }
}

fn is_yes_or_no(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "y" | "n" | "1" | "0")
}

impl Wrong {
    /// YAML 1.1 had more words for it.
    fn meant_bool(self, text: &str) -> Wrong {
        match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "true" | "1" => self.hint("write `true`"),
            "no" | "off" | "n" | "false" | "0" => self.hint("write `false`"),
            _ => self,
        }
    }
}

fn wrong_type(node: &Node, shape: &Shape, found: &mut Found) {
    let (what, example) = describe(shape);
    let wrong = Wrong::new(format!("this is {}, and should be {what}", node.what()));
    found.add(&node.span, wrong.hint(format!("as in `{example}`")));
}

/// What a value of `shape` is called, and an example.
fn describe(shape: &Shape) -> (String, String) {
    match shape {
        Shape::Bool => ("true or false".to_owned(), "true".to_owned()),
        Shape::Number(min, max) => (format!("a number from {min} to {max}"), max.to_string()),
        Shape::Words(words) => (format!("one of {}", words.join(", ")), words[0].to_owned()),
        Shape::Text(kind) => (kind.what.to_owned(), kind.example.to_owned()),
        Shape::OneOrMany(one) => describe(one),
        Shape::List(one) => ("a list".to_owned(), format!("[{}]", describe(one).1)),
        Shape::Map(kind, one) => ("a map".to_owned(), format!("{{ {}: {} }}", kind.example, describe(one).1)),
        Shape::Object(object) | Shape::TextOr(_, object) => ("a map".to_owned(), example(object)),
    }
}

/// The keys that an object must have, or its first.
fn example(object: &Object) -> String {
    let required: Vec<&Field> = object.fields.iter().filter(|field| field.required).collect();
    let shown = if required.is_empty() { object.fields.iter().take(1).collect() } else { required };
    let keys = shown.iter().map(|field| format!("{}: {}", field.name, describe(&field.shape).1));
    format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
}

fn check_object(node: &Node, object: &Object, shape: &Shape, found: &mut Found) {
    let entries = match &node.value {
        Value::Map(entries) => entries.as_slice(),
        Value::Nothing => &[],
        _ => return wrong_type(node, shape, found),
    };
    for (key, value) in entries {
        match object.field(&key.text) {
            Some(Field { shape: Shape::List(_) | Shape::Map(..) | Shape::Object(_), .. })
                if value.value == Value::Nothing => {}
            Some(_) if value.value == Value::Nothing => {
                let wrong = Wrong::new(format!("`{}` has no value", key.text));
                found.add(&key.span, wrong.hint("give it one, or leave the key out"));
            }
            Some(field) => check(value, &field.shape, found),
            // As docker-compose has it: a place for what anchors name.
            None if object.name == "lab" && key.text.starts_with("x-") => {}
            None => found.add(&key.span, unknown_key(&key.text, object)),
        }
    }
    for field in object.fields.iter().filter(|field| field.required) {
        if !entries.iter().any(|(key, _)| key.text == field.name) {
            let wrong = Wrong::new(format!("`{}` is missing here", field.name));
            found.add(
                &node.span,
                wrong.hint(format!("add `{}: {}`: {}", field.name, describe(&field.shape).1, lower(field.doc))),
            );
        }
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn unknown_key(key: &str, object: &Object) -> Wrong {
    let names = || object.all_fields().map(|field| field.name);
    let all = names().collect::<Vec<_>>().join(", ");
    // `host_name` for `host-name`, as in TOML.
    let dashed = key.replace('_', "-");
    Wrong::new(format!("there is no key `{key}` in {}", object.name)).meant(
        &dashed,
        names(),
        format!("there are {all}"),
    )
}
