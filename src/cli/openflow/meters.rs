//! `meters`, `add-meter`, `mod-meter`, `del-meters`.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::flow::packets;
use super::run::{Takes, Target};
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::cli::told::Told;
use crate::model::SwitchName;

const WHAT: &str = "meters";

/// A meter: what is more than a rate is dropped.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Meter {
    meter_id: u32,
    /// As ovs-ofctl(8) has it: `meter=1,pktps,burst,stats,band=type=drop,rate=10,burst_size=5`.
    meter: String,
    /// What came in.
    packets: u64,
    bytes: u64,
    /// What was too much.
    dropped_packets: u64,
    dropped_bytes: u64,
}

#[derive(Debug, Args)]
#[command(
    after_help = "ovsns runs ovs-ofctl(8) for it. Each meter stands as add-meter takes it, and behind # what came to it and what was too much."
)]
pub struct Meters {
    /// The switch
    switch: SwitchName,
    /// Only this meter
    #[arg(value_name = "METER-ID")]
    meter: Option<u32>,
}

impl Meters {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::open(session, &self.switch, WHAT).await?;
        let configured = configured(&target, self.meter)?;
        let id = self.meter.map(|id| format!("meter={id}"));
        let id: Vec<&str> = id.iter().map(String::as_str).collect();
        let counted = target.run("list the meters of", &target.words(Takes::Later, "meter-stats", &id)?, "")?;
        let meters = meters(&configured, &counted);
        let lines: Vec<String> = meters.iter().map(Meter::line).collect();
        Ok(Report::new(lines.join("\n"), json!({"switch": self.switch, "meters": meters})))
    }
}

/// What `ovs-ofctl dump-meters` prints, of one meter, which has to be there, or of all.
fn configured(target: &Target<'_>, meter: Option<u32>) -> Result<String, Failure> {
    let words = target.words(Takes::Later, "dump-meters", &[])?;
    let configured = target.run("list the meters of", &words, "")?;
    let Some(wanted) = meter else { return Ok(configured) };
    // Asked for one that is not there, a switch answers with an error that says no more than that.
    let mut found = meters(&configured, "");
    found.retain(|meter| meter.meter_id == wanted);
    if found.is_empty() {
        let switch = target.switch();
        return Err(Failure::new(format!("there is no meter {wanted} on switch {switch}"))
            .hint(format!("ovsns meters {switch} lists them")));
    }
    let words = target.words(Takes::Later, "dump-meters", &[&format!("meter={wanted}")])?;
    target.run("list the meters of", &words, "")
}

/// The meters of `dump-meters`, `meter=1 pktps burst stats bands=` and a line for each band, with their counters of `meter-stats`.
fn meters(configured: &str, counted: &str) -> Vec<Meter> {
    let mut found: Vec<Meter> = Vec::new();
    for line in configured.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix("meter=") {
            let Some((id, flags)) = head.split_once(' ') else { continue };
            let Ok(meter_id) = id.parse() else { continue };
            let flags: Vec<&str> = flags.split_whitespace().filter(|flag| !flag.starts_with("band")).collect();
            let meter = format!("meter={id},{}", flags.join(","));
            found.push(Meter { meter_id, meter, packets: 0, bytes: 0, dropped_packets: 0, dropped_bytes: 0 });
        } else if let Some(meter) = found.last_mut().filter(|_| line.starts_with("type=")) {
            let band: Vec<&str> = line.split_whitespace().collect();
            meter.meter.push_str(&format!(",band={}", band.join(",")));
        }
    }
    let mut current = None;
    for line in counted.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix("meter:") {
            let id = head.split(' ').next().and_then(|id| id.parse().ok());
            current = found.iter_mut().find(|meter| Some(meter.meter_id) == id);
            if let Some(meter) = &mut current {
                (meter.packets, meter.bytes) = (count(line, "packet_in_count:"), count(line, "byte_in_count:"));
            }
        } else if let Some(meter) = &mut current {
            meter.dropped_packets += count(line, "packet_count:");
            meter.dropped_bytes += count(line, "byte_count:");
        }
    }
    found
}

fn count(line: &str, key: &str) -> u64 {
    line.split_whitespace().find_map(|word| word.strip_prefix(key)?.parse().ok()).unwrap_or_default()
}

impl Meter {
    fn line(&self) -> String {
        let Meter { meter, bytes, dropped_packets, dropped_bytes, .. } = self;
        format!(
            "{meter}  # {}, {bytes} bytes; too much: {dropped_packets}, {dropped_bytes} bytes",
            packets(self.packets)
        )
    }
}

const ADD_HELP: &str = "\
ovsns runs ovs-ofctl(8) for it. Meters live in ovs-vswitchd, and are gone when it ends. A packet
gets to a meter by a flow with actions=meter:ID,… before the action that forwards it.

Examples:
  ovsns add-meter OVS-1 meter=1,pktps,burst,stats,band=type=drop,rate=10,burst_size=10
  ovsns add-flow OVS-1 priority=10,in_port=ns1,actions=meter:1,NORMAL";

#[derive(Debug, Args)]
#[command(after_help = ADD_HELP)]
pub struct AddMeter {
    /// The switch
    switch: SwitchName,
    /// The meter, in the syntax of ovs-ofctl(8)
    meter: String,
    #[command(flatten)]
    told: Told,
}

impl AddMeter {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::open(session, &self.switch, WHAT).await?;
        let words = target.words(Takes::Later, "add-meter", &[&self.meter])?;
        let line = format!("+ meter {} on {}", self.meter, self.switch);
        let report = target.change(&self.told, "add a meter to", &words, "", &[line])?;
        target.note_where_it_lives(&self.told, WHAT);
        Ok(report)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "ovsns runs ovs-ofctl(8) for it. The meter keeps its number and the flows that lead to it.")]
pub struct ModMeter {
    /// The switch
    switch: SwitchName,
    /// The meter, in the syntax of ovs-ofctl(8)
    meter: String,
    #[command(flatten)]
    told: Told,
}

impl ModMeter {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::open(session, &self.switch, WHAT).await?;
        let words = target.words(Takes::Later, "mod-meter", &[&self.meter])?;
        let line = format!("~ meter {} on {}", self.meter, self.switch);
        target.change(&self.told, "change a meter of", &words, "", &[line])
    }
}

#[derive(Debug, Args)]
#[command(after_help = "ovsns runs ovs-ofctl(8) for it. The flows that lead to a meter go with it.")]
pub struct DelMeters {
    /// The switch
    switch: SwitchName,
    /// Only this meter; all, if it is not given
    #[arg(value_name = "METER-ID")]
    meter: Option<u32>,
    #[command(flatten)]
    told: Told,
}

impl DelMeters {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::open(session, &self.switch, WHAT).await?;
        let which = self.meter.map(|id| format!("meter={id}"));
        let words = target.words(Takes::Later, "del-meters", &which.iter().map(String::as_str).collect::<Vec<_>>())?;
        let meters = meters(&configured(&target, self.meter)?, "");
        let lines: Vec<String> =
            meters.iter().map(|meter| format!("- meter {} on {}", meter.meter_id, self.switch)).collect();
        target.change(&self.told, "delete meters of", &words, "", &lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_and_their_counters_are_put_together() {
        let configured = "OFPST_METER_CONFIG reply (OF1.3) (xid=0x2):\nmeter=1 pktps burst stats bands=\ntype=drop rate=10 burst_size=5\n\nmeter=2 kbps bands=\ntype=drop rate=10\n";
        let counted = "OFPST_METER reply (OF1.3) (xid=0x2):\nmeter:1 flow_count:0 packet_in_count:9 byte_in_count:90 duration:0.035s bands:\n0: packet_count:4 byte_count:40\n\nmeter:2 flow_count:0 packet_in_count:0 byte_in_count:0 duration:0.030s bands:\n0: packet_count:0 byte_count:0";
        let lines: Vec<String> = meters(configured, counted).iter().map(Meter::line).collect();
        assert_eq!(
            lines,
            [
                "meter=1,pktps,burst,stats,band=type=drop,rate=10,burst_size=5  # 9 packets, 90 bytes; too much: 4, 40 bytes",
                "meter=2,kbps,band=type=drop,rate=10  # 0 packets, 0 bytes; too much: 0, 0 bytes",
            ]
        );
    }
}
