//! What is in the kernel, as `nft -j list` tells it: libnftables-json(5).

use serde_json::Value;

use super::{NftError, ask};

/// A set, or a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub elements: Vec<Element>,
}

/// An element of a set, or of a map, part by part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// What is looked up; a network as `10.0.0.0/24`.
    pub key: Vec<String>,
    /// What is found; nothing in a set.
    pub value: Vec<String>,
    /// The comment.
    pub comment: Option<String>,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The family of its table.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Where the kernel calls it, if it does.
    pub base: Option<Base>,
}

/// Where the kernel calls a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The hook, such as `forward`.
    pub hook: String,
    /// What becomes of a packet that no rule decides on: `accept` or `drop`.
    pub policy: String,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The chain that it is in.
    pub chain: String,
    /// The number that the kernel gave it.
    pub handle: u64,
    /// The comment.
    pub comment: Option<String>,
    /// What it consists of.
    pub expressions: Vec<Value>,
}

impl Rule {
    /// Whether it drops or rejects every packet that comes to it.
    pub fn refuses_all(&self) -> bool {
        let mut effective = self.expressions.iter().filter(|expression| expression.get("counter").is_none());
        let refuses = |expression: &Value| expression.get("drop").is_some() || expression.get("reject").is_some();
        effective.next().is_some_and(refuses)
    }

    /// Whether it names the device `name`.
    pub fn names(&self, name: &str) -> bool {
        self.expressions.iter().any(|expression| holds(expression, name))
    }
}

fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string == text,
        Value::Array(values) => values.iter().any(|value| holds(value, text)),
        Value::Object(members) => members.values().any(|value| holds(value, text)),
        _ => false,
    }
}

/// The sets and maps of a table, which has to be there, and its rules.
pub fn content(family: &str, table: &str) -> Result<(Vec<Set>, Vec<Rule>), NftError> {
    let objects = list(&["-j", "list", "table", family, table])?;
    let set = |object: &Value| object.get("set").or_else(|| object.get("map")).map(read_set);
    let rule = |object: &Value| object.get("rule").map(read_rule);
    Ok((objects.iter().filter_map(set).collect(), objects.iter().filter_map(rule).collect()))
}

/// All chains.
pub fn chains() -> Result<Vec<Chain>, NftError> {
    let objects = list(&["-j", "list", "chains"])?;
    Ok(objects.iter().filter_map(|object| object.get("chain")).map(read_chain).collect())
}

/// The rules of a table, which has to be there.
pub fn rules(family: &str, table: &str) -> Result<Vec<Rule>, NftError> {
    list_rules(&["-j", "-a", "list", "table", family, table])
}

/// The rules of a chain, which has to be there.
pub fn rules_of_chain(family: &str, table: &str, chain: &str) -> Result<Vec<Rule>, NftError> {
    list_rules(&["-j", "-a", "list", "chain", family, table, chain])
}

fn list_rules(words: &[&str]) -> Result<Vec<Rule>, NftError> {
    Ok(list(words)?.iter().filter_map(|object| object.get("rule")).map(read_rule).collect())
}

fn list(words: &[&str]) -> Result<Vec<Value>, NftError> {
    let mut document: Value = serde_json::from_slice(&ask(words)?).map_err(NftError::Answer)?;
    match document.get_mut("nftables").map(Value::take) {
        Some(Value::Array(objects)) => Ok(objects),
        _ => Ok(Vec::new()),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => match members.get("prefix") {
            Some(prefix) => format!("{}/{}", text(&prefix["addr"]), prefix["len"]),
            None => value.to_string(),
        },
        other => other.to_string(),
    }
}

fn optional_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn read_set(set: &Value) -> Set {
    let elements = set["elem"].as_array().into_iter().flatten().map(read_element).collect();
    Set { name: text(&set["name"]), elements }
}

/// An element of a map is the pair of its key and its value; one with a comment is wrapped into an `elem`.
fn read_element(element: &Value) -> Element {
    let (key, value) = match element {
        Value::Array(pair) if pair.len() == 2 => (&pair[0], Some(&pair[1])),
        key => (key, None),
    };
    let (key, comment) = match key.get("elem") {
        Some(wrapped) => (&wrapped["val"], optional_text(&wrapped["comment"])),
        None => (key, None),
    };
    Element { key: parts(key), value: value.map(parts).unwrap_or_default(), comment }
}

fn parts(value: &Value) -> Vec<String> {
    match value.get("concat").and_then(Value::as_array) {
        Some(values) => values.iter().map(text).collect(),
        None => vec![text(value)],
    }
}

fn read_chain(chain: &Value) -> Chain {
    let base = optional_text(&chain["hook"])
        .map(|hook| Base { hook, policy: optional_text(&chain["policy"]).unwrap_or_else(|| "accept".to_owned()) });
    Chain { family: text(&chain["family"]), table: text(&chain["table"]), name: text(&chain["name"]), base }
}

fn read_rule(rule: &Value) -> Rule {
    Rule {
        chain: text(&rule["chain"]),
        handle: rule["handle"].as_u64().unwrap_or_default(),
        comment: optional_text(&rule["comment"]),
        expressions: rule["expr"].as_array().cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn element(key: &[&str], value: &[&str], comment: Option<&str>) -> Element {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Element { key: texts(key), value: texts(value), comment: comment.map(str::to_owned) }
    }

    /// As nft 1.0.6 prints them.
    #[test]
    fn elements_in_all_their_forms() {
        let set = json!({"name": "s", "elem": [
            "br1",
            {"concat": ["br1", {"prefix": {"addr": "10.0.0.0", "len": 24}}]},
            {"concat": ["br1", "10.9.9.9"]},
            [{"elem": {"val": {"concat": ["tcp", 8080]}, "comment": "ns1"}}, {"concat": ["10.0.0.2", 80]}],
            [{"concat": ["udp", 53]}, {"concat": ["fd00::3", 53]}],
        ]});
        let expected = [
            element(&["br1"], &[], None),
            element(&["br1", "10.0.0.0/24"], &[], None),
            element(&["br1", "10.9.9.9"], &[], None),
            element(&["tcp", "8080"], &["10.0.0.2", "80"], Some("ns1")),
            element(&["udp", "53"], &["fd00::3", "53"], None),
        ];
        assert_eq!(read_set(&set).elements, expected);
        assert_eq!(read_set(&json!({"name": "s"})).elements, []);
    }

    #[test]
    fn the_last_rule_of_a_firewall() {
        let rule = |expressions: Value| read_rule(&json!({"handle": 7, "expr": expressions}));
        assert!(rule(json!([{"counter": {"packets": 0}}, {"drop": null}])).refuses_all());
        assert!(rule(json!([{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}])).refuses_all());
        let of_one = rule(
            json!([{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "br1"}}, {"drop": null}]),
        );
        assert!(!of_one.refuses_all() && of_one.names("br1") && !of_one.names("br2"));
    }
}
