//! Counters and rates, for people.

use std::fmt::Write as _;

use super::counters::{Counters, PortCounters, Source};
use super::watch::{PortRates, Rate};

/// The counters, a line a port.
pub fn counters(counted: &Counters) -> String {
    let mut text = String::new();
    for switch in &counted.switches {
        let head =
            ["port", "netns", "rx packets", "bytes", "errors", "drops", "tx packets", "bytes", "errors", "drops"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for port in &switch.ports {
            let directions = [port.rx, port.tx];
            let numbers = directions.iter().flat_map(|d| [d.packets, d.bytes, d.errors, d.drops]);
            rows.push(named(port).into_iter().chain(numbers.map(|number| number.to_string())).collect());
        }
        block(&mut text, switch.switch.as_str(), &rows);
    }
    text.truncate(text.trim_end().len());
    text
}

/// The rates of one switch, a line a port.
pub fn rates(text: &mut String, switch: &str, rates: &[PortRates]) {
    let head =
        ["port", "netns", "rx packets/s", "bit/s", "errors", "drops", "tx packets/s", "bit/s", "errors", "drops"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for port in rates {
        let numbers = [port.rx_rate, port.tx_rate].into_iter().flat_map(columns);
        rows.push(named(&port.counters).into_iter().chain(numbers).collect());
    }
    block(text, switch, &rows);
}

fn columns(rate: Option<Rate>) -> [String; 4] {
    let Some(Rate { packets_per_second, bits_per_second, errors, drops }) = rate else {
        return ["-", "-", "-", "-"].map(str::to_owned);
    };
    [decimal(packets_per_second), decimal(bits_per_second), errors.to_string(), drops.to_string()]
}

/// A number a second, with a prefix from ten thousand on.
fn decimal(number: f64) -> String {
    const PREFIXES: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    match PREFIXES.iter().find(|(unit, _)| number >= 10.0 * unit) {
        Some((unit, prefix)) => format!("{:.1}{prefix}", number / unit),
        None => format!("{number:.1}"),
    }
}

fn named(port: &PortCounters) -> Vec<String> {
    let mark = if port.source == Source::Database { "*" } else { "" };
    let bond = port.bond.as_ref().map(|bond| format!("{bond}/")).unwrap_or_default();
    let netns = port.netns.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    vec![format!("{bond}{}{mark}", port.port), netns]
}

/// Columns as wide as what is in them; names to the left, numbers to the right.
fn block(text: &mut String, switch: &str, rows: &[Vec<String>]) {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Switch {switch}");
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = width(column).unwrap_or_default();
            if column < 2 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "    {}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_a_prefix() {
        for (number, text) in
            [(0.0, "0.0"), (9_999.0, "9999.0"), (10_000.0, "10.0k"), (2.5e7, "25.0M"), (1.7e10, "17.0G")]
        {
            assert_eq!(decimal(number), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["port", "netns", "rx"], ["veth-ns1", "-", "12345"]].map(|row| row.map(str::to_owned).to_vec());
        let mut text = String::new();
        block(&mut text, "br1", &rows);
        assert_eq!(text, "Switch br1\n    port      netns     rx\n    veth-ns1  -      12345\n");
    }
}
