//! `doctor`: whether this machine has what ovsns needs.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::failure::{Failure, PRIVILEGE_HINT};
use super::gc;
use super::output::Report;
use super::session::{self, Ovs, OvsDatabase, Session, missing_capabilities};

#[derive(Debug, Args)]
pub struct Doctor {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { check, verdict: Verdict::Ok, detail: detail.into(), remedy: None }
    }

    fn warn(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { check, verdict: Verdict::Warn, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    fn fail(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Fail, ..Finding::warn(check, detail, remedy) }
    }

    /// What a failed look says.
    fn failure(check: &'static str, verdict: Verdict, failure: Failure) -> Finding {
        let detail = std::iter::once(failure.what).chain(failure.causes).collect::<Vec<_>>().join(": ");
        Finding { check, verdict, detail, remedy: failure.hint }
    }
}

impl Doctor {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let mut findings = vec![privileges()];
        findings.extend(ovs(session).await);
        findings.extend(features());
        findings.push(br_netfilter());
        findings.push(leftovers(session).await);
        let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
        Ok(Report::new(text(&findings), json!({"findings": findings, "ok": !failed})).code(u8::from(failed)))
    }
}

fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut text = String::new();
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{verdict}  {:width$}  {}", finding.check, finding.detail);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "      {:width$}  remedy: {remedy}", "");
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn privileges() -> Finding {
    match missing_capabilities().as_slice() {
        [] => Finding::ok("privileges", "CAP_NET_ADMIN and CAP_SYS_ADMIN"),
        missing => Finding::fail("privileges", format!("{} missing", missing.join(" and ")), PRIVILEGE_HINT),
    }
}

async fn ovs(session: &Session<'_>) -> Vec<Finding> {
    match &session.ovs {
        OvsDatabase::Unused => Vec::new(),
        OvsDatabase::Absent(why) => {
            let remedy = "if you want Open vSwitch: ovsns ovs start, or systemctl start openvswitch-switch";
            vec![Finding::warn("OVS database", format!("{why}; Linux bridges do without"), remedy)]
        }
        OvsDatabase::Ready(ovs, client) => {
            let socket = Finding::ok("OVS database", client.endpoint().to_string());
            let mut findings = vec![socket];
            findings.extend(database(ovs).await);
            findings.push(vswitchd(ovs).await);
            findings.extend(started_at_boot(&client.endpoint().to_string()));
            findings.push(datapath(ovs).await);
            findings
        }
    }
}

async fn database(ovs: &Ovs) -> Option<Finding> {
    let health = match ovs.health().await {
        Ok(health) => health,
        Err(error) => return Some(Finding::failure("OVS schema", Verdict::Fail, error.into())),
    };
    let version = health.version.unwrap_or_else(|| "of unknown version".to_owned());
    let what = format!("Open vSwitch {version}, schema {}", health.schema_version);
    Some(match health.missing.as_slice() {
        [] => Finding::ok("OVS schema", what),
        missing => Finding::warn(
            "OVS schema",
            format!("{what}: {}", missing.join("; ")),
            "upgrade Open vSwitch, or do without these",
        ),
    })
}

async fn vswitchd(ovs: &Ovs) -> Finding {
    match ovs.ping().await {
        Ok(after) => Finding::ok("ovs-vswitchd", format!("answered after {:.1} ms", after.as_secs_f64() * 1e3)),
        Err(error) => {
            let mut failure = Failure::from(error);
            failure.hint = Some("start it: ovsns ovs start, or systemctl restart openvswitch-switch".to_owned());
            Finding::failure("ovs-vswitchd", Verdict::Fail, failure)
        }
    }
}

/// Versions up to 3.1 that are started within ten seconds of boot count no processors and forward nothing on the kernel's
/// datapath ("Overriding n-handler-threads to 0" in the log).
fn started_at_boot(endpoint: &str) -> Option<Finding> {
    const CLOCK_TICKS: f64 = 100.0; // USER_HZ, time(7)
    let directory = Path::new(endpoint.strip_prefix("unix:")?).parent()?;
    let pid = std::fs::read_to_string(directory.join("ovs-vswitchd.pid")).ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok()?;
    // Field 22 is the start since boot; the second field may hold anything, and ends in the last parenthesis.
    let started: f64 = stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()?;
    let seconds = started / CLOCK_TICKS;
    (seconds < 10.0).then(|| {
        let detail =
            format!("ovs-vswitchd was started {seconds:.0} s after boot; versions up to 3.1 may then forward nothing");
        Finding::warn("ovs-vswitchd start", detail, "if packets do not pass: systemctl restart openvswitch-switch")
    })
}

async fn datapath(ovs: &Ovs) -> Finding {
    let module = crate::daemon::has_kernel_datapath();
    match (ovs.datapath_types().await, module) {
        (Ok(types), true) if types.iter().any(|kind| kind == "system") => {
            Finding::ok("OVS datapath", "the kernel's (module openvswitch is loaded)")
        }
        (Ok(_), _) => {
            let tso = matches!(ovs.computes_checksums().await, Ok(true));
            let detail = if tso { "userspace (netdev), with TSO" } else { "userspace (netdev)" };
            let remedy = "for the kernel's, which is faster: modprobe openvswitch, and restart ovs-vswitchd";
            Finding::warn("OVS datapath", detail, remedy)
        }
        (Err(error), _) => Finding::failure("OVS datapath", Verdict::Fail, error.into()),
    }
}

fn features() -> Vec<Finding> {
    let needed = |name: &str| name.starts_with("veth") || name == "Linux bridge";
    let mut findings = match session::kernel_features() {
        Ok(features) => features
            .into_iter()
            .map(|(name, there, brought_by)| match (there, needed(name)) {
                (true, _) => Finding::ok(name, "there"),
                (false, true) => Finding::fail(name, "this kernel has none", format!("it needs {brought_by}")),
                (false, false) => Finding::warn(name, "this kernel has none", format!("if you need it: {brought_by}")),
            })
            .collect(),
        Err(error) => vec![Finding::failure("kernel features", Verdict::Fail, error.into())],
    };
    findings.push(match session::nat() {
        Ok(()) => Finding::ok("NAT (nftables)", "there"),
        Err(error) => Finding::failure("NAT (nftables)", Verdict::Warn, error.into()),
    });
    findings
}

/// With br_netfilter, frames on a Linux bridge pass the rules of iptables too, and are dropped by policies meant for routers
/// (Docker's, for one).
fn br_netfilter() -> Finding {
    let on = |name: &str| {
        let path = format!("/proc/sys/net/bridge/bridge-nf-call-{name}");
        std::fs::read_to_string(path).is_ok_and(|value| value.trim() == "1")
    };
    if on("iptables") || on("ip6tables") {
        let detail = "frames on Linux bridges pass the rules of iptables; a FORWARD policy of DROP drops them";
        return Finding::warn(
            "br_netfilter",
            detail,
            "unless Docker or Kubernetes needs it: sysctl net.bridge.bridge-nf-call-iptables=0",
        );
    }
    Finding::ok("br_netfilter", "off")
}

async fn leftovers(session: &Session<'_>) -> Finding {
    match gc::count(session).await {
        Ok(0) => Finding::ok("leftovers", "none"),
        Ok(count) => {
            Finding::warn("leftovers", format!("{count} dead or half-made"), "look: ovsns gc; remove: ovsns gc --yes")
        }
        Err(failure) => Finding::failure("leftovers", Verdict::Warn, failure),
    }
}
