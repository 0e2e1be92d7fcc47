//! The commands of `tc` for impairments.

use crate::model::{Discipline, Impairment, Place, Rate, Spot};

use super::shell::{enter, quote};

pub(super) fn add(impairment: &Impairment) -> Vec<String> {
    let disciplines = impairment.disciplines();
    disciplines.iter().map(|(spot, discipline)| set("add", impairment, *spot, discipline)).collect()
}

/// What stays as it was needs no command.
pub(super) fn change(old: &Impairment, new: &Impairment) -> Vec<String> {
    let (set_anew, taken) = new.changes_from(old);
    let replaced = set_anew.iter().map(|(spot, discipline)| set("replace", new, *spot, discipline));
    replaced.chain(taken.map(|spot| format!("{} {}", on(new, "del"), under(spot)))).collect()
}

pub(super) fn delete(impairment: &Impairment) -> String {
    format!("{} root", on(impairment, "del"))
}

fn set(verb: &str, impairment: &Impairment, spot: Spot, discipline: &Discipline) -> String {
    let Spot { handle, .. } = spot;
    format!("{} {} handle {handle:x}: {}", on(impairment, verb), under(spot), settings(discipline))
}

/// `tc qdisc VERB dev DEVICE`, in the namespace of the device.
fn on(impairment: &Impairment, verb: &str) -> String {
    format!("{} qdisc {verb} dev {}", tc(&impairment.place), quote(impairment.device.as_str()))
}

/// As with ip(8), `-n` takes names only.
fn tc(place: &Place) -> String {
    match place {
        Place::Named(name) => format!("tc -n {}", quote(name.as_str())),
        _ => format!("{}tc", enter(place)),
    }
}

fn under(spot: Spot) -> String {
    spot.parent.map_or_else(|| "root".to_owned(), |parent| format!("parent {parent:x}:1"))
}

fn settings(discipline: &Discipline) -> String {
    match discipline {
        Discipline::Netem { packets, delay, jitter, loss } => {
            let delay = delay.map(|delay| format!(" delay {delay}"));
            let jitter = jitter.map(|jitter| format!(" {jitter}"));
            let loss = loss.map(|loss| format!(" loss {loss}"));
            let rest: String = [delay, jitter, loss].into_iter().flatten().collect();
            format!("netem limit {packets}{rest}")
        }
        Discipline::Tbf(rate) => {
            format!("tbf rate {rate} burst {} latency {}ms", rate.burst(), Rate::QUEUE.as_millis())
        }
    }
}
