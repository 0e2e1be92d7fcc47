//! Ready-made labs, as Mininet's `--topo` has them.

use std::fmt::Write;

use crate::model::BackendName;

use super::names::PARTS_MAX;

/// The kinds of topology, and the numbers that each takes.
pub const TOPOLOGIES: [(&str, &str); 7] = [
    ("single", "single,HOSTS: one switch"),
    ("linear", "linear,SWITCHES[,HOSTS]: a row of switches, each with a host, or with HOSTS"),
    ("tree", "tree,DEPTH,FANOUT: a tree of switches with hosts at its leaves"),
    ("torus", "torus,X,Y: a grid of switches with a host each, whose sides are joined"),
    ("ring", "ring,SWITCHES: a row of switches with a host each, whose ends are joined"),
    ("star", "star[,SWITCHES]: switches with a host each around one in the middle"),
    ("full-mesh", "full-mesh,SWITCHES: switches with a host each, all joined to each other"),
];

/// A tree that branches at all has no more levels.
const LEVELS_MAX: u32 = 16;
/// The network of the hosts holds as many.
const HOSTS_MAX: u64 = 65_534;

/// A file of lab `name` with switches `s1` … and hosts `h1` … in the network 10.0.0.0/16.
///
/// # Errors
///
/// What is wrong with the kind or its numbers, and which there are.
pub fn topology(name: &str, kind: &str, numbers: &[u32], backend: Option<BackendName>) -> Result<String, String> {
    let Some((_, usage)) = TOPOLOGIES.iter().find(|(known, _)| *known == kind) else {
        let known = TOPOLOGIES.map(|(known, _)| known).join(", ");
        return Err(format!("topology `{kind}` is none of {known}"));
    };
    let title =
        std::iter::once(kind.to_owned()).chain(numbers.iter().map(u32::to_string)).collect::<Vec<_>>().join(",");
    let body = match (kind, numbers) {
        ("single", [hosts]) => single(*hosts),
        ("linear", [switches]) => linear(*switches, 1),
        ("linear", [switches, hosts]) => linear(*switches, *hosts),
        ("tree", [depth, fanout]) => tree(*depth, *fanout),
        ("torus", [x, y]) => torus(*x, *y),
        ("ring", [switches]) => ring(*switches),
        ("star", []) => star(4),
        ("star", [switches]) => star(*switches),
        ("full-mesh", [switches]) => full_mesh(*switches),
        _ => return Err(format!("topology {title} has the wrong count of numbers; it is {usage}")),
    };
    let body = body.map_err(|why| format!("topology {title}: {why}; it is {usage}"))?;
    Ok(head(name, &title, backend, body.loops) + &body.text)
}

struct Body {
    text: String,
    loops: bool,
}

fn head(name: &str, title: &str, backend: Option<BackendName>, loops: bool) -> String {
    let mut text = format!(
        "# Made by: ovsns new {name} --topo {title}\n\
         # ovsns apply {name}.yaml makes it, ovsns test {name}.yaml pings all pairs, ovsns destroy {name}.yaml takes it away.\n"
    );
    if loops {
        text.push_str(
            "# Its switches form a loop, which spanning tree opens: for the first half minute nothing is forwarded.\n",
        );
    }
    let _ = write!(text, "\nlab: {name}\n");
    if let Some(backend) = backend {
        let _ = writeln!(text, "defaults: {{ backend: {backend} }}");
    }
    text
}

fn at_least(least: u32, what: &str, number: u32) -> Result<(), String> {
    if number < least { Err(format!("{number} {what} are too few, {least} is the least")) } else { Ok(()) }
}

fn not_too_many(hosts: u64, parts: u64) -> Result<(), String> {
    if hosts > HOSTS_MAX {
        return Err(format!("{hosts} hosts are too many, {HOSTS_MAX} is the most"));
    }
    if parts > PARTS_MAX as u64 {
        return Err(format!("a lab has at most {PARTS_MAX} parts, and this has {parts}"));
    }
    Ok(())
}

/// `s[1-5]`, or `s1` where there is one; in quotes, since a bracket begins a list.
fn range(prefix: &str, first: u64, last: u64) -> String {
    if first == last { format!("{prefix}{first}") } else { format!("\"{prefix}[{first}-{last}]\"") }
}

/// Switches, and a host each, under the same number.
fn pairs(count: u64, settings: &str) -> String {
    let (switches, hosts) = (range("s", 1, count), range("h", 1, count));
    let switch = if count == 1 { "s1" } else { "\"s{1}\"" };
    format!(
        "switches:\n  {switches}: {settings}\n\
         namespaces:\n  {hosts}: {{ ports: [ {{ switch: {switch}, ip: 10.0.0.+/16 }} ] }}\n"
    )
}

fn single(hosts: u32) -> Result<Body, String> {
    at_least(1, "hosts", hosts)?;
    not_too_many(hosts.into(), u64::from(hosts) + 1)?;
    let text = format!(
        "switches:\n  s1: {{}}\n\
         namespaces:\n  {}: {{ ports: [ {{ switch: s1, ip: 10.0.0.+/16 }} ] }}\n",
        range("h", 1, hosts.into())
    );
    Ok(Body { text, loops: false })
}

fn linear(switches: u32, hosts: u32) -> Result<Body, String> {
    at_least(1, "switches", switches)?;
    at_least(1, "hosts", hosts)?;
    let (count, each) = (u64::from(switches), u64::from(hosts));
    not_too_many(count * each, count * 2 + count * each)?;
    let mut text = if hosts == 1 {
        pairs(count, "{}")
    } else {
        // Mininet calls them so: host 1 at switch 2 is h1s2.
        format!(
            "switches:\n  {}: {{}}\n\
             namespaces:\n  \"h[1-{hosts}]s[1-{switches}]\": {{ ports: [ {{ switch: \"s{{2}}\", ip: 10.0.0.+/16 }} ] }}\n",
            range("s", 1, count)
        )
    };
    text.push_str(&row(count));
    Ok(Body { text, loops: false })
}

/// Each of the switches joined to the next.
fn row(count: u64) -> String {
    match count {
        1 => String::new(),
        2 => "trunks:\n  - { a: s1, b: s2 }\n".to_owned(),
        _ => format!("trunks:\n  - {{ a: {}, b: \"s{{1+1}}\" }}\n", range("s", 1, count - 1)),
    }
}

fn ring(switches: u32) -> Result<Body, String> {
    at_least(3, "switches", switches)?;
    let count = u64::from(switches);
    not_too_many(count, count * 3)?;
    let text = format!("{}{}  - {{ a: s{count}, b: s1 }}\n", pairs(count, "{ stp: true }"), row(count));
    Ok(Body { text, loops: true })
}

fn star(switches: u32) -> Result<Body, String> {
    at_least(1, "switches", switches)?;
    let last = u64::from(switches) + 1;
    not_too_many(u64::from(switches), last * 3)?;
    let switch = if switches == 1 { "s2" } else { "\"s{1}\"" };
    let text = format!(
        "switches:\n  s1: {{}}  # in the middle\n  {}: {{}}\n\
         namespaces:\n  {}: {{ ports: [ {{ switch: {switch}, ip: 10.0.0.+/16 }} ] }}\n\
         trunks:\n  - {{ a: {}, b: s1 }}\n",
        range("s", 2, last),
        range("h", 2, last),
        range("s", 2, last)
    );
    Ok(Body { text, loops: false })
}

fn full_mesh(switches: u32) -> Result<Body, String> {
    at_least(2, "switches", switches)?;
    let count = u64::from(switches);
    not_too_many(count, count * 2 + count * (count - 1) / 2)?;
    let loops = count > 2;
    let mut text = pairs(count, if loops { "{ stp: true }" } else { "{}" });
    text.push_str("trunks:\n");
    for switch in 1..count {
        let _ = writeln!(text, "  - {{ a: {}, b: s{switch} }}", range("s", switch + 1, count));
    }
    Ok(Body { text, loops })
}

fn torus(x: u32, y: u32) -> Result<Body, String> {
    // As with Mininet: with fewer, two switches would be joined twice.
    at_least(3, "columns", x)?;
    at_least(3, "rows", y)?;
    let count = u64::from(x) * u64::from(y);
    not_too_many(count, count * 4)?;
    let (before_x, before_y) = (x - 1, y - 1);
    let text = format!(
        "switches:\n  \"s[1-{x}]x[1-{y}]\": {{ stp: true }}\n\
         namespaces:\n  \"h[1-{x}]x[1-{y}]\": {{ ports: [ {{ switch: \"s{{1}}x{{2}}\", ip: 10.0.0.+/16 }} ] }}\n\
         trunks:\n\
         \x20 - {{ a: \"s[1-{before_x}]x[1-{y}]\", b: \"s{{1+1}}x{{2}}\" }}\n\
         \x20 - {{ a: \"s{x}x[1-{y}]\", b: \"s1x{{1}}\" }}\n\
         \x20 - {{ a: \"s[1-{x}]x[1-{before_y}]\", b: \"s{{1}}x{{2+1}}\" }}\n\
         \x20 - {{ a: \"s[1-{x}]x{y}\", b: \"s{{1}}x1\" }}\n"
    );
    Ok(Body { text, loops: true })
}

fn tree(depth: u32, fanout: u32) -> Result<Body, String> {
    at_least(1, "levels", depth)?;
    at_least(1, "branches", fanout)?;
    if depth > LEVELS_MAX {
        return Err(format!("{depth} levels are too many, {LEVELS_MAX} is the most"));
    }
    let fan = u64::from(fanout);
    let power = |exponent: u32| fan.checked_pow(exponent).unwrap_or(u64::MAX);
    let hosts = power(depth);
    let inner = (0..depth).fold(0_u64, |sum, level| sum.saturating_add(power(level)));
    not_too_many(hosts, inner.saturating_mul(2).saturating_add(hosts))?;
    let leaves = power(depth - 1);
    let first_leaf = inner - leaves + 1;
    let mut text = format!("switches:\n  {}: {{}}\nnamespaces:\n", range("s", 1, inner));
    for leaf in 0..leaves {
        let (from, to) = (leaf * fan + 1, (leaf + 1) * fan);
        let _ = writeln!(
            text,
            "  {}: {{ ports: [ {{ switch: s{}, ip: 10.0.{}.{}+/16 }} ] }}",
            range("h", from, to),
            first_leaf + leaf,
            from / 256,
            from % 256
        );
    }
    if inner > 1 {
        text.push_str("trunks:\n");
    }
    // Counted level by level, the switches below one follow each other.
    for parent in 1..first_leaf {
        let first = (parent - 1) * fan + 2;
        let _ = writeln!(text, "  - {{ a: {}, b: s{parent} }}", range("s", first, first + fan - 1));
    }
    Ok(Body { text, loops: false })
}
