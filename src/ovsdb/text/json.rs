use serde_json::{Map, Value};

use super::general;

/// How deep pretty JSON is indented a level.
const INDENT: usize = 2;

/// Writes JSON as ovsdb-client prints it: members sorted, no spaces, reals by [`general`]. `pretty` is its `--pretty`: a
/// line for each member and element, indented, the closing bracket behind the last one.
#[must_use]
pub fn json_text(json: &Value, pretty: bool) -> String {
    let mut writer = Writer { text: String::new(), depth: 0, pretty };
    writer.value(json);
    writer.text
}

struct Writer {
    text: String,
    depth: usize,
    pretty: bool,
}

impl Writer {
    fn value(&mut self, json: &Value) {
        match json {
            Value::Array(elements) => self.array(elements),
            Value::Object(members) => self.object(members),
            Value::Number(number) if number.as_i64().is_none() => self.real(number.as_f64().unwrap_or_default()),
            // serde_json escapes the same characters in the same way as lib/json.c does.
            other => self.text.push_str(&other.to_string()),
        }
    }

    /// Open vSwitch reads a real that has no fraction, and fits, as an integer, and writes it so.
    fn real(&mut self, number: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
        match number {
            whole if whole.fract() == 0.0 && whole.abs() < 9.2e18 => self.text.push_str(&(whole as i64).to_string()),
            _ => self.text.push_str(&general(number)),
        }
    }

    fn array(&mut self, elements: &[Value]) {
        self.text.push('[');
        self.depth += 1;
        for (index, element) in elements.iter().enumerate() {
            self.separate(index);
            self.value(element);
        }
        self.depth -= 1;
        self.text.push(']');
    }

    fn object(&mut self, members: &Map<String, Value>) {
        self.text.push('{');
        self.depth += 1;
        if members.is_empty() {
            // An empty array has no line of its own, an empty object has.
            self.new_line();
        }
        let mut members: Vec<_> = members.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        for (index, (name, value)) in members.into_iter().enumerate() {
            self.separate(index);
            self.text.push_str(&Value::from(name.as_str()).to_string());
            self.text.push_str(if self.pretty { ": " } else { ":" });
            self.value(value);
        }
        self.depth -= 1;
        self.text.push('}');
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.text.push(',');
        }
        self.new_line();
    }

    fn new_line(&mut self) {
        if self.pretty {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', INDENT * self.depth));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_line_is_sorted_and_tight() {
        let json = json!({"b": [1, 1.0, 0.5, 1e37, u64::MAX], "a": {"é\u{1}\n\"": null}, "c": [], "d": {}});
        let text = r#"{"a":{"é\u0001\n\"":null},"b":[1,1,0.5,1e+37,1.84467440737096e+19],"c":[],"d":{}}"#;
        assert_eq!(json_text(&json, false), text);
    }

    #[test]
    fn pretty_closes_behind_the_last_element() {
        let json = json!({"a": [1, {"b": 2}], "c": [], "d": {}});
        let text = "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2}],\n  \"c\": [],\n  \"d\": {\n    }}";
        assert_eq!(json_text(&json, true), text);
    }
}
