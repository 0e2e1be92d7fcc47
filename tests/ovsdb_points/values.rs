//! Points 21 to 30: notation, mutations, rules of columns.

use super::*;

#[tokio::test]
async fn point_21_both_spellings_of_one_are_accepted() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let select = json!([{"op": "select", "table": "Port", "where": [], "columns": ["trunks", "tag", "other_config"]}]);
    let empty = json!({"trunks": ["set", []], "tag": ["set", []], "other_config": ["map", []]});
    assert_eq!(transact_json(&client, select.clone()).await[0]["rows"][0], empty);
    for one in [json!(5), json!(["set", [5]])] {
        let row = json!({"trunks": one, "tag": one});
        transact_json(&client, json!([{"op": "update", "table": "Port", "where": [], "row": row}])).await;
        let read = transact_json(&client, select.clone()).await[0]["rows"][0].clone();
        assert_eq!((&read["trunks"], &read["tag"]), (&json!(5), &json!(5)), "the server writes one bare");
        assert_eq!(Datum::from_json(&one), Datum::from_json(&read["trunks"]));
        assert_eq!(Datum::from_json(&one).unwrap().to_json(), json!(5), "and so do we");
    }
}

#[tokio::test]
async fn point_22_an_optional_scalar_is_a_set_of_none_or_one() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    for tag in [Some(7), None] {
        let update = Update::table_rows("Port").with("tag", tag);
        transact(&client, vec![update.into()]).await;
        let row = &rows(&client, Select::from_table("Port").columns(["tag"])).await[0];
        assert_eq!(row.optional::<i64>("tag").unwrap(), tag);
    }
    let two = Update::table_rows("Port").with("tag", Datum::set([1, 2]));
    assert!(refusal(&client, vec![two.into()]).await.server_error().is_some());
}

/// `external_ids` of the one bridge.
async fn external_ids(client: &Client) -> Vec<(String, String)> {
    let row = &rows(client, Select::from_table("Bridge").columns(["external_ids"])).await[0];
    row.map("external_ids").unwrap().into_iter().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn point_23_inserting_into_a_map_keeps_the_old_value_unless_the_key_is_deleted_first() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let insert = |value| Mutation::insert("external_ids", Datum::map([("k", value)]));
    for (value, kept) in [("old", "old"), ("new", "old")] {
        transact(&client, vec![Mutate::table_rows("Bridge").with(insert(value)).into()]).await;
        assert_eq!(external_ids(&client).await, pairs(&[("k", kept)]));
    }
    let set = Mutation::set_pairs("external_ids", [("k", "new"), ("l", "x")]);
    transact(&client, vec![Mutate::table_rows("Bridge").with_all(set).into()]).await;
    assert_eq!(external_ids(&client).await, pairs(&[("k", "new"), ("l", "x")]));
}

#[tokio::test]
async fn point_24_deleting_from_a_map_takes_keys_or_pairs_and_changes_are_counted() {
    let (_server, client) = start().await;
    transact(&client, [add_bridge("br0"), add_bridge("br1")].concat()).await;
    let mutate = |mutation| vec![Mutate::table_rows("Bridge").with(mutation).into()];
    let all = Datum::map([("a", "1"), ("b", "2"), ("c", "3")]);
    assert_eq!(transact(&client, mutate(Mutation::insert("external_ids", all))).await[0].count(), Some(2));
    // By key, by an equal pair; not by a pair of another value.
    transact(&client, mutate(Mutation::delete("external_ids", Datum::set(["a"])))).await;
    transact(&client, mutate(Mutation::delete("external_ids", Datum::map([("b", "2"), ("c", "9")])))).await;
    assert_eq!(external_ids(&client).await, pairs(&[("c", "3")]));
    let update = Update::table_rows("Bridge").filter(Condition::equal("name", "br1"));
    let results = transact(&client, vec![update.with("stp_enable", true).into()]).await;
    assert_eq!(results[0].count(), Some(1));
}

#[tokio::test]
async fn point_25_changes_are_mutations_or_guarded() {
    let (server, client) = start().await;
    // Mutations of many clients at once are all in effect.
    let clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let clients = join_all(clients).await;
    let add = || [Operation::from(Mutate::table_rows(DATABASE).with(Mutation::add("next_cfg", 1)))];
    let outcomes = join_all(clients.iter().map(async |client| client.transact(DATABASE, &add()).await)).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let row = rows(&client, Select::from_table(DATABASE)).await.remove(0);
    assert_eq!(row.one::<i64>("next_cfg").unwrap(), 8);
    // What was read is guarded: a change in between aborts.
    let uuid = row.row_uuid().unwrap();
    let guarded = |was: i64| {
        let guard = Wait::guard(DATABASE, uuid, Row::new().with("next_cfg", was));
        let update = Update::table_rows(DATABASE).with("next_cfg", 100);
        vec![guard.into(), update.into()]
    };
    assert!(refusal(&client, guarded(7)).await.is_timed_out());
    transact(&client, guarded(8)).await;
}

/// ovsdb-server counts whole milliseconds of a clock that it read before.
const CLOCK: Duration = Duration::from_millis(5);

#[tokio::test]
async fn point_26_a_failed_wait_is_timed_out() {
    let (_server, client) = start().await;
    for limit in [0, 50] {
        let begun = Instant::now();
        let error = refusal(&client, vec![wait_for_nothing(Duration::from_millis(limit))]).await;
        assert!(error.is_timed_out() && begun.elapsed() + CLOCK >= Duration::from_millis(limit), "{error:?}");
    }
}

#[tokio::test]
async fn point_27_duplicates_are_an_error() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    for (column, value) in [
        ("protocols", json!(["set", ["OpenFlow10", "OpenFlow10"]])),
        ("external_ids", json!(["map", [["a", "1"], ["a", "2"]]])),
    ] {
        let update = json!([{"op": "update", "table": "Bridge", "where": [], "row": {column: value}}]);
        let reply = transact_json(&client, update).await;
        assert!(reply[0]["details"].as_str().unwrap().contains("duplicate"), "{reply}");
        assert!(Datum::from_json(&value).unwrap_err().to_string().contains("duplicate"));
    }
}

#[tokio::test]
async fn point_28_names_are_immutable() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    for table in ["Bridge", "Port", "Interface"] {
        let update = Update::table_rows(table).with("name", "other");
        assert_eq!(refused(&client, vec![update.into()]).await, "constraint violation", "{table}");
    }
}

#[tokio::test]
async fn point_29_ranges_enums_and_indexes_are_the_server_s() {
    let (_server, client) = start().await;
    transact(&client, [add_bridge("br0"), add_bridge("br1")].concat()).await;
    let update = |table: &str, column: &str, value: Datum| vec![Update::table_rows(table).with(column, value).into()];
    assert_eq!(refused(&client, update("Port", "tag", 4096.into())).await, "constraint violation");
    assert_eq!(refused(&client, update("Bridge", "fail_mode", "open".into())).await, "constraint violation");
    // A port's name is unique over all bridges.
    transact(&client, add_port("br0", "p0", interface("internal"), port())).await;
    let error = refusal(&client, add_port("br1", "p0", interface("internal"), port())).await;
    let TransactError::Commit(words) = error else { panic!("{error:?}") };
    assert_eq!(words.error, "constraint violation");
    let details = words.details.unwrap();
    assert!(
        details.contains("identical values (\"p0\") for index") || details.contains("identical values (p0)"),
        "{details}"
    );
}

#[tokio::test]
async fn point_30_integers_have_64_bits_and_reals_stay_reals() {
    let (server, client) = start().await;
    let update = |column: &str, value: Datum| vec![Update::table_rows(DATABASE).with(column, value).into()];
    for number in [i64::MAX, i64::MIN, (1 << 53) + 1] {
        transact(&client, update("next_cfg", number.into())).await;
        let row = &rows(&client, Select::from_table(DATABASE)).await[0];
        assert_eq!(row.one::<i64>("next_cfg").unwrap(), number);
    }
    assert!(refusal(&client, update("next_cfg", Datum::from(real(1.5)))).await.server_error().is_some());

    // Open_vSwitch has no column of reals.
    let schema = json!({"name": "Reals", "tables": {"T": {"isRoot": true, "columns": {"r": {"type": "real"}}}}});
    let (schema_file, file) = (server.directory.join("reals.ovsschema"), server.directory.join("reals.db"));
    std::fs::write(&schema_file, schema.to_string()).unwrap();
    run(Command::new("ovsdb-tool").arg("create").arg(&file).arg(&schema_file));
    server.appctl(&["ovsdb-server/add-db", file.to_str().unwrap()]);
    let client = server.connect().await;
    for (number, written) in [(1.0, "1.0"), (-0.1, "-0.1"), (1e300, "1e+300"), (0.0, "0.0")] {
        let datum = Datum::from(real(number));
        assert_eq!(datum.to_json().to_string(), written);
        let insert = Insert::into_table("T").with("r", datum);
        let operations = [Delete::from_table("T").into(), insert.into(), Select::from_table("T").into()];
        let results = client.transact("Reals", &operations).await.unwrap();
        let read: f64 = results[2].rows().unwrap()[0].one("r").unwrap();
        assert_eq!(read.to_bits(), number.to_bits());
    }
    // 1 is a real too.
    let params = json!(["Reals", {"op": "insert", "table": "T", "row": {"r": 1}}]);
    assert!(client.call("transact", params).await.unwrap()[0]["uuid"].is_array());
}

fn real(number: f64) -> Atom {
    Real::new(number).unwrap().into()
}
