//! Points 31 to 36: monitors and locks.

use super::*;

fn everything(table: &str) -> MonitorRequest {
    MonitorRequest::new().table(table, TableRequest::new())
}

fn only(update: &ovsns::ovsdb::monitor::Update, table: &str) -> RowUpdate {
    let rows = &update.tables.0[table];
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.values().next().unwrap().clone()
}

#[tokio::test]
async fn point_31_the_update_for_one_s_own_change_comes_before_the_reply() {
    let (_server, client) = start().await;
    let mut monitor = client.monitor_cond(DATABASE, &everything("Bridge")).await.unwrap().monitor;
    for number in 0..20 {
        transact(&client, add_bridge(&format!("br{number}"))).await;
        let update = monitor.next().now_or_never().expect("the update is not here yet").unwrap();
        assert!(matches!(only(&update, "Bridge"), RowUpdate::Insert(_)));
    }
}

#[tokio::test]
async fn point_32_an_update_has_the_old_of_what_changed_and_all_of_the_new() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let request = MonitorRequest::new().table("Bridge", TableRequest::new().columns(["name", "stp_enable"]));
    let started = client.monitor(DATABASE, &request).await.unwrap();
    let row = |stp| Row::new().with("name", "br0").with("stp_enable", stp);
    assert_eq!(only(&started.first, "Bridge"), RowUpdate::Whole { old: None, new: Some(row(false)) });
    let mut monitor = started.monitor;

    let update = Update::table_rows("Bridge").with("stp_enable", true);
    transact(&client, vec![update.into()]).await;
    let old = Some(Row::new().with("stp_enable", false));
    assert_eq!(only(&monitor.next().await.unwrap(), "Bridge"), RowUpdate::Whole { old, new: Some(row(true)) });

    transact(&client, vec![Update::table_rows(DATABASE).with("bridges", Datum::empty_set()).into()]).await;
    assert_eq!(only(&monitor.next().await.unwrap(), "Bridge"), RowUpdate::Whole { old: Some(row(true)), new: None });
}

#[tokio::test]
async fn point_33_update2_has_differences_and_leaves_out_defaults() {
    let (_server, client) = start().await;
    transact(&client, [add_bridge("br0"), add_port("br0", "p0", interface("internal"), port())].concat()).await;
    let columns = ["name", "tag", "trunks", "external_ids"];
    let request = MonitorRequest::new()
        .table("Port", TableRequest::new().columns(columns).condition(Condition::equal("name", "p0")));
    let started = client.monitor_cond(DATABASE, &request).await.unwrap();
    assert_eq!(only(&started.first, "Port"), RowUpdate::Initial(Row::new().with("name", "p0")));
    let schema = DatabaseSchema::from_json(&client.get_schema(DATABASE).await.unwrap()).unwrap();
    let mut replica = Replica::new(&schema, &request).unwrap();
    replica.apply(&started.first.tables).unwrap();
    let mut monitor = started.monitor;

    let steps: [(Row, Row); 3] = [
        (
            Row::new().with("tag", 1).with("trunks", Datum::set([1, 2])),
            Row::new().with("tag", 1).with("trunks", Datum::set([1, 2])),
        ),
        (
            Row::new().with("tag", 2).with("trunks", Datum::set([2, 3])),
            Row::new().with("tag", 2).with("trunks", Datum::set([1, 3])),
        ),
        (
            Row::new().with("tag", None::<i64>).with("trunks", Datum::empty_set()),
            Row::new().with("tag", None::<i64>).with("trunks", Datum::set([2, 3])),
        ),
    ];
    for (wanted, difference) in steps {
        let update =
            wanted.iter().fold(Update::table_rows("Port"), |update, (name, datum)| update.with(name, datum.clone()));
        transact(&client, vec![update.filter(Condition::equal("name", "p0")).into()]).await;
        let update = monitor.next().await.unwrap();
        assert_eq!(only(&update, "Port"), RowUpdate::Modify(difference));
        replica.apply(&update.tables).unwrap();
        let (_, row) = replica.rows("Port").next().unwrap();
        assert!(wanted.iter().all(|(name, datum)| row.get(name) == Some(datum)), "{row:?}");
    }
    let bare = Row::new().with("external_ids", Datum::empty_map());
    let (_, row) = replica.rows("Port").next().unwrap();
    assert_eq!(row.get("external_ids"), bare.get("external_ids"), "what was left out is filled in");

    // Random changes: the copy stays equal to what a fresh monitor sees.
    for step in 0..50_i64 {
        let set = Mutation::set_pairs("external_ids", [(format!("k{}", step % 7), format!("v{}", step % 3))]);
        let delete = Mutation::delete("external_ids", Datum::set([format!("k{}", (step * 3) % 7)]));
        let trunk = Mutation::new("trunks", if step % 2 == 0 { Mutator::Insert } else { Mutator::Delete }, step % 5);
        let mutate = Mutate::table_rows("Port").with_all(set).with(delete).with(trunk);
        transact(&client, vec![mutate.filter(Condition::equal("name", "p0")).into()]).await;
        if let Some(update) = monitor.next().now_or_never() {
            replica.apply(&update.unwrap().tables).unwrap();
        }
    }
    let mut fresh = Replica::new(&schema, &request).unwrap();
    fresh.apply(&client.monitor_cond(DATABASE, &request).await.unwrap().first.tables).unwrap();
    assert_eq!(replica, fresh);
}

#[tokio::test]
async fn point_34_monitors_have_ids_of_their_own() {
    let (_server, client) = start().await;
    let monitors = join_all((0..5).map(async |_| client.monitor(DATABASE, &everything("Bridge")).await.unwrap())).await;
    transact(&client, add_bridge("br0")).await;
    for started in monitors {
        let mut monitor = started.monitor;
        assert!(!monitor.next().await.unwrap().tables.is_empty());
        client.monitor_cancel(monitor).await;
    }
    let params = json!([DATABASE, "same", {"Bridge": [{}]}]);
    client.call("monitor", &params).await.unwrap();
    let error = client.call("monitor", &params).await.unwrap_err();
    assert!(error.server_error().is_some(), "{error:?}");
}

#[tokio::test]
async fn point_35_monitor_cond_since_says_whether_it_could_continue() {
    let (server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let started = client.monitor_cond_since(DATABASE, &everything("Bridge"), Uuid::ZERO).await.unwrap();
    assert!(!started.found && matches!(only(&started.first, "Bridge"), RowUpdate::Initial(_)));
    let mut monitor = started.monitor;
    transact(
        &client,
        vec![Mutate::table_rows("Bridge").with(Mutation::insert("external_ids", Datum::map([("a", "b")]))).into()],
    )
    .await;
    let update = monitor.next().await.unwrap();
    assert!(matches!(only(&update, "Bridge"), RowUpdate::Modify(_)));
    let last = update.last_txn_id.unwrap();
    // Also of a transaction that the server cannot know, all comes again.
    let other = server.connect().await;
    for since in [last, Uuid::from_u128(1)] {
        let started = other.monitor_cond_since(DATABASE, &everything("Bridge"), since).await.unwrap();
        let expected = if started.found { 0 } else { 1 };
        assert_eq!(started.first.tables.0.get("Bridge").map_or(0, |rows| rows.len()), expected);
        assert!(!started.found || since == last);
    }
    // An older server: the method is unknown, and the next best one is taken (see also tests/ovsdb_session.rs).
    let (client, mut peer) = Listener::pair(&Options::default()).await;
    let answer = async {
        let id = peer.called("monitor_cond_since").await;
        peer.send(&format!(r#"{{"id":{id},"error":"unknown method","result":null}}"#)).await;
    };
    let request = everything("Bridge");
    let (outcome, ()) = tokio::join!(client.monitor_cond_since(DATABASE, &request, last), answer);
    assert!(outcome.unwrap_err().is_unknown_method());
}

#[tokio::test]
async fn point_36_locks_are_granted_stolen_and_asserted() {
    let (server, one) = start().await;
    let two = server.connect().await;
    let (mut to_one, mut to_two) = (one.notifications().await.unwrap(), two.notifications().await.unwrap());
    assert!(matches!(one.notifications().await, Err(ClientError::NotificationsTaken)));
    assert!(one.lock("l").await.unwrap());
    assert!(!two.lock("l").await.unwrap());
    let write = vec![Operation::Assert("l".into()), Operation::Comment("mine".into())];
    transact(&one, write.clone()).await;
    assert_eq!(refused(&two, write.clone()).await, "not owner");

    one.unlock("l").await.unwrap();
    assert_eq!(to_two.next().await, Some(Notification::Locked("l".into())));
    transact(&two, write.clone()).await;

    assert!(one.steal("l").await.unwrap());
    assert_eq!(to_two.next().await, Some(Notification::Stolen("l".into())));
    assert_eq!(refused(&two, write.clone()).await, "not owner");
    transact(&one, write).await;
    assert_eq!(to_one.next().now_or_never(), None);
}
