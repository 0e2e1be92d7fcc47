//! Atoms and data as ovsdb-server reads, sorts, writes and refuses them, in JSON (RFC 7047 section 5.1) and as text
//! (ovs-vsctl(8)).

#![allow(clippy::unwrap_used)]

use ovsns::ovsdb::schema::{AtomicType, BaseType, ColumnType, TableSchema};
use ovsns::ovsdb::text::json_text;
use ovsns::ovsdb::value::{Atom, Datum};
use serde_json::Value;

type Cases<'a> = &'a [(&'a str, Result<&'a str, &'a str>)];

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn compare(input: &str, found: Result<String, String>, expected: Result<&str, &str>) {
    assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{input}");
}

fn check_atoms(base: &str, cases: Cases<'_>) {
    let base = BaseType::from_json(&parse(base)).unwrap();
    for (input, expected) in cases {
        let found = base.read_atom(&parse(input));
        let found = found.map(|atom| json_text(&atom.to_json(), false)).map_err(|error| error.to_string());
        compare(input, found, *expected);
    }
}

fn check_atom_texts(base: &str, cases: Cases<'_>) {
    let base = BaseType::from_json(&parse(base)).unwrap();
    for (input, expected) in cases {
        let found = base.read_text(input).map(|atom| atom.to_text()).map_err(|error| error.to_string());
        compare(input, found, *expected);
    }
}

fn check_data(column_type: &str, cases: Cases<'_>) {
    let column_type = ColumnType::from_json(&parse(column_type)).unwrap();
    for (input, expected) in cases {
        let found = column_type.read_datum(&parse(input));
        if let Ok(datum) = &found {
            assert_eq!(column_type.read_datum(&datum.to_json()).as_ref(), Ok(datum));
            assert_eq!(column_type.conform(datum.clone()).as_ref(), Ok(datum));
        }
        let found = found.map(|datum| json_text(&datum.to_json(), false)).map_err(|error| error.to_string());
        compare(input, found, *expected);
    }
}

fn check_data_texts(column_type: &str, cases: Cases<'_>) {
    let column_type = ColumnType::from_json(&parse(column_type)).unwrap();
    for (input, expected) in cases {
        let found = column_type.read_text(input);
        if let Ok(datum) = &found {
            assert_eq!(column_type.read_text(&column_type.to_text(datum)).as_ref(), Ok(datum));
        }
        let found = found.map(|datum| column_type.to_text(&datum)).map_err(|error| error.to_string());
        compare(input, found, *expected);
    }
}

#[test]
fn defaults() {
    let atoms = AtomicType::ALL.map(|atomic| json_text(&atomic.default_atom().to_json(), false));
    let zero = r#"["uuid","00000000-0000-0000-0000-000000000000"]"#;
    assert_eq!(atoms, ["0", "0", "false", "\"\"", zero]);
    for key in AtomicType::ALL {
        let optional = ColumnType::set(key.into(), 0, 5);
        assert_eq!(optional.default_datum(), Datum::empty_set());
        assert_eq!(ColumnType::from(key).default_datum(), Datum::from(key.default_atom()));
        for value in AtomicType::ALL {
            let map = |min| ColumnType::map(key.into(), value.into(), min, 5).default_datum();
            assert_eq!(map(0), Datum::empty_map());
            assert_eq!(map(1), Datum::map([(key.default_atom(), value.default_atom())]));
        }
    }
}

#[test]
fn default_rows() {
    let table = r#"{"columns":{"set":{"type":{"key":"integer","min":1,"max":2}},"opt":{"type":{"key":"string","min":0}},
        "map":{"type":{"key":"integer","value":"boolean","min":1,"max":2}},"name":{"type":"string"}}}"#;
    let row = TableSchema::from_json(&parse(table)).unwrap().default_row();
    assert_eq!(json_text(&row.to_json(), false), r#"{"map":["map",[[0,false]]],"name":"","opt":["set",[]],"set":0}"#);
}

#[test]
fn rows() {
    let table = r#"{"columns":{"name":{"type":"string"},"count":{"type":"integer"},"cost":{"type":"real"}}}"#;
    let table = TableSchema::from_json(&parse(table)).unwrap();
    for (input, expected) in [
        (r#"{"name":"longer string with spaces"}"#, Ok(r#"{"name":"longer string with spaces"}"#)),
        (r#"{"count":2e10}"#, Ok(r#"{"count":20000000000}"#)),
        (r#"{"cost":-2.0}"#, Ok(r#"{"cost":-2}"#)),
        (r#"{"cost":123000}"#, Ok(r#"{"cost":123000}"#)),
        ("{}", Ok("{}")),
        (r#"{"x":1}"#, Err("/x: No column x")),
        (r#"{"count":"1"}"#, Err(r#"/count: expected integer, found the string "1""#)),
        ("[]", Err("expected row (an object), found the array []")),
    ] {
        let found = table.read_row(&parse(input));
        let found = found.map(|row| json_text(&row.to_json(), false)).map_err(|error| error.to_string());
        compare(input, found, expected);
    }
}

#[test]
fn rows_are_equal_whatever_the_order_of_their_sets() {
    let column = |name, key| format!(r#""{name}":{{"type":{{"key":"{key}","min":0,"max":"unlimited"}}}}"#);
    let columns =
        [column("i", "integer"), column("r", "real"), column("b", "boolean"), column("s", "string")].join(",");
    let table = TableSchema::from_json(&parse(&format!(r#"{{"columns":{{{columns}}}}}"#))).unwrap();
    let read = |text: &str| table.read_row(&parse(text)).unwrap();
    for (left, right) in [
        (r#"{"i":["set",[0,1,2]]}"#, r#"{"i":["set",[2,0,1]]}"#),
        (r#"{"r":["set",[0,1,2]]}"#, r#"{"r":["set",[2.0,-0.0,1e0]]}"#),
        (r#"{"b":["set",[false,true]]}"#, r#"{"b":["set",[true,false]]}"#),
        (r#"{"s":["set",["a","b"]]}"#, r#"{"s":["set",["b","a"]]}"#),
        (r#"{"i":["set",[7]]}"#, r#"{"i":7}"#),
    ] {
        assert_eq!(read(left), read(right));
    }
    assert_ne!(read(r#"{"i":["set",[0,1]]}"#), read(r#"{"i":["set",[0,2]]}"#));
}

#[test]
fn atoms_in_json() {
    check_atoms(
        r#""integer""#,
        &[
            ("0", Ok("0")),
            ("-1", Ok("-1")),
            ("1e3", Ok("1000")),
            ("9223372036854775807", Ok("9223372036854775807")),
            ("-9223372036854775808", Ok("-9223372036854775808")),
            ("0.5", Err("expected integer, found the number 0.5")),
            ("9223372036854775808", Err("expected integer, found the number 9223372036854775808")),
        ],
    );
    check_atoms(
        r#""real""#,
        &[
            ("0", Ok("0")),
            ("0.0", Ok("0")),
            ("-0.0", Ok("0")),
            ("-1.25", Ok("-1.25")),
            ("1e3", Ok("1000")),
            ("1e37", Ok("1e+37")),
            ("0.00390625", Ok("0.00390625")),
        ],
    );
    check_atoms(
        r#""boolean""#,
        &[
            ("true", Ok("true")),
            ("false", Ok("false")),
            (r#""true""#, Err(r#"expected boolean, found the string "true""#)),
        ],
    );
    check_atoms(
        r#""string""#,
        &[
            (r#""""#, Ok(r#""""#)),
            (r#""true""#, Ok(r#""true""#)),
            (r#""\"\\\/\b\f\n\r\t""#, Ok(r#""\"\\/\b\f\n\r\t""#)),
            ("1", Err("expected string, found the number 1")),
        ],
    );
}

#[test]
fn uuids_in_json() {
    check_atoms(
        r#""uuid""#,
        &[
            (
                r#"["uuid","550e8400-e29b-41d4-a716-446655440000"]"#,
                Ok(r#"["uuid","550e8400-e29b-41d4-a716-446655440000"]"#),
            ),
            (
                r#""550e8400-e29b-41d4-a716-446655440000""#,
                Err(r#"expected ["uuid", <string>], found the string "550e8400-e29b-41d4-a716-446655440000""#),
            ),
            (r#"["named-uuid","x"]"#, Err(r#"expected ["uuid", <string>], found the array ["named-uuid","x"]"#)),
            (r#"["uuid","1234-5678"]"#, Err(r#"/1: "1234-5678" is not a valid UUID"#)),
        ],
    );
}

#[test]
fn atoms_as_text() {
    check_atom_texts(
        r#""integer""#,
        &[
            ("0", Ok("0")),
            ("-1", Ok("-1")),
            ("+1000", Ok("1000")),
            ("9223372036854775807", Ok("9223372036854775807")),
            ("-9223372036854775808", Ok("-9223372036854775808")),
            ("0.5", Err(r#""0.5" is not a valid integer or range"#)),
        ],
    );
    check_atom_texts(
        r#""real""#,
        &[
            ("0.0", Ok("0")),
            ("-0.0", Ok("0")),
            ("-1.25", Ok("-1.25")),
            ("1e3", Ok("1000")),
            ("1e37", Ok("1e+37")),
            ("0.00390625", Ok("0.00390625")),
            ("inf", Err(r#""inf" is not a valid real number"#)),
        ],
    );
    check_atom_texts(
        r#""boolean""#,
        &[
            ("true", Ok("true")),
            ("off", Ok("false")),
            (r#""true""#, Err(r#"""true"" is not a valid boolean (use "true" or "false")"#)),
        ],
    );
    check_atom_texts(
        r#""uuid""#,
        &[
            ("550e8400-e29b-41d4-a716-446655440000", Ok("550e8400-e29b-41d4-a716-446655440000")),
            ("@new", Ok("@new")),
            ("@", Err(r#""" is not a valid id"#)),
            ("1234-5678", Err(r#""1234-5678" is not a valid UUID"#)),
        ],
    );
}

#[test]
fn strings_as_text() {
    check_atom_texts(
        r#""string""#,
        &[
            ("unquoted", Ok("unquoted")),
            (r#""quoted-string""#, Ok("quoted-string")),
            (r#""needs quotes""#, Ok(r#""needs quotes""#)),
            (r#""""#, Ok(r#""""#)),
            (r#""true""#, Ok(r#""true""#)),
            ("veth0.1", Ok("veth0.1")),
            ("0veth", Ok(r#""0veth""#)),
            ("abcdef00-0000-0000-0000-000000000000", Ok(r#""abcdef00-0000-0000-0000-000000000000""#)),
            (r#""\"\\\/\b\f\n\r\t\u00e9""#, Ok(r#""\"\\/\b\f\n\r\té""#)),
            ("\"a\nb\"", Ok(r#""a\nb""#)),
            ("", Err(r#"An empty string is not valid as input; use "" to represent the empty string"#)),
            (r#""asdf"#, Err(r#""asdf: missing quote at end of quoted string"#)),
            ("\"", Err("\": missing quote at end of quoted string")),
            (r#""as"df""#, Err(r#""as"df": quoted string may not include unescaped ""#)),
            (r#""asdf\""#, Err(r#""asdf\": quoted string may not end with backslash"#)),
        ],
    );
}

#[test]
fn sorting() {
    let sort = |base: &str, json: &str| {
        let atoms = BaseType::from_json(&parse(base)).unwrap().sort_atoms(parse(json).as_array().unwrap()).unwrap();
        json_text(&Value::Array(atoms.iter().map(Atom::to_json).collect()), false)
    };
    assert_eq!(sort(r#""integer""#, "[55,0,-1,2,1]"), "[-1,0,1,2,55]");
    assert_eq!(sort(r#""real""#, "[1.25,1.23,0.0,-0.0,-1e99]"), "[-1e+99,0,0,1.23,1.25]");
    assert_eq!(sort(r#""boolean""#, "[true,false,true,false,false]"), "[false,false,false,true,true]");
    assert_eq!(sort(r#""string""#, r#"["abd","abc","\b","xxx"]"#), r#"["\b","abc","abd","xxx"]"#);
    let error = BaseType::from(AtomicType::Integer).sort_atoms(&[Value::from(1), Value::from("x")]).unwrap_err();
    assert_eq!(error.to_string(), r#"/1: expected integer, found the string "x""#);
}

/// UUIDs are sorted by their digits from the left.
#[test]
fn uuids_are_sorted_digit_by_digit() {
    let digits = (0..32).map(|shift| 1_u128 << (4 * shift));
    let uuids: Vec<_> = std::iter::once(0).chain(digits).map(ovsns::ovsdb::value::Uuid::from_u128).collect();
    let json: Vec<_> = uuids.iter().rev().map(|uuid| Atom::from(*uuid).to_json()).collect();
    let sorted = BaseType::from(AtomicType::Uuid).sort_atoms(&json).unwrap();
    assert_eq!(sorted, uuids.into_iter().map(Atom::from).collect::<Vec<_>>());
}

#[test]
fn enumerations() {
    let not = |value: &str, allowed: &str| {
        format!("constraint violation: {value} is not one of the allowed values ({allowed})")
    };
    let integers = |value| not(value, "[1, 6, 8, 10]");
    check_atoms(
        r#"{"type":"integer","enum":["set",[1,6,8,10]]}"#,
        &[
            ("0", Err(&integers("0"))),
            ("1", Ok("1")),
            ("2", Err(&integers("2"))),
            ("10", Ok("10")),
            ("11", Err(&integers("11"))),
        ],
    );
    let reals = |value| not(value, "[-1.5, 1.5]");
    check_atoms(
        r#"{"type":"real","enum":["set",[-1.5,1.5]]}"#,
        &[("-2", Err(&reals("-2"))), ("-1.5", Ok("-1.5")), ("0", Err(&reals("0"))), ("1.5", Ok("1.5"))],
    );
    check_atoms(
        r#"{"type":"boolean","enum":false}"#,
        &[("false", Ok("false")), ("true", Err(&not("true", "[false]")))],
    );
    let strings = |value| not(value, "[abc, def]");
    check_atoms(
        r#"{"type":"string","enum":["set",["abc","def"]]}"#,
        &[
            (r#""""#, Err(&strings(r#""""#))),
            (r#""ab""#, Err(&strings("ab"))),
            (r#""abc""#, Ok(r#""abc""#)),
            (r#""DEF""#, Err(&strings("DEF"))),
        ],
    );
    let (one, two) = ("6d53a6dd-2da7-4924-9927-97f613812382", "52cbc842-137a-4db5-804f-9f34106a0ba3");
    check_atoms(
        &format!(r#"{{"type":"uuid","enum":["set",[["uuid","{one}"],["uuid","{two}"]]]}}"#),
        &[
            (&format!(r#"["uuid","{one}"]"#), Ok(&format!(r#"["uuid","{one}"]"#))),
            (
                r#"["uuid","dab2a6b2-6094-4f43-a7ef-4c0f0608f176"]"#,
                Err(&not("dab2a6b2-6094-4f43-a7ef-4c0f0608f176", &format!("[{two}, {one}]"))),
            ),
        ],
    );
}

#[test]
fn ranges() {
    let less =
        |value: &str, min: &str| format!("constraint violation: {value} is less than minimum allowed value {min}");
    let greater =
        |value: &str, max: &str| format!("constraint violation: {value} is greater than maximum allowed value {max}");
    let outside = |value: &str, min, max| {
        format!("constraint violation: {value} is not in the valid range {min} to {max} (inclusive)")
    };
    for (name, suffix) in [("integer", "Integer"), ("real", "Real")] {
        check_atoms(
            &format!(r#"{{"type":"{name}","min{suffix}":5}}"#),
            &[("0", Err(&less("0", "5"))), ("4", Err(&less("4", "5"))), ("5", Ok("5")), ("12345", Ok("12345"))],
        );
        check_atoms(
            &format!(r#"{{"type":"{name}","max{suffix}":-1}}"#),
            &[("0", Err(&greater("0", "-1"))), ("-1", Ok("-1")), ("-123", Ok("-123"))],
        );
        check_atoms(
            &format!(r#"{{"type":"{name}","min{suffix}":-10,"max{suffix}":10}}"#),
            &[
                ("-20", Err(&outside("-20", "-10", "10"))),
                ("-10", Ok("-10")),
                ("1", Ok("1")),
                ("10", Ok("10")),
                ("11", Err(&outside("11", "-10", "10"))),
            ],
        );
    }
}

#[test]
fn lengths_are_counted_in_characters() {
    let short = |text: &str, length| {
        format!("constraint violation: \"{text}\" length {length} is less than minimum allowed length 2")
    };
    check_atoms(
        r#"{"type":"string","minLength":2}"#,
        &[
            (r#""""#, Err(&short("", 0))),
            (r#""a""#, Err(&short("a", 1))),
            (r#""ab""#, Ok(r#""ab""#)),
            (r#""\ud834\udd1e""#, Err(&short("𝄞", 1))),
        ],
    );
    check_atoms(
        r#"{"type":"string","maxLength":2}"#,
        &[
            (r#""""#, Ok(r#""""#)),
            (r#""ab""#, Ok(r#""ab""#)),
            (r#""abc""#, Err(r#"constraint violation: "abc" length 3 is greater than maximum allowed length 2"#)),
        ],
    );
}

#[test]
fn scalars() {
    check_data(r#""integer""#, &[("0", Ok("0")), (r#"["set",[1]]"#, Ok("1")), ("-1", Ok("-1"))]);
    check_data(r#""real""#, &[("0", Ok("0")), (r#"["set",[1.0]]"#, Ok("1")), ("-1.25", Ok("-1.25"))]);
    check_data(r#""boolean""#, &[(r#"["set",[true]]"#, Ok("true")), ("false", Ok("false"))]);
    check_data(r#""string""#, &[(r#"["set",[""]]"#, Ok(r#""""#)), (r#""true""#, Ok(r#""true""#))]);
    check_data(
        r#""integer""#,
        &[
            (r#"["set",[]]"#, Err("set must have exactly one member but 0 are present")),
            (r#"["set",[1,2]]"#, Err("set must have exactly one member but 2 are present")),
            (r#"["set",1]"#, Err(r#"expected ["set", <array>], found the array ["set",1]"#)),
            (r#"["map",[]]"#, Err(r#"expected integer, found the array ["map",[]]"#)),
        ],
    );
    check_data_texts(r#""integer""#, &[("0", Ok("0")), ("+1", Ok("1")), (" [ 7 ] ", Ok("7"))]);
    check_data_texts(r#""real""#, &[("0", Ok("0")), ("1.0", Ok("1")), ("-1.25", Ok("-1.25"))]);
    check_data_texts(
        r#""string""#,
        &[("\"x\"", Ok("x")), (r#""""#, Ok(r#""""#)), (r#""true""#, Ok(r#""true""#)), (r"a\ b", Ok(r#""a b""#))],
    );
}

#[test]
fn sets() {
    check_data(
        r#"{"key":"boolean","min":0}"#,
        &[("true", Ok("true")), (r#"["set",[false]]"#, Ok("false")), (r#"["set",[]]"#, Ok(r#"["set",[]]"#))],
    );
    check_data(
        r#"{"key":"integer","min":0,"max":"unlimited"}"#,
        &[
            (r#"["set",[0]]"#, Ok("0")),
            ("1", Ok("1")),
            (r#"["set",[0,1]]"#, Ok(r#"["set",[0,1]]"#)),
            (r#"["set",[5,4,3,2,1,0]]"#, Ok(r#"["set",[0,1,2,3,4,5]]"#)),
        ],
    );
    check_data(
        r#"{"key":"string","min":0,"max":3}"#,
        &[
            (r#"["set",[]]"#, Ok(r#"["set",[]]"#)),
            (r#""a longer string""#, Ok(r#""a longer string""#)),
            (
                r#"["set",["zzz","short string","a relatively long string"]]"#,
                Ok(r#"["set",["a relatively long string","short string","zzz"]]"#),
            ),
            (r#"["set",["a","b","c","d"]]"#, Err("set must have 0 to 3 members but 4 are present")),
            (r#"["set",["a",1]]"#, Err("/1/1: expected string, found the number 1")),
        ],
    );
}

#[test]
fn sets_as_text() {
    check_data_texts(r#"{"key":"boolean","min":0}"#, &[("true", Ok("true")), ("[]", Ok("[]")), ("[ ]", Ok("[]"))]);
    check_data_texts(
        r#"{"key":"integer","min":0,"max":"unlimited"}"#,
        &[
            ("0", Ok("[0]")),
            ("0,1", Ok("[0, 1]")),
            ("[0, 1,2, 3, 4, 5]", Ok("[0, 1, 2, 3, 4, 5]")),
            ("0, 1 2,", Ok("[0, 1, 2]")),
            ("1-4", Ok("[1, 2, 3, 4]")),
            ("-3--1,7", Ok("[-3, -2, -1, 7]")),
            ("4-1", Err("\"4-1\" is not a valid range. Range end cannot be before start.")),
            ("1-9999", Err("constraint violation: Range \"1-9999\" is too big. Maximum allowed size is 4096.")),
            ("", Err("use \"[]\" to specify the empty set")),
            ("[1", Err("[1: missing \"]\" at end of data")),
            ("[1]2", Err("[1]2: trailing garbage after \"]\"")),
            ("1=2", Err("1=2: unexpected \"=\" parsing set of integers")),
            ("[1, 2, 1]", Err("[1, 2, 1]: set contains duplicate value")),
            (r"1\", Err(r"1\: backslash at end of argument")),
        ],
    );
    check_data_texts(
        r#"{"key":"string","min":0,"max":3}"#,
        &[
            ("[]", Ok("[]")),
            (r#""a relatively long string""#, Ok(r#"["a relatively long string"]"#)),
            (r#""zzz","short string""#, Ok(r#"["short string", zzz]"#)),
            ("a,b,c,d", Err("a,b,c,d: 4 value(s) specified but the maximum number is 3")),
            ("\"a", Err("\"a: quoted string extends past end of argument")),
            (r#"asdf, ASDF, "asdf""#, Err(r#"asdf, ASDF, "asdf": set contains duplicate value"#)),
        ],
    );
    check_data_texts(r#"{"key":"real","max":5}"#, &[("0.0, -0.0", Err("0.0, -0.0: set contains duplicate value"))]);
}

#[test]
fn duplicates() {
    for (key, input, message) in [
        ("boolean", r#"["set",[true,true]]"#, "/1/1: set contains duplicate true"),
        ("integer", r#"["set",[1,2,3,1]]"#, "/1/3: set contains duplicate 1"),
        ("real", r#"["set",[0.0,-0.0]]"#, "/1/1: set contains duplicate -0.0"),
        ("string", r#"["set",["asdf","ASDF","asdf"]]"#, r#"/1/2: set contains duplicate "asdf""#),
        (
            "uuid",
            r#"["set",[["uuid","7ef21525-0088-4a28-a418-5518413e43ea"],["uuid","7EF21525-0088-4a28-a418-5518413e43ea"]]]"#,
            r#"/1/1: set contains duplicate ["uuid","7EF21525-0088-4a28-a418-5518413e43ea"]"#,
        ),
    ] {
        check_data(&format!(r#"{{"key":"{key}","max":5}}"#), &[(input, Err(message))]);
    }
    check_data(
        r#"{"key":"integer","value":"boolean","max":5}"#,
        &[(r#"["map",[[1,true],[2,false],[1,false]]]"#, Err("/1/2/0: map contains duplicate key 1"))],
    );
}

#[test]
fn maps() {
    check_data(r#"{"key":"integer","value":"boolean"}"#, &[(r#"["map",[[1,true]]]"#, Ok(r#"["map",[[1,true]]]"#))]);
    check_data(
        r#"{"key":"integer","value":"boolean","max":"unlimited"}"#,
        &[
            (r#"["map",[[3,false],[0,true],[4,false]]]"#, Ok(r#"["map",[[0,true],[3,false],[4,false]]]"#)),
            (r#"["map",[]]"#, Err("map must have 1 to 4294967295 members but 0 are present")),
            (r#"["map",[[1]]]"#, Err("/1/0: expected 2-element array, found the array [1]")),
            (r#"["map",[[1,2]]]"#, Err("/1/0/1: expected boolean, found the number 2")),
            (r#"["set",[]]"#, Err(r#"expected ["map", <array>], found the array ["set",[]]"#)),
            ("1", Err(r#"expected ["map", <array>], found the number 1"#)),
        ],
    );
    check_data(
        r#"{"key":"string","value":"real","min":0,"max":5}"#,
        &[(r#"["map",[["b",1.0],["a",2.5]]]"#, Ok(r#"["map",[["a",2.5],["b",1]]]"#))],
    );
}

#[test]
fn maps_as_text() {
    check_data_texts(r#"{"key":"integer","value":"boolean"}"#, &[("1=true", Ok("1=true"))]);
    check_data_texts(
        r#"{"key":"integer","value":"boolean","max":"unlimited"}"#,
        &[
            ("1=true", Ok("{1=true}")),
            ("0=true 1=false 2=true, 3=true 4=true,", Ok("{0=true, 1=false, 2=true, 3=true, 4=true}")),
            ("3=false,0=true ,4=false", Ok("{0=true, 3=false, 4=false}")),
            ("1=true 2=false 1=false", Err("1=true 2=false 1=false: map contains duplicate key")),
            ("1", Err("1: syntax error at \"")),
            ("1 2", Err("1 2: syntax error at \"2\" expecting \"=\"")),
            ("", Err("use \"{}\" to specify the empty map")),
        ],
    );
    check_data_texts(
        r#"{"key":"string","value":"string","min":0,"max":"unlimited"}"#,
        &[
            ("{}", Ok("{}")),
            (r#"{"2 gills"="1 chopin", a = b}"#, Ok(r#"{"2 gills"="1 chopin", a=b}"#)),
            (r#"hwaddr="00:11:22:33:44:55""#, Ok(r#"{hwaddr="00:11:22:33:44:55"}"#)),
        ],
    );
}

#[test]
fn bare_text_is_for_scripts() {
    assert_eq!(Datum::set(["a b", "c"]).to_bare(), "a b c");
    assert_eq!(Datum::map([("k", "v w"), ("l", "")]).to_bare(), "k=v w l=");
    assert_eq!(Datum::empty_set().to_bare(), "");
}

#[test]
fn data_made_in_code_are_brought_into_form() {
    let read = |text| ColumnType::from_json(&parse(text)).unwrap();
    let reals = read(r#"{"key":"real","min":0,"max":2}"#);
    assert_eq!(json_text(&reals.conform(Datum::from(1)).unwrap().to_json(), false), "1");
    assert_eq!(reals.conform(Datum::from(1)).unwrap().to_json().to_string(), "1.0");
    let map = read(r#"{"key":"string","value":"string","min":0,"max":"unlimited"}"#);
    assert_eq!(map.conform(Datum::empty_set()).unwrap(), Datum::empty_map());
    let error = map.conform(Datum::from("x")).unwrap_err();
    assert_eq!(error.to_string(), r#"expected map, found the string "x""#);
    let error = read(r#""integer""#).conform(Datum::from("x")).unwrap_err();
    assert_eq!(error.to_string(), r#"expected integer, found the string "x""#);
    let named = Datum::from(Atom::NamedUuid("x".into()));
    assert_eq!(read(r#"{"key":{"type":"uuid","refTable":"T"}}"#).conform(named.clone()), Ok(named));
}
