//! What ovs-vswitchd tells of LACP (`lacp/show`, ovs-vswitchd(8)). The column `lacp_current` holds for three seconds after a device is
//! plugged in, whether or not anybody has answered.

use std::path::Path;
use std::time::Duration;

use crate::backend::bond::{BondState, Member};
use crate::daemon::Control;

/// Puts what ovs-vswitchd says of the bond `name` now into `state`; leaves it as it is where that cannot be asked.
pub fn refine(run_dir: &Path, timeout: Duration, name: &str, state: &mut BondState) {
    let told = Control::open(run_dir, timeout).and_then(|mut control| control.ask("lacp/show", &[name]));
    if let Ok(text) = told {
        read(&text, &mut state.members);
    }
}

/// A block for each device: `member: eth1: current attached`, and below it `may_enable: true`.
fn read(text: &str, members: &mut [Member]) {
    let mut current: Option<&mut Member> = None;
    for line in text.lines().map(str::trim) {
        // Before 2.16 it was called a slave.
        if let Some(rest) = line.strip_prefix("member: ").or_else(|| line.strip_prefix("slave: ")) {
            let (name, status) = rest.split_once(": ").unwrap_or((rest, ""));
            current = members.iter_mut().find(|member| member.name == name);
            if let Some(member) = &mut current {
                member.partner = Some(status.split(' ').next() == Some("current"));
            }
        } else if let (Some(may), Some(member)) = (line.strip_prefix("may_enable: "), &mut current) {
            member.enabled = member.up && may == "true";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_is_one_that_has_answered() {
        let member =
            |name: &str| Member { name: name.to_owned(), up: true, enabled: true, active: false, partner: Some(true) };
        let mut members = [member("a1"), member("a2"), member("a3")];
        let text = "---- bond0 ----\n  status: active negotiated\n\nmember: a1: expired attached\n  may_enable: false\n\n\
                    slave: a2: current attached\n  may_enable: true\n\nmember: a3: defaulted detached\n  may_enable: false\n";
        read(text, &mut members);
        let told: Vec<_> = members.iter().map(|member| (member.partner, member.enabled)).collect();
        assert_eq!(told, [(Some(false), false), (Some(true), true), (Some(false), false)]);
    }
}
