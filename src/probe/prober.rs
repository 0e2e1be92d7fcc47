//! Asking many addresses at once, on one thread.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::event::{Timespec, epoll::EventData};

use super::echo::{Echo, Heard, Refusal};
use super::error::Error;
use super::sockets::{Family, Sockets, own_id};

/// How many requests may be unanswered at a time. Each first one makes its switch flood a search for the neighbour to all its
/// ports, and a processor queues a thousand packets (`net.core.netdev_max_backlog`).
const WINDOW: usize = 32;
/// A request that is older is not waited for before the next one is sent; its answer still counts.
const HOLD: Duration = Duration::from_millis(10);
/// How many events are taken at a time.
const EVENTS: usize = 256;

/// A request: from the namespace of the sockets number `source`, to `target`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The number of its sockets.
    pub source: usize,
    /// Whom it asks.
    pub target: IpAddr,
}

/// What was found out about a pair.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    /// The shortest time that an answer took; `None`: there was none.
    pub rtt: Option<Duration>,
    /// How many requests were sent, or should have been.
    pub tries: u32,
    /// Why the last request that failed for a reason failed.
    pub trouble: Option<Trouble>,
}

/// Why a request failed.
#[derive(Debug)]
pub enum Trouble {
    /// It could not be sent.
    Unsent(io::Error),
    /// It came to an end on its way.
    Refused(Refusal),
}

impl Clone for Trouble {
    fn clone(&self) -> Trouble {
        match self {
            Trouble::Unsent(error) => Trouble::Unsent(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => error.kind().into(),
            }),
            Trouble::Refused(refusal) => Trouble::Refused(*refusal),
        }
    }
}

/// A namespace that asks.
#[derive(Debug)]
struct Source {
    sockets: Sockets,
    /// The sequence number of its last request.
    sequence: u16,
    /// Its requests that are not answered, by sequence number. One that is 65,536 requests old gives its place away.
    flights: HashMap<u16, Flight>,
}

/// A request that is not answered.
#[derive(Debug, Clone, Copy)]
struct Flight {
    pair: usize,
    target: IpAddr,
    sent: Instant,
}

/// Sockets, and what is under way from them.
#[derive(Debug)]
pub struct Prober {
    epoll: OwnedFd,
    sources: Vec<Source>,
    nonce: u64,
}

impl Prober {
    /// Asks by these sockets.
    pub fn new(sockets: Vec<Sockets>) -> Result<Prober, Error> {
        let failed = |error| Error::io("wait for many sockets", error);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        for (number, sockets) in sockets.iter().enumerate() {
            for (family, socket) in sockets.each() {
                epoll::add(&epoll, socket, event_data(number, family), epoll::EventFlags::IN).map_err(failed)?;
            }
        }
        let sources = sockets.into_iter().map(|sockets| Source { sockets, sequence: 0, flights: HashMap::new() });
        // One that is seeded anew in each process (std::hash::RandomState).
        let nonce = RandomState::new().build_hasher().finish();
        Ok(Prober { epoll, sources: sources.collect(), nonce })
    }

    /// Asks each of `asked`, which are numbers in `pairs` and in `findings`, and returns when all have answered or `patience` has
    /// passed since the last request. Who is silent is asked `tries` times in that time.
    pub fn ask(
        &mut self,
        pairs: &[Pair],
        asked: &[usize],
        findings: &mut [Finding],
        tries: u32,
        patience: Duration,
    ) -> Result<(), Error> {
        let mut round = Round {
            queue: asked.iter().copied().collect(),
            silent: asked.iter().copied().collect(),
            held: VecDeque::new(),
        };
        let pause = patience / tries.max(1);
        for number in 0..tries.max(1) {
            if number > 0 {
                round.queue = asked.iter().copied().filter(|pair| round.silent.contains(pair)).collect();
            }
            self.send_all(pairs, findings, &mut round)?;
            let deadline = Instant::now() + pause;
            while !round.silent.is_empty() && Instant::now() < deadline {
                self.hear(deadline, findings, &mut round.silent)?;
            }
        }
        Ok(())
    }

    /// Sends all that is queued, as fast as answers come.
    fn send_all(&mut self, pairs: &[Pair], findings: &mut [Finding], round: &mut Round) -> Result<(), Error> {
        while let Some(pair) = round.queue.pop_front() {
            self.send(pair, pairs[pair], &mut findings[pair]);
            round.held.push_back((pair, Instant::now()));
            self.hear(Instant::now(), findings, &mut round.silent)?;
            while let Some(until) = round.is_full() {
                self.hear(until, findings, &mut round.silent)?;
            }
        }
        round.held.clear();
        Ok(())
    }

    fn send(&mut self, number: usize, pair: Pair, finding: &mut Finding) {
        let source = &mut self.sources[pair.source];
        source.sequence = source.sequence.wrapping_add(1);
        let echo = Echo { id: own_id(), sequence: source.sequence, nonce: self.nonce };
        let flight = Flight { pair: number, target: pair.target, sent: Instant::now() };
        finding.tries += 1;
        match source.sockets.send(pair.target, echo) {
            Ok(()) => drop(source.flights.insert(echo.sequence, flight)),
            Err(error) => finding.trouble = Some(Trouble::Unsent(error)),
        }
    }

    /// Waits until something is heard, at most until `deadline`, and hears all of it. Who answers is silent no more.
    fn hear(&mut self, deadline: Instant, findings: &mut [Finding], silent: &mut HashSet<usize>) -> Result<(), Error> {
        let mut events = [epoll::Event { flags: epoll::EventFlags::empty(), data: EventData::new_u64(0) }; EVENTS];
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout =
            Timespec { tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        let count = match epoll::wait(&self.epoll, &mut events, Some(&timeout)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(Error::io("wait for many sockets", error)),
        };
        for event in &events[..count] {
            let (number, family) = of_event(event.data);
            self.hear_from(number, family, findings, silent);
        }
        Ok(())
    }

    fn hear_from(&mut self, number: usize, family: Family, findings: &mut [Finding], silent: &mut HashSet<usize>) {
        let source = &mut self.sources[number];
        loop {
            let heard = match source.sockets.receive(family) {
                Ok(Some(heard)) => heard,
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Also an error that an earlier request has left on the socket: it is told by a message too, or by silence.
                Err(_) => return,
            };
            match heard {
                Heard::Reply(from, echo) if echo.id == own_id() && echo.nonce == self.nonce => {
                    let is_its = |flight: &&Flight| flight.target == from;
                    let Some(flight) = source.flights.get(&echo.sequence).filter(is_its).copied() else { continue };
                    source.flights.remove(&echo.sequence);
                    let (finding, rtt) = (&mut findings[flight.pair], flight.sent.elapsed());
                    finding.rtt = Some(finding.rtt.map_or(rtt, |known| known.min(rtt)));
                    silent.remove(&flight.pair);
                }
                Heard::Refusal { to, id, sequence, refusal } if id == own_id() => {
                    let Some(flight) = source.flights.get(&sequence).filter(|flight| flight.target == to) else {
                        continue;
                    };
                    findings[flight.pair].trouble = Some(Trouble::Refused(refusal));
                }
                _ => {}
            }
        }
    }
}

/// What is still to be done in one round.
struct Round {
    queue: VecDeque<usize>,
    silent: HashSet<usize>,
    /// What was sent, oldest first, until it is answered or too old to be waited for.
    held: VecDeque<(usize, Instant)>,
}

impl Round {
    /// If nothing may be sent now: until when to wait for an answer.
    fn is_full(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let silent = &self.silent;
        self.held.retain(|(pair, sent)| silent.contains(pair) && now < *sent + HOLD);
        if self.held.len() < WINDOW { None } else { self.held.front().map(|(_, sent)| *sent + HOLD) }
    }
}

fn event_data(number: usize, family: Family) -> EventData {
    let family = u64::from(family == Family::V6);
    EventData::new_u64((number as u64) << 1 | family)
}

fn of_event(data: EventData) -> (usize, Family) {
    let data = data.u64();
    let family = if data & 1 == 1 { Family::V6 } else { Family::V4 };
    (usize::try_from(data >> 1).unwrap_or(usize::MAX), family)
}
