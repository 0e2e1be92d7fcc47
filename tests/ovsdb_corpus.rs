//! Replays the seeds and findings of the fuzz targets.

#![allow(clippy::unwrap_used)]

#[path = "../fuzz/laws/framer.rs"]
mod framer;
#[path = "../fuzz/laws/value.rs"]
mod value;

fn replay(target: &str, hold: impl Fn(&[u8])) {
    let directory = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut replayed = 0;
    for entry in std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory}: {error}")) {
        hold(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0, "{directory} is empty");
}

#[test]
fn values() {
    replay("value", value::hold);
}

#[test]
fn frames() {
    replay("framer", framer::hold);
}
