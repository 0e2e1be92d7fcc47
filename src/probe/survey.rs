//! The order in which many pairs are asked, and for how long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::Error;
use super::prober::{Finding, Pair, Prober};

/// How many entries of the kernel's neighbour tables are in use at a time: all namespaces of a host share tables of 1,024 entries
/// for each family (`gc_thresh3`, arp(7)), and what is older than five seconds makes place by itself.
const NEIGHBOURS: usize = 500;
/// How long the first answers may take.
const FIRST_PATIENCE: Duration = Duration::from_millis(100);
/// How long the last ones may take, unless the whole survey is shorter.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// How often those are asked of whom no answer is expected.
const TRIES_TO_BE_SILENT: u32 = 3;
/// How long silence takes at least to be believed.
const SHORT_SILENCE: Duration = Duration::from_millis(200);
/// How many times the slowest answer it takes at least.
const SILENCE_FACTOR: u32 = 10;

/// A question.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Who asks whom.
    pub pair: Pair,
    /// The number of the sockets in the namespace that has the address, where there are any.
    pub partner: Option<usize>,
    /// Whether an answer is expected.
    pub expected: bool,
}

/// How much there is to find out.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long those are asked again of whom an answer is expected. Each is asked to the end once, if that takes longer.
    pub wait: Duration,
    /// How many answers are wanted of each who answers.
    pub count: u32,
}

/// Who cleans up between batches.
pub trait Between {
    /// These pairs, numbers of questions, were asked, and are not asked again before this returns. What they have left in the
    /// neighbour tables may go.
    fn after(&mut self, asked: &[usize], findings: &[Finding]);
}

/// Asks all `questions`, and answers with a finding for each.
///
/// Those come first that are expected to be answered: in batches that fit into the neighbour tables, those that are silent again
/// and with more patience each time, as addresses may be tentative (RFC 4862 section 5.4) and ports of switches not yet forward
/// (IEEE 802.1D). Then those of whom nothing is expected, each three times, for as long as the answers to the others make
/// reasonable.
pub fn survey(
    prober: &mut Prober,
    questions: &[Question],
    terms: Terms,
    between: &mut dyn Between,
) -> Result<Vec<Finding>, Error> {
    let pairs: Vec<Pair> = questions.iter().map(|question| question.pair).collect();
    let findings = vec![Finding::default(); questions.len()];
    let mut survey = Survey { prober, questions, pairs, findings, terms, between };
    survey.expected()?;
    survey.unexpected()?;
    Ok(survey.findings)
}

struct Survey<'a> {
    prober: &'a mut Prober,
    questions: &'a [Question],
    pairs: Vec<Pair>,
    findings: Vec<Finding>,
    terms: Terms,
    between: &'a mut dyn Between,
}

impl Survey<'_> {
    fn expected(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + self.terms.wait;
        let longest = LAST_PATIENCE.min(self.terms.wait);
        let mut patience = FIRST_PATIENCE.min(longest);
        let (mut left, mut first) = (self.of(true), true);
        while !left.is_empty() {
            self.pass(&left, first, 1, patience)?;
            first = false;
            left.retain(|question| self.findings[*question].rtt.is_none());
            let now = Instant::now();
            if now >= deadline && patience >= longest {
                break;
            }
            patience = if now + 2 * patience >= deadline { longest } else { (2 * patience).min(longest) };
        }
        Ok(())
    }

    fn unexpected(&mut self) -> Result<(), Error> {
        let silence = self.silence();
        self.pass(&self.of(false), false, TRIES_TO_BE_SILENT, silence)
    }

    /// How long silence takes to be believed: a second where an answer got lost or was late, else ten times the slowest answer.
    fn silence(&self) -> Duration {
        let answered = self.findings.iter().filter_map(|finding| Some((finding.rtt?, finding.tries)));
        let (mut slowest, mut lost) = (Duration::ZERO, false);
        for (rtt, tries) in answered {
            slowest = slowest.max(rtt);
            lost |= tries > self.terms.count;
        }
        if lost { LAST_PATIENCE } else { (SILENCE_FACTOR * slowest).clamp(SHORT_SILENCE, LAST_PATIENCE) }
    }

    fn of(&self, expected: bool) -> Vec<usize> {
        (0..self.questions.len()).filter(|question| self.questions[*question].expected == expected).collect()
    }

    /// Asks these once. At `first` one way, and then the other: who was asked knows then who asks, and nobody needs to be searched
    /// for a second time.
    fn pass(&mut self, asked: &[usize], first: bool, tries: u32, patience: Duration) -> Result<(), Error> {
        for batch in batches(self.questions, asked) {
            let start = Instant::now();
            let both = [batch.there.as_slice(), &batch.back].concat();
            let ways = if first { vec![batch.there, batch.back] } else { vec![both.clone()] };
            for way in ways {
                self.prober.ask(&self.pairs, &way, &mut self.findings, tries, patience)?;
                for _ in 1..self.terms.count {
                    let answered = |question: &usize| self.findings[*question].rtt.is_some();
                    let again: Vec<usize> = way.iter().copied().filter(answered).collect();
                    self.prober.ask(&self.pairs, &again, &mut self.findings, 1, patience)?;
                }
            }
            let asked_for = start.elapsed();
            self.between.after(&both, &self.findings);
            let answers = both.iter().filter(|question| self.findings[**question].rtt.is_some()).count();
            tracing::debug!(asked = both.len(), answers, ?patience, ?asked_for, cleaned = ?start.elapsed(), "batch");
        }
        Ok(())
    }
}

/// Questions that are asked together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batch {
    there: Vec<usize>,
    /// The other way round.
    back: Vec<usize>,
}

/// The questions that `asked` numbers, in batches. The two ways between two namespaces come together, and near ones before far
/// ones, so that a batch is spread over all.
fn batches(questions: &[Question], asked: &[usize]) -> Vec<Batch> {
    // As on a ring, where everybody has as many near ones.
    let ring = 1 + questions.iter().map(|question| question.pair.source).max().unwrap_or_default();
    let mut conversations: BTreeMap<(usize, usize, usize), Batch> = BTreeMap::new();
    for number in asked {
        let Question { pair, partner, .. } = questions[*number];
        let (one, other) = (pair.source, partner.unwrap_or(pair.source));
        let (low, high) = (one.min(other), one.max(other));
        let conversation = conversations.entry(((high - low).min(ring - (high - low)), low, high)).or_default();
        if one <= other { conversation.there.push(*number) } else { conversation.back.push(*number) }
    }
    let mut batches: Vec<Batch> = Vec::new();
    // Each question takes an entry of its own at most, of its own family.
    let mut room = 0;
    for conversation in conversations.into_values() {
        let needed = conversation.there.len() + conversation.back.len();
        if needed > room {
            batches.push(Batch::default());
            room = NEIGHBOURS;
        }
        room = room.saturating_sub(needed);
        if let Some(batch) = batches.last_mut() {
            batch.there.extend(conversation.there);
            batch.back.extend(conversation.back);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_pairs(count: usize) -> Vec<Question> {
        let others = |one: usize| (0..count).filter(move |other| *other != one).map(move |other| (one, other));
        (0..count)
            .flat_map(others)
            .map(|(source, partner)| {
                let target = std::net::Ipv4Addr::from(partner as u32).into();
                Question { pair: Pair { source, target }, partner: Some(partner), expected: true }
            })
            .collect()
    }

    #[test]
    fn both_ways_come_together_and_all_come() {
        let questions = all_pairs(100);
        let batches = batches(&questions, &(0..questions.len()).collect::<Vec<_>>());
        let mut seen = vec![0; questions.len()];
        for batch in &batches {
            assert_eq!(batch.there.len(), batch.back.len());
            assert!(batch.there.len() + batch.back.len() <= NEIGHBOURS);
            batch.there.iter().chain(&batch.back).for_each(|question| seen[*question] += 1);
            let of_first = batch.there.iter().filter(|question| questions[**question].pair.source == 0).count();
            assert!(of_first <= 8, "{of_first} of one namespace at once");
        }
        assert!(seen.iter().all(|count| *count == 1));
        assert_eq!(batches.len(), 9900_usize.div_ceil(NEIGHBOURS));
    }
}
