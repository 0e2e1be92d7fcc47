//! How often the same thing is healed: at once, and then less and less often while somebody breaks it again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// So many times the same thing is healed without a pause.
const AT_ONCE: u32 = 5;
/// The first pause; each is twice as long as the one before, up to a limit that is given.
const SHORTEST: Duration = Duration::from_secs(1);
/// What was whole for so long is healed at once again.
const FORGIVEN: Duration = Duration::from_secs(60);

/// Whether to heal now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Now.
    Now,
    /// Not before then: it was broken too often. `told` if that has been said of this pause.
    Later {
        /// When.
        at: Instant,
        /// It was asked for before.
        told: bool,
    },
}

/// What was healed, how often, and when. It holds what was healed within the last minutes only.
#[derive(Debug)]
pub struct Pace {
    longest: Duration,
    healed: BTreeMap<String, Healed>,
}

#[derive(Debug)]
struct Healed {
    times: u32,
    last: Instant,
    told: bool,
}

impl Healed {
    /// After so many times.
    fn pause(&self, longest: Duration) -> Duration {
        match self.times.checked_sub(AT_ONCE) {
            None => Duration::ZERO,
            Some(more) => SHORTEST.saturating_mul(1 << more.min(16)).min(longest),
        }
    }

    fn due(&self, longest: Duration) -> Instant {
        self.last + self.pause(longest)
    }
}

impl Pace {
    /// With pauses of at most `longest`.
    pub fn new(longest: Duration) -> Pace {
        Pace { longest, healed: BTreeMap::new() }
    }

    /// Whether `things`, which are healed together, may be healed now: unless all of them have to wait. Something else that breaks is
    /// healed at once, and all else with it.
    pub fn verdict<'a>(&mut self, things: impl IntoIterator<Item = &'a str>, now: Instant) -> Verdict {
        let longest = self.longest;
        self.healed.retain(|_, healed| now < healed.due(longest) + FORGIVEN);
        let mut waiting: Option<(Instant, bool)> = None;
        for thing in things {
            let Some(healed) = self.healed.get_mut(thing).filter(|healed| healed.due(longest) > now) else {
                return Verdict::Now;
            };
            let told = std::mem::replace(&mut healed.told, true);
            let (at, all) = waiting.unwrap_or((healed.due(longest), true));
            waiting = Some((at.min(healed.due(longest)), all && told));
        }
        waiting.map_or(Verdict::Now, |(at, told)| Verdict::Later { at, told })
    }

    /// They were healed, or it was tried.
    pub fn healed<'a>(&mut self, things: impl IntoIterator<Item = &'a str>, now: Instant) {
        for thing in things {
            let healed = self.healed.entry(thing.to_owned()).or_insert(Healed { times: 0, last: now, told: false });
            *healed = Healed { times: healed.times.saturating_add(1), last: now, told: false };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(60);

    #[test]
    fn the_pauses_double_up_to_a_minute_and_are_forgiven() {
        let (mut pace, mut now) = (Pace::new(LONGEST), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..13 {
            let at = match pace.verdict(["a"], now) {
                Verdict::Now => now,
                Verdict::Later { at, told } => {
                    assert!(!told);
                    assert!(matches!(pace.verdict(["a"], now), Verdict::Later { told: true, .. }));
                    at
                }
            };
            pauses.push((at - now).as_secs());
            now = at;
            assert_eq!(pace.verdict(["a"], now), Verdict::Now);
            pace.healed(["a"], now);
        }
        assert_eq!(pauses, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pace.verdict(["b"], now), Verdict::Now);
        assert_ne!(pace.verdict(["a"], now), Verdict::Now);
        assert_eq!(pace.verdict(["b", "a"], now), Verdict::Now);
        now += LONGEST + FORGIVEN;
        assert_eq!(pace.verdict(["a"], now), Verdict::Now);
        assert!(pace.healed.is_empty());
    }
}
