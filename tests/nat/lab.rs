//! Labs, as their verbs apply them: two states, what translation takes besides, a plan, and its end looked at.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ovsns::backend::kernel::Kernel;
use ovsns::backend::linux_bridge::LinuxBridge;
use ovsns::backend::nat::Nft;
use ovsns::backend::{BackendSet, Scope};
use ovsns::cli::translation_of_lab;
use ovsns::engine::Engine;
use ovsns::model::{
    Address, BackendName, Device, End, Entry, Key, Kind, Link, Nat, Netns, Owner, Place, Port, Protocol, Published,
    Resource, State, Switch, Vlan,
};
use ovsns::plan::Plan;

const DEADLINE: Duration = Duration::from_secs(10);

/// A lab of a switch, and of namespaces on it.
pub struct Lab {
    owner: Owner,
    entries: State,
    /// What it ever was about.
    keys: BTreeSet<Key>,
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

impl Lab {
    pub fn new(name: &str) -> Lab {
        Lab { owner: parsed(name), entries: State::default(), keys: BTreeSet::new() }
    }

    pub fn wants(&mut self, resource: Resource) {
        let marked = matches!(
            resource.kind(),
            Kind::Netns | Kind::Switch | Kind::Link | Kind::Port | Kind::Nat | Kind::Published
        );
        let entry = if marked { Entry::owned(resource, &self.owner) } else { Entry::unmarked(resource) };
        self.keys.insert(entry.key());
        self.entries.insert(entry);
    }

    /// Wants what `other` wants.
    pub fn becomes(&mut self, other: Lab) {
        self.entries = other.entries;
        self.keys.extend(other.keys);
    }

    pub fn wants_no_more(&mut self, kind: Kind) {
        let keys: Vec<Key> = self.entries.keys().filter(|key| key.kind() == kind).cloned().collect();
        keys.iter().for_each(|key| drop(self.entries.remove(key)));
    }

    pub fn switch(&mut self, name: &str, addresses: &[&str]) {
        self.wants(Resource::Switch(Switch::new(parsed(name), BackendName::Linux)));
        self.wants(Resource::Device(Device::new(Place::Host, parsed(name), true)));
        self.addresses("host", name, addresses);
    }

    pub fn addresses(&mut self, place: &str, device: &str, addresses: &[&str]) {
        for address in addresses {
            self.wants(Resource::Address(Address::new(parsed(place), parsed(device), parsed(address), true)));
        }
    }

    /// A namespace, if it is to be the lab's, and its port.
    pub fn guest(&mut self, switch: &str, netns: &str, addresses: &[&str]) {
        self.wants(Resource::Netns(Netns::new(parsed(netns))));
        self.port(switch, netns, addresses);
    }

    pub fn port(&mut self, switch: &str, netns: &str, addresses: &[&str]) {
        let (outside, inside) = (parsed(&format!("v-{netns}")), parsed("lab0"));
        let link = Link::new(End::new(Place::Host, outside), End::new(parsed(netns), inside));
        let port = Port {
            switch: parsed(switch),
            device: link.a.name.clone(),
            backend: BackendName::Linux,
            vlan: Vlan::default(),
            iface_id: None,
            netns: None,
            lent: None,
            patch: None,
        };
        self.wants(Resource::Link(link));
        self.wants(Resource::Port(port));
        self.addresses(netns, "lab0", addresses);
    }

    pub fn nat(&mut self, switch: &str, out: &str) {
        self.wants(Resource::Nat(Nat { switch: parsed(switch), out: parsed(out) }));
    }

    pub fn publish(&mut self, port: u16, netns: &str, targets: &[&str]) {
        self.wants(Resource::Published(Published {
            protocol: Protocol::Tcp,
            address: None,
            port,
            netns: parsed(netns),
            to_port: 80,
            targets: targets.iter().map(|target| parsed(target)).collect(),
        }));
    }

    /// The plan to what it wants now; applied, if `apply`, after which nothing is left to do.
    pub fn plan(&mut self, apply: bool) -> Result<String, String> {
        // A runtime of its own: the test's is busy with the test.
        std::thread::scope(|scope| {
            let run = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(self.apply_in(apply))
            };
            scope.spawn(run).join().unwrap()
        })
    }

    pub fn apply(&mut self) -> String {
        self.plan(true).unwrap()
    }

    pub fn destroy(&mut self) -> String {
        self.entries = State::default();
        self.apply()
    }

    async fn apply_in(&mut self, apply: bool) -> Result<String, String> {
        let backends = BackendSet::new(vec![
            Arc::new(Kernel::new(DEADLINE)),
            Arc::<LinuxBridge>::default(),
            Arc::<Nft>::default(),
        ]);
        let engine = Engine::new(backends);
        let plan = self.plan_in(&engine).await?;
        if apply {
            engine.apply(&plan).await.map_err(|error| format!("{error:?}"))?;
            let again = self.plan_in(&engine).await?;
            assert_eq!(again.to_string(), "", "nothing is left to do");
        }
        Ok(plan.to_string())
    }

    async fn plan_in(&self, engine: &Engine) -> Result<Plan, String> {
        let observed = self.observe(engine).await;
        let (observed, desired) = translation_of_lab(&["--backend", "linux"], &self.owner, &observed, &self.entries)
            .await?
            .unwrap_or_else(|| (observed, self.entries.clone()));
        Ok(Plan::between(&observed, &desired))
    }

    /// What bears the mark, and what is on it.
    async fn observe(&self, engine: &Engine) -> State {
        let keys: Vec<Key> = self.keys.iter().cloned().collect();
        let named = engine.observe(&Scope::Keys(keys)).await.unwrap();
        let marked = engine.observe(&Scope::Owner(self.owner.clone())).await.unwrap();
        let ours = named.entries().filter(|entry| entry.owner.as_ref().is_none_or(|owner| *owner == self.owner));
        ours.chain(marked.entries()).cloned().collect()
    }
}
