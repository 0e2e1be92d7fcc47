//! Watching packets: a ring that the kernel fills ([`Ring`]), a pcapng file ([`Capture`]) or lines in the manner of tcpdump
//! ([`Lines`]) that they go to, and filters that tcpdump compiles ([`Program`]).
//!
//! A ring is opened in the network namespace of the calling thread, and works from anywhere. [`run`] blocks: a program that has
//! something else to do meanwhile gives it a thread.
//!
//! ```no_run
//! use std::io::stdout;
//! use ovsns::capture::{Device, Limits, Lines, LinkType, Program, Ring, Stop, run};
//!
//! // tcpdump -n -i lo -c 10 icmp
//! let ring = Ring::open(&Device::new(1, "lo"), 1)?;
//! ring.take(&Program::compile("icmp", LinkType::Ethernet, 65_535)?)?;
//! let limits = Limits { count: Some(10), ..Limits::default() };
//! let summary = run(vec![ring], 65_535, &mut Lines::new(stdout(), Vec::new()), limits, &Stop::new()?);
//! assert_eq!(summary.counters[0].captured, 10);
//! # Ok::<(), ovsns::capture::Error>(())
//! ```

mod block;
mod clock;
mod error;
mod file;
mod filter;
mod lines;
mod packet;
pub mod pcapng;
mod ring;
mod run;

pub use error::Error;
pub use file::Capture;
pub use filter::{Instruction, Program};
pub use lines::{Lines, line};
pub use packet::{Class, LinkType, Packet};
pub use pcapng::{Counters, Interface};
pub use ring::{Device, Ring};
pub use run::{End, Limits, Sink, Stop, Summary, run};
