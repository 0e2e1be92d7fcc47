//! Conditions and mutations as ovsdb-server reads them and carries them out (RFC 7047 section 5.1).

#![allow(clippy::unwrap_used)]

use ovsns::ovsdb::operation::{Condition, Mutation};
use ovsns::ovsdb::row::Row;
use ovsns::ovsdb::schema::TableSchema;
use ovsns::ovsdb::text::json_text;
use serde_json::{Value, json};

fn table(columns: Value) -> TableSchema {
    TableSchema::from_json(&json!({"columns": columns})).unwrap()
}

fn scalars() -> TableSchema {
    table(json!({"i": {"type": "integer"}, "r": {"type": "real"}, "b": {"type": "boolean"}, "s": {"type": "string"},
                 "u": {"type": "uuid"}}))
}

fn of_each(min: u32, max: &Value) -> TableSchema {
    let column = |key: &str| json!({"type": {"key": key, "min": min, "max": max}});
    table(json!({"i": column("integer"), "r": column("real"), "b": column("boolean"), "s": column("string"),
                 "u": column("uuid")}))
}

fn rows(table: &TableSchema, rows: &[Value]) -> Vec<Row> {
    rows.iter().map(|row| table.read_row(row).unwrap()).collect()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

const UUID: &str = r#"["uuid","b10d28f7-af18-4a67-9e78-2a6394516c59"]"#;

/// Every function with an operand that fits, for each kind of scalar.
#[test]
fn conditions_on_scalars_are_written_as_read() {
    let table = scalars();
    let (all, unordered) =
        (["==", "!=", "<", "<=", ">", ">=", "includes", "excludes"], ["==", "!=", "includes", "excludes"]);
    for (column, value, functions) in [
        ("i", "7", &all[..]),
        ("r", "7.5", &all[..]),
        ("b", "true", &unordered[..]),
        ("s", "\"a\"", &unordered[..]),
        ("u", UUID, &unordered[..]),
    ] {
        for function in functions {
            let text = format!(r#"["{column}","{function}",{value}]"#);
            assert_eq!(json_text(&Condition::from_json(&table, &parse(&text)).unwrap().to_json(), false), text);
        }
    }
    for constant in ["true", "false"] {
        assert_eq!(Condition::from_json(&table, &parse(constant)).unwrap().to_json().to_string(), constant);
    }
}

#[test]
fn conditions_on_sets_are_written_in_normal_form() {
    let table = of_each(0, &json!("unlimited"));
    for (input, output) in [
        (r#"["i","==",["set",[]]]"#, r#"["i","==",["set",[]]]"#),
        (r#"["i","!=",["set",[1]]]"#, r#"["i","!=",1]"#),
        (r#"["r","excludes",["set",[3.5,1.5]]]"#, r#"["r","excludes",["set",[1.5,3.5]]]"#),
        (r#"["b","excludes",["set",[true,false]]]"#, r#"["b","excludes",["set",[false,true]]]"#),
        (r#"["s","includes",["set",["c"]]]"#, r#"["s","includes","c"]"#),
    ] {
        assert_eq!(json_text(&Condition::from_json(&table, &parse(input)).unwrap().to_json(), false), output);
    }
}

#[test]
fn conditions_that_do_not_fit_are_refused() {
    let (table, optional) = (scalars(), of_each(0, &json!(1)));
    for (column, name, value) in [("b", "boolean", "true"), ("s", "string", "\"a\""), ("u", "uuid", UUID)] {
        for function in [">", ">=", "<", "<="] {
            let condition = parse(&format!(r#"["{column}","{function}",{value}]"#));
            let message = |name| {
                format!(
                    "/1: Type mismatch: \"{function}\" operator may not be applied to column {column} of type {name}"
                )
            };
            let refused = |table| Condition::from_json(table, &condition).unwrap_err().to_string();
            assert_eq!(refused(&table), message(name.to_owned()));
            assert_eq!(refused(&optional), message(format!("set of up to 1 {name}s")));
        }
    }
    for (input, message) in [
        (r#"["i",">",["set",[]]]"#, "/2: set must have exactly one member but 0 are present"),
        (r#"["x","==",1]"#, "/0: No column x"),
        (r#"["i","=",1]"#, "/1: No function named ="),
        (r#"["i","==","a"]"#, r#"/2: expected integer, found the string "a""#),
        (r#"["i","=="]"#, r#"expected condition [<column>, <function>, <value>], found the array ["i","=="]"#),
    ] {
        assert_eq!(Condition::from_json(&optional, &parse(input)).unwrap_err().to_string(), message);
    }
}

#[test]
fn conditions_are_sorted_by_what_they_rule_out() {
    let table = table(json!({"i": {"type": "integer"}}));
    let mut conditions: Vec<_> = parse(
        r#"[["i","excludes",7],["i","!=",8],["i","==",1],["i","includes",2],["i","<=",3],["i","<",4],["i",">",6],
            ["i",">=",5],["_uuid","==",["uuid","d50e85c6-8ae7-4b16-b69e-4395928bd9be"]]]"#,
    )
    .as_array()
    .unwrap()
    .iter()
    .map(|condition| Condition::from_json(&table, condition).unwrap())
    .collect();
    conditions.sort();
    let sorted: Vec<_> = conditions.iter().map(|condition| json_text(&condition.to_json(), false)).collect();
    assert_eq!(
        sorted.join(","),
        r#"["_uuid","==",["uuid","d50e85c6-8ae7-4b16-b69e-4395928bd9be"]],["i","==",1],["i","includes",2],["i","<=",3],["i","<",4],["i",">=",5],["i",">",6],["i","excludes",7],["i","!=",8]"#
    );
}

/// Checks which of `data` meet each condition: `T` for one that does, `-` for one that does not.
fn check_conditions(table: &TableSchema, data: &[Value], cases: &[(&str, &str)]) {
    let data = rows(table, data);
    for (conditions, expected) in cases {
        let conditions: Vec<_> = parse(&format!("[{conditions}]"))
            .as_array()
            .unwrap()
            .iter()
            .map(|condition| Condition::from_json(table, condition).unwrap())
            .collect();
        let holds = |row: &Row| conditions.iter().all(|condition| condition.holds(row));
        let found: String = data.iter().map(|row| if holds(row) { 'T' } else { '-' }).collect();
        assert_eq!(found, *expected, "{conditions:?}");
    }
}

#[test]
fn evaluating_conditions_on_numbers() {
    let cases = |column: char| {
        let one = |function: &str| format!(r#"["{column}","{function}",1]"#);
        let functions = ["<", "<=", "==", "!=", ">=", ">", "includes", "excludes"];
        let expected = ["T--", "TT-", "-T-", "T-T", "-TT", "--T", "-T-", "T-T"];
        let both = (format!(r#"["{column}",">",0],["{column}","<",2]"#), "-T-");
        functions.into_iter().map(one).zip(expected).chain([(String::new(), "TTT"), both]).collect::<Vec<_>>()
    };
    for column in ['i', 'r'] {
        let key = column.to_string();
        let data = [json!({key.clone(): 0}), json!({key.clone(): 1}), json!({key: 2})];
        let cases = cases(column);
        let cases: Vec<_> = cases.iter().map(|(condition, expected)| (condition.as_str(), *expected)).collect();
        check_conditions(&scalars(), &data, &cases);
        check_conditions(&of_each(0, &json!(1)), &data, &cases);
    }
}

#[test]
fn evaluating_conditions_on_other_scalars() {
    let table = scalars();
    check_conditions(
        &table,
        &[json!({"b": true}), json!({"b": false})],
        &[
            (r#"["b","==",true]"#, "T-"),
            (r#"["b","!=",true]"#, "-T"),
            (r#"["b","includes",false]"#, "-T"),
            (r#"["b","excludes",false]"#, "T-"),
            (r#"["b","==",true],["b","==",false]"#, "--"),
        ],
    );
    check_conditions(
        &table,
        &[json!({"s": ""}), json!({"s": "foo"}), json!({"s": "xxx"})],
        &[
            (r#"["s","==",""]"#, "T--"),
            (r#"["s","!=","foo"]"#, "T-T"),
            (r#"["s","includes","foo"]"#, "-T-"),
            (r#"["s","excludes",""]"#, "-TT"),
            (r#"["s","!=","foo"],["s","!=",""]"#, "--T"),
        ],
    );
}

/// A number that is not there is neither less nor more than anything.
#[test]
fn evaluating_conditions_on_what_is_not_there() {
    let table = of_each(0, &json!(1));
    let cases = ["<", "<=", ">=", ">"].map(|function| (format!(r#"["i","{function}",1]"#), "-"));
    let cases: Vec<_> = cases.iter().map(|(condition, expected)| (condition.as_str(), *expected)).collect();
    check_conditions(&table, &[json!({"i": ["set", []]})], &cases);
    check_conditions(
        &table,
        &[json!({"i": ["set", []]}), json!({"i": 1})],
        &[
            (r#"["i","==",1]"#, "-T"),
            (r#"["i","!=",1]"#, "T-"),
            (r#"["i","==",["set",[]]]"#, "T-"),
            (r#"["i","includes",1]"#, "-T"),
            (r#"["i","excludes",1]"#, "T-"),
        ],
    );
}

/// All subsets of three elements, each compared with all of them: what the functions mean.
#[test]
fn evaluating_conditions_on_sets_and_maps() {
    let subsets: Vec<Vec<i64>> = (0..8).map(|bits| (0..3).filter(|n| bits >> n & 1 == 1).collect()).collect();
    let column = |value: Option<&str>| {
        let mut column_type = json!({"key": "integer", "min": 0, "max": "unlimited"});
        if let Some(value) = value {
            column_type["value"] = json!(value);
        }
        table(json!({"i": {"type": column_type}}))
    };
    let set = |elements: &[i64]| json!(["set", elements]);
    let map = |keys: &[i64]| json!(["map", keys.iter().map(|key| json!([key, key % 2 == 0])).collect::<Vec<_>>()]);
    for (table, write) in [(column(None), &set as &dyn Fn(&[i64]) -> Value), (column(Some("boolean")), &map)] {
        for (left, right) in subsets.iter().flat_map(|left| subsets.iter().map(move |right| (left, right))) {
            let row = table.read_row(&json!({"i": write(left)})).unwrap();
            let holds = |function: &str| {
                Condition::from_json(&table, &json!(["i", function, write(right)])).unwrap().holds(&row)
            };
            assert_eq!(holds("=="), left == right);
            assert_eq!(holds("!="), left != right);
            assert_eq!(holds("includes"), right.iter().all(|n| left.contains(n)), "{left:?} includes {right:?}");
            assert_eq!(holds("excludes"), right.iter().all(|n| !left.contains(n)), "{left:?} excludes {right:?}");
        }
    }
}

#[test]
fn a_pair_counts_only_with_its_value() {
    let table = table(json!({"m": {"type": {"key": "integer", "value": "boolean", "min": 0, "max": "unlimited"}}}));
    check_conditions(
        &table,
        &[json!({"m": ["map", [[0, true]]]}), json!({"m": ["map", [[0, false]]]}), json!({"m": ["map", [[1, true]]]})],
        &[
            (r#"["m","includes",["map",[[0,true]]]]"#, "T--"),
            (r#"["m","excludes",["map",[[0,true]]]]"#, "-TT"),
            (r#"["m","==",["map",[[0,true]]]]"#, "T--"),
            (r#"["m","!=",["map",[[0,true]]]]"#, "-TT"),
        ],
    );
}

#[test]
fn mutations_are_written_in_normal_form() {
    let sets = of_each(0, &json!("unlimited"));
    for (table, input, output) in [
        (&scalars(), r#"["i","%=",4]"#, r#"["i","%=",4]"#),
        (&scalars(), r#"["r","/=",3.5]"#, r#"["r","/=",3.5]"#),
        (&sets, r#"["i","+=",1]"#, r#"["i","+=",1]"#),
        (&sets, r#"["i","insert",["set",[2,1]]]"#, r#"["i","insert",["set",[1,2]]]"#),
        (&sets, r#"["b","delete",["set",[false]]]"#, r#"["b","delete",false]"#),
        (&sets, r#"["s","delete",["set",["b","a"]]]"#, r#"["s","delete",["set",["a","b"]]]"#),
    ] {
        assert_eq!(json_text(&Mutation::from_json(table, &parse(input)).unwrap().to_json(), false), output);
    }
}

#[test]
fn mutations_that_do_not_fit_are_refused() {
    let table = scalars();
    let arithmetic = ["+=", "-=", "*=", "/=", "%="];
    for (column, name, value, mutators) in [
        ("i", "integer", "1", &["insert", "delete"][..]),
        ("r", "real", "0.5", &["%=", "insert", "delete"][..]),
        ("b", "boolean", "true", &arithmetic[..]),
        ("s", "string", "\"a\"", &arithmetic[..]),
        ("u", "uuid", UUID, &arithmetic[..]),
        ("s", "string", "\"a\"", &["insert", "delete"][..]),
    ] {
        for mutator in mutators {
            let mutation = parse(&format!(r#"["{column}","{mutator}",{value}]"#));
            assert_eq!(
                Mutation::from_json(&table, &mutation).unwrap_err().to_string(),
                format!(
                    "/1: Type mismatch: \"{mutator}\" operator may not be applied to column {column} of type {name}"
                )
            );
        }
    }
    let immutable = TableSchema::from_json(&json!({"columns": {"i": {"type": "integer", "mutable": false}}})).unwrap();
    for (table, input, message) in [
        (&table, r#"["i","xxx",1]"#, "/1: No mutator named xxx"),
        (&table, r#"["x","+=",1]"#, "/0: No column x"),
        (&table, r#"["_uuid","+=",1]"#, "/0: constraint violation: Cannot mutate immutable column _uuid"),
        (&immutable, r#"["i","+=",1]"#, "/0: constraint violation: Cannot mutate immutable column i"),
        (&table, r#"["i","+=",0.5]"#, "/2: expected integer, found the number 0.5"),
    ] {
        assert_eq!(Mutation::from_json(table, &parse(input)).unwrap_err().to_string(), message);
    }
}

/// Carries out each mutation on each of `data` and compares what the column holds then, or the failure.
fn check_mutations(column: &str, column_type: Value, data: &[&str], cases: &[(&str, &[&str])]) {
    let table = table(json!({column: {"type": column_type}}));
    for (mutation, expected) in cases {
        let mutation_json = parse(&format!(r#"["{column}",{mutation}]"#));
        let mutation = Mutation::from_json(&table, &mutation_json).unwrap();
        for (datum, expected) in data.iter().zip(*expected) {
            let mut row = table.read_row(&json!({column: parse(datum)})).unwrap();
            let before = row.clone();
            let found = match mutation.apply(&table, &mut row) {
                Ok(()) => json_text(&row.get(column).unwrap().to_json(), false),
                Err(error) => {
                    assert_eq!(row, before);
                    error.to_string()
                }
            };
            assert_eq!(found, *expected, "{mutation_json} on {datum}");
        }
    }
}

#[test]
fn arithmetic_on_integers() {
    check_mutations(
        "i",
        json!("integer"),
        &["0", "1", "2"],
        &[
            (r#""+=",1"#, &["1", "2", "3"]),
            (r#""-=",2"#, &["-2", "-1", "0"]),
            (r#""*=",3"#, &["0", "3", "6"]),
            (r#""/=",4"#, &["0", "0", "0"]),
            (r#""%=",2"#, &["0", "1", "0"]),
        ],
    );
    let range =
        |min, number| format!("constraint violation: {number} is not in the valid range {min} to 2 (inclusive)");
    check_mutations(
        "i",
        json!({"key": {"type": "integer", "minInteger": 0, "maxInteger": 2}}),
        &["0", "1", "2"],
        &[
            (r#""+=",1"#, &["1", "2", &range(0, 3)]),
            (r#""-=",2"#, &[&range(0, -2), &range(0, -1), "0"]),
            (r#""*=",3"#, &["0", &range(0, 3), &range(0, 6)]),
        ],
    );
}

#[test]
fn integers_do_not_overflow() {
    let (max, min) = ("9223372036854775807", "-9223372036854775808");
    let over = |mutator| format!("range error: Result of \"{mutator}\" operation is out of range.");
    let zero = "domain error: Division by zero.";
    check_mutations(
        "i",
        json!("integer"),
        &["0", "1", "-1", max, min],
        &[
            (r#""+=",9223372036854775807"#, &[max, &over("+="), "9223372036854775806", &over("+="), "-1"]),
            (r#""+=",-9223372036854775808"#, &[min, "-9223372036854775807", &over("+="), "-1", &over("+=")]),
            (r#""-=",-9223372036854775808"#, &[&over("-="), &over("-="), max, &over("-="), "0"]),
            (r#""*=",3037000500"#, &["0", "3037000500", "-3037000500", &over("*="), &over("*=")]),
            (r#""/=",-1"#, &["0", "-1", "1", "-9223372036854775807", &over("/=")]),
            (r#""/=",0"#, &[zero, zero, zero, zero, zero]),
            (r#""%=",0"#, &[zero, zero, zero, zero, zero]),
        ],
    );
}

#[test]
fn arithmetic_on_reals() {
    check_mutations(
        "r",
        json!("real"),
        &["0", "-2.5", "1.25"],
        &[
            (r#""+=",0.5"#, &["0.5", "-2", "1.75"]),
            (r#""-=",1.5"#, &["-1.5", "-4", "-0.25"]),
            (r#""*=",2.5"#, &["0", "-6.25", "3.125"]),
            (r#""/=",4"#, &["0", "-0.625", "0.3125"]),
        ],
    );
    let over = |mutator| format!("range error: Result of \"{mutator}\" operation is out of range.");
    let zero = "domain error: Division by zero.";
    check_mutations(
        "r",
        json!("real"),
        &["0", "1.7976931348623157e+308", "-1.7976931348623157e+308"],
        &[
            (r#""+=",1.7976931348623157e+308"#, &["1.79769313486232e+308", &over("+="), "0"]),
            (r#""*=",2"#, &["0", &over("*="), &over("*=")]),
            (r#""/=",4"#, &["0", "4.49423283715579e+307", "-4.49423283715579e+307"]),
            (r#""/=",0.5"#, &["0", &over("/="), &over("/=")]),
            (r#""/=",0"#, &[zero, zero, zero]),
        ],
    );
    let range = |number| format!("constraint violation: {number} is not in the valid range -2.5 to 1.75 (inclusive)");
    check_mutations(
        "r",
        json!({"key": {"type": "real", "minReal": -2.5, "maxReal": 1.75}}),
        &["0", "-2.5", "1.25"],
        &[(r#""-=",1.5"#, &["-1.5", &range("-4"), "-0.25"]), (r#""*=",2.5"#, &["0", &range("-6.25"), &range("3.125")])],
    );
}

#[test]
fn mutations_of_integer_sets() {
    let twice = |mutator| format!("constraint violation: Result of \"{mutator}\" operation contains duplicates.");
    let data = [r#"["set",[]]"#, "0", r#"["set",[0,1]]"#, r#"["set",[0,1,2]]"#];
    check_mutations(
        "i",
        json!({"key": {"type": "integer", "maxInteger": 5}, "min": 0, "max": "unlimited"}),
        &data,
        &[
            (r#""+=",1"#, &[data[0], "1", r#"["set",[1,2]]"#, r#"["set",[1,2,3]]"#]),
            (r#""-=",2"#, &[data[0], "-2", r#"["set",[-2,-1]]"#, r#"["set",[-2,-1,0]]"#]),
            (
                r#""*=",3"#,
                &[data[0], "0", r#"["set",[0,3]]"#, "constraint violation: 6 is greater than maximum allowed value 5"],
            ),
            (r#""/=",4"#, &[data[0], "0", &twice("/="), &twice("/=")]),
            (r#""%=",2"#, &[data[0], "0", data[2], &twice("%=")]),
            (r#""insert",["set",[1]]"#, &["1", data[2], data[2], data[3]]),
            (
                r#""insert",["set",[2,3]]"#,
                &[r#"["set",[2,3]]"#, r#"["set",[0,2,3]]"#, r#"["set",[0,1,2,3]]"#, r#"["set",[0,1,2,3]]"#],
            ),
            (r#""delete",["set",[1]]"#, &[data[0], "0", "0", r#"["set",[0,2]]"#]),
            (r#""delete",["set",[2,3]]"#, &[data[0], "0", data[2], data[2]]),
        ],
    );
}

#[test]
fn sets_keep_their_size() {
    let store =
        |number| format!("constraint violation: Attempted to store {number} elements in set of 1 to 2 integers.");
    check_mutations(
        "i",
        json!({"key": "integer", "min": 1, "max": 2}),
        &["0", "2", r#"["set",[0,1]]"#],
        &[
            (r#""insert",1"#, &[r#"["set",[0,1]]"#, r#"["set",[1,2]]"#, r#"["set",[0,1]]"#]),
            (r#""insert",2"#, &[r#"["set",[0,2]]"#, "2", &store(3)]),
            (r#""delete",1"#, &["0", "2", "0"]),
            (r#""delete",2"#, &["0", &store(0), r#"["set",[0,1]]"#]),
            (r#""delete",["set",[0,1]]"#, &[&store(0), "2", &store(0)]),
        ],
    );
}

#[test]
fn mutations_of_other_sets() {
    let twice = "constraint violation: Result of \"*=\" operation contains duplicates.";
    check_mutations(
        "r",
        json!({"key": {"type": "real", "maxReal": 6}, "min": 0, "max": "unlimited"}),
        &[r#"["set",[]]"#, "0.5", r#"["set",[0.5,1.5]]"#],
        &[
            (r#""+=",0.5"#, &[r#"["set",[]]"#, "1", r#"["set",[1,2]]"#]),
            (r#""*=",0"#, &[r#"["set",[]]"#, "0", twice]),
            (r#""insert",3"#, &["3", r#"["set",[0.5,3]]"#, r#"["set",[0.5,1.5,3]]"#]),
            (r#""delete",["set",[0.5,1.5,2.5]]"#, &[r#"["set",[]]"#, r#"["set",[]]"#, r#"["set",[]]"#]),
        ],
    );
    check_mutations(
        "s",
        json!({"key": "string", "min": 0, "max": "unlimited"}),
        &[r#"["set",[]]"#, "\"a\"", r#"["set",["a","b"]]"#],
        &[
            (r#""insert","b""#, &["\"b\"", r#"["set",["a","b"]]"#, r#"["set",["a","b"]]"#]),
            (r#""delete",["set",["b","c"]]"#, &[r#"["set",[]]"#, "\"a\"", "\"a\""]),
        ],
    );
}

/// Points 23 and 24: `insert` keeps an existing key's value; `delete` takes keys or pairs.
#[test]
fn mutations_of_maps() {
    let data = [r#"["map",[]]"#, r#"["map",[[1,2]]]"#, r#"["map",[[1,3],[2,3]]]"#, r#"["map",[[3,5]]]"#];
    check_mutations(
        "i",
        json!({"key": "integer", "value": "integer", "min": 0, "max": "unlimited"}),
        &data,
        &[
            (r#""insert",["map",[[1,2]]]"#, &[data[1], data[1], data[2], r#"["map",[[1,2],[3,5]]]"#]),
            (
                r#""insert",["map",[[2,4],[3,5]]]"#,
                &[
                    r#"["map",[[2,4],[3,5]]]"#,
                    r#"["map",[[1,2],[2,4],[3,5]]]"#,
                    r#"["map",[[1,3],[2,3],[3,5]]]"#,
                    r#"["map",[[2,4],[3,5]]]"#,
                ],
            ),
            (r#""delete",["map",[[1,2]]]"#, &[data[0], data[0], data[2], data[3]]),
            (r#""delete",["map",[[2,3]]]"#, &[data[0], data[1], r#"["map",[[1,3]]]"#, data[3]]),
            (r#""delete",["set",[1]]"#, &[data[0], data[0], r#"["map",[[2,3]]]"#, data[3]]),
            (r#""delete",["set",[2,3]]"#, &[data[0], data[1], r#"["map",[[1,3]]]"#, data[0]]),
        ],
    );
}
