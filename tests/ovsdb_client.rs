//! The client against a real ovsdb-server.

#[path = "common/ovsdb.rs"]
mod common;

use common::Server;
use ovsns::ovsdb::operation::{Insert, Select};
use serde_json::json;

#[tokio::test]
async fn connects_and_transacts() {
    let server = Server::start();
    let client = server.connect().await;
    assert!(client.list_dbs().await.unwrap().contains(&"Open_vSwitch".to_owned()));
    let insert = Insert::into_table("Open_vSwitch").with("next_cfg", 7);
    let results = client.transact("Open_vSwitch", &[insert.into(), Select::from_table("Open_vSwitch").into()]).await;
    let results = results.unwrap();
    assert_eq!(results[1].rows().unwrap()[0].one::<i64>("next_cfg").unwrap(), 7);
    assert_eq!(client.echo(&[json!("a\"}")]).await.unwrap(), json!(["a\"}"]));
    let error = client.call("nonsense", json!([])).await.unwrap_err();
    assert!(error.is_unknown_method(), "{error:?}");
    let error = client.get_schema("nonsense").await.unwrap_err();
    assert_eq!(error.server_error().unwrap().error, "unknown database");
}
