//! Types, columns, tables and schemas as ovsdb-server reads, normalises and refuses them (RFC 7047 section 3.2).

#![allow(clippy::unwrap_used)]

use ovsns::ovsdb::schema::{AtomicType, BaseType, ColumnSchema, ColumnType, DatabaseSchema, TableSchema};
use ovsns::ovsdb::text::json_text;
use ovsns::ovsdb::value::ValueError;
use serde_json::{Value, json};

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Reads each input; it must be written as the expected text, or fail with the expected message. What was written must be
/// read as the same thing again.
fn check<T: PartialEq + std::fmt::Debug>(
    read: impl Fn(&Value) -> Result<T, ValueError>,
    write: impl Fn(&T) -> Value,
    cases: &[(&str, Result<&str, &str>)],
) {
    for (input, expected) in cases {
        match (read(&parse(input)), expected) {
            (Ok(value), Ok(text)) => {
                let json = write(&value);
                assert_eq!(json_text(&json, false), *text, "{input}");
                assert_eq!(read(&json).as_ref(), Ok(&value), "{input} is not read back");
            }
            (Err(error), Err(message)) => assert_eq!(error.to_string(), *message, "{input}"),
            (found, expected) => panic!("{input}: expected {expected:?}, found {found:?}"),
        }
    }
}

#[test]
fn atomic_types() {
    let write = |atomic: &AtomicType| json!(atomic.name());
    check(
        AtomicType::from_json,
        write,
        &[
            (r#""integer""#, Ok(r#""integer""#)),
            (r#""real""#, Ok(r#""real""#)),
            (r#""boolean""#, Ok(r#""boolean""#)),
            (r#""string""#, Ok(r#""string""#)),
            (r#""uuid""#, Ok(r#""uuid""#)),
            (r#""void""#, Err(r#""void" is not an atomic-type"#)),
            ("1", Err("expected atomic-type, found the number 1")),
        ],
    );
}

#[test]
fn base_types_of_numbers() {
    check(
        BaseType::from_json,
        BaseType::to_json,
        &[
            (r#"{"type":"integer","enum":["set",[-1,4,5]]}"#, Ok(r#"{"enum":["set",[-1,4,5]],"type":"integer"}"#)),
            (r#"{"type":"integer","minInteger":5}"#, Ok(r#"{"minInteger":5,"type":"integer"}"#)),
            (r#"{"type":"integer","maxInteger":7}"#, Ok(r#"{"maxInteger":7,"type":"integer"}"#)),
            (
                r#"{"type":"integer","minInteger":-5,"maxInteger":10}"#,
                Ok(r#"{"maxInteger":10,"minInteger":-5,"type":"integer"}"#),
            ),
            (r#"{"type":"integer","minInteger":5,"maxInteger":3}"#, Err("minInteger exceeds maxInteger")),
            (r#"{"type":"integer","minInteger":-9223372036854775808}"#, Ok(r#""integer""#)),
            (
                r#"{"type":"integer","minInteger":0.5}"#,
                Err("/minInteger: Type mismatch for member 'minInteger': expected integer, found the number 0.5"),
            ),
            (r#"{"type":"real","enum":["set",[1.5,0,2.75]]}"#, Ok(r#"{"enum":["set",[0,1.5,2.75]],"type":"real"}"#)),
            (r#"{"type":"real","minReal":-1.5}"#, Ok(r#"{"minReal":-1.5,"type":"real"}"#)),
            (r#"{"type":"real","maxReal":1e5}"#, Ok(r#"{"maxReal":100000,"type":"real"}"#)),
            (
                r#"{"type":"real","minReal":-2.5,"maxReal":3.75}"#,
                Ok(r#"{"maxReal":3.75,"minReal":-2.5,"type":"real"}"#),
            ),
            (r#"{"type":"real","minReal":555,"maxReal":444}"#, Err("minReal exceeds maxReal")),
        ],
    );
}

#[test]
fn base_types_of_strings_and_booleans() {
    check(
        BaseType::from_json,
        BaseType::to_json,
        &[
            (r#"{"type":"boolean"}"#, Ok(r#""boolean""#)),
            (r#"{"type":"boolean","enum":true}"#, Ok(r#"{"enum":true,"type":"boolean"}"#)),
            (
                r#"{"type":"string","enum":["set",["def","abc"]]}"#,
                Ok(r#"{"enum":["set",["abc","def"]],"type":"string"}"#),
            ),
            (r#"{"type":"string","enum":["set",["a","a"]]}"#, Err(r#"/enum/1/1: set contains duplicate "a""#)),
            (
                r#"{"type":"string","enum":["set",[]]}"#,
                Err("/enum: set must have 1 to 4294967295 members but 0 are present"),
            ),
            (r#"{"type":"string","minLength":1}"#, Ok(r#"{"minLength":1,"type":"string"}"#)),
            (r#"{"type":"string","maxLength":5}"#, Ok(r#"{"maxLength":5,"type":"string"}"#)),
            (
                r#"{"type":"string","minLength":1,"maxLength":5}"#,
                Ok(r#"{"maxLength":5,"minLength":1,"type":"string"}"#),
            ),
            (r#"{"type":"string","minLength":5,"maxLength":3}"#, Err("minLength exceeds maxLength")),
            (r#"{"type":"string","maxLength":-1}"#, Err("/maxLength: maxLength out of valid range 0 to 4294967295")),
            (
                r#"{"type":"string","minInteger":1}"#,
                Err("/minInteger: Member 'minInteger' is present but not allowed here"),
            ),
            (
                r#"{"type":"string","enum":"a","maxLength":1}"#,
                Err("/maxLength: Member 'maxLength' is present but not allowed here"),
            ),
            (r#""void""#, Err(r#""void" is not an atomic-type"#)),
            (r#"{"type":"void"}"#, Err(r#"/type: "void" is not an atomic-type"#)),
            ("{}", Err("Required 'type' member is missing")),
            ("1", Err("expected base-type (a string or an object), found the number 1")),
        ],
    );
}

#[test]
fn base_types_of_references() {
    check(
        BaseType::from_json,
        BaseType::to_json,
        &[
            (
                r#"{"type":"uuid","enum":["uuid","36bf19c0-ad9d-4232-bb85-b3d73dfe2123"]}"#,
                Ok(r#"{"enum":["uuid","36bf19c0-ad9d-4232-bb85-b3d73dfe2123"],"type":"uuid"}"#),
            ),
            (r#"{"type":"uuid","refTable":"myTable"}"#, Ok(r#"{"refTable":"myTable","type":"uuid"}"#)),
            (r#"{"type":"uuid","refTable":"T","refType":"strong"}"#, Ok(r#"{"refTable":"T","type":"uuid"}"#)),
            (
                r#"{"type":"uuid","refTable":"T","refType":"weak"}"#,
                Ok(r#"{"refTable":"T","refType":"weak","type":"uuid"}"#),
            ),
            (
                r#"{"type":"uuid","refTable":"T","refType":"x"}"#,
                Err(r#"/refType: refType must be "strong" or "weak" (not "x")"#),
            ),
            (
                r#"{"type":"uuid","refTable":"a-b-c"}"#,
                Err(r#"/refTable: Type mismatch for member 'refTable': expected id, found the string "a-b-c""#),
            ),
            (r#"{"type":"uuid","refType":"weak"}"#, Err("/refType: Member 'refType' is present but not allowed here")),
        ],
    );
}

#[test]
fn scalar_types() {
    check(
        ColumnType::from_json,
        ColumnType::to_json,
        &[
            (r#""integer""#, Ok(r#""integer""#)),
            (r#""uuid""#, Ok(r#""uuid""#)),
            (r#"{"key":"integer"}"#, Ok(r#""integer""#)),
            (r#"{"key":"real","min":1,"max":1}"#, Ok(r#""real""#)),
            (r#"{"key":{"type":"string","maxLength":3}}"#, Ok(r#"{"key":{"maxLength":3,"type":"string"}}"#)),
            ("{}", Err("Required 'key' member is missing")),
            (r#"{"value":"integer"}"#, Err("Required 'key' member is missing")),
            (r#""void""#, Err(r#""void" is not an atomic-type"#)),
            (r#"{"key":"void"}"#, Err(r#"/key: "void" is not an atomic-type"#)),
            ("[]", Err("expected ovsdb type (a string or an object), found the array []")),
        ],
    );
}

#[test]
fn set_types() {
    check(
        ColumnType::from_json,
        ColumnType::to_json,
        &[
            (r#"{"key":"boolean","min":0}"#, Ok(r#"{"key":"boolean","min":0}"#)),
            (r#"{"key":"uuid","min":1,"max":3}"#, Ok(r#"{"key":"uuid","max":3}"#)),
            (r#"{"key":"string","min":0,"max":3}"#, Ok(r#"{"key":"string","max":3,"min":0}"#)),
            (r#"{"key":"integer","min":0,"max":"unlimited"}"#, Ok(r#"{"key":"integer","max":"unlimited","min":0}"#)),
            (r#"{"key":"real","min":1,"max":"unlimited"}"#, Ok(r#"{"key":"real","max":"unlimited"}"#)),
            (r#"{"key":"real","min":5,"max":3}"#, Err("ovsdb type fails constraint checks")),
            (r#"{"key":"real","min":10,"max":"unlimited"}"#, Err("ovsdb type fails constraint checks")),
            (r#"{"key":"real","min":0,"max":0}"#, Err("ovsdb type fails constraint checks")),
            (r#"{"key":"real","max":-1}"#, Err("/max: bad min or max value -1")),
            (r#"{"key":"real","min":-1}"#, Err("/min: bad min or max value -1")),
            (r#"{"key":"real","max":"some"}"#, Err(r#"/max: bad min or max value "some""#)),
            (r#"{"key":"real","max":4294967295}"#, Err("/max: bad min or max value 4294967295")),
        ],
    );
}

#[test]
fn map_types() {
    check(
        ColumnType::from_json,
        ColumnType::to_json,
        &[
            (r#"{"key":"integer","value":"boolean"}"#, Ok(r#"{"key":"integer","value":"boolean"}"#)),
            (r#"{"key":"boolean","value":"integer","min":1,"max":1}"#, Ok(r#"{"key":"boolean","value":"integer"}"#)),
            (r#"{"key":"uuid","value":"real","min":1,"max":5}"#, Ok(r#"{"key":"uuid","max":5,"value":"real"}"#)),
            (
                r#"{"key":"string","value":"uuid","min":0,"max":10}"#,
                Ok(r#"{"key":"string","max":10,"min":0,"value":"uuid"}"#),
            ),
            (
                r#"{"key":"string","value":"real","min":0,"max":"unlimited"}"#,
                Ok(r#"{"key":"string","max":"unlimited","min":0,"value":"real"}"#),
            ),
            (
                r#"{"key":"string","value":{"type":"integer","minInteger":"x"}}"#,
                Err(
                    r#"/value/minInteger: Type mismatch for member 'minInteger': expected integer, found the string "x""#,
                ),
            ),
        ],
    );
}

#[test]
fn types_in_english() {
    for (input, english) in [
        (r#""string""#, "string"),
        (r#"{"key":"boolean","min":0}"#, "set of up to 1 booleans"),
        (r#"{"key":"uuid","max":3}"#, "set of 1 to 3 uuids"),
        (r#"{"key":"real","max":"unlimited"}"#, "set of 1 or more reals"),
        (r#"{"key":"real","max":"unlimited","min":0}"#, "set of reals"),
        (r#"{"key":"string","value":"real","min":0,"max":"unlimited"}"#, "map of (string, real) pairs"),
    ] {
        assert_eq!(ColumnType::from_json(&parse(input)).unwrap().to_string(), english);
    }
}

#[test]
fn columns() {
    check(
        ColumnSchema::from_json,
        ColumnSchema::to_json,
        &[
            (r#"{"type":"integer"}"#, Ok(r#"{"type":"integer"}"#)),
            (r#"{"type":"real","mutable":false}"#, Ok(r#"{"mutable":false,"type":"real"}"#)),
            (r#"{"type":"uuid","ephemeral":true}"#, Ok(r#"{"ephemeral":true,"type":"uuid"}"#)),
            (r#"{"type":"uuid","ephemeral":false,"mutable":true}"#, Ok(r#"{"type":"uuid"}"#)),
            ("{}", Err("Required 'type' member is missing")),
            (
                r#"{"type":"uuid","mutable":0}"#,
                Err("/mutable: Type mismatch for member 'mutable': expected boolean, found the number 0"),
            ),
            (r#"{"type":"uuid","x":0}"#, Err("/x: Member 'x' is present but not allowed here")),
        ],
    );
}

#[test]
fn tables() {
    let cases = [
        (r#"{"columns":{"name":{"type":"string"}}}"#, Ok(r#"{"columns":{"name":{"type":"string"}}}"#)),
        (
            r#"{"columns":{"name":{"type":"string"}},"mutable":false}"#,
            Ok(r#"{"columns":{"name":{"type":"string"}},"mutable":false}"#),
        ),
        (
            r#"{"columns":{"name":{"type":"string"}},"isRoot":true}"#,
            Ok(r#"{"columns":{"name":{"type":"string"}},"isRoot":true}"#),
        ),
        (
            r#"{"columns":{"name":{"type":"string"}},"maxRows":2}"#,
            Ok(r#"{"columns":{"name":{"type":"string"}},"maxRows":2}"#),
        ),
        (
            r#"{"columns":{"a":{"type":"integer"},"b":{"type":"string"}},"indexes":[["b","a"]]}"#,
            Ok(r#"{"columns":{"a":{"type":"integer"},"b":{"type":"string"}},"indexes":[["b","a"]]}"#),
        ),
        (
            r#"{"columns":{"a":{"type":"integer"},"b":{"type":"string"}},"indexes":[["b","a"],[0]]}"#,
            Err("/indexes/1: array of distinct column names expected"),
        ),
        (
            r#"{"columns":{"a":{"type":"integer"}},"indexes":[["a","a"]]}"#,
            Err("/indexes/0: array of distinct column names expected"),
        ),
        (
            r#"{"columns":{"a":{"type":"integer"}},"indexes":["a"]}"#,
            Err("/indexes/0: array of distinct column names expected"),
        ),
        (
            r#"{"columns":{"a":{"type":"integer"}},"indexes":[[]]}"#,
            Err("/indexes/0: index must have at least one column"),
        ),
        (
            r#"{"columns":{"a":{"type":"integer"}},"indexes":[["b"]]}"#,
            Err("/indexes/0/0: b is not a valid column name"),
        ),
        (
            r#"{"columns":{"a":{"type":"integer","ephemeral":true},"b":{"type":"string"}},"indexes":[["b","a"]]}"#,
            Err("/indexes/0/1: ephemeral columns (such as a) may not be indexed"),
        ),
        (
            r#"{"columns":{"_column":{"type":"integer"}}}"#,
            Err(r#"/columns/_column: names beginning with "_" are reserved"#),
        ),
        (r#"{"columns":{"a-b":{"type":"integer"}}}"#, Err(r#"/columns/a-b: "a-b" is not a valid id"#)),
        ("{}", Err("Required 'columns' member is missing")),
        (r#"{"columns":{}}"#, Err("/columns: table must have at least one column")),
        (r#"{"columns":{"name":{"type":"string"}},"maxRows":0}"#, Err("/maxRows: maxRows must be at least 1")),
        (r#"{"columns":{"name":{}}}"#, Err("/columns/name: Required 'type' member is missing")),
    ];
    check(TableSchema::from_json, |table| table.to_json(false), &cases);
}

#[test]
fn roots_may_be_the_default() {
    let root = TableSchema::from_json(&parse(r#"{"columns":{"name":{"type":"string"}},"isRoot":true}"#)).unwrap();
    let other = TableSchema { is_root: false, ..root.clone() };
    assert_eq!(json_text(&root.to_json(true), false), r#"{"columns":{"name":{"type":"string"}}}"#);
    assert_eq!(json_text(&other.to_json(true), false), r#"{"columns":{"name":{"type":"string"}},"isRoot":false}"#);
}

#[test]
fn schemas() {
    let references = r#"{"name":"mydb","tables":{"a":{"columns":{"map":{"type":{"key":{"refTable":"b","type":"uuid"},"value":{"refTable":"a","type":"uuid"}}}}},"b":{"columns":{"aRef":{"type":{"key":{"refTable":"a","type":"uuid"}}}}}},"version":"4.2.1"}"#;
    let undefined = references.replace(r#"{"refTable":"b","type":"uuid"}"#, r#"{"refTable":"c","type":"uuid"}"#);
    let cases = [
        (references, Ok(references)),
        (&undefined, Err("/tables/a/columns/map/type/key: column map key refers to undefined table c")),
        (
            r#"{"name":"mydb","tables":{"x":{"columns":{"y":{"type":"integer"}}}}}"#,
            Ok(r#"{"name":"mydb","tables":{"x":{"columns":{"y":{"type":"integer"}}}}}"#),
        ),
        (
            r#"{"name":"mydb","cksum":"1 2","tables":{"x":{"columns":{"y":{"type":"integer"}},"isRoot":true}}}"#,
            Ok(r#"{"cksum":"1 2","name":"mydb","tables":{"x":{"columns":{"y":{"type":"integer"}}}}}"#),
        ),
        (
            r#"{"name":"mydb","tables":{},"version":"xxx"}"#,
            Err(r#"/version: schema version "xxx" not in format x.y.z"#),
        ),
        (
            r#"{"name":"mydb","tables":{},"version":"1.2"}"#,
            Err(r#"/version: schema version "1.2" not in format x.y.z"#),
        ),
        (
            r#"{"name":"mydb","tables":{},"version":"1.2.3.4"}"#,
            Err(r#"/version: schema version "1.2.3.4" not in format x.y.z"#),
        ),
        (r#"{"tables":{}}"#, Err("Required 'name' member is missing")),
        (r#"{"name":"mydb"}"#, Err("Required 'tables' member is missing")),
        (
            r#"{"name":"mydb","tables":{"_x":{"columns":{"y":{"type":"integer"}}}}}"#,
            Err(r#"/tables/_x: names beginning with "_" are reserved"#),
        ),
        (
            r#"{"name":"mydb","tables":{"x":{"columns":{"y":{"type":{"key":"integer","min":2}}}}}}"#,
            Err("/tables/x/columns/y/type: ovsdb type fails constraint checks"),
        ),
    ];
    check(DatabaseSchema::from_json, DatabaseSchema::to_json, &cases);
}

/// A strong reference to a table that is no root must last, or the row would be lost with it.
#[test]
fn ephemeral_strong_references_to_what_is_no_root_become_persistent() {
    let input = r#"{"name":"mydb","version":"4.2.1","tables":{"a":{"columns":{"x":{"type":{"key":{"type":"uuid","refTable":"b"}},"ephemeral":true},"y":{"type":{"key":{"type":"uuid","refTable":"a"}},"ephemeral":true}}},"b":{"columns":{"aRef":{"type":{"key":{"type":"uuid","refTable":"a"}}}},"isRoot":true}}}"#;
    let output = r#"{"name":"mydb","tables":{"a":{"columns":{"x":{"ephemeral":true,"type":{"key":{"refTable":"b","type":"uuid"}}},"y":{"type":{"key":{"refTable":"a","type":"uuid"}}}}},"b":{"columns":{"aRef":{"type":{"key":{"refTable":"a","type":"uuid"}}}},"isRoot":true}},"version":"4.2.1"}"#;
    check(DatabaseSchema::from_json, DatabaseSchema::to_json, &[(input, Ok(output))]);
}

#[test]
fn schemas_and_their_parts_have_an_order() {
    let read = |text| ColumnType::from_json(&parse(text)).unwrap();
    let mut types = [r#""uuid""#, r#"{"key":"integer","min":0}"#, r#""string""#, r#""integer""#].map(read);
    types.sort();
    let sorted: Vec<_> = types.iter().map(|column_type| json_text(&column_type.to_json(), false)).collect();
    assert_eq!(sorted, [r#"{"key":"integer","min":0}"#, r#""integer""#, r#""string""#, r#""uuid""#]);
}

#[test]
fn what_a_live_schema_lacks_is_reported() {
    let schema = |text| DatabaseSchema::from_json(&parse(text)).unwrap();
    let ours = schema(
        r#"{"name":"d","tables":{"T":{"columns":{"a":{"type":"integer"},"b":{"type":"string"},
            "c":{"type":{"key":{"type":"string","enum":"x"}}}}},"U":{"columns":{"a":{"type":"integer"}}}}}"#,
    );
    let live = schema(
        r#"{"name":"d","tables":{"T":{"columns":{"a":{"type":{"key":"integer","min":0}},"z":{"type":"real"},
            "c":{"type":{"key":{"type":"string","enum":["set",["x","y"]]}}}}}}}"#,
    );
    let messages: Vec<_> = ours.missing_from(&live).iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [r#"column T.a is {"key":"integer","min":0}, not "integer""#, "column T.b is missing", "table U is missing"]
    );
    assert!(ours.missing_from(&ours).is_empty());
}
