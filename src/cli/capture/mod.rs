//! `capture`: watching packets.

mod explain;
mod mirror;
mod sink;
mod target;
mod watch;

use std::collections::BTreeMap;
use std::fs::File;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::capture::{
    self, Capture as CaptureFile, Counters, Error, Interface, Limits, Lines, LinkType, Program, Ring, Stop,
};
use crate::model::IfName;

use super::change::Change;
use super::failure::{Failure, PRIVILEGE_HINT};
use super::global::seconds;
use super::output::Report;
use super::session::{self, Session};
use crate::cli::signals::Signals;
use mirror::Standing;
use sink::{Document, Output};
use target::{Target, Watched};

pub use mirror::{is_dead, is_in_use};

/// In bytes, as tcpdump has it (`MAXIMUM_SNAPLEN` of libpcap): more than any packet has.
const SNAPLEN_MAX: u32 = 262_144;

const EXAMPLES: &str = "\
Targets:
  ns1, pid:PID, path:FILE, host  a namespace: the devices that it has now, lo too; --dev picks some
  OVS-1                          a switch, as a whole
  link:DEVICE                    the end on the host of a veth pair
  link:NETNS/DEVICE              the end in a namespace
  netns:NAME, switch:NAME        where a namespace and a switch have the same name

A switch of Open vSwitch gets a mirror for the time of the capture, and a port that the mirror
sends to; what a killed capture leaves of that, ovsns gc finds. Of a Linux bridge the bridge's own
device is watched, in promiscuous mode: it sees once each frame that the bridge forwards or takes
for the host, with the VLAN that it is in where the bridge filters VLANs.

With --json and -w FILE a document at the end says what is in the file; with --json and --count it
holds the packets, a summary each.

Examples:
  ovsns capture ns1                                        a line a packet, until Ctrl-C
  ovsns capture ns1 --dev eth1-ns1 --filter 'tcp port 80' --count 10
  ovsns capture OVS-1 -w all.pcapng --seconds 60
  ovsns capture link:veth-ns1 -w - | wireshark -k -i -
  ovsns capture host --dev eth0 --filter 'vlan 10 and arp'";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Capture {
    /// What to watch: a namespace, a switch, or link:DEVICE
    target: String,
    /// Only this device of the namespace; may be given several times
    #[arg(long, value_name = "DEVICE")]
    dev: Vec<IfName>,
    /// Write a pcapng file, or with - to standard output, in place of a line a packet
    #[arg(long, short = 'w', value_name = "FILE")]
    write: Option<PathBuf>,
    /// Only packets that this takes, in the language of pcap-filter(7); tcpdump compiles it
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// End after so many packets
    #[arg(long, value_name = "PACKETS", value_parser = packet_count)]
    count: Option<NonZeroU64>,
    /// End after this time
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// How many bytes of each packet to take
    #[arg(long, value_name = "BYTES", default_value_t = SNAPLEN_MAX, hide_default_value = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(SNAPLEN_MAX)))]
    snaplen: u32,
    #[command(flatten)]
    change: Change,
}

fn packet_count(text: &str) -> Result<NonZeroU64, String> {
    text.parse().map_err(|_| "not a number of packets from 1 on".to_owned())
}

/// A device under capture, and what is said of it.
struct Watching {
    ring: Ring,
    name: String,
    described: String,
}

impl Capture {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        self.check_output(session)?;
        let target = Target::parse(&self.target, session).await?;
        if !self.change.applies() {
            return explain::explain(self, session, &target).await;
        }
        let mut programs = BTreeMap::new();
        // Before anything is made for it: a filter that is none ends it here.
        self.program(&mut programs, LinkType::Ethernet)?;
        let Some(switch) = target.mirrored().filter(|_| self.dev.is_empty()) else {
            return self.watch(session, target.watched(&self.dev)?, programs, Signals::new()?).await;
        };
        let signals = Signals::new()?;
        let mirror = Standing::set_up(session, switch).await?;
        let result = match mirror.watched() {
            Ok(watched) => self.watch(session, watched, programs, signals).await,
            Err(failure) => Err(failure),
        };
        match (mirror.tear_down(session).await, result) {
            (Err(failure), Ok(_)) => Err(failure),
            (Err(failure), Err(first)) => {
                session.output.note(&failure.to_string());
                Err(first)
            }
            (Ok(()), result) => result,
        }
    }

    fn check_output(&self, session: &Session<'_>) -> Result<(), Failure> {
        let json = session.global.json;
        match &self.write {
            Some(path) if is_stdout(path) && session.output.is_terminal() => {
                Err(Failure::usage("standard output is a terminal, which cannot show a pcapng file")
                    .hint("write into a file (-w FILE), or pipe it: ovsns capture … -w - | wireshark -k -i -"))
            }
            Some(path) if is_stdout(path) && json => {
                Err(Failure::usage("with -w - standard output is the file, and has no place for a JSON document")
                    .hint("write into a file: -w FILE"))
            }
            None if json && self.count.is_none() => Err(Failure::usage(
                "a JSON document of an unknown number of packets might not fit anywhere",
            )
            .hint(
                "say how many: --count 100; or write them into a file (-w FILE): the document then says what is in it",
            )),
            _ => Ok(()),
        }
    }

    /// The program for devices that carry `link`, compiled once.
    fn program(&self, programs: &mut BTreeMap<LinkType, Program>, link: LinkType) -> Result<Program, Failure> {
        if let Some(program) = programs.get(&link) {
            return Ok(program.clone());
        }
        let program = match &self.filter {
            Some(filter) => Program::compile(filter, link, self.snaplen).map_err(failed)?,
            None => Program::everything(self.snaplen),
        };
        programs.insert(link, program.clone());
        Ok(program)
    }

    /// Opens the rings, which take nothing yet. A device that carries something else than packets of Ethernet or IP, or that is
    /// gone since it was listed, is left out where it was not named.
    fn open(&self, session: &Session<'_>, watched: &Watched) -> Result<Vec<Watching>, Failure> {
        let count = watched.devices.len();
        let open = || watched.devices.iter().map(|device| Ring::open(device, count)).collect::<Vec<_>>();
        let rings = session::inside(&watched.place, open)?;
        let mut watching = Vec::new();
        for (device, ring) in watched.devices.iter().zip(rings) {
            match ring {
                Ok(ring) => {
                    watching.push(Watching { ring, name: device.name.clone(), described: watched.described.clone() })
                }
                Err(error) if watched.named => return Err(failed(error)),
                Err(error) if error.is_not_permitted() => return Err(failed(error)),
                Err(error) => session.output.note(&super::failure::chain(&error).join(": ")),
            }
        }
        if watching.is_empty() {
            return Err(Failure::new(format!("there is nothing to capture in {}", watched.what)));
        }
        Ok(watching)
    }

    async fn watch(
        &self,
        session: &Session<'_>,
        watched: Watched,
        mut programs: BTreeMap<LinkType, Program>,
        signals: Signals,
    ) -> Result<Report, Failure> {
        let watching = self.open(session, &watched)?;
        let programs: Vec<Program> = watching
            .iter()
            .map(|watching| self.program(&mut programs, watching.ring.link()))
            .collect::<Result<_, _>>()?;
        let sink = self.sink(session, &watching)?;
        let names: Vec<String> = watching.iter().map(|watching| watching.name.clone()).collect();
        let rings: Vec<Ring> = watching.into_iter().map(|watching| watching.ring).collect();
        let stop = Stop::new().map_err(failed)?;
        rings.iter().zip(&programs).try_for_each(|(ring, program)| ring.take(program)).map_err(failed)?;
        session.output.note(&format!("capturing {}; Ctrl-C ends it", listed(&names, &watched.what)));
        let limits = Limits { count: self.count.map(NonZeroU64::get), time: self.seconds };
        let ended = watch::run(rings, self.snaplen, sink, limits, stop, signals, session.global.timeout).await?;
        self.report(session, &watched, &names, ended)
    }

    fn sink(&self, session: &Session<'_>, watching: &[Watching]) -> Result<Output, Failure> {
        let stdout =
            || session.output.stdout().map_err(|error| Failure::new("cannot use standard output").cause(error));
        let names = watching.iter().map(|watching| watching.name.clone()).collect::<Vec<_>>();
        let Some(path) = &self.write else {
            if session.global.json {
                return Ok(Output::Document(Document::new(names)));
            }
            let names = if names.len() > 1 { names } else { Vec::new() };
            return Ok(Output::Lines(Lines::new(stdout()?, names)));
        };
        let failed = |error| Failure::new(format!("cannot write {}", path.display())).cause(error);
        let file = if is_stdout(path) { stdout()? } else { File::create(path).map_err(failed)? };
        let interface = |watching: &Watching| Interface {
            link: watching.ring.link(),
            name: watching.name.clone(),
            description: watching.described.clone(),
            snaplen: self.snaplen,
            filter: self.filter.clone(),
        };
        let interfaces: Vec<Interface> = watching.iter().map(interface).collect();
        let application = concat!("ovsns ", env!("CARGO_PKG_VERSION"));
        CaptureFile::new(file, application, &interfaces).map(Output::File).map_err(failed)
    }

    fn report(
        &self,
        session: &Session<'_>,
        watched: &Watched,
        names: &[String],
        ended: watch::Ended,
    ) -> Result<Report, Failure> {
        let lost = ended.output.lost();
        let sum = |count: fn(&Counters) -> u64| ended.counters.iter().map(count).sum::<u64>();
        let captured = sum(|counters| counters.captured).saturating_sub(lost);
        let dropped = sum(|counters| counters.dropped);
        let counted = format!("{} captured, {dropped} dropped by kernel", packets(captured));
        session.output.note(&counted);
        if let capture::End::Failed(error) = ended.end {
            return Err(self.broken(error, captured));
        }
        let devices: Vec<Value> = names
            .iter()
            .zip(&ended.counters)
            .map(|(name, counters)| {
                let Counters { captured, received, dropped } = counters;
                json!({"device": name, "description": watched.described, "captured": captured, "received": received, "dropped": dropped})
            })
            .collect();
        let mut document = json!({
            "target": watched.what,
            "devices": devices,
            "captured": captured,
            "dropped": dropped,
            "ended_by": watch::reason(&ended.end),
        });
        match ended.output {
            Output::Document(packets) => document["packets"] = packets.into_json(),
            _ => document["file"] = json!(self.write),
        }
        Ok(Report::new("", document))
    }

    /// It ended because it could not go on.
    fn broken(&self, error: Error, captured: u64) -> Failure {
        let Error::Write(source) = error else { return failed(error) };
        match &self.write {
            Some(path) => Failure::new(format!("cannot write {}", path.display()))
                .cause(source)
                .hint(format!("what was written until then is whole, and can be read: {}", packets(captured))),
            None => Failure::new("cannot write to standard output").cause(source),
        }
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

fn packets(count: u64) -> String {
    format!("{count} packet{}", if count == 1 { "" } else { "s" })
}

/// The devices, where they are few enough to be read.
fn listed(names: &[String], what: &str) -> String {
    match names {
        [name] if name == what => what.to_owned(),
        _ if names.len() > 8 => format!("{} devices of {what}", names.len()),
        _ => format!("{} of {what}", names.join(", ")),
    }
}

fn failed(error: Error) -> Failure {
    let lines = super::failure::chain(&error);
    let usage = matches!(error, Error::Filter { .. });
    let what = lines.first().cloned().unwrap_or_default();
    let mut failure = if usage { Failure::usage(what) } else { Failure::new(what) };
    failure.causes = lines.into_iter().skip(1).collect();
    match &error {
        Error::NoTcpdump => failure.hint("apt install tcpdump, or capture without --filter"),
        Error::LoopbackDown => failure.hint("ip link set lo up"),
        Error::Filter { .. } => {
            failure.hint("pcap-filter(7) has the language: 'icmp or arp', 'tcp port 80', 'vlan 10'")
        }
        error if error.is_not_permitted() => failure.hint(format!("{PRIVILEGE_HINT}; packets take CAP_NET_RAW")),
        _ => failure,
    }
}
