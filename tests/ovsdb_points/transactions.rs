//! Points 9 to 20: databases, transactions, references.

use super::*;

#[tokio::test]
async fn point_09_list_dbs_names_the_server_s_own_database() {
    let (_server, client) = start().await;
    let mut names = client.list_dbs().await.unwrap();
    names.sort();
    assert_eq!(names, ["Open_vSwitch", "_Server"]);
}

#[tokio::test]
async fn point_10_an_extra_element_is_the_commit_s_error() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let operations = vec![Delete::from_table("Port").into(), Operation::Comment("fine".into())];
    let params = transact_params(DATABASE, &operations);
    let reply = client.call("transact", Value::Array(params)).await.unwrap();
    assert_eq!((reply.as_array().unwrap().len(), &reply[0], &reply[1]), (3, &json!({"count": 1}), &json!({})));
    let error = refusal(&client, operations).await;
    assert!(matches!(&error, TransactError::Commit(words) if words.error == "referential integrity violation"));
}

#[tokio::test]
async fn point_11_after_a_failed_operation_nothing_is_in_effect() {
    let (_server, client) = start().await;
    let mut operations = add_bridge("br0");
    operations.push(Select::from_table("Nonsense").into());
    operations.extend(add_bridge("br1"));
    let params = transact_params(DATABASE, &operations);
    let reply = client.call("transact", Value::Array(params)).await.unwrap();
    assert!(reply.as_array().unwrap()[5..].iter().all(Value::is_null), "{reply}");
    let error = refusal(&client, operations).await;
    assert!(matches!(error, TransactError::Operation { index: 4, kind: "select", .. }), "{error:?}");
    assert_eq!(names(&client, "Bridge").await, [""; 0]);
}

#[tokio::test]
async fn point_12_an_unknown_database_and_an_unknown_table_are_told_differently() {
    let (_server, client) = start().await;
    let operations = [Select::from_table("Nonsense").into()];
    let error = client.transact("Nonsense", &operations).await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { source, .. } if source.error == "unknown database"), "{error:?}");
    let error = client.transact(DATABASE, &operations).await.unwrap_err();
    assert!(matches!(&error, ClientError::Transact(TransactError::Operation { index: 0, .. })), "{error:?}");
}

#[tokio::test]
async fn point_13_a_cancelled_request_is_not_waited_for() {
    let (_server, client) = start().await;
    for aware in [false, true] {
        client.set_db_change_aware(aware).await.unwrap();
        let id = client.request_id();
        let waiting = [wait_for_nothing(LIMIT)];
        let transact = client.transact_as(id, DATABASE, &waiting);
        let (outcome, cancelled) = tokio::join!(transact, client.cancel(id));
        cancelled.unwrap();
        assert_eq!(outcome.unwrap_err().server_error().unwrap().error, "canceled", "aware: {aware}");
    }
    // To cancel what is done already does no harm.
    let id = client.request_id();
    client.transact_as(id, DATABASE, &[Operation::Comment("done".into())]).await.unwrap();
    client.cancel(id).await.unwrap();
    assert!(client.list_dbs().await.is_ok());
}

#[tokio::test]
async fn point_14_commit_and_comment_answer_nothing_and_abort_an_error() {
    let (_server, client) = start().await;
    for durable in [false, true] {
        let operations = vec![Operation::Commit { durable }, Operation::Comment("c".into())];
        assert_eq!(transact(&client, operations).await, [OperationResult::Done, OperationResult::Done]);
    }
    assert_eq!(refused(&client, vec![Operation::Abort]).await, "aborted");
}

#[tokio::test]
async fn point_15_a_uuid_name_is_an_id_and_unique() {
    let (_server, client) = start().await;
    let qos = |name: &str| Insert::into_table("QoS").with("type", "linux-htb").named(name).into();
    assert_eq!(refused(&client, vec![qos("a"), qos("a")]).await, "duplicate uuid-name");
    for wrong in ["", "1a", "a-b", "a b"] {
        assert!(refusal(&client, vec![qos(wrong)]).await.server_error().is_some());
        assert!(!is_id(wrong));
    }
    transact(&client, vec![qos("_a1"), qos("B_2")]).await;
}

#[tokio::test]
async fn point_16_a_named_uuid_may_refer_forward() {
    let (_server, client) = start().await;
    let mut operations = add_bridge("br0");
    operations.reverse();
    transact(&client, operations).await;
    assert_eq!(names(&client, "Interface").await, ["br0"]);
}

#[tokio::test]
async fn point_17_a_row_that_nothing_refers_to_is_collected_silently() {
    let (_server, client) = start().await;
    let results = transact(&client, vec![interface("internal").with("name", "orphan").into()]).await;
    assert!(results[0].inserted().is_some());
    assert_eq!(names(&client, "Interface").await, [""; 0]);
}

#[tokio::test]
async fn point_18_the_last_reference_takes_bridge_ports_and_interfaces_with_it() {
    let (_server, client) = start().await;
    transact(&client, [add_bridge("br0"), add_port("br0", "p0", interface("internal"), port())].concat()).await;
    let bridge = rows(&client, Select::from_table("Bridge")).await[0].row_uuid().unwrap();
    let remove = Mutate::table_rows(DATABASE).with(Mutation::delete("bridges", bridge));
    transact(&client, vec![remove.into()]).await;
    for table in ["Bridge", "Port", "Interface"] {
        assert_eq!(names(&client, table).await, [""; 0], "{table}");
    }
}

#[tokio::test]
async fn point_19_a_referenced_row_cannot_be_deleted() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    for table in ["Bridge", "Port", "Interface"] {
        let error = refusal(&client, vec![Delete::from_table(table).into()]).await;
        let TransactError::Commit(words) = error else { panic!("{table}: {error:?}") };
        assert_eq!(words.error, "referential integrity violation");
    }
}

#[tokio::test]
async fn point_20_qos_queues_and_sample_collectors_stay_until_deleted() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let bridge = rows(&client, Select::from_table("Bridge")).await[0].row_uuid().unwrap();
    let tables = ["QoS", "Queue", "Flow_Sample_Collector_Set"];
    let inserts = [
        Insert::into_table("QoS").with("type", "linux-htb"),
        Insert::into_table("Queue").with("dscp", 1),
        Insert::into_table("Flow_Sample_Collector_Set").with("id", 1).with("bridge", bridge),
    ];
    transact(&client, inserts.map(Into::into).into()).await;
    for table in tables {
        assert_eq!(rows(&client, Select::from_table(table)).await.len(), 1, "{table}");
        transact(&client, vec![Delete::from_table(table).into()]).await;
        assert_eq!(rows(&client, Select::from_table(table)).await.len(), 0, "{table}");
    }
}
