//! How often the same thing is healed: at once, and then less and less often while somebody breaks it again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// So many times the same thing is healed without a pause.
const AT_ONCE: u32 = 5;
/// The first pause; each is twice as long as the one before.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);
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
#[derive(Debug, Default)]
pub struct Pace(BTreeMap<String, Healed>);

#[derive(Debug)]
struct Healed {
    times: u32,
    last: Instant,
    told: bool,
}

impl Healed {
    /// After so many times.
    fn pause(&self) -> Duration {
        match self.times.checked_sub(AT_ONCE) {
            None => Duration::ZERO,
            Some(more) => SHORTEST.saturating_mul(1 << more.min(16)).min(LONGEST),
        }
    }

    fn due(&self) -> Instant {
        self.last + self.pause()
    }

    fn is_forgiven(&self, now: Instant) -> bool {
        now >= self.due() + FORGIVEN
    }
}

impl Pace {
    /// Whether `things`, which are healed together, may be healed now: unless all of them have to wait. Something else that breaks is
    /// healed at once, and all else with it.
    pub fn verdict<'a>(&mut self, things: impl IntoIterator<Item = &'a str>, now: Instant) -> Verdict {
        self.0.retain(|_, healed| !healed.is_forgiven(now));
        let mut waiting: Option<(Instant, bool)> = None;
        for thing in things {
            let Some(healed) = self.0.get_mut(thing).filter(|healed| healed.due() > now) else { return Verdict::Now };
            let told = std::mem::replace(&mut healed.told, true);
            let (at, all) = waiting.unwrap_or((healed.due(), true));
            waiting = Some((at.min(healed.due()), all && told));
        }
        waiting.map_or(Verdict::Now, |(at, told)| Verdict::Later { at, told })
    }

    /// They were healed, or it was tried.
    pub fn healed<'a>(&mut self, things: impl IntoIterator<Item = &'a str>, now: Instant) {
        for thing in things {
            let healed = self.0.entry(thing.to_owned()).or_insert(Healed { times: 0, last: now, told: false });
            *healed = Healed { times: healed.times.saturating_add(1), last: now, told: false };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_double_up_to_a_minute_and_are_forgiven() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
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
        assert!(pace.0.is_empty());
    }
}
