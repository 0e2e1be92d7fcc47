//! Docker: its socket, and where that does not answer, the files of its daemon.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{Container, Engine, Error, Tried, api, files, pick};

/// Where dockerd(8) listens. `/var/run` is the older name of `/run`, where it is a directory of its own.
const SOCKETS: [&str; 2] = ["/run/docker.sock", "/var/run/docker.sock"];
const VARIABLE: &str = "DOCKER_HOST";
const CONFIGURATION: &str = "/etc/docker/daemon.json";
const DATA_ROOT: &str = "/var/lib/docker";

pub fn find(name: &str) -> Result<Option<Container>, Error> {
    let sockets = api::sockets(Engine::Docker, VARIABLE, &SOCKETS)?;
    match api::first_answer(Engine::Docker, &sockets, |api| api.find(name))? {
        Ok(found) => Ok(found),
        Err(silent) => pick(of_files(silent)?, name),
    }
}

pub fn running() -> Result<Vec<Container>, Error> {
    let sockets = api::sockets(Engine::Docker, VARIABLE, &SOCKETS)?;
    match api::first_answer(Engine::Docker, &sockets, api::Api::running)? {
        Ok(running) => Ok(running),
        Err(silent) => of_files(silent),
    }
}

/// The part of `config.v2.json` that is of use.
#[derive(Deserialize)]
struct Config {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Name")]
    name: String,
    /// RFC 3339, in UTC: in the order of time when sorted as text.
    #[serde(rename = "Created")]
    created: String,
    #[serde(rename = "State")]
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct State {
    running: bool,
    paused: bool,
    restarting: bool,
    dead: bool,
    pid: u32,
    started_at: String,
}

impl State {
    /// As `StateString` of moby's container/state.go has it.
    fn word(&self, runs: bool) -> &'static str {
        match self {
            State { paused: true, .. } if runs => "paused",
            State { restarting: true, .. } if runs => "restarting",
            _ if runs => "running",
            State { dead: true, .. } => "dead",
            // Go's zero time: it never was.
            State { started_at, .. } if started_at.is_empty() || started_at.starts_with("0001-") => "created",
            _ => "exited",
        }
    }
}

impl From<Config> for Container {
    fn from(config: Config) -> Container {
        let Config { id, name, state, .. } = config;
        let runs = state.running && files::runs(state.pid, &id);
        let pid = runs.then_some(state.pid);
        let name = name.trim_start_matches('/').to_owned();
        Container { engine: Engine::Docker, id, name, state: state.word(runs).to_owned(), pid }
    }
}

/// The containers that the daemon's files tell of, the oldest first. Where there are none either, it is not there.
fn of_files(mut silent: Vec<Tried>) -> Result<Vec<Container>, Error> {
    let root = data_root()?.join("containers");
    match configs(&root)? {
        Some(configs) => Ok(configs.into_iter().map(Container::from).collect()),
        None => {
            let why = std::io::ErrorKind::NotFound.into();
            silent.push(Tried { path: root, why });
            Err(Error::Absent { engine: Engine::Docker, tried: silent })
        }
    }
}

fn configs(root: &Path) -> Result<Option<Vec<Config>>, Error> {
    let Some(ids) = files::names(root)? else { return Ok(None) };
    let read = |id: &String| files::json::<Config>(&root.join(id).join("config.v2.json")).transpose();
    let mut configs: Vec<Config> = ids.iter().filter_map(read).collect::<Result<_, _>>()?;
    configs.sort_by(|one, other| one.created.cmp(&other.created));
    Ok(Some(configs))
}

fn data_root() -> Result<PathBuf, Error> {
    let configuration: Option<Value> = files::json(Path::new(CONFIGURATION))?;
    let named = configuration.as_ref().and_then(|configuration| configuration["data-root"].as_str());
    Ok(named.unwrap_or(DATA_ROOT).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_dockers_word() {
        let state = |text: &str| serde_json::from_str::<State>(text).unwrap();
        let started = r#"{"Running": true, "Pid": 7, "StartedAt": "2026-11-22T03:32:05Z", "Health": null}"#;
        assert_eq!((state(started).word(true), state(started).word(false)), ("running", "exited"));
        assert_eq!(state(r#"{"Running": true, "Paused": true, "Pid": 7}"#).word(true), "paused");
        assert_eq!(state(r#"{"Running": false, "StartedAt": "0001-01-01T00:00:00Z"}"#).word(false), "created");
        assert_eq!(state(r#"{"Dead": true}"#).word(false), "dead");
    }
}
