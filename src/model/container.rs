//! Containers of others, as far as they are a way to say which network namespace is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ContainerName, NameError};

/// What runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

impl Engine {
    /// All of them.
    pub const ALL: [Engine; 2] = [Engine::Docker, Engine::Podman];

    /// The word before the colon, which is also the name of the engine's command.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
        }
    }

    /// The name that people call it by.
    pub fn title(self) -> &'static str {
        match self {
            Engine::Docker => "Docker",
            Engine::Podman => "Podman",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A container by its engine and its name, or the start of its id. Written `docker:web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Container {
    /// What runs it.
    pub engine: Engine,
    /// The name that the engine knows it by.
    pub name: ContainerName,
}

impl Container {
    /// The container that `text` writes, if it begins with the name of an engine and a colon.
    pub(super) fn parse(text: &str) -> Option<Result<Container, NameError>> {
        let of = |engine: Engine| Some((engine, text.strip_prefix(engine.as_str())?.strip_prefix(':')?));
        let (engine, name) = Engine::ALL.into_iter().find_map(of)?;
        Some(ContainerName::from_str(name).map(|name| Container { engine, name }))
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.engine, self.name)
    }
}
