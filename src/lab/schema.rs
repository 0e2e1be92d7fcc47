//! The JSON Schema of a lab file, for editors: from the same table by which files are read.

use serde_json::{Map, Value, json};

use super::fields::LAB;
use super::shape::{Field, Kind, Object, Shape};

/// The JSON Schema (draft 2020-12) of a lab file.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut schema = object(&LAB, &mut definitions);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ovsns lab",
    });
    if let (Value::Object(schema), Value::Object(mut whole)) = (&mut schema, head) {
        whole.append(schema);
        // As docker-compose has it: a place for what anchors name.
        whole.insert("patternProperties".to_owned(), json!({"^x-": true}));
        whole.insert("$defs".to_owned(), Value::Object(definitions));
        return Value::Object(whole);
    }
    schema
}

fn object(object: &Object, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in object.all_fields() {
        properties.insert(field.name.to_owned(), described(field, definitions));
    }
    let required: Vec<&str> = object.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = json!({
        "description": object.doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn described(field: &Field, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = shape(&field.shape, definitions);
    schema["description"] = json!(field.doc);
    if let Some(default) = field.default {
        schema["default"] = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
    }
    // An empty key is an empty list or map.
    if matches!(field.shape, Shape::List(_) | Shape::Map(..) | Shape::Object(_)) && schema["type"].is_string() {
        schema["type"] = json!([schema["type"], "null"]);
    }
    schema
}

fn shape(of: &Shape, definitions: &mut Map<String, Value>) -> Value {
    match of {
        // A variable may stand for it.
        Shape::Bool => json!({"anyOf": [{"type": "boolean"}, variable()]}),
        Shape::Number(min, max) => {
            json!({"anyOf": [{"type": "integer", "minimum": min, "maximum": max}, variable()]})
        }
        Shape::Words(words) => {
            let word = |word: &&str| serde_json::from_str(word).unwrap_or_else(|_| json!(word));
            json!({"anyOf": [{"enum": words.iter().map(word).collect::<Vec<Value>>()}, variable()]})
        }
        Shape::Text(kind) => text(kind),
        Shape::OneOrMany(one) => {
            let one = shape(one, definitions);
            json!({"anyOf": [one, {"type": "array", "items": one}]})
        }
        Shape::List(one) => json!({"type": "array", "items": shape(one, definitions)}),
        Shape::Map(_, one) => {
            let mut value = shape(one, definitions);
            if matches!(one, Shape::Object(_)) {
                value = json!({"anyOf": [value, {"type": "null"}]});
            }
            json!({"type": "object", "additionalProperties": value})
        }
        Shape::Object(object) => reference(object, definitions),
        Shape::TextOr(kind, object) => json!({"anyOf": [text(kind), reference(object, definitions)]}),
    }
}

/// Objects are defined once.
fn reference(of: &Object, definitions: &mut Map<String, Value>) -> Value {
    let name = of.name.replace(' ', "-");
    if !definitions.contains_key(&name) {
        // Before what it refers to: none refers to itself.
        definitions.insert(name.clone(), Value::Null);
        let schema = object(of, definitions);
        definitions.insert(name.clone(), schema);
    }
    json!({"$ref": format!("#/$defs/{name}")})
}

fn text(kind: &Kind) -> Value {
    let mut schema = match kind.number {
        true => json!({"type": ["string", "number", "boolean"]}),
        false => json!({"type": "string"}),
    };
    if let Some(pattern) = kind.pattern {
        schema["pattern"] = json!(format!(r"{pattern}|\$\{{"));
    }
    schema["examples"] = json!([kind.example]);
    schema
}

fn variable() -> Value {
    json!({"type": "string", "pattern": r"\$\{"})
}
