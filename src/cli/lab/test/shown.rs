//! What came of it, for people: in the manner of Mininet's `pingall`, as a matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::model::State;

use super::advice::{look_at, reason};
use super::ask::Outcome;

/// How many rows and columns a matrix has at most; of more, only those that are not as expected are shown.
const MATRIX: usize = 20;
/// How wide a matrix is at most, in characters.
const WIDTH: usize = 100;
/// How many pairs that are not as expected are told one by one.
const LINES: usize = 50;

/// A mark of the matrix, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Reached,
    Apart,
    Leak,
    Lost,
}

impl Mark {
    fn of(outcome: &Outcome) -> Mark {
        match (outcome.check.expected, outcome.rtt.is_some()) {
            (true, true) => Mark::Reached,
            (false, false) => Mark::Apart,
            (false, true) => Mark::Leak,
            (true, false) => Mark::Lost,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Mark::Reached => ".",
            Mark::Apart => "-",
            Mark::Leak => "!",
            Mark::Lost => "X",
        }
    }

    fn is_well(self) -> bool {
        matches!(self, Mark::Reached | Mark::Apart)
    }
}

/// Pairs by names, each with the worst of its addresses.
pub struct Pairs(BTreeMap<(Name, Name), Mark>);

/// A name, in an order in which `h10` comes after `h9`.
type Name = (String, u64, String);

fn name(text: String) -> Name {
    let head = text.trim_end_matches(|c: char| c.is_ascii_digit());
    (head.to_owned(), text[head.len()..].parse().unwrap_or_default(), text)
}

/// The name of the one that is asked.
pub fn target(outcome: &Outcome) -> String {
    outcome.check.to.as_ref().map_or_else(|| outcome.check.address.to_string(), ToString::to_string)
}

impl Pairs {
    /// Of all outcomes.
    pub fn of(outcomes: &[Outcome]) -> Pairs {
        let mut pairs = BTreeMap::new();
        for outcome in outcomes {
            let mark = Mark::of(outcome);
            let worst = pairs.entry((name(outcome.check.from.to_string()), name(target(outcome)))).or_insert(mark);
            *worst = mark.max(*worst);
        }
        Pairs(pairs)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many are as expected.
    pub fn well(&self) -> usize {
        self.0.values().filter(|mark| mark.is_well()).count()
    }

    /// The last line.
    pub fn summary(&self) -> String {
        let (well, all) = (self.well(), self.count());
        let apart = self.0.values().filter(|mark| **mark == Mark::Apart).count();
        match apart {
            0 => format!("{well}/{all} pairs reach each other as expected"),
            apart => format!("{well}/{all} pairs are as expected: {} reach each other, {apart} do not", well - apart),
        }
    }

    fn names(&self) -> (Vec<&Name>, Vec<&Name>) {
        let rows: BTreeSet<&Name> = self.0.keys().map(|(from, _)| from).collect();
        let columns: BTreeSet<&Name> = self.0.keys().map(|(_, to)| to).collect();
        (rows.into_iter().collect(), columns.into_iter().collect())
    }

    fn sign(&self, row: &Name, column: &Name) -> &'static str {
        match self.0.get(&(row.clone(), column.clone())) {
            Some(mark) => mark.sign(),
            None if row == column => "\\",
            None => "",
        }
    }

    /// Rows ask, columns are asked.
    fn matrix(&self) -> String {
        let (rows, columns) = self.names();
        let first = rows.iter().map(|row| row.2.len()).max().unwrap_or_default();
        let wide: usize = first + columns.iter().map(|column| column.2.len() + 1).sum::<usize>();
        let heads: Vec<String> = match wide > WIDTH {
            true => (1..=columns.len()).map(|number| number.to_string()).collect(),
            false => columns.iter().map(|column| column.2.clone()).collect(),
        };
        let mut text = String::new();
        if wide > WIDTH {
            let legend = heads.iter().zip(&columns).map(|(head, column)| format!("{head} = {}", column.2));
            text = legend.collect::<Vec<_>>().join("\n") + "\n";
        }
        let line = |label: &str, cells: Vec<&str>| {
            let cells = cells.iter().zip(&heads).map(|(cell, head)| format!(" {cell:<width$}", width = head.len()));
            format!("{label:<first$}{}", cells.collect::<String>()).trim_end().to_owned()
        };
        text += &line("", heads.iter().map(String::as_str).collect());
        for row in rows {
            let cells = columns.iter().map(|column| self.sign(row, column)).collect();
            // Writing into a string does not fail.
            let _ = write!(text, "\n{}", line(&row.2, cells));
        }
        text
    }

    /// How many of each row are as expected, for the rows where not all are.
    fn rows(&self) -> Vec<String> {
        let mut rows: BTreeMap<&Name, (usize, usize)> = BTreeMap::new();
        for ((from, _), mark) in &self.0 {
            let (well, all) = rows.entry(from).or_default();
            *well += usize::from(mark.is_well());
            *all += 1;
        }
        let bad = rows.into_iter().filter(|(_, (well, all))| well < all);
        bad.map(|(from, (well, all))| format!("{}: {well}/{all} as expected", from.2)).collect()
    }
}

/// All of it: the matrix, what is not as expected and what to look at, and the summary.
pub fn text(state: &State, outcomes: &[Outcome]) -> String {
    let pairs = Pairs::of(outcomes);
    let (rows, columns) = pairs.names();
    let mut parts = Vec::new();
    if rows.len() <= MATRIX && columns.len() <= MATRIX {
        parts.push(pairs.matrix());
    } else {
        parts.extend(pairs.rows());
    }
    let bad: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.is_well()).collect();
    if pairs.0.values().any(|mark| *mark != Mark::Reached) && rows.len() <= MATRIX {
        parts.push(". reached, X not reached, - not reached as expected, ! reached against expectation".to_owned());
    }
    parts.extend(bad.iter().take(LINES).map(|outcome| failure(state, outcome)));
    if bad.len() > LINES {
        parts.push(format!("and {} more; --json and --junit FILE tell all", bad.len() - LINES));
    }
    parts.push(pairs.summary());
    parts.join("\n")
}

/// A line for what is not as expected, and one for what to look at.
fn failure(state: &State, outcome: &Outcome) -> String {
    let (from, to, address) = (&outcome.check.from, target(outcome), outcome.check.address);
    let whom = if to == address.to_string() { to } else { format!("{to} ({address})") };
    let must = if outcome.check.expected { "is to reach" } else { "is not to reach" };
    let line = format!("{from} {must} {whom}: {}", reason(outcome));
    match look_at(state, outcome) {
        Some(words) => format!("{line}\n  look at: {words}"),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::lab::test::ask::Silence;
    use crate::cli::lab::test::checks::Check;

    fn outcome(from: &str, to: &str, address: &str, expected: bool, reached: bool) -> Outcome {
        let check = Check {
            from: from.parse().unwrap(),
            to: Some(to.parse().unwrap()),
            address: address.parse().unwrap(),
            expected,
        };
        Outcome { check, rtt: reached.then_some(Duration::from_micros(50)), silence: Silence::NoNeighbour }
    }

    #[test]
    fn a_matrix_tells_all_pairs() {
        let outcomes = [
            outcome("ns1", "ns2", "10.0.0.2", true, true),
            outcome("ns1", "ns10", "10.0.0.10", true, false),
            outcome("ns2", "ns1", "10.0.0.1", false, false),
            outcome("ns2", "ns10", "10.0.0.10", false, true),
            outcome("ns10", "ns1", "10.0.0.1", true, true),
            outcome("ns10", "ns1", "fd00::1", true, false),
        ];
        let expected = "     ns1 ns2 ns10\n\
            ns1  \\   .   X\n\
            ns2  -   \\   !\n\
            ns10 X       \\\n\
            . reached, X not reached, - not reached as expected, ! reached against expectation\n\
            ns1 is to reach ns10 (10.0.0.10): nobody answers the ARP requests for 10.0.0.10\n  \
            look at: ovsns show; ovsns capture ns10 --filter arp\n\
            ns2 is not to reach ns10 (10.0.0.10): it answers\n  \
            look at: ovsns list-routes ns2; ovsns show\n\
            ns10 is to reach ns1 (fd00::1): nobody answers the neighbour solicitations for fd00::1\n  \
            look at: ovsns show; ovsns capture ns1 --filter icmp6\n\
            2/5 pairs are as expected: 1 reach each other, 1 do not";
        assert_eq!(text(&State::default(), &outcomes), expected);
    }

    #[test]
    fn of_many_only_the_bad_ones_are_told() {
        let name = |number: usize| format!("h{number}");
        let pairs = (0..30).flat_map(|from| (0..30).map(move |to| (from, to))).filter(|(from, to)| from != to);
        let outcomes: Vec<Outcome> =
            pairs.map(|(from, to)| outcome(&name(from), &name(to), "10.0.0.1", true, (from, to) != (3, 4))).collect();
        let text = text(&State::default(), &outcomes);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "h3: 28/29 as expected");
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[3], "869/870 pairs reach each other as expected");
    }
}
