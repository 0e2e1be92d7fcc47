//! Many namespaces.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::common::cli::Cli;
use super::common::require;
use super::common::sandbox;
use super::common::tool::{inside, run, run_with};

/// How many namespaces there are.
const COUNT: usize = 200;
/// How many of them have an IPv6 address too.
const COUNT_V6: usize = 50;

/// A Linux bridge, and on it many namespaces with addresses, made by `ip -batch`.
fn make() {
    run("ip link set lo up");
    run("ip link add b1 type bridge");
    run("ip link set b1 up");
    let number = |number: usize| (number / 250, number % 250 + 1);
    let outside = (0..COUNT).map(|n| {
        format!("netns add h{n}\nlink add v{n} type veth peer name e{n} netns h{n}\nlink set v{n} master b1 up\n")
    });
    run_with("ip -batch -", &outside.collect::<String>());
    for n in 0..COUNT {
        let (third, fourth) = number(n);
        let batch = format!("link set lo up\nlink set e{n} up\naddress add 10.0.{third}.{fourth}/16 dev e{n}\n");
        let v6 = if n < COUNT_V6 { format!("address add fd00::{n:x}:1/64 dev e{n} nodad\n") } else { String::new() };
        run_with(&inside(&format!("h{n}"), "ip -batch -"), &(batch + &v6));
    }
}

/// Whether `pair`, of a document, was answered.
fn reached(pair: &Value) -> bool {
    pair["reached"].as_bool().unwrap()
}

#[test]
fn all_pairs_of_two_hundred() {
    require!(Root);
    sandbox::run_blocking(|| {
        make();
        let cli = Cli::new().env("OVSNS_BACKEND", "linux");
        let begin = Instant::now();
        let ran = cli.run(&["test", "--all"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let pairs = COUNT * (COUNT - 1);
        assert_eq!(ran.stdout, format!("{pairs}/{pairs} pairs reach each other as expected\n"));
        // 200 ms of silence a pair, one after the other, would be two hours.
        assert!(begin.elapsed() < Duration::from_secs(110), "{:?}", begin.elapsed());

        // one namespace falls silent, and what the tables have learned is gone: nobody has answered from memory
        run(&inside("h7", "ip link set e7 down"));
        let arguments = ["--json", "test", "--all", "--only", "h7", "--wait", "0.3"];
        let ran = cli.run(&arguments);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        let (well, bad): (Vec<_>, Vec<_>) =
            document["pairs"].as_array().unwrap().iter().partition(|pair| reached(pair));
        assert_eq!((well.len(), bad.len()), (0, 2 * (COUNT - 1)), "its IPv6 address has gone with the link");
        for netns in ["h0", "h100", "h199"] {
            assert_eq!(run(&inside(netns, "ip neighbour show nud all to 10.0.0.0/16")), "", "learned by {netns}");
        }
    });
}
