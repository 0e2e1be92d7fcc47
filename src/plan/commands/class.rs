//! The commands of `tc` for the queues of a port of a Linux bridge.

use crate::model::{Qos, QosType, Rate};

use super::shell::quote;

pub(super) fn add(qos: &Qos) -> Vec<String> {
    let (device, handle, kind) = (quote(qos.device.as_str()), Qos::HANDLE, kind(qos));
    let all = qos.max_rate.unwrap_or(Rate::MAX);
    let whole = format!("{handle:x}:{:x}", Qos::WHOLE);
    let mut lines = vec![
        format!("tc qdisc add dev {device} root handle {handle:x}: {kind} default 1"),
        format!("tc class add dev {device} parent {handle:x}: classid {whole} {kind} {}", limits(qos, all, all)),
    ];
    for (number, queue) in qos.all_queues() {
        let (min, max, burst, priority) = qos.effective(&queue);
        let rest = match qos.discipline {
            QosType::Hfsc => String::new(),
            _ => format!(" burst {} prio {priority}", burst.bytes()),
        };
        let id = format!("{handle:x}:{:x}", number + 1);
        lines.push(format!(
            "tc class add dev {device} parent {whole} classid {id} {kind} {}{rest}",
            limits(qos, min, max)
        ));
    }
    lines
}

pub(super) fn delete(qos: &Qos) -> Vec<String> {
    vec![format!("tc qdisc del dev {} root", quote(qos.device.as_str()))]
}

fn kind(qos: &Qos) -> &'static str {
    if qos.discipline == QosType::Hfsc { "hfsc" } else { "htb" }
}

fn limits(qos: &Qos, min: Rate, max: Rate) -> String {
    match qos.discipline {
        QosType::Hfsc => format!("sc rate {min} ul rate {max}"),
        _ => format!("rate {min} ceil {max}"),
    }
}
