//! The table of nftables, seen with `nft list`.

use std::collections::BTreeSet;
use std::sync::Arc;

use ovsns::backend::kernel::Kernel;
use ovsns::backend::linux_bridge::LinuxBridge;
use ovsns::backend::nat::Nft;
use ovsns::backend::{Backend, BackendSet};
use ovsns::model::{Chain, Entry, Nat, Protocol, Published, Raised, Resource, Ruleset, Setting};
use ovsns::plan::{Plan, Step, commands};

use super::common::tool;
use super::fixture::{Failing, Fixture, Specimen, ours};
use super::kernel::{DEADLINE, name};
use super::linux;

/// A chain like the one that Docker leaves to others.
const DOCKER: &str = "table ip filter { chain DOCKER-USER { counter; }; }";

/// A lab of the longest name.
const LONGEST: &str = "llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll";

pub fn fixture() -> Fixture {
    tool::run("ip link set lo up");
    tool::run_with("nft -f -", DOCKER);
    let backend: Arc<dyn Backend> = Arc::new(Nft::default());
    Fixture {
        set: BackendSet::new(vec![Arc::new(Kernel::new(DEADLINE)), Arc::new(LinuxBridge::default()), backend.clone()]),
        backend,
        specimens: specimens(),
        theirs: Box::new(theirs),
        is_strict: false,
        world: world(),
        failing: failing(),
        hundred: hundred(),
        switch: linux::switch,
        port: linux::port,
        ovs: None,
    }
}

fn ruleset(edit: impl FnOnce(&mut Ruleset)) -> Entry {
    let mut ruleset = Ruleset::default();
    edit(&mut ruleset);
    Entry::unmarked(Resource::Ruleset(ruleset))
}

fn nat(switch: &str, out: &str) -> Entry {
    ours(Resource::Nat(Nat { switch: switch.parse().unwrap(), out: name(out) }))
}

fn published(port: u16, netns: &str, to_port: u16, targets: &[&str]) -> Entry {
    let targets = targets.iter().map(|target| target.parse().unwrap()).collect();
    let netns = netns.parse().unwrap();
    let (protocol, address) =
        if port == 53 { (Protocol::Udp, "192.0.2.1".parse().ok()) } else { (Protocol::Tcp, None) };
    ours(Resource::Published(Published { protocol, address, port, netns, to_port, targets }))
}

/// The same of a lab.
fn of_lab(lab: &str, entry: Entry) -> Entry {
    Entry::owned(entry.resource, &lab.parse().unwrap())
}

fn docker_user() -> Chain {
    Chain { family: "ip".into(), table: "filter".into(), name: "DOCKER-USER".into() }
}

fn rulesets() -> Vec<Entry> {
    let networks = |ruleset: &mut Ruleset| {
        ruleset.set_networks(name("br1"), ["10.0.0.254/24", "fd00::fe/64"].map(|net| net.parse().unwrap()));
        ruleset.set_networks(name("veth-x"), ["10.9.9.9/32".parse().unwrap()]);
    };
    let raised = Setting::ALL.map(|setting| Raised { setting, device: name("br1") });
    vec![
        ruleset(|_| {}),
        ruleset(networks),
        ruleset(|ruleset| ruleset.passes.extend([docker_user()])),
        ruleset(|ruleset| {
            ruleset.set_networks(name("br1"), ["10.0.0.254/16".parse().unwrap()]);
            ruleset.ingress.extend([name("eth0"), name("eth*")]);
            ruleset.raised.extend(raised);
            ruleset.passes.extend([docker_user()]);
        }),
    ]
}

pub fn specimens() -> Vec<Specimen> {
    let below = || vec![linux::switch("br1"), ruleset(|_| {})];
    vec![
        Specimen { below: Vec::new(), variants: rulesets() },
        Specimen {
            below: below(),
            variants: vec![
                nat("br1", "eth0"),
                of_lab("campus", nat("br1", "eth0")),
                of_lab(LONGEST, nat("br1", "eth0")),
            ],
        },
        Specimen {
            below: below(),
            variants: vec![
                published(8080, "ns1", 80, &["10.0.0.1"]),
                published(8080, "ns1", 8080, &["10.0.0.1", "fd00::1"]),
                published(8080, "n\"s%2", 80, &["fd00::1"]),
                published(8080, "pid:12", 80, &["10.0.0.2"]),
                of_lab("campus", published(8080, "pid:12", 80, &["10.0.0.2"])),
                of_lab("lab-2.x_", published(8080, "n\"s%2", 8080, &["10.0.0.1", "fd00::1"])),
                // as long as a comment can be
                of_lab(LONGEST, published(8080, &"n".repeat(62), 80, &["10.0.0.1"])),
            ],
        },
        Specimen { below: below(), variants: vec![published(53, "ns1", 53, &["10.0.0.1"])] },
    ]
}

fn failing() -> Vec<Failing> {
    let nowhere = Chain { name: "nosuch".into(), ..docker_user() };
    let overlapping = ["10.0.0.0/8", "10.0.0.0/24"].map(|net| net.parse().unwrap());
    let wanted =
        |edit: &dyn Fn(&mut Ruleset)| vec![ruleset(edit), nat("br1", "eth0"), published(80, "ns1", 80, &["10.0.0.1"])];
    vec![
        Failing { below: Vec::new(), wanted: wanted(&|ruleset| ruleset.passes.extend([nowhere.clone()])) },
        Failing {
            below: Vec::new(),
            wanted: wanted(&|ruleset| drop(ruleset.networks.insert(name("br1"), BTreeSet::from(overlapping)))),
        },
    ]
}

fn hundred() -> (Vec<Entry>, Vec<Entry>) {
    let ports = (8000..8100).map(|port| published(port, "ns1", 80, &["10.0.0.1", "fd00::1"]));
    (vec![ruleset(|_| {})], ports.collect())
}

fn world() -> Vec<Entry> {
    vec![
        linux::switch("sw1"),
        ruleset(|ruleset| ruleset.set_networks(name("sw1"), ["10.0.0.254/24".parse().unwrap()])),
        nat("sw1", "eth0"),
        of_lab("campus", nat("sw1", "eth1")),
        of_lab("campus", published(8081, "ns1", 80, &["10.0.0.1"])),
        published(8080, "ns1", 80, &["10.0.0.1"]),
        published(53, "ns1", 53, &["10.0.0.1"]),
    ]
}

/// The longest comment is a specimen; one byte more is refused, with what to do.
pub fn what_does_not_fit_is_refused() {
    let backend = Nft::default();
    let entry = |lab: &str, length: usize| of_lab(lab, published(8080, &"n".repeat(length), 80, &["10.0.0.1"]));
    for fits in [entry(LONGEST, 62), entry("-", 128)] {
        backend.check(&fits).unwrap();
    }
    let error = backend.check(&entry(LONGEST, 63)).unwrap_err();
    assert!(error.reason.contains("the names of the namespace and the lab in a comment of at most 128 bytes"));
    assert_eq!(error.hint.as_deref(), Some("use a namespace, or a lab, with a shorter name"));
    let error = backend.check(&entry("-", 129)).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("use a namespace with a shorter name"));
}

/// From each variant to the next one, another owner among them, by the commands that `--explain` prints.
pub async fn what_is_explained_can_be_pasted() {
    let fixture = fixture();
    for specimen in &fixture.specimens {
        let law = async || {
            for pair in specimen.variants.windows(2) {
                paste(Step::Create(pair[0].clone()));
                let before = fixture.is_in_effect(&pair[0]).await;
                paste(Step::Modify { before, after: pair[1].clone() });
                let after = fixture.is_in_effect(&pair[1]).await;
                paste(Step::Delete(after));
                assert_eq!(fixture.observe(&pair[1]).await, None);
            }
        };
        fixture.upon(&specimen.below, law).await;
    }
}

fn paste(step: Step) {
    let steps = commands(&Plan { steps: vec![step] }, None);
    let lines: Vec<String> = steps.into_iter().flat_map(|(_, lines)| lines).collect();
    tool::run_with("sh -eu", &lines.join("\n"));
}

/// What `nft list` prints of a set or a map, element by element; `None` where there is none.
fn elements(kind: &str, name: &str) -> Option<Vec<String>> {
    let output = tool::output(&format!("nft list {kind} inet ovsns {name}"));
    let text = output.status.success().then(|| String::from_utf8(output.stdout).unwrap())?;
    let Some((_, elements)) = text.split_once("elements = {") else { return Some(Vec::new()) };
    let (elements, _) = elements.rsplit_once("}\n\t}").unwrap();
    Some(elements.split(',').map(|element| element.trim().to_owned()).collect())
}

fn theirs(like: &Entry) -> Option<Entry> {
    match &like.resource {
        Resource::Ruleset(_) => their_ruleset(),
        Resource::Nat(nat) => {
            let key = format!("\"{}\" . \"{}\"", nat.switch, nat.out);
            let shown = elements("set", "nat")?.into_iter().find(|element| element.starts_with(&key))?;
            let lab = shown.strip_prefix(&format!("{key} comment ")).map_or("-", |comment| comment.trim_matches('"'));
            Some(of_lab(lab, like.clone()))
        }
        Resource::Published(published) => their_published(published),
        _ => linux::theirs(like),
    }
}

/// The rules of all chains are counted by `nft list`; what was flushed comes back, and what stood in the sets is still there.
pub async fn rules_that_were_flushed_come_back() {
    let fixture = fixture();
    let law = async || {
        let rules = || tool::run("nft -a list table inet ovsns").matches(" # handle ").count();
        let (before, complete) = (rules(), fixture.see(&ruleset(|_| {})).await);
        for gone in ["flush table inet ovsns", "flush chain inet ovsns passing", "delete chain inet ovsns guard"] {
            tool::run(&format!("nft {}", gone.replace("delete", "flush")));
            tool::run(&format!("nft {gone}"));
            let seen = fixture.observe(&complete).await.unwrap();
            assert!(matches!(&seen.resource, Resource::Ruleset(ruleset) if ruleset.incomplete), "{gone}: {seen:?}");
            let restored = Step::Modify { before: seen.clone(), after: complete.clone() };
            assert_eq!(restored.to_string(), "~ ruleset inet ovsns: its rules back");
            if gone.starts_with("flush chain") {
                paste(restored)
            } else {
                fixture.step(restored).await
            }
            assert_eq!((rules(), fixture.see(&complete).await), (before, complete.clone()));
        }
    };
    fixture.upon(&world(), law).await;
}

fn their_ruleset() -> Option<Entry> {
    let mut ruleset = Ruleset::default();
    let bare = |text: &str| name(text.trim_matches('"'));
    for set in ["networks4", "networks6"] {
        for element in elements("set", set)? {
            let (device, net) = element.split_once(" . ").unwrap();
            let net = if net.contains('/') { net.to_owned() } else { format!("{net}/32") };
            ruleset.networks.entry(bare(device)).or_default().insert(net.parse().unwrap());
        }
    }
    ruleset.ingress.extend(elements("set", "ingress")?.iter().map(|device| bare(device)));
    let sets = ["forwarding4", "route_localnet", "force_forwarding6", "forwarding6", "accept_ra6"];
    for (set, setting) in sets.into_iter().zip(Setting::ALL) {
        let raised = |device: &String| Raised { setting, device: bare(device) };
        ruleset.raised.extend(elements("set", set)?.iter().map(raised));
    }
    let marked = tool::run("nft list chain ip filter DOCKER-USER");
    match marked.matches("comment \"ovsns\"").count() {
        0 => {}
        1 => drop(ruleset.passes.insert(docker_user())),
        several => panic!("{several} marked rules: {marked}"),
    }
    Some(Entry::unmarked(Resource::Ruleset(ruleset)))
}

/// `tcp . 8080 comment "ns1" : 10.0.0.1 . 80`
fn their_published(like: &Published) -> Option<Entry> {
    let at = if like.address.is_some() { "_at" } else { "" };
    let address = like.address.map(|address| format!("{address} . ")).unwrap_or_default();
    let key = format!("{} . {address}{} comment ", like.protocol, like.port);
    let (mut seen, mut owner): (Option<Published>, String) = (None, String::new());
    for version in ["4", "6"] {
        for element in elements("map", &format!("published{at}{version}"))? {
            let Some((comment, value)) = element.strip_prefix(&key).and_then(|rest| rest.split_once(" : ")) else {
                continue;
            };
            let (target, to_port) = value.split_once(" . ").unwrap();
            let comment = comment.trim_matches('"');
            let (netns, lab) = comment.split_once("%@").unwrap_or((comment, "-"));
            owner = lab.to_owned();
            let netns = netns.replace("%22", "\"").replace("%25", "%").parse().unwrap();
            let to_port = to_port.parse().unwrap();
            let one = seen.get_or_insert(Published { netns, to_port, targets: BTreeSet::new(), ..like.clone() });
            one.targets.insert(target.parse().unwrap());
        }
    }
    seen.map(|published| of_lab(&owner, Entry::unmarked(Resource::Published(published))))
}
