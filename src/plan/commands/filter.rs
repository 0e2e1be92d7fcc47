//! The commands of `tc` for what a Linux bridge does to the traffic of its ports.

use crate::model::{IfName, Mirror};

use super::shell::quote;

/// A filter at each door: before it is made, the doors are, unless they are there.
pub(super) fn add_mirror(mirror: &Mirror) -> Vec<String> {
    let output = mirror.output_port().map(|port| quote(port.as_str())).unwrap_or_default();
    let cookie: String = mirror.cookie().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut lines: Vec<String> = mirror.sources().into_iter().map(open_doors).collect();
    lines.extend(taps(mirror).map(|(port, hook, pref)| {
        format!(
            "tc filter add dev {port} {hook} pref {pref} protocol all u32 match u32 0 0 \
             action mirred egress mirror dev {output} continue cookie {cookie}"
        )
    }));
    lines
}

pub(super) fn delete_mirror(mirror: &Mirror) -> Vec<String> {
    let delete = |(port, hook, pref)| format!("tc filter del dev {port} {hook} pref {pref} protocol all");
    taps(mirror).map(delete).collect()
}

/// `replace` leaves those that are there as they are.
pub(super) fn open_doors(device: &IfName) -> String {
    format!("tc qdisc replace dev {} clsact", quote(device.as_str()))
}

fn taps(mirror: &Mirror) -> impl Iterator<Item = (String, &'static str, u16)> {
    let (ingress, egress) = (mirror.pref(Mirror::INGRESS_PREFS), mirror.pref(Mirror::EGRESS_PREFS));
    let comes = mirror.ingress.iter().map(move |port| (quote(port.as_str()), "ingress", ingress));
    comes.chain(mirror.egress.iter().map(move |port| (quote(port.as_str()), "egress", egress)))
}
