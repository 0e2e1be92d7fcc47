//! Whose word is whose on the command line of `exec`, and what `exec` says itself. What commands see and how they end is in
//! tests/process.rs.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod common;

use common::cli::Cli;
use common::{require, sandbox, tool};

/// Two namespaces that `ip` made, and the commands.
fn with_two(test: fn(&Cli)) {
    sandbox::run(async || {
        tool::run("ip netns add ns1");
        tool::run("ip netns add ns2");
        test(&Cli::new().env("OVSNS_BACKEND", "linux"));
    });
}

/// The lines that `exec --all` printed, in the order of the namespaces.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort();
    lines
}

#[test]
fn what_stands_behind_the_command_is_the_commands() {
    require!(Root);
    with_two(|cli| {
        let words = "echo --all --json -c 1 -t x --user nobody -- --help";
        let given: Vec<&str> = words.split(' ').collect();
        let expected = "--all --json -c 1 -t x --user nobody -- --help";
        assert_eq!(cli.ok(&[&["exec", "ns1"], &given[..]].concat()), format!("{expected}\n"));
        assert_eq!(cli.ok(&[&["exec", "ns1", "--"], &given[..]].concat()), format!("{expected}\n"));
        for all in [&["exec", "--all"] as &[&str], &["exec", "--all", "--"]] {
            let text = cli.ok(&[all, &given[..]].concat());
            assert_eq!(sorted(&text), [format!("ns1| {expected}"), format!("ns2| {expected}")]);
        }
    });
}

#[test]
fn options_stand_before_or_behind_the_namespace() {
    require!(Root);
    with_two(|cli| {
        for words in
            ["exec --user nobody ns1 -- id -un", "exec ns1 --user nobody -- id -un", "exec ns1 --user nobody id -un"]
        {
            assert_eq!(cli.ok(&words.split(' ').collect::<Vec<_>>()), "nobody\n", "{words}");
        }
        assert_eq!(
            sorted(&cli.ok(&["exec", "--all", "--user", "nobody", "id", "-un"])),
            ["ns1| nobody", "ns2| nobody"]
        );
        let said = cli.fails(2, &["exec", "ns1", "--frobnicate", "--", "true"]);
        assert!(said.contains("--frobnicate"), "{said}");
    });
}

#[test]
fn what_is_missing_is_named() {
    require!(Root);
    with_two(|cli| {
        for (words, why) in [
            (&["exec"] as &[&str], "no namespace given"),
            (&["exec", "ns1"], "no command given"),
            (&["exec", "ns1", "--"], "no command given"),
            (&["exec", "--all"], "no command given"),
        ] {
            let said = cli.fails(2, words);
            assert!(said.contains(why) && said.contains("hint:"), "{words:?}: {said}");
        }
        std::fs::write("/run/netns/stale", "").unwrap();
        let said = cli.fails(1, &["exec", "stale", "true"]);
        assert!(
            said.contains("/run/netns/stale is not a network namespace") && said.contains("del-ns stale"),
            "{said}"
        );
        // it is none, so it is not among all
        assert_eq!(sorted(&cli.ok(&["exec", "--all", "echo"])), ["ns1| ", "ns2| "]);
    });
}

#[test]
fn json_is_for_what_exec_says_itself() {
    require!(Root);
    with_two(|cli| {
        assert_eq!(cli.ok(&["--json", "exec", "ns1", "--", "echo", "{}"]), "{}\n");
        assert_eq!(sorted(&cli.ok(&["--json", "exec", "--all", "--", "echo", "x"])), ["ns1| x", "ns2| x"]);
        let failed = cli.run(&["--json", "exec", "nosuch", "--", "true"]);
        let document: serde_json::Value = serde_json::from_str(&failed.stdout).unwrap();
        assert_eq!((failed.code, &document["error"]["exit_status"]), (1, &serde_json::json!(1)));
        assert_eq!(document["error"]["what"], "no network namespace at /run/netns/nosuch");
    });
}

#[test]
fn host_is_where_one_stands() {
    require!(Root);
    with_two(|cli| {
        let inode = |words: &[&str]| cli.ok(&[words, &["stat", "-Lc", "%i", "/proc/self/ns/net"]].concat());
        let host = tool::run("stat -Lc %i /proc/self/ns/net");
        assert_eq!(inode(&["exec", "host", "--"]), host);
        assert_ne!(inode(&["exec", "ns1", "--"]), host);
        assert_eq!(inode(&["exec", "path:/run/netns/ns1", "--"]), inode(&["exec", "ns1", "--"]));
    });
}
