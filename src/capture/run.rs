//! The capture itself: waits for the rings, and hands their packets to a sink in the order of their times.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::error::Error;
use super::filter::Program;
use super::packet::Packet;
use super::pcapng::Counters;
use super::ring::{HAND_OVER, Ring};

/// How many packets are handed on before signals and deadlines are looked at again.
const AT_A_TIME: usize = 4096;

/// Where packets go.
pub trait Sink {
    /// Takes one packet. An error ends the capture.
    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()>;
    /// Hands on what it has kept, since for now there are no more packets.
    fn flush(&mut self) -> io::Result<()>;
    /// The capture is over.
    fn finish(&mut self, counters: &[Counters]) -> io::Result<()>;
    /// The file that it writes to, for which somebody may cease to read.
    fn output(&self) -> Option<BorrowedFd<'_>>;
}

/// What ends a capture, if nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// After so many packets.
    pub count: Option<u64>,
    /// After this time.
    pub time: Option<Duration>,
}

/// A request from outside to end. Clones ask the same capture.
#[derive(Debug, Clone)]
pub struct Stop(Arc<OwnedFd>);

impl Stop {
    /// One that nobody has asked for yet.
    pub fn new() -> Result<Stop, Error> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let file = eventfd(0, flags).map_err(|error| Error::io("make an eventfd", error))?;
        Ok(Stop(Arc::new(file)))
    }

    /// Ends the capture, with what was seen until now.
    pub fn request(&self) {
        // A counter that is full has been asked often enough.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// Why a capture ended.
#[derive(Debug)]
pub enum End {
    /// It has as many packets as were asked for.
    Count,
    /// The time has passed.
    Time,
    /// It was asked to.
    Stopped,
    /// All devices are gone.
    Gone,
    /// Nobody reads any more what it writes.
    Closed,
    /// What it had could not be written, or the rings could not be read.
    Failed(Error),
}

/// How a capture was.
#[derive(Debug)]
pub struct Summary {
    /// Why it ended.
    pub end: End,
    /// The counters of each device.
    pub counters: Vec<Counters>,
}

/// Captures what passes the programs that `rings` have taken, `snaplen` bytes of each packet at most, until something ends it.
///
/// With several rings, packets come in the order of their times, unless so many come that a ring would overflow meanwhile.
pub fn run(rings: Vec<Ring>, snaplen: u32, sink: &mut dyn Sink, limits: Limits, stop: &Stop) -> Summary {
    let counters = vec![Counters::default(); rings.len()];
    let rings = rings.into_iter().map(|ring| Source { ring, was_down: false, gone: None, is_open: true }).collect();
    let mut run = Run { rings, snaplen, counters, captured: 0 };
    let end = run.until_end(sink, limits, stop).unwrap_or_else(ended_by);
    let counted = run.count();
    let end = match (sink.finish(&run.counters), end) {
        (_, end @ (End::Closed | End::Failed(_))) => end,
        (Err(error), _) => ended_by(Error::Write(error)),
        (Ok(()), end) => counted.map_or_else(End::Failed, |()| end),
    };
    Summary { end, counters: run.counters }
}

fn ended_by(error: Error) -> End {
    match error {
        Error::Write(source) if source.kind() == io::ErrorKind::BrokenPipe => End::Closed,
        error => End::Failed(error),
    }
}

/// A ring, and whether there is still something to come from it.
struct Source {
    ring: Ring,
    /// Whether its device was down once. A device goes down before it goes, and only that is told.
    was_down: bool,
    /// Since when its device has been gone.
    gone: Option<Instant>,
    /// Whether packets may come.
    is_open: bool,
}

struct Run {
    rings: Vec<Source>,
    snaplen: u32,
    counters: Vec<Counters>,
    captured: u64,
}

impl Run {
    fn until_end(&mut self, sink: &mut dyn Sink, limits: Limits, stop: &Stop) -> Result<End, Error> {
        let deadline = limits.time.map(|time| Instant::now() + time);
        // Why it ends, and when all that was let in is handed over.
        let mut last: Option<(Instant, End)> = None;
        loop {
            let now = Instant::now();
            self.close_gone(now);
            let over = last.as_ref().is_some_and(|(until, _)| now >= *until);
            let pause = self.hand_on(sink, limits.count, over)?;
            if limits.count.is_some_and(|count| self.captured >= count) {
                return Ok(End::Count);
            }
            last = match last {
                Some((_, end)) if over && pause.is_none() => return Ok(end),
                None if deadline.is_some_and(|deadline| now >= deadline) => Some(self.close(End::Time)?),
                None if self.rings.iter().all(|source| !source.is_open) => return Ok(End::Gone),
                last => last,
            };
            if pause != Some(Duration::ZERO) {
                sink.flush().map_err(Error::Write)?;
            }
            let next = last.as_ref().map(|(until, _)| *until).or(deadline);
            let left = next.map(|next| next.saturating_duration_since(now));
            let patience = [pause, left, self.next_close(now)].into_iter().flatten().min();
            let (stopped, closed) = self.wait(sink, stop, patience, last.is_none())?;
            if closed {
                return Ok(End::Closed);
            }
            if stopped {
                last = Some(self.close(End::Stopped)?);
            }
        }
    }

    /// Lets nothing in any more; what is in already is handed over soon.
    fn close(&mut self, end: End) -> Result<(Instant, End), Error> {
        let nothing = Program::nothing();
        self.rings.iter().try_for_each(|source| source.ring.take(&nothing))?;
        Ok((Instant::now() + HAND_OVER, end))
    }

    /// Looks which devices are gone. Of such a device the last packets are handed over soon.
    fn close_gone(&mut self, now: Instant) {
        for source in &mut self.rings {
            if source.was_down && source.gone.is_none() && source.ring.is_gone() {
                source.gone = Some(now);
            }
            let over = source.gone.is_some_and(|since| now >= since + HAND_OVER);
            if over && !source.ring.seek() {
                source.is_open = false;
            }
        }
    }

    /// How long there is to wait until devices that were down, or are gone, are looked at again.
    fn next_close(&self, now: Instant) -> Option<Duration> {
        let open = self.rings.iter().filter(|source| source.is_open && source.was_down);
        open.map(|source| source.gone.map_or(HAND_OVER, |since| (since + HAND_OVER).saturating_duration_since(now)))
            .min()
    }

    /// Hands on the packets that no earlier one can follow; `all` of them at the end. Returns how long there is to wait for the
    /// next one that is there: zero where there are more, nothing where there are none.
    fn hand_on(&mut self, sink: &mut dyn Sink, count: Option<u64>, all: bool) -> Result<Option<Duration>, Error> {
        let all = all || self.rings.iter().any(|source| source.ring.is_crowded());
        let mut heads: Vec<Option<u64>> = self.rings.iter_mut().map(|source| source.ring.time_of_next()).collect();
        for _ in 0..AT_A_TIME {
            let times = heads.iter().enumerate().filter_map(|(number, head)| head.map(|time| (time, number)));
            let Some((_, number)) = times.min() else { return Ok(None) };
            let wait = self.wait_for_earlier(number, &heads);
            if !wait.is_zero() && !all {
                return Ok(Some(wait));
            }
            let ring = &mut self.rings[number].ring;
            if let Some(packet) = ring.packet(number, self.snaplen) {
                self.captured += 1;
                self.counters[number].captured += 1;
                sink.packet(&packet).map_err(Error::Write)?;
            }
            ring.skip();
            if count.is_some_and(|count| self.captured >= count) {
                break;
            }
            heads[number] = ring.time_of_next();
        }
        Ok(Some(Duration::ZERO))
    }

    /// How long a packet that is earlier than the next one of ring `number` may still come, from a ring that has handed over none.
    fn wait_for_earlier(&self, number: usize, heads: &[Option<u64>]) -> Duration {
        if !self.rings.iter().zip(heads).any(|(source, head)| head.is_none() && source.is_open) {
            return Duration::ZERO;
        }
        HAND_OVER.saturating_sub(self.rings[number].ring.age().unwrap_or_default())
    }

    /// Waits until a ring hands something over, or `patience` has passed. Returns whether the capture is to stop, and whether
    /// nobody reads the output any more.
    fn wait(
        &mut self,
        sink: &dyn Sink,
        stop: &Stop,
        patience: Option<Duration>,
        heed_stop: bool,
    ) -> Result<(bool, bool), Error> {
        // A ring from which something was handed over already has nothing to tell us by that.
        let waits = |source: &&Source| source.is_open && source.gone.is_none() && source.ring.age().is_none();
        let numbers: Vec<usize> =
            self.rings.iter().enumerate().filter(|(_, source)| waits(source)).map(|(number, _)| number).collect();
        let stop_events = if heed_stop { PollFlags::IN } else { PollFlags::empty() };
        let mut files = vec![PollFd::new(&*stop.0, stop_events)];
        // Errors alone, which poll(2) tells unasked: of a pipe that its other end is closed.
        let output = sink.output();
        files.extend(output.as_ref().map(|output| PollFd::new(output, PollFlags::empty())));
        let before = files.len();
        files.extend(numbers.iter().map(|number| PollFd::new(&self.rings[*number].ring, PollFlags::IN)));
        wait_for(&mut files, patience)?;
        let told = |file: &PollFd<'_>, flags: PollFlags| file.revents().intersects(flags);
        let lost = PollFlags::ERR | PollFlags::HUP;
        let result = (heed_stop && told(&files[0], PollFlags::IN), before > 1 && told(&files[1], lost));
        let failed: Vec<bool> = files[before..].iter().map(|file| told(file, lost)).collect();
        drop(files);
        for number in numbers.into_iter().zip(failed).filter(|(_, failed)| *failed).map(|(number, _)| number) {
            self.rings[number].was_down = true;
        }
        Ok(result)
    }

    fn count(&mut self) -> Result<(), Error> {
        for (source, counters) in self.rings.iter_mut().zip(&mut self.counters) {
            (counters.received, counters.dropped) = source.ring.statistics()?;
        }
        Ok(())
    }
}

fn wait_for(files: &mut [PollFd<'_>], patience: Option<Duration>) -> Result<(), Error> {
    let patience = patience.map(|patience| Timespec {
        tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    });
    match poll(files, patience.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(Error::io("wait for packets", error)),
    }
}
