//! Who reaches whom: echo requests (RFC 792, RFC 4443) from many namespaces to many addresses at once, on one thread.
//!
//! [`Sockets`] are opened in the network namespace of the calling thread, and work from anywhere. [`survey`] blocks: a program that
//! has something else to do meanwhile gives it a thread.
//!
//! ```no_run
//! use std::time::Duration;
//! use ovsns::probe::{Between, Finding, Pair, Prober, Question, Sockets, Terms, survey};
//!
//! struct Nothing;
//! impl Between for Nothing {
//!     fn after(&mut self, _: &[usize], _: &[Finding]) {}
//! }
//!
//! // ping -c1 -W1 192.0.2.1
//! let mut prober = Prober::new(vec![Sockets::open(true, false)?])?;
//! let pair = Pair { source: 0, target: [192, 0, 2, 1].into() };
//! let questions = [Question { pair, partner: None, expected: true }];
//! let terms = Terms { wait: Duration::from_secs(1), count: 1 };
//! let findings = survey(&mut prober, &questions, terms, &mut Nothing)?;
//! assert!(findings[0].rtt.is_some());
//! # Ok::<(), ovsns::probe::Error>(())
//! ```

mod echo;
mod error;
mod prober;
mod sockets;
mod survey;

pub use echo::Refusal;
pub use error::Error;
pub use prober::{Finding, Pair, Prober, Trouble};
pub use sockets::Sockets;
pub use survey::{Between, Question, Terms, survey};
