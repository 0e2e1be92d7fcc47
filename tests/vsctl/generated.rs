//! Command lines made from the schema: any table, any column, values that fit and values that do not.

use ovsns::ovsdb::schema::{AtomicType, BaseType, ColumnType, Constraint, DatabaseSchema};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::common::VSWITCH_SCHEMA;
use crate::pair::Pair;

/// How many command lines of each kind.
const LINES: usize = 400;

/// Switches, ports and a fake bridge, where they are not there any more.
const FURNISH: &str = "-- --may-exist add-br br0 -- --may-exist add-br br1 -- --may-exist add-port br0 p1 \
                   -- --may-exist add-bond br0 bond0 e1 e2 -- --may-exist add-br fake br0 9";

fn schema() -> DatabaseSchema {
    let text = std::fs::read_to_string(VSWITCH_SCHEMA).unwrap();
    DatabaseSchema::from_json(&serde_json::from_str::<Value>(&text).unwrap()).unwrap()
}

/// A name as it is, shortened, in other letters, or no name at all.
fn typed(name: String) -> impl Strategy<Value = String> {
    let short: String = name.chars().take(4).collect();
    let other = name.to_uppercase().replace('_', "-");
    prop_oneof![6 => Just(name), 1 => Just(short), 1 => Just(other), 1 => Just("nonesuch".to_owned())]
}

fn record() -> impl Strategy<Value = String> {
    let names = ["br0", "br0", "br1", "p1", "p1", "bond0", "e1", "fake", ".", ".", "nope", "tcp:1.2.3.4", "1", "m", ""];
    select(names.to_vec()).prop_map(str::to_owned)
}

fn atom(base: &BaseType) -> BoxedStrategy<String> {
    let good: Vec<&str> = match (base.atomic(), base.constraint()) {
        (_, Constraint::Enum(atoms)) => {
            return select(atoms.iter().map(|atom| atom.to_text()).collect::<Vec<_>>()).boxed();
        }
        (AtomicType::Integer, _) => vec!["0", "1", "7", "4095", "4096", "-1", "65536", "1-3", "+2"],
        (AtomicType::Real, _) => vec!["0", "1.5", "-2"],
        (AtomicType::Boolean, _) => vec!["true", "false", "yes", "off", "1"],
        (AtomicType::String, _) => vec!["x", "\"\"", "\"a b\"", "a-b.c", "\"q\\\"q\"", "true", "9z", "é"],
        (AtomicType::Uuid, _) => {
            vec!["$Bridge/br0$", "$Port/p1$", "$Interface/e1$", "@x", "12345678-1234-4234-8234-123456789abc"]
        }
    };
    let odd = ["", "x y", "\"", "a=b", "[]", "{}", "7", "\\", "a:b"];
    prop_oneof![9 => select(good), 1 => select(odd.to_vec())].prop_map(str::to_owned).boxed()
}

fn value(column_type: &ColumnType) -> BoxedStrategy<String> {
    let key = atom(column_type.key());
    let member = match column_type.value() {
        None => key,
        Some(value) => (key, atom(value)).prop_map(|(key, value)| format!("{key}={value}")).boxed(),
    };
    let brackets = if column_type.is_map() { ("{", "}") } else { ("[", "]") };
    let members = prop::collection::vec(member, 0..3).prop_map(|members| members.join(","));
    prop_oneof![
        3 => members.clone(),
        1 => members.prop_map(move |members| format!("{}{members}{}", brackets.0, brackets.1)),
    ]
    .boxed()
}

/// `COLUMN[:KEY]OPERATOR VALUE`
fn setting(name: String, column_type: ColumnType, operators: &'static [&'static str]) -> impl Strategy<Value = String> {
    let keyed = (atom(column_type.key()), atom(column_type.value().unwrap_or(column_type.key())));
    let weight = if column_type.is_map() { 3 } else { 1 };
    let rest = prop_oneof![
        3 => value(&column_type).prop_map(|value| (String::new(), value)),
        weight => keyed.prop_map(|(key, value)| (format!(":{key}"), value)),
    ];
    (typed(name), rest, select(operators.to_vec()))
        .prop_map(|(name, (key, value), operator)| format!("{name}{key}{operator}{value}"))
}

const OPERATORS: &[&str] = &["=", "!=", "<", ">=", "{=}", "{<=}", "{>}", "{in}", "{not-in}"];

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', ""))
}

/// A command on a column of a table.
fn command(schema: &DatabaseSchema, at: &(Index, Index)) -> BoxedStrategy<String> {
    let (table, table_schema) = schema.tables.iter().nth(at.0.index(schema.tables.len())).unwrap();
    let columns = &table_schema.columns;
    let (column, column_schema) = columns.iter().nth(at.1.index(columns.len())).unwrap();
    let column_type = column_schema.column_type.clone();
    let (table, column) = (table.clone(), column.clone());
    let set = setting(column.clone(), column_type.clone(), &["="]);
    let test = setting(column.clone(), column_type.clone(), OPERATORS);
    let options = select(vec!["", "", "--if-exists "]);
    let change = (
        options.clone(),
        select(vec!["add", "remove"]),
        typed(table.clone()),
        record(),
        typed(column.clone()),
        value(&column_type),
    );
    let name = column.clone();
    let get_key = atom(column_type.key());
    prop_oneof![
        4 => (options.clone(), typed(table.clone()), record(), set.prop_map(|text| quoted(&text)))
            .prop_map(|(options, table, record, set)| format!("-- {options}set {table} '{record}' {set}")),
        3 => change.prop_map(|(options, verb, table, record, column, value)| {
            format!("-- {options}{verb} {table} '{record}' {column} {}", quoted(&value))
        }),
        1 => (options.clone(), typed(table.clone()), record(), typed(column.clone()))
            .prop_map(|(options, table, record, column)| format!("-- {options}clear {table} '{record}' {column}")),
        2 => (options, typed(table.clone()), record(), typed(column), prop::option::of(get_key)).prop_map(
            |(options, table, record, column, key)| {
                let key = key.map(|key| format!(":{key}")).unwrap_or_default();
                format!("-- {options}get {table} '{record}' {}", quoted(&format!("{column}{key}")))
            }
        ),
        3 => (typed(table.clone()), test).prop_map(move |(table, test)| {
            format!("-- --columns={name},_uuid find {table} {}", quoted(&test))
        }),
        1 => (typed(table), record()).prop_map(|(table, record)| format!("list {table} '{record}'")),
    ]
    .boxed()
}

/// Words for the places of a command on switches: few, so that they meet often.
fn name(kind: &'static str) -> BoxedStrategy<String> {
    let names: &[&str] = match kind {
        "bridge" => &["br0", "br0", "br0", "br0", "br1", "br1", "br2", "fake", "fake", "fake2", "p1", "nope"],
        "port" => &["p1", "p1", "p2", "p3", "bond0", "bond0", "br0", "fake", "nope", "e1"],
        "interface" => &["e1", "e2", "e3", "e4", "e5", "p1", "br0"],
        "vlan" => &["1", "2", "9", "0", "4095", "4096", "x"],
        "target" => &["tcp:1.2.3.4", "ssl:[::1]:6653", "punix:/x", "ptcp:6640", "odd", "tcp:1.2.3.4"],
        "setting" => &["tag=1", "tag=9", "tag=[]", "trunks=1,2", "other_config:a=b", "lacp=active", "tag=x", "nope=1"],
        "key" => &["k", "l", "a b"],
        "mode" => &["secure", "standalone", "odd"],
        _ => &["1", "2", "100", "16777215", "x"],
    };
    select(names.to_vec())
        .prop_map(|word| if word.contains(' ') { format!("'{word}'") } else { word.to_owned() })
        .boxed()
}

/// Commands on switches; words in capitals are places, options in brackets may be there.
const SWITCH_COMMANDS: &[&str] = &[
    "[--may-exist] add-br BRIDGE",
    "[--may-exist] add-br BRIDGE",
    "[--may-exist] add-br BRIDGE BRIDGE VLAN",
    "[--may-exist] add-br BRIDGE BRIDGE VLAN",
    "[--if-exists] del-br BRIDGE",
    "[--real] [--fake] list-br",
    "br-exists BRIDGE",
    "br-to-vlan BRIDGE",
    "br-to-parent BRIDGE",
    "br-set-external-id BRIDGE KEY KEY",
    "br-set-external-id BRIDGE KEY",
    "br-get-external-id BRIDGE KEY",
    "br-get-external-id BRIDGE",
    "list-ports BRIDGE",
    "list-ifaces BRIDGE",
    "[--may-exist] add-port BRIDGE PORT",
    "[--may-exist] add-port BRIDGE PORT",
    "[--may-exist] add-port BRIDGE PORT SETTING SETTING",
    "[--may-exist] [--fake-iface] add-bond BRIDGE PORT INTERFACE INTERFACE",
    "[--may-exist] add-bond BRIDGE PORT INTERFACE INTERFACE SETTING",
    "[--may-exist] add-bond-iface PORT INTERFACE",
    "[--if-exists] del-bond-iface PORT INTERFACE",
    "[--if-exists] del-bond-iface INTERFACE",
    "[--if-exists] [--with-iface] del-port BRIDGE PORT",
    "[--if-exists] [--with-iface] del-port INTERFACE",
    "[--if-exists] del-port PORT",
    "port-to-br PORT",
    "iface-to-br INTERFACE",
    "set Port PORT SETTING",
    "[--if-exists] clear Port PORT tag",
    "set-controller BRIDGE TARGET TARGET",
    "set-controller BRIDGE TARGET",
    "get-controller BRIDGE",
    "del-controller BRIDGE",
    "set-fail-mode BRIDGE MODE",
    "get-fail-mode BRIDGE",
    "del-fail-mode BRIDGE",
    "set-manager TARGET",
    "get-manager",
    "add-aa-mapping BRIDGE NUMBER NUMBER",
    "del-aa-mapping BRIDGE NUMBER NUMBER",
    "get-aa-mapping BRIDGE",
    "emer-reset",
];

fn switch_command() -> impl Strategy<Value = String> {
    let fill = |template: &'static str| {
        let words = template.split(' ').map(|word| match word.strip_prefix('[') {
            Some(option) => {
                let option = option.trim_end_matches(']').to_owned();
                prop_oneof![2 => Just(String::new()), 3 => Just(option)].boxed()
            }
            None if word.bytes().all(|byte| byte.is_ascii_uppercase()) => name(match word {
                "BRIDGE" => "bridge",
                "PORT" => "port",
                "INTERFACE" => "interface",
                "VLAN" => "vlan",
                "TARGET" => "target",
                "SETTING" => "setting",
                "KEY" => "key",
                "MODE" => "mode",
                _ => "number",
            }),
            None => Just(word.to_owned()).boxed(),
        });
        words.collect::<Vec<_>>().prop_map(|words| format!("-- {}", words.join(" ")))
    };
    select(SWITCH_COMMANDS.to_vec()).prop_flat_map(fill)
}

fn runner() -> TestRunner {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"ovs-vsctl and ovsns vsctl agree.");
    TestRunner::new_with_rng(Config::default(), rng)
}

/// One to four in a transaction. The same lines each time, as below.
#[test]
fn any_commands_on_switches() {
    let mut runner = runner();
    let mut pair = Pair::new();
    let lines = prop_oneof![3 => prop::collection::vec(switch_command(), 1), 2 => prop::collection::vec(switch_command(), 2..5)];
    let oneline = prop_oneof![3 => Just(""), 1 => Just("--oneline ")];
    for number in 0..LINES {
        if number % 20 == 0 {
            pair.line(FURNISH);
        }
        let commands = lines.new_tree(&mut runner).unwrap().current().join(" ");
        let oneline = oneline.new_tree(&mut runner).unwrap().current();
        pair.line(&format!("{oneline}{commands}"));
    }
    pair.finish_balanced();
}

/// The same lines each time: a failure can be looked at again.
#[test]
fn any_command_on_any_table() {
    let schema = schema();
    let mut runner = runner();
    let mut pair = Pair::new();
    let places = (any::<Index>(), any::<Index>());
    for number in 0..LINES {
        if number % 40 == 0 {
            pair.line(FURNISH);
        }
        let at = places.new_tree(&mut runner).unwrap().current();
        let line = command(&schema, &at).new_tree(&mut runner).unwrap().current();
        pair.line(&line);
    }
    pair.finish_balanced();
}
