//! How long 10,000 transactions take that each commit one small change, one after the other on one connection; what
//! `transacts.py` does with Python's `ovs` package.
//!
//! `OVSNS_BENCH_DB` names the server, as in `unix:/tmp/db.sock`: an `ovsdb-server` with an empty Open_vSwitch database.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a benchmark that cannot run has nothing better to do than to say so"
)]

use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use ovsns::ovsdb::client::{Client, Options};
use ovsns::ovsdb::operation::{Mutate, Mutation};

const TRANSACTS: u32 = 10_000;

fn transacts(criterion: &mut Criterion) {
    let server = std::env::var("OVSNS_BENCH_DB").expect("OVSNS_BENCH_DB names a server");
    let endpoints = server.parse().expect("OVSNS_BENCH_DB is an endpoint");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = runtime.block_on(Client::connect(&endpoints, &Options::default())).expect("the server answers");
    let mut group = criterion.benchmark_group("transacts");
    // an iteration takes long enough to be a sample of its own
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(10));
    group.bench_function("commit", |bencher| bencher.to_async(&runtime).iter(|| commit_all(&client)));
    group.finish();
}

async fn commit_all(client: &Client) {
    for number in 0..TRANSACTS {
        let mutations = Mutation::set_pairs("external_ids", [("bench", number.to_string())]);
        let change = Mutate::table_rows("Open_vSwitch").with_all(mutations);
        client.transact("Open_vSwitch", &[change.into()]).await.expect("the transaction commits");
    }
}

criterion_group!(benches, transacts);
criterion_main!(benches);
