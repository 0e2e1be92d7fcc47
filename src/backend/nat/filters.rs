//! Chains of others on the way of forwarded packets. What one base chain accepts, the next one may still drop.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Chain, IfName};
use crate::nft::{self, NftError};

use super::{BackendError, failed, read};

/// The names of the tables that iptables-legacy(8) has in this namespace.
const LEGACY_TABLES: &str = "/proc/net/ip_tables_names";
/// Whether frames on Linux bridges pass the chains of routed packets too.
const BRIDGED: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/// What others do to forwarded packets.
#[derive(Debug, Default)]
pub struct Filters {
    /// Chains in which a rule of ours lets our packets pass.
    pub passable: BTreeSet<Chain>,
    /// Chains that drop what we forward, and that are not ours to change.
    pub obstacles: Vec<Obstacle>,
    /// There are rules of iptables-legacy, which nftables does not show.
    pub legacy: bool,
    /// Frames on Linux bridges pass all of these too (br_netfilter).
    pub bridged: bool,
}

/// A chain that drops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The chain.
    pub chain: Chain,
    /// Who is to be told to let packets through.
    pub remedy: Remedy,
}

/// The program that a chain belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// firewall-cmd(1).
    Firewalld,
    /// ufw(8).
    Ufw,
    /// iptables(8), or ip6tables(8).
    Iptables,
    /// nft(8) itself.
    Nft,
}

/// Looks for chains of others that forwarded packets pass. One whose table names `device` was told about it.
pub fn filters(device: &IfName) -> Result<Filters, BackendError> {
    look(device).map_err(|error| failed("cannot list the chains of nftables", error))
}

fn look(device: &IfName) -> Result<Filters, NftError> {
    let passable: BTreeSet<Chain> = read::passable()?.into_iter().collect();
    let mut tables: BTreeMap<(String, String), Vec<nft::Chain>> = BTreeMap::new();
    for chain in nft::chains()? {
        tables.entry((chain.family.clone(), chain.table.clone())).or_default().push(chain);
    }
    let mut obstacles = Vec::new();
    for ((family, table), chains) in &tables {
        let ours = [family.as_str(), table.as_str()] == read::TABLE;
        let routed = matches!(family.as_str(), "ip" | "ip6" | "inet") && chains.iter().any(is_forward);
        let open = passable.iter().any(|chain| chain.family == *family && chain.table == *table);
        if routed && !ours && !open {
            obstacles.extend(obstacle(family, table, chains, device)?);
        }
    }
    let (legacy, bridged) = (holds(LEGACY_TABLES, "filter"), holds(BRIDGED, "1"));
    Ok(Filters { passable, obstacles, legacy, bridged })
}

fn is_forward(chain: &nft::Chain) -> bool {
    chain.base.as_ref().is_some_and(|base| base.hook == "forward")
}

/// The chain at the hook of forwarded packets that refuses what none of its rules has accepted.
fn obstacle(family: &str, table: &str, chains: &[nft::Chain], device: &IfName) -> Result<Option<Obstacle>, NftError> {
    let rules = nft::rules(family, table)?;
    if rules.iter().any(|rule| rule.names(device.as_str())) {
        return Ok(None);
    }
    let refuses = |chain: &&nft::Chain| {
        let last = rules.iter().rfind(|rule| rule.chain == chain.name);
        chain.base.as_ref().is_some_and(|base| base.policy == "drop") || last.is_some_and(nft::Rule::refuses_all)
    };
    let chain = chains.iter().filter(|chain| is_forward(chain)).find(refuses);
    Ok(chain.map(|chain| {
        let (family, table, name) = (chain.family.clone(), chain.table.clone(), chain.name.clone());
        let chain = Chain { family, table, name };
        Obstacle { remedy: remedy(&chain, chains), chain }
    }))
}

fn remedy(chain: &Chain, chains: &[nft::Chain]) -> Remedy {
    let has = |name: &str| chains.iter().any(|chain| chain.name == name);
    match (chain.table.as_str(), chain.family.as_str()) {
        ("firewalld", _) => Remedy::Firewalld,
        ("filter", "ip" | "ip6") if has("ufw-user-forward") || has("ufw6-user-forward") => Remedy::Ufw,
        ("filter", "ip" | "ip6") if chain.name == "FORWARD" => Remedy::Iptables,
        _ => Remedy::Nft,
    }
}

fn holds(file: &str, line: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.lines().any(|there| there.trim() == line))
}
