//! The commands of `ovs-vsctl` for the queues of a port, and for what a switch tells collectors.

use crate::model::{FlowExport, Owner, Qos, Queue, Rate};

use super::ovs::{Vsctl, mark};
use super::shell::quote;

impl Vsctl {
    pub(super) fn add_qos(&self, qos: &Qos, owner: Option<&Owner>) -> Vec<String> {
        let mut parts: Vec<String> = qos
            .queues
            .iter()
            .map(|(number, queue)| format!("--id=@q{number} create queue{}", settings(queue)))
            .collect();
        let mut columns = vec![format!("type={}", qos.discipline)];
        columns.extend(qos.max_rate.map(|rate| format!("other_config:max-rate={}", bits(rate))));
        columns.extend(qos.queues.keys().map(|number| format!("queues:{number}=@q{number}")));
        columns.extend(owner.map(mark));
        parts.push(format!("--id=@qos create qos {}", columns.join(" ")));
        parts.push(format!("set port {} qos=@qos", quote(qos.device.as_str())));
        self.with_ids(&parts)
    }

    /// The rows are roots: they stay until they are deleted. The port loses its own first.
    pub(super) fn delete_qos(&self, qos: &Qos) -> Vec<String> {
        let port = quote(qos.device.as_str());
        let ask = |what: &str| self.run(&[what.to_owned()]).concat();
        let rows = ask(&format!("--bare get port {port} qos"));
        let queues = if qos.queues.is_empty() { "" } else { " $queues" };
        let mut lines = vec![format!("qos=$({rows})")];
        if !queues.is_empty() {
            let numbers: Vec<String> = qos.queues.keys().map(|number| format!("queues:{number}")).collect();
            lines.push(format!("queues=$({})", ask(&format!("get qos $qos {}", numbers.join(" ")))));
        }
        let mut parts = vec![format!("clear port {port} qos"), "destroy qos $qos".to_owned()];
        parts.extend((!queues.is_empty()).then(|| format!("destroy queue{queues}")));
        lines.extend(self.run(&parts));
        lines
    }

    /// By new rows: which queues there were is not known by name.
    pub(super) fn set_qos(&self, old: &Qos, new: &Qos, owner: Option<&Owner>) -> Vec<String> {
        [self.delete_qos(old), self.add_qos(new, owner)].concat()
    }
}

impl Vsctl {
    pub(super) fn add_export(&self, export: &FlowExport, owner: Option<&Owner>) -> Vec<String> {
        let targets: Vec<String> = export.targets.iter().map(|target| format!("\"{target}\"")).collect();
        let mut columns = vec![quote(&format!("targets={}", targets.join(",")))];
        let numbers = export.numbers().into_iter().filter_map(|(column, number)| Some(format!("{column}={}", number?)));
        columns.extend(numbers);
        columns.extend(export.agent.iter().map(|agent| format!("agent={}", quote(agent))));
        columns.extend(owner.map(mark));
        let (protocol, bridge) = (export.protocol, quote(export.switch.as_str()));
        let row = format!("--id=@export create {protocol} {}", columns.join(" "));
        self.with_ids(&[row, format!("set bridge {bridge} {protocol}=@export")])
    }

    pub(super) fn delete_export(&self, export: &FlowExport) -> Vec<String> {
        self.run(&[format!("clear bridge {} {}", quote(export.switch.as_str()), export.protocol)])
    }
}

fn settings(queue: &Queue) -> String {
    let settings = [
        ("min-rate", queue.min_rate.map(bits)),
        ("max-rate", queue.max_rate.map(bits)),
        ("burst", queue.burst.map(|burst| burst.bytes() * 8)),
        ("priority", queue.priority.map(u64::from)),
    ];
    let set = settings.into_iter().filter_map(|(key, value)| Some(format!(" other_config:{key}={}", value?)));
    set.collect()
}

fn bits(rate: Rate) -> u64 {
    rate.bytes() * 8
}
