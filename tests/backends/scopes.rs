//! What `observe` shows of a small world.

use std::collections::BTreeSet;

use ovsns::backend::Scope;
use ovsns::model::{BackendName, Entry, IfName, Key, Kind, Owner, Place, Resource};

use super::fixture::Fixture;

pub async fn each_scope_shows_what_it_says(fixture: &Fixture) {
    let world = fixture.world.clone();
    fixture
        .upon(&world, async || {
            let ours: Vec<&Entry> = world.iter().filter(|entry| fixture.backend.claims(&entry.resource)).collect();
            for scope in scopes(&world) {
                let found = fixture.backend.observe(&scope).await.unwrap();
                let keys: BTreeSet<Key> = found.iter().map(Entry::key).collect();
                assert_eq!(keys.len(), found.len(), "each once: {found:?}");
                for entry in &ours {
                    assert_eq!(
                        keys.contains(&entry.key()),
                        within(&scope, entry, &world),
                        "{} in {scope:?}",
                        entry.key()
                    );
                }
                // the same of a thing, whatever it was asked by
                for entry in &found {
                    assert_eq!(fixture.observe(entry).await.as_ref(), Some(entry), "by {scope:?}, and by its key");
                }
            }
        })
        .await;
}

fn scopes(world: &[Entry]) -> Vec<Scope> {
    let kinds = [Kind::Netns, Kind::Switch, Kind::Link, Kind::Port, Kind::Address, Kind::Route, Kind::Mirror];
    let keys: Vec<Key> = world.iter().step_by(2).map(Entry::key).collect();
    let nothing = ["nosuch", "veth-nosuch"].map(|name| Key::Port { device: name.parse().unwrap() });
    let mut scopes = vec![Scope::All, Scope::Keys(keys), Scope::Keys(nothing.to_vec()), Scope::Keys(Vec::new())];
    scopes.extend(kinds.map(Scope::Kind));
    scopes.extend([Kind::Ruleset, Kind::Nat, Kind::Published].map(Scope::Kind));
    scopes.push(Scope::Ruleset);
    scopes.extend(["-", "lab-1", "campus", "nobody"].map(|owner| Scope::Owner(owner.parse().unwrap())));
    scopes.extend(["n1", "n2", "nosuch", "host"].map(|place| Scope::Place(place.parse().unwrap())));
    for place in ["n1", "n2", "nosuch", "host"] {
        scopes
            .extend([Kind::Address, Kind::Route, Kind::Netns].map(|kind| Scope::Within(place.parse().unwrap(), kind)));
    }
    scopes.extend(["sw1", "sw2", "nosuch"].map(|switch| Scope::Switch(switch.parse().unwrap())));
    scopes
}

/// The words of `Scope`'s own doc.
fn within(scope: &Scope, entry: &Entry, world: &[Entry]) -> bool {
    match scope {
        Scope::All => true,
        Scope::Keys(keys) => keys.contains(&entry.key()),
        Scope::Kind(kind) => entry.resource.kind() == *kind,
        Scope::Ruleset => matches!(entry.resource.kind(), Kind::Ruleset | Kind::Nat | Kind::Published),
        Scope::Owner(owner) => is_owned(owner, entry, world),
        Scope::Place(place) => is_in(place, &entry.resource),
        Scope::Within(place, kind) => {
            entry.resource.kind() == *kind && *kind != Kind::Netns && is_in(place, &entry.resource)
        }
        Scope::Switch(name) => match &entry.resource {
            Resource::Switch(switch) => switch.name == *name,
            Resource::Port(port) => port.switch == *name,
            Resource::Mirror(mirror) => mirror.switch == *name,
            _ => false,
        },
    }
}

/// Whether it bears the mark, or is in or on what does. Of the world's devices each bears its own mark or none.
fn is_owned(owner: &Owner, entry: &Entry, world: &[Entry]) -> bool {
    let marked = || world.iter().filter(|entry| entry.owner.as_ref() == Some(owner)).map(|entry| &entry.resource);
    let on = |place: &Place, device: Option<&IfName>| {
        marked().any(|resource| match resource {
            Resource::Netns(netns) => place.name() == Some(&netns.name),
            Resource::Link(link) => {
                [&link.a, &link.b].iter().any(|end| end.place == *place && Some(&end.name) == device)
            }
            Resource::Switch(switch) => *place == Place::Host && Some(&switch.name.device()) == device,
            _ => false,
        })
    };
    match &entry.resource {
        Resource::Address(address) => on(&address.place, Some(&address.device)),
        Resource::Route(route) => on(&route.place, route.device.as_ref()),
        Resource::Impairment(impairment) => on(&impairment.place, Some(&impairment.device)),
        Resource::Port(port) if port.backend == BackendName::Linux => on(&Place::Host, Some(&port.device)),
        _ => entry.owner.as_ref() == Some(owner),
    }
}

fn is_in(place: &Place, resource: &Resource) -> bool {
    match resource {
        Resource::Netns(netns) => place.name() == Some(&netns.name),
        Resource::Link(link) => link.a.place == *place || link.b.place == *place,
        Resource::Address(address) => address.place == *place,
        Resource::Route(route) => route.place == *place,
        _ => false,
    }
}
