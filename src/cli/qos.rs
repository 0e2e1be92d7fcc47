//! `set-qos`, `del-qos`, `list-qos`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::model::{Entry, Key, Kind, Qos, QosType, Queue, Rate, Resource, State, SwitchName};
use crate::plan::describe;

use super::change::{Change, want};
use super::failure::Failure;
use super::output::Report;
use super::port;
use super::session::{Session, seen};

#[derive(Debug, Args)]
#[command(after_help = "\
It is what the switch sends out of the port, so what the namespace behind it receives; for what that sends there is
`set-port --ingress-rate`, or its own `--rate`. What nobody directs elsewhere goes to queue 0: with Open vSwitch and the
kernel's datapath a flow says `set_queue:N` (the userspace datapath has queue 0 only), on a Linux bridge a
filter of tc (`flowid 7c:N+1`, N+1 in hexadecimal).

Examples:
  ovsns set-qos s1 ns1 --max-rate 10mbit
  ovsns set-qos s1 ns1 --max-rate 10mbit --queue 0:max=8mbit --queue 1:min=2mbit,priority=1
  ovsns set-qos s1 ns1 --type linux-hfsc --max-rate 10mbit")]
pub struct SetQos {
    /// The switch
    switch: SwitchName,
    /// The port: its name, or the namespace behind it
    target: String,
    /// The discipline
    #[arg(long = "type", value_name = "linux-htb|linux-hfsc", default_value = "linux-htb")]
    discipline: QosType,
    /// How much passes at most, over all queues, such as 10mbit
    #[arg(long, value_name = "RATE")]
    max_rate: Rate,
    /// A queue, and its min, max, burst and priority; may be given several times
    #[arg(long, value_name = "N[:min=RATE,max=RATE,burst=BITS,priority=N]", value_parser = queue)]
    queue: Vec<(u32, Queue)>,
    #[command(flatten)]
    change: Change,
}

fn queue(text: &str) -> Result<(u32, Queue), String> {
    let (number, settings) = text.split_once(':').unwrap_or((text, ""));
    let number = number.parse().ok().filter(|number| *number <= Qos::QUEUE_MAX);
    let number = number.ok_or_else(|| format!("a queue has a number from 0 to {}", Qos::QUEUE_MAX))?;
    Ok((number, settings.parse()?))
}

impl SetQos {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let mut queues = BTreeMap::new();
        for (number, queue) in &self.queue {
            if queues.insert(*number, *queue).is_some() {
                return Err(Failure::usage(format!("queue {number} is given twice")));
            }
        }
        let _lock = session.begin(&self.change).await?;
        let (_, switch) = session.switch(&self.switch).await?;
        let device = port::on_switch(session, &self.switch, &self.target).await?;
        let wanted = Qos {
            switch: switch.name.clone(),
            device: device.clone(),
            backend: switch.backend,
            discipline: self.discipline.clone(),
            max_rate: Some(self.max_rate),
            queues,
        };
        let wanted = wanted.checked().map_err(|error| Failure::usage(format!("cannot queue at {device}: {error}")))?;
        if let Some(speed) = seen::speed(&device).filter(|speed| self.max_rate > *speed) {
            let what = format!("cannot queue at {device}: a max-rate of {} is more than its link has", self.max_rate);
            return Err(Failure::usage(what).hint(format!("that is {speed}: --max-rate {speed} at most")));
        }
        let observed = session.observe(Scope::Keys(vec![Key::Qos { device }])).await?;
        let mut desired = observed.clone();
        want(&observed, &mut desired, Resource::Qos(wanted));
        self.change.carry_out(session, &observed, &desired).await
    }
}

#[derive(Debug, Args)]
pub struct DelQos {
    /// The switch
    switch: SwitchName,
    /// The port: its name, or the namespace behind it
    target: String,
    /// Do not fail if it has no queues
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelQos {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        session.switch(&self.switch).await?;
        let device = port::on_switch(session, &self.switch, &self.target).await?;
        let observed = session.observe(Scope::Keys(vec![Key::Qos { device: device.clone() }])).await?;
        if observed.is_empty() && !self.if_exists {
            return Err(Failure::new(format!("port {device} has no queues"))
                .hint(format!("ovsns list-qos {} lists those of its switch", self.switch)));
        }
        self.change.carry_out(session, &observed, &State::default()).await
    }
}

#[derive(Debug, Args)]
pub struct ListQos {
    /// Of this switch only
    switch: Option<SwitchName>,
}

impl ListQos {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        if let Some(switch) = &self.switch {
            session.switch(switch).await?;
        }
        let found = session.observe(Scope::Kind(Kind::Qos)).await?;
        let here = |entry: &&Entry| match &entry.resource {
            Resource::Qos(qos) => self.switch.as_ref().is_none_or(|switch| qos.switch == *switch),
            _ => false,
        };
        let shown: Vec<&Entry> = found.entries().filter(here).collect();
        let lines: Vec<String> = shown.iter().map(|entry| describe(&entry.resource)).collect();
        Ok(Report::new(lines.join("\n"), json!({"qos": shown})))
    }
}
