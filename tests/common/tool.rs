//! The tools of the system, against which ours is held: `ip`, `bridge`, `ethtool`, `ping`.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs a command, of words without white space, to its end.
pub fn output(command: &str) -> Output {
    let words: Vec<_> = command.split_whitespace().collect();
    let mut tool = Command::new(words[0]);
    tool.args(&words[1..]).stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// Runs a command that must succeed, and returns what it printed.
pub fn run(command: &str) -> String {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {}: {said}{}", output.status, String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command prints, whatever it ends with.
pub fn output_of(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must succeed, and that reads `input`.
pub fn run_with(command: &str, input: &str) {
    let words: Vec<_> = command.split_whitespace().collect();
    let mut child = Command::new(words[0]).args(&words[1..]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command}: {input}");
}

/// Whether a command succeeds.
pub fn succeeds(command: &str) -> bool {
    output(command).status.success()
}

/// What a command that prints JSON says. Nothing at all is an empty list, as `ip -j` and `bridge -j` mean it.
pub fn json(command: &str) -> Value {
    let text = run(command);
    if text.trim().is_empty() {
        return Value::Array(Vec::new());
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{command}: {error}: {text}"))
}

/// `command`, in the namespace `netns` (`host` is the one that the test runs in; one with a `/` is a file).
pub fn inside(netns: &str, command: &str) -> String {
    match netns {
        "host" => command.to_owned(),
        path if path.contains('/') => format!("nsenter --net={path} {command}"),
        name => format!("nsenter --net=/run/netns/{name} {command}"),
    }
}

/// What `ip` says of one link of a namespace; `None` where there is no device of exactly this name.
pub fn link(netns: &str, name: &str) -> Option<Value> {
    let output = output(&inside(netns, &format!("ip -j -d link show dev {name}")));
    if !output.status.success() {
        return None;
    }
    let links: Value = serde_json::from_slice(&output.stdout).unwrap();
    links.as_array().unwrap().iter().find(|link| link["ifname"] == name).cloned()
}
