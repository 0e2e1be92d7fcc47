//! Schemas, values, conditions and mutations compared with what a real ovsdb-server makes of them.

#![allow(clippy::unwrap_used)]

#[path = "common/ovsdb.rs"]
mod common;

use std::process::Command;
use std::time::Duration;

use common::Server;
use ovsns::ovsdb::client::Client;
use ovsns::ovsdb::error::ClientError;
use ovsns::ovsdb::operation::{
    Condition, Delete, Insert, Mutate, Mutation, Operation, OperationResult, Select, Until, Update, Wait,
};
use ovsns::ovsdb::row::Row;
use ovsns::ovsdb::schema::DatabaseSchema;
use ovsns::ovsdb::table::{self, Bridge, Interface, OpenVSwitch, Port, TableRow, read_rows};
use ovsns::ovsdb::text::json_text;
use ovsns::ovsdb::value::{Atom, Datum, Uuid};
use serde_json::{Value, json};

#[tokio::test]
async fn the_live_schema_has_all_that_we_use() {
    let server = Server::start();
    let live = server.connect().await.get_schema(table::DATABASE).await.unwrap();
    assert_eq!(table::compare_with_ours(&live).unwrap(), []);
    let ours = table::our_schema().unwrap();
    let live = DatabaseSchema::from_json(&live).unwrap();
    for (name, table) in &ours.tables {
        let other = &live.tables[name];
        for (column, schema) in &table.columns {
            assert_eq!(schema, &other.columns[column], "{name}.{column}");
        }
        let rules = |table: &ovsns::ovsdb::schema::TableSchema| (table.is_root, table.max_rows, table.indexes.clone());
        assert_eq!(rules(table), rules(other), "{name}");
    }
}

/// Every schema that is installed here is written as ovsdb-client writes it.
#[tokio::test]
async fn schemas_are_written_as_ovsdb_client_writes_them() {
    let server = Server::start();
    let remote = format!("unix:{}", server.socket().display());
    for database in ["Open_vSwitch", "_Server"] {
        let theirs = common::run(Command::new("ovsdb-client").args(["get-schema", &remote, database])).stdout;
        let live = server.connect().await.get_schema(database).await.unwrap();
        let ours = json_text(&DatabaseSchema::from_json(&live).unwrap().to_json(), false);
        assert_eq!(ours, String::from_utf8(theirs).unwrap().trim_end());
    }
}

#[tokio::test]
async fn rows_are_read_as_ovs_vsctl_wrote_them() {
    let server = Server::start();
    server.vsctl(&["add-br", "br0", "--", "add-port", "br0", "p1", "tag=5", "trunks=1,2", "--"]);
    server.vsctl(&["set", "Interface", "p1", "type=patch", "options:peer=p2", "mtu_request=1400"]);
    let client = server.connect().await;
    let selects = [OpenVSwitch::select(), Bridge::select(), Port::select(), Interface::select()];
    let results = client.transact(table::DATABASE, &selects.map(Into::into)).await.unwrap();
    let rows = |index: usize| results[index].rows().unwrap();
    let root: Vec<OpenVSwitch> = read_rows(rows(0)).unwrap();
    let bridges: Vec<Bridge> = read_rows(rows(1)).unwrap();
    let ports: Vec<Port> = read_rows(rows(2)).unwrap();
    let interfaces: Vec<Interface> = read_rows(rows(3)).unwrap();
    assert_eq!(root[0].bridges, [bridges[0].uuid]);
    let port = ports.iter().find(|port| port.name == "p1").unwrap();
    assert!(bridges[0].ports.contains(&port.uuid));
    assert_eq!((port.tag, port.trunks.as_slice()), (Some(5), &[1, 2][..]));
    let interface = interfaces.iter().find(|interface| interface.uuid == port.interfaces[0]).unwrap();
    assert_eq!((interface.kind.as_str(), interface.mtu_request), ("patch", Some(1400)));
    assert_eq!(interface.options["peer"], "p2");
    assert_eq!(interface.ofport, None);
}

/// Points 10, 11, 12, 14 and 26: where the server puts its errors, and that we name the operation that failed.
#[tokio::test]
async fn failures_name_the_operation() {
    let server = Server::start();
    let client = server.connect().await;
    let select = || Operation::from(Select::from_table("Bridge"));
    let wait = Wait::on_table("Bridge", ["name"], Until::NotEqual).timeout(Duration::ZERO);
    let port = || Insert::into_table("Port").with("name", "p").with("interfaces", Uuid::from_u128(1));
    let root = || Insert::into_table("Open_vSwitch");
    for (operations, message, words) in [
        (
            vec![select(), Select::from_table("Nope").into()],
            "operation 1 (select Nope) of the transaction failed",
            "syntax error",
        ),
        (
            vec![Operation::Comment("x".into()), Operation::Abort, select()],
            "operation 1 (abort) of the transaction failed",
            "aborted",
        ),
        (vec![wait.into(), select()], "operation 0 (wait Bridge) of the transaction failed", "timed out"),
        (vec![Operation::Assert("l".into())], "operation 0 (assert) of the transaction failed", "not owner"),
        (vec![root().into(), root().into()], "the transaction was refused at its commit", "constraint violation"),
        (
            vec![root().into(), port().into()],
            "the transaction was refused at its commit",
            "referential integrity violation",
        ),
        (
            vec![port().with("tag", 4096).into()],
            "operation 0 (insert Port) of the transaction failed",
            "constraint violation",
        ),
    ] {
        let error = client.transact(table::DATABASE, &operations).await.unwrap_err();
        assert_eq!(error.to_string(), message, "{error:?}");
        assert_eq!(error.server_error().unwrap().error, words, "{error:?}");
        let ClientError::Transact(error) = error else { panic!("{error:?}") };
        assert_eq!(error.is_timed_out(), words == "timed out");
    }
    let error = client.transact("Nope", &[select()]).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
    assert_eq!(error.server_error().unwrap().error, "unknown database");
    let rows = client.transact(table::DATABASE, &[Select::from_table("Open_vSwitch").into()]).await.unwrap();
    assert_eq!(rows[0].rows().unwrap(), [], "a failed transaction left something behind");
}

/// Points 15, 16, 23 and 24: rows that refer to each other in one transaction, and pairs put over others.
#[tokio::test]
async fn rows_refer_forward_and_pairs_are_replaced() {
    let server = Server::start();
    let client = server.connect().await;
    let operations = [
        Insert::into_table("Open_vSwitch").with("bridges", Atom::NamedUuid("br".into())).into(),
        Insert::into_table("Bridge")
            .with("name", "br0")
            .with("external_ids", Datum::map([("a", "1"), ("b", "2")]))
            .named("br")
            .into(),
        Operation::Comment("made by a test".into()),
        Operation::Commit { durable: true },
    ];
    let results = client.transact(table::DATABASE, &operations).await.unwrap();
    let bridge = results[1].inserted().unwrap();
    assert_eq!(results[2..], [OperationResult::Done, OperationResult::Done]);
    let by_name = || Condition::equal("name", "br0");
    let set = Mutation::set_pairs("external_ids", [("a", "9"), ("c", "3")]);
    let operations = [
        Wait::guard("Bridge", bridge, Row::new().with("name", "br0")).into(),
        Mutate::table_rows("Bridge").filter(by_name()).with_all(set).into(),
        Update::table_rows("Bridge").filter(Condition::uuid(bridge)).with("stp_enable", true).into(),
        Bridge::select().filter(by_name()).into(),
        Delete::from_table("Port").into(),
    ];
    let results = client.transact(table::DATABASE, &operations).await.unwrap();
    let counts: Vec<_> = results.iter().map(OperationResult::count).collect();
    assert_eq!(counts, [None, Some(1), Some(1), None, Some(0)]);
    let bridges: Vec<Bridge> = read_rows(results[3].rows().unwrap()).unwrap();
    assert!(bridges[0].stp_enable);
    let pairs: Vec<_> = bridges[0].external_ids.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(pairs, ["a=9", "b=2", "c=3"]);
}

/// A database with a column of each shape.
struct Shapes {
    _server: Server,
    client: Client,
    schema: DatabaseSchema,
}

impl Shapes {
    async fn start() -> Self {
        let schema = json!({"name": "shapes", "version": "1.0.0", "tables": {"T": {"columns": columns()}}});
        let server = Server::start();
        let (text, file) = (server.directory.join("shapes.ovsschema"), server.directory.join("shapes.db"));
        std::fs::write(&text, schema.to_string()).unwrap();
        common::run(Command::new("ovsdb-tool").arg("create").arg(&file).arg(&text));
        server.appctl(&["ovsdb-server/add-db", file.to_str().unwrap()]);
        let client = server.connect().await;
        let schema = DatabaseSchema::from_json(&client.get_schema("shapes").await.unwrap()).unwrap();
        Self { _server: server, client, schema }
    }

    fn table(&self) -> &ovsns::ovsdb::schema::TableSchema {
        &self.schema.tables["T"]
    }

    /// Runs operations without keeping their effect, and gives the results of those before the last.
    async fn try_out(&self, operations: &[Value]) -> Result<Vec<Value>, String> {
        let mut params = vec![json!("shapes")];
        params.extend_from_slice(operations);
        params.push(json!({"op": "abort"}));
        let reply = self.client.call("transact", json!(params)).await.unwrap();
        let mut results = reply.as_array().unwrap().clone();
        results.truncate(operations.len());
        match results.iter().find(|result| !result["error"].is_null()) {
            Some(error) => Err(format!("{}: {}", error["error"], error["details"])),
            None => Ok(results),
        }
    }
}

fn columns() -> Value {
    let mut columns = serde_json::Map::new();
    for key in ["integer", "real", "boolean", "string", "uuid"] {
        columns.insert(key.to_owned(), json!({"type": key}));
        columns.insert(format!("{key}_opt"), json!({"type": {"key": key, "min": 0}}));
        columns.insert(format!("{key}_set"), json!({"type": {"key": key, "min": 0, "max": 3}}));
        columns.insert(format!("{key}_some"), json!({"type": {"key": key, "min": 1, "max": "unlimited"}}));
        let map = json!({"key": key, "value": "integer", "min": 0, "max": "unlimited"});
        columns.insert(format!("{key}_map"), json!({"type": map}));
    }
    columns.insert("small".to_owned(), json!({"type": {"key": {"type": "integer", "minInteger": 0, "maxInteger": 5}}}));
    columns.insert("word".to_owned(), json!({"type": {"key": {"type": "string", "enum": ["set", ["a", "b"]]}}}));
    columns.insert("short".to_owned(), json!({"type": {"key": {"type": "string", "minLength": 1, "maxLength": 2}}}));
    columns.insert("fixed".to_owned(), json!({"type": "integer", "mutable": false}));
    Value::Object(columns)
}

/// Values of all shapes, most of which fit few columns.
fn values() -> Vec<Value> {
    let uuid = json!(["uuid", "550e8400-e29b-41d4-a716-446655440000"]);
    let mut atoms = vec![
        json!(0),
        json!(1),
        json!(-7),
        json!(1.0),
        json!(0.5),
        json!(1e3),
        json!(1e19),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(true),
        json!(false),
        json!(""),
        json!("a"),
        json!("b"),
        json!("äö"),
        json!("true"),
        uuid.clone(),
    ];
    let mut values = vec![
        json!(null),
        json!({}),
        json!([]),
        json!(["set"]),
        json!(["set", 1]),
        json!(["set", []]),
        json!(["map", []]),
        json!(["map", [[1]]]),
        json!(["uuid", "1"]),
        json!(["uuid", 1]),
        json!(["named-uuid", "x y"]),
        json!(["set", [1, 1]]),
        json!(["set", [1, 1.0]]),
        json!(["set", [1, "a"]]),
        json!(["set", ["set", []]]),
        json!(["set", [0, 1, 2, 3]]),
        json!(["set", [3, 2, 1]]),
        json!(["set", ["b", "a"]]),
        json!(["set", [false, true]]),
        json!(["map", [[1, 1], [1, 2]]]),
        json!(["map", [["a", 1], ["", 2]]]),
        json!(["map", [[1, "a"]]]),
    ];
    values.extend(atoms.iter().map(|atom| json!(["set", [atom]])));
    values.extend(atoms.iter().map(|atom| json!(["map", [[atom, 5]]])));
    values.append(&mut atoms);
    values
}

/// Each value in each column: the server and we take and refuse the same, and write what was taken alike.
#[tokio::test]
async fn values_are_taken_and_refused_as_the_server_does() {
    let shapes = Shapes::start().await;
    let mut taken = 0;
    for (name, column) in &shapes.table().columns {
        for value in values() {
            let ours = column.column_type.read_datum(&value);
            let mut row = json!({"word": "a", "short": "x"});
            row[name] = value.clone();
            let insert = json!({"op": "insert", "table": "T", "row": row});
            let select = json!({"op": "select", "table": "T", "where": [], "columns": [name]});
            match (ours, shapes.try_out(&[insert, select]).await) {
                (Ok(ours), Ok(results)) => {
                    // As text: the server writes 15 digits of a real.
                    let theirs = &results[1]["rows"][0][name];
                    assert_eq!(json_text(&ours.to_json(), false), json_text(theirs, false), "{name}: {value}");
                    taken += 1;
                }
                (Err(_), Err(_)) => {}
                (ours, theirs) => panic!("{name}: {value}: ours {ours:?}, theirs {theirs:?}"),
            }
        }
    }
    assert!(taken > 100, "{taken} were taken");
}

/// Columns of which nothing is said hold the server's defaults.
#[tokio::test]
async fn defaults_are_those_of_the_server() {
    let shapes = Shapes::start().await;
    let insert = json!({"op": "insert", "table": "T", "row": {"word": "a", "short": "x"}});
    let select = json!({"op": "select", "table": "T", "where": []});
    let results = shapes.try_out(&[insert, select]).await.unwrap();
    for (name, datum) in shapes.table().default_row().iter().filter(|(name, _)| !["word", "short"].contains(name)) {
        let column_type = shapes.table().column_type(name).unwrap();
        assert_eq!(&column_type.read_datum(&results[1]["rows"][0][name]).unwrap(), datum, "{name}");
    }
}

/// The rows that conditions choose from and that mutations change.
fn rows() -> Vec<Value> {
    vec![
        json!({"integer": 1, "integer_opt": 1, "integer_set": ["set", [1, 2]], "real": 0.5, "real_opt": 1, "boolean": true,
               "string": "a", "string_opt": "a", "string_set": ["set", ["a", "b"]], "string_map": ["map", [["a", 5]]],
               "integer_map": ["map", [[1, 5], [2, 6]]], "small": 5, "word": "a", "short": "x"}),
        json!({"integer": -7, "integer_set": 0, "real_set": ["set", [0.5, 1]], "string_map": ["map", [["a", 6], ["b", 5]]],
               "boolean_set": ["set", [false, true]], "word": "b", "short": "ab", "integer_some": ["set", [0, 1, 2, 3]]}),
        json!({"integer": i64::MAX / 2, "word": "a", "short": "y"}),
    ]
}

async fn insert(shapes: &Shapes) -> Vec<Row> {
    for row in rows() {
        let params = [json!("shapes"), json!({"op": "insert", "table": "T", "row": row})];
        let reply = shapes.client.call("transact", json!(params)).await.unwrap();
        assert!(reply[0]["uuid"].is_array(), "{reply}");
    }
    all_rows(shapes, &[]).await.unwrap()
}

async fn all_rows(shapes: &Shapes, before: &[Value]) -> Result<Vec<Row>, String> {
    let mut operations = before.to_vec();
    operations.push(json!({"op": "select", "table": "T", "where": []}));
    let mut results = shapes.try_out(&operations).await?;
    let rows = results.pop().unwrap();
    let mut rows: Vec<_> =
        rows["rows"].as_array().unwrap().iter().map(|row| shapes.table().read_row(row).unwrap()).collect();
    rows.sort_by_key(|row| row.row_uuid().unwrap());
    Ok(rows)
}

#[tokio::test]
async fn conditions_choose_what_the_server_chooses() {
    let shapes = Shapes::start().await;
    let rows = insert(&shapes).await;
    let functions = ["==", "!=", "<", "<=", ">", ">=", "includes", "excludes", "="];
    let mut understood = 0;
    for name in shapes.table().columns.keys() {
        for (function, value) in functions.iter().flat_map(|f| values().into_iter().map(move |value| (f, value))) {
            let condition = json!([name, function, value]);
            let ours = Condition::from_json(shapes.table(), &condition);
            let select = json!({"op": "select", "table": "T", "where": [condition], "columns": ["_uuid"]});
            match (ours, shapes.try_out(&[select]).await) {
                (Ok(ours), Ok(theirs)) => {
                    let mut theirs: Vec<_> = theirs[0]["rows"].as_array().unwrap().iter().collect();
                    theirs.sort_by_key(|row| row["_uuid"][1].as_str());
                    let chosen =
                        rows.iter().filter(|row| ours.holds(row)).map(|row| row.get("_uuid").unwrap().to_json());
                    let theirs = theirs.iter().map(|row| row["_uuid"].clone());
                    assert_eq!(chosen.collect::<Vec<_>>(), theirs.collect::<Vec<_>>(), "{condition}");
                    understood += 1;
                }
                (Err(_), Err(_)) => {}
                (ours, theirs) => panic!("{condition}: ours {ours:?}, theirs {theirs:?}"),
            }
        }
    }
    assert!(understood > 500, "{understood} were understood");
}

/// ovsdb-server 3.1 divides by the factor to see whether a product fits, and so dies of `-7 * 0`; it also calls the
/// greatest products out of range that do fit.
fn breaks_the_server(factor: &Value) -> bool {
    let factor = if factor[0] == "set" { &factor[1][0] } else { factor };
    [json!(0), json!(i64::MAX), json!(i64::MIN)].contains(factor)
}

#[tokio::test]
async fn mutations_do_what_the_server_does() {
    let shapes = Shapes::start().await;
    let rows = insert(&shapes).await;
    let mutators = ["+=", "-=", "*=", "/=", "%=", "insert", "delete", "xxx"];
    let mut carried_out = 0;
    for name in shapes.table().columns.keys() {
        for (mutator, value) in mutators.iter().flat_map(|m| values().into_iter().map(move |value| (m, value))) {
            let mutation = json!([name, mutator, value]);
            if *mutator == "*=" && breaks_the_server(&value) {
                continue;
            }
            let operation = json!({"op": "mutate", "table": "T", "where": [], "mutations": [mutation]});
            let theirs = all_rows(&shapes, &[operation]).await;
            let ours = Mutation::from_json(shapes.table(), &mutation).map_err(|error| error.to_string());
            let ours = ours.and_then(|mutation| {
                let mut rows = rows.clone();
                let apply = |row: &mut Row| mutation.apply(shapes.table(), row).map_err(|error| error.to_string());
                rows.iter_mut().try_for_each(apply).map(|()| rows)
            });
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => {
                    let text = |row: &Row| json_text(&row.get(name).unwrap().to_json(), false);
                    let column = |rows: &[Row]| rows.iter().map(text).collect::<Vec<_>>();
                    assert_eq!(column(&ours), column(&theirs), "{mutation}");
                    carried_out += 1;
                }
                (Err(_), Err(_)) => {}
                (ours, theirs) => panic!("{mutation}: ours {ours:?}, theirs {theirs:?}"),
            }
        }
    }
    assert!(carried_out > 200, "{carried_out} were carried out");
}
