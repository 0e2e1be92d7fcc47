//! Running ovs-ofctl(8): the words that it gets, and what its errors mean.

use std::path::PathBuf;

use serde_json::json;

use super::syntax;
use crate::cli::control;
use crate::cli::failure::{Failure, PRIVILEGE_HINT};
use crate::cli::output::Report;
use crate::cli::ports::{self, SwitchPorts};
use crate::cli::session::Session;
use crate::cli::told::Told;
use crate::daemon::{Control, DaemonError, OFCTL, Spoken, management_socket, ofctl};
use crate::model::SwitchName;
use crate::plan::quote;

/// What it takes of OpenFlow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Any version will do.
    Any,
    /// Version 1.3 or later.
    Later,
}

/// The versions of which Open vSwitch 2.8 and later speak the last two by themselves, the earlier ones the first.
const LATER: [&str; 3] = ["OpenFlow13", "OpenFlow14", "OpenFlow15"];

/// A switch that is talked to.
pub struct Target<'a> {
    session: &'a Session<'a>,
    pub ports: SwitchPorts,
    run_dir: PathBuf,
    socket: String,
}

impl<'a> Target<'a> {
    /// The switch `name`, whose `what` (flows, groups, meters) are to be looked at or changed.
    pub async fn open(session: &'a Session<'a>, name: &SwitchName, what: &str) -> Result<Target<'a>, Failure> {
        let ports = ports::of(session, name).await?;
        let run_dir =
            control::run_dir(session, &ports, what, "it speaks no OpenFlow, and forwards by addresses alone")?;
        let socket = management_socket(&run_dir, name.as_str());
        Ok(Target { session, ports, run_dir, socket })
    }

    pub fn switch(&self) -> &SwitchName {
        &self.ports.switch.name
    }

    /// The words for ovs-ofctl's `command`.
    pub fn words(&self, takes: Takes, command: &str, arguments: &[&str]) -> Result<Vec<String>, Failure> {
        let versions = self.versions(takes, command)?;
        let (flag, command) = command.split_once(' ').map_or((None, command), |(flag, command)| (Some(flag), command));
        let words = ["-O", &versions, "--names"].into_iter().chain(flag).chain([command, &self.socket]);
        Ok(words.chain(arguments.iter().copied()).map(str::to_owned).collect())
    }

    /// Those that may be spoken: what the switch was told to speak, or what it speaks by itself.
    fn versions(&self, takes: Takes, command: &str) -> Result<String, Failure> {
        let spoken = &self.ports.protocols;
        if spoken.is_empty() {
            return Ok(LATER.join(","));
        }
        let later: Vec<&str> = LATER.into_iter().filter(|version| spoken.iter().any(|one| one == version)).collect();
        match (later.as_slice(), takes) {
            ([], Takes::Any) => Ok(spoken.join(",")),
            ([], Takes::Later) => {
                let (switch, spoken) = (self.switch(), spoken.join(","));
                let command = command.rsplit(' ').next().unwrap_or(command);
                let what = format!("cannot run `ovs-ofctl {command}` on switch {switch}");
                let why = format!("that takes OpenFlow 1.3, and the switch was told to speak {spoken} only");
                Err(caused(Failure::new(what), why)
                    .hint(format!("let it speak more: ovsns vsctl set Bridge {switch} protocols={spoken},OpenFlow13")))
            }
            (later, _) => Ok(later.join(",")),
        }
    }

    /// Runs ovs-ofctl; returns what it prints. What it has to say besides goes to stderr. `what` failed, if it fails.
    pub fn run(&self, what: &str, words: &[String], input: &str) -> Result<String, Failure> {
        let what = format!("cannot {what} switch {}", self.switch());
        let spoken = ofctl(words, input, self.session.global.timeout).map_err(|error| not_run(&what, &error))?;
        if !spoken.success {
            return Err(refused(&what, &spoken, &|text| syntax::named(text, &self.ports)));
        }
        remarks(&spoken.stderr).iter().for_each(|remark| self.session.output.note(remark));
        Ok(spoken.stdout)
    }

    /// Carries a change out, or tells how: `lines` say what it is.
    pub fn change(
        &self,
        told: &Told,
        what: &str,
        words: &[String],
        input: &str,
        lines: &[String],
    ) -> Result<Report, Failure> {
        let document = json!({"switch": self.switch()});
        let act = || self.run(what, words, input).map(drop);
        let report = told.carry_out(document, lines, &[explained(words, input)], act)?;
        self.settle(told);
        Ok(report)
    }

    /// After a change: waits until it is in effect.
    pub fn settle(&self, told: &Told) {
        let control = told.waits().then(|| Control::open(&self.run_dir, self.session.global.timeout).ok()).flatten();
        if let Some(mut control) = control {
            control::settle(self.session, &mut control);
        }
    }

    /// Where what was put in lives.
    pub fn note_where_it_lives(&self, told: &Told, what: &str) {
        if told.applies() {
            self.session.output.note(&format!("{what} live in ovs-vswitchd: they are gone when it ends"));
        }
    }

    pub fn note(&self, text: &str) {
        self.session.output.note(text);
    }
}

/// The command, ready to be pasted.
fn explained(words: &[String], input: &str) -> String {
    let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
    let command = format!("{OFCTL} {}", words.join(" "));
    if input.is_empty() { command } else { format!("{command} <<'END'\n{}\nEND", input.trim_end()) }
}

/// ovs-ofctl could not be run, or did not come to its end.
fn not_run(what: &str, error: &DaemonError) -> Failure {
    match error {
        DaemonError::Missing { .. } => {
            Failure::new(format!("{what}: {OFCTL} is not installed, by which ovsns speaks OpenFlow"))
                .hint("it is in the package openvswitch-common: apt-get install openvswitch-common")
        }
        DaemonError::Deadline { .. } => Failure::new(what)
            .cause(error)
            .deadline()
            .hint("see whether ovs-vswitchd runs (ovsns doctor), or give it more time: --timeout 60"),
        _ => Failure::new(what).cause(error),
    }
}

/// ovs-ofctl's own words, in ours; `with_names` puts ours in for those of ports.
fn refused(what: &str, spoken: &Spoken, with_names: &dyn Fn(&str) -> String) -> Failure {
    let lines: Vec<&str> = spoken.stderr.lines().filter(|line| log_line(line).is_none()).collect();
    if let Some((name, about)) = lines.iter().find_map(|line| openflow_error(line)) {
        return of_switch(what, name, about.map(with_names).as_deref());
    }
    let said = lines.iter().find_map(|line| line.strip_prefix("ovs-ofctl: ")).unwrap_or("it said nothing");
    let cause =
        format!("{OFCTL}: {}", said.strip_prefix("-:").map_or_else(|| said.to_owned(), |said| format!("line {said}")));
    if said.contains("Permission denied") {
        return caused(Failure::new(what), cause).hint(PRIVILEGE_HINT);
    }
    if said.contains("connecting to") || said.contains("failed to connect") {
        let negotiation =
            spoken.stderr.lines().find_map(|line| log_line(line).filter(|text| text.contains("negotiation")));
        let cause = negotiation.map_or(cause, |text| format!("{OFCTL}: {text}"));
        return caused(Failure::new(what), cause).hint(
            "see whether ovs-vswitchd runs (ovsns doctor), and which versions it speaks: ovsns vsctl list Bridge",
        );
    }
    caused(Failure::usage(what), cause)
        .hint("ovs-ofctl(8) has the syntax; a port may also be written as the namespace behind it")
}

fn caused(mut failure: Failure, cause: String) -> Failure {
    failure.causes.push(cause);
    failure
}

/// The name of an error of OpenFlow, and what it is about: `OFPT_ERROR (OF1.3) (xid=0x6): OFPBAC_BAD_OUT_GROUP`, or of a bundle
/// `Error OFPBAC_BAD_OUT_GROUP for: OFPT_FLOW_MOD (OF1.4) (xid=0x7): ADD priority=6 actions=group:9`.
fn openflow_error(line: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = line.strip_prefix("Error ") {
        let (name, about) = rest.split_once(" for: ")?;
        return Some((name, about.split_once("): ").map(|(_, about)| about)));
    }
    let rest = line.strip_prefix("OFPT_ERROR ")?;
    rest.rsplit_once(": ").map(|(_, name)| (name, None))
}

/// What the switch says no with, and what to do about it.
const REASONS: [(&str, &str, &str); 13] = [
    (
        "OFPBAC_BAD_OUT_GROUP",
        "it leads to a group that is not there",
        "ovsns groups lists them, ovsns add-group adds one",
    ),
    ("OFPMMFC_UNKNOWN_METER", "there is no such meter", "ovsns meters lists them, ovsns add-meter adds one"),
    ("OFPMMFC_INVALID_METER", "there is no such meter", "ovsns meters lists them, ovsns add-meter adds one"),
    ("OFPMMFC_METER_EXISTS", "there is such a meter already", "ovsns mod-meter changes it"),
    ("OFPMMFC_OUT_OF_METERS", "the datapath has no room for another meter", "ovsns del-meters makes room"),
    ("OFPMMFC_BAD_BAND", "the datapath knows no such band", "it knows type=drop"),
    ("OFPGMFC_GROUP_EXISTS", "there is such a group already", "ovsns mod-group changes it"),
    (
        "OFPGMFC_UNKNOWN_GROUP",
        "there is no such group",
        "ovsns add-group adds one; mod-group does so with --may-create",
    ),
    ("OFPGMFC_LOOP", "the groups would lead to each other in a circle", "ovsns groups lists them"),
    ("OFPFMFC_OVERLAP", "another flow of the same priority matches the same packets", "ovsns flows lists them"),
    ("OFPFMFC_TABLE_FULL", "the table is full", "ovsns flows lists what is in it"),
    ("OFPBAC_BAD_OUT_PORT", "it leads to a port that is not there", "ovsns list-ports lists them"),
    (
        "OFPBAC_MATCH_INCONSISTENT",
        "an action does not go with what is matched",
        "say first which packets: tcp, udp, ip …",
    ),
];

fn of_switch(what: &str, name: &str, about: Option<&str>) -> Failure {
    let known = REASONS.iter().find(|(known, ..)| *known == name);
    let cause = match known {
        Some((_, reason, _)) => format!("{reason} ({name})"),
        None => format!("the switch says {name}"),
    };
    let about = about.map(|about| format!(", of `{about}`")).unwrap_or_default();
    let failure = caused(Failure::new(what), format!("{cause}{about}"));
    match known {
        Some((.., hint)) => failure.hint(*hint),
        None => failure.hint("the names of errors are those of OpenFlow: ovs-fields(7), and the specification"),
    }
}

/// The text of a line of Open vSwitch's log: `2026-01-01T00:00:00Z|00001|ofp_match|INFO|text`.
fn log_line(line: &str) -> Option<&str> {
    let mut parts = line.splitn(5, '|');
    let is_number = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    parts.next()?;
    parts.next().filter(|part| is_number(part))?;
    parts.nth(2)
}

const PREREQUISITES: &str =
    "a field of a protocol is looked at only where that protocol is asked for (ip, tcp, udp, arp …)";

/// What ovs-ofctl has to say of a change that it made: fields that are not looked at, above all.
fn remarks(stderr: &str) -> Vec<String> {
    let texts: Vec<&str> = stderr.lines().filter_map(log_line).collect();
    let mut remarks = Vec::new();
    let mut before = None;
    for text in texts {
        if let Some(pre) = text.trim_start().strip_prefix("pre: ") {
            before = Some(pre);
        } else if let Some(post) = text.strip_prefix("post:") {
            let (before, post) = (before.take().unwrap_or_default(), post.trim());
            let post = if post.is_empty() { "everything" } else { post };
            remarks.push(format!("`{before}` is taken as `{post}`: {PREREQUISITES}"));
        } else if !text.starts_with("normalization changed") {
            remarks.push(format!("{OFCTL} says: {text}"));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(stderr: &str) -> (u8, String) {
        let spoken = Spoken { success: false, stdout: String::new(), stderr: stderr.to_owned() };
        let failure = refused("cannot add a flow to switch br1", &spoken, &|text| text.replace("veth-ns1", "ns1"));
        (failure.code, failure.to_string())
    }

    #[test]
    fn what_the_switch_refuses_has_a_reason() {
        let (code, text) = says(
            "OFPT_ERROR (OF1.3) (xid=0x6): OFPBAC_BAD_OUT_GROUP\nOFPT_FLOW_MOD (OF1.3) (xid=0x6): ADD actions=group:7",
        );
        assert_eq!(code, 1);
        assert!(
            text.contains("leads to a group that is not there (OFPBAC_BAD_OUT_GROUP)\nhint: ovsns groups"),
            "{text}"
        );
        let (code, text) = says("OFPT_ERROR (xid=0x6): OFPXXX_NEW\n");
        assert!(code == 1 && text.contains("the switch says OFPXXX_NEW"), "{text}");
    }

    #[test]
    fn of_a_bundle_the_flow_is_told() {
        let (_, text) = says(
            "Error OFPBAC_BAD_OUT_GROUP for: OFPT_FLOW_MOD (OF1.4) (xid=0x7): ADD priority=6,in_port=veth-ns1 actions=group:9\n\
             Error OFPBFC_MSG_FAILED for: OFPT_BUNDLE_CONTROL (OF1.4) (xid=0xa):\n bundle_id=0 type=COMMIT_REQUEST flags=atomic ordered\n\
             ovs-ofctl: talking to unix:/run/x.mgmt (Protocol error)",
        );
        assert!(text.contains("(OFPBAC_BAD_OUT_GROUP), of `ADD priority=6,in_port=ns1 actions=group:9`"), "{text}");
    }

    #[test]
    fn what_makes_no_sense_is_bad_usage() {
        let (code, text) = says(
            "2026-11-22T14:54:36Z|00001|ofp_port|WARN|port 70000 is outside\novs-ofctl: -:2: 70000: output to unknown port",
        );
        assert_eq!(code, 2);
        assert!(text.contains("ovs-ofctl: line 2: 70000: output to unknown port\nhint: ovs-ofctl(8)"), "{text}");
    }

    #[test]
    fn a_switch_that_does_not_answer_is_no_bad_usage() {
        let (code, text) = says(
            "2026-11-22T14:54:36Z|00001|vconn|WARN|unix:/run/br1.mgmt: version negotiation failed (we support version 0x04, peer supports version 0x01)\n\
             ovs-ofctl: unix:/run/br1.mgmt: failed to connect to socket (Broken pipe)",
        );
        assert!(code == 1 && text.contains("version negotiation failed"), "{text}");
    }

    #[test]
    fn fields_that_are_not_looked_at_are_told() {
        let said = "2026-11-22T14:54:36Z|00001|ofp_match|INFO|normalization changed ofp_match, details:\n\
                    2026-11-22T14:54:36Z|00002|ofp_match|INFO| pre: tp_dst=80\n2026-11-22T14:54:36Z|00003|ofp_match|INFO|post: ";
        assert_eq!(remarks(said).len(), 1);
        assert!(remarks(said)[0].starts_with("`tp_dst=80` is taken as `everything`"));
    }
}
