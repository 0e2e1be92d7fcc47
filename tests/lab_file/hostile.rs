//! Files that are meant to do harm, and files that are large.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

use ovsns::lab::{self, Format, Source};
use proptest::prelude::*;

use crate::{facts, files, read_text};

fn refused(text: &str) -> String {
    let begun = Instant::now();
    let mistakes = read_text("hostile.yaml", text).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}: {mistakes:.200}", begun.elapsed());
    mistakes
}

#[test]
fn what_would_grow_beyond_all_bounds_is_refused() {
    let mut laughs = "lab: l\nx-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let _ = writeln!(laughs, "x-{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    assert!(refused(&laughs).contains("stands for more than 1000000 values"));
    let mut doubled = "lab: l\nvars:\n  a0: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".to_owned();
    for level in 1..60 {
        let _ = writeln!(doubled, "  a{level}: \"${{a{0}}}${{a{0}}}\"", level - 1);
    }
    assert!(refused(&doubled).contains("MiB of text"));
    assert!(refused(&format!("lab: l\nx-deep: {}", "[".repeat(100_000))).contains("levels deep"));
    assert!(refused(&"#".repeat(5 << 20)).contains("at most 4194304 are read"));
    assert!(refused("lab: l\nx: &a [*a]\n").contains("stands for itself"));
    let chain: String = (1..100).map(|n| format!("x-{n}: &c{n} [[[[[[[[[*c{}]]]]]]]]]\n", n - 1)).collect();
    assert!(refused(&format!("lab: l\nx-0: &c0 x\n{chain}")).contains("levels deep"));
    for range in ["h[1-999999999]", "h[1-1000]x[1-1000]", "h[1-90000,1-90000]"] {
        assert!(
            refused(&format!("lab: l\nnamespaces: {{ \"{range}\": {{}} }}\n")).contains("at most 100000"),
            "{range}"
        );
    }
    let ports = vec!["{ switch: s }"; 200].join(", ");
    let many = format!("lab: l\nswitches: {{ s: {{}} }}\nnamespaces: {{ \"h[1-1000]\": {{ ports: [{ports}] }} }}\n");
    assert!(refused(&many).contains("at most 100000"));
}

#[test]
fn many_mistakes_are_counted_and_not_all_told() {
    let mut text = "lab: l\nswitches: { \"s[1-20000]\": {} }\nnamespaces:\n".to_owned();
    for number in 0..20_000 {
        let _ = writeln!(text, "  n{number}: {{ ports: [ {{ switch: t{number} }} ] }}");
    }
    let told = refused(&text);
    assert!(told.contains("and 19900 more"), "{}", told.lines().last().unwrap());
}

#[test]
fn a_large_lab_is_read_in_no_time() {
    let ranged = "lab: l\nswitches: { s1: { ip: 10.0.255.254/16 } }\n\
                  namespaces: { \"h[1-4000]\": { ports: [ { switch: s1, ip: 10.0.0.+/16, gw: 10.0.255.254 } ] } }\n";
    let mut listed = "lab: l\nswitches: { s1: { ip: 10.0.255.254/16 } }\nnamespaces:\n".to_owned();
    for number in 1..=4000 {
        let (high, low) = (number / 256, number % 256);
        let _ = writeln!(
            listed,
            "  h{number}: {{ ports: [ {{ switch: s1, ip: 10.0.{high}.{low}/16, gw: 10.0.255.254 }} ] }}"
        );
    }
    let timed = |text: &str| {
        let begun = Instant::now();
        let lab = read_text("large.yaml", text).unwrap();
        let read = begun.elapsed();
        let state = lab.state(&facts());
        println!("read in {read:?}, all in {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        (lab, state)
    };
    let (one, other) = (timed(ranged), timed(&listed));
    assert_eq!(one, other);
    assert_eq!(one.0.namespaces.len(), 4000);
}

/// The good files, and where something is done to them.
fn mutated() -> impl Strategy<Value = (String, String)> {
    let texts: Vec<(String, String)> = ["good", "mistakes"]
        .iter()
        .flat_map(|directory| files(directory))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    let piece = prop_oneof![
        Just(String::new()),
        Just("[".to_owned()),
        Just("}".to_owned()),
        Just("{".to_owned()),
        Just("\n".to_owned()),
        Just(": ".to_owned()),
        Just("\"".to_owned()),
        Just("${".to_owned()),
        Just("{1}".to_owned()),
        Just("[1-9]".to_owned()),
        Just("+".to_owned()),
        Just("\u{0}".to_owned()),
        Just("ä\u{2028}".to_owned()),
        Just("- ".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("/".to_owned()),
        Just("::".to_owned()),
        Just("<<: ".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    let edits = proptest::collection::vec((any::<proptest::sample::Index>(), 0..12_usize, piece), 1..6);
    (proptest::sample::select(texts), edits).prop_map(|((name, text), edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, taken, piece) in edits {
            let at = at.index(chars.len().max(1)).min(chars.len());
            let end = (at + taken).min(chars.len());
            chars.splice(at..end, piece.chars());
        }
        (name, chars.into_iter().collect())
    })
}

fn survives(name: &str, text: &str) {
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    let format = Format::of(name);
    match lab::read(&source, format, &BTreeMap::new(), &|_| None) {
        Ok(lab) => drop(lab.state(&facts())),
        Err(mistakes) => {
            assert!(!mistakes.list().is_empty());
            mistakes.render(true);
            mistakes.to_json();
        }
    }
    let _ = lab::format(&source, format);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn good_files_with_something_done_to_them_are_read_or_refused((name, text) in mutated()) {
        survives(&name, &text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        survives("any.yaml", &text);
        survives("any.toml", &text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        survives("any.yaml", &text);
        survives("any.toml", &text);
    }
}
