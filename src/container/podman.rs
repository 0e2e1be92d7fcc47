//! Podman, as root runs it: the files of its storage, or its socket.
//!
//! There is no daemon. What there is, is written in `GRAPHROOT/DRIVER-containers/containers.json` (and, for those of `podman run
//! --rm`, in `RUNROOT/DRIVER-containers/volatile-containers.json`); what runs, in `RUNROOT/DRIVER-containers/ID/userdata/pidfile`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Container, Engine, Error, Tried, api, files, pick};

/// Where `podman system service` listens. Where systemd does so in its place, asking starts it: files are read first.
const SOCKET: &str = "/run/podman/podman.sock";
const VARIABLE: &str = "CONTAINER_HOST";

/// The files of containers-storage.conf(5); the first that is there holds.
const CONFIGURATIONS: [&str; 2] = ["/etc/containers/storage.conf", "/usr/share/containers/storage.conf"];
const CONFIGURATION_VARIABLE: &str = "CONTAINERS_STORAGE_CONF";
const GRAPHROOT: &str = "/var/lib/containers/storage";
const RUNROOT: &str = "/run/containers/storage";

pub fn find(name: &str) -> Result<Option<Container>, Error> {
    match of_files()? {
        Ok(containers) => pick(containers, name),
        Err(tried) => by_socket(tried, |api| api.find(name)),
    }
}

pub fn running() -> Result<Vec<Container>, Error> {
    match of_files()? {
        Ok(containers) => Ok(containers),
        Err(tried) => by_socket(tried, api::Api::running),
    }
}

/// The containers that the files tell of; `Err` where there are none, or the socket is to be asked.
fn of_files() -> Result<Result<Vec<Container>, Vec<Tried>>, Error> {
    if std::env::var(VARIABLE).is_ok_and(|address| !address.is_empty()) {
        return Ok(Err(Vec::new()));
    }
    let roots = Roots::find()?;
    let why = std::io::ErrorKind::NotFound.into();
    Ok(roots.containers()?.ok_or_else(|| vec![Tried { path: roots.graph, why }]))
}

fn by_socket<T>(mut tried: Vec<Tried>, question: impl Fn(&api::Api) -> Result<T, api::ApiError>) -> Result<T, Error> {
    let sockets = api::sockets(Engine::Podman, VARIABLE, &[SOCKET])?;
    api::first_answer(Engine::Podman, &sockets, question)?.map_err(|silent| {
        tried.extend(silent);
        Error::Absent { engine: Engine::Podman, tried }
    })
}

/// The two directories of the storage.
#[derive(Debug, PartialEq, Eq)]
struct Roots {
    /// What outlives the boot.
    graph: PathBuf,
    /// What does not.
    run: PathBuf,
}

/// The part of a container's record that is of use.
#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    /// RFC 3339, in UTC: in the order of time when sorted as text.
    #[serde(default)]
    created: String,
}

impl Roots {
    fn find() -> Result<Roots, Error> {
        let named = std::env::var_os(CONFIGURATION_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let candidates = match named {
            Some(path) => vec![path],
            None => CONFIGURATIONS.iter().map(PathBuf::from).collect(),
        };
        for path in candidates {
            if let Some(text) = files::text(&path)? {
                return Ok(Roots::of(&text));
            }
        }
        Ok(Roots::of(""))
    }

    /// What a storage.conf says: of its TOML, two strings of the table `storage`.
    fn of(text: &str) -> Roots {
        let mut roots = Roots { graph: GRAPHROOT.into(), run: RUNROOT.into() };
        let mut table = "";
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[') {
                table = name.split(']').next().unwrap_or_default().trim();
            }
            let value = |key: &str| quoted(line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start());
            if table == "storage" {
                roots.graph = value("graphroot").unwrap_or(roots.graph);
                roots.run = value("runroot").unwrap_or(roots.run);
            }
        }
        roots
    }

    /// The containers of every storage driver, the oldest first; `None` where there is no storage.
    fn containers(&self) -> Result<Option<Vec<Container>>, Error> {
        let Some(names) = files::names(&self.graph)? else { return Ok(None) };
        let mut found = Vec::new();
        for directory in names.iter().filter(|name| name.ends_with("-containers")) {
            let lasting = self.graph.join(directory).join("containers.json");
            let volatile = self.run.join(directory).join("volatile-containers.json");
            for file in [lasting, volatile] {
                let records: Vec<Record> = files::json(&file)?.unwrap_or_default();
                found.extend(records.into_iter().map(|record| (directory.clone(), record)));
            }
        }
        found.sort_by(|(_, one), (_, other)| one.created.cmp(&other.created));
        found
            .into_iter()
            .map(|(directory, record)| self.container(&directory, record))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn container(&self, directory: &str, record: Record) -> Result<Container, Error> {
        let Record { id, names, .. } = record;
        let pidfile = self.run.join(directory).join(&id).join("userdata/pidfile");
        let written = files::text(&pidfile)?.and_then(|pid| pid.trim().parse::<u32>().ok());
        let pid = written.filter(|pid| files::runs(*pid, &id));
        // Whether it is paused, only its database says.
        let state = match (pid, written) {
            (Some(_), _) => "running",
            (None, Some(_)) => "exited",
            (None, None) => "created",
        };
        let name = names.into_iter().next().unwrap_or_else(|| id.clone());
        Ok(Container { engine: Engine::Podman, id, name, state: state.to_owned(), pid })
    }
}

/// The string that `text` begins with, in either of TOML's quotes.
fn quoted(text: &str) -> Option<PathBuf> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let path = text[1..].split(quote).next().filter(|path| !path.is_empty())?;
    Some(Path::new(path).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_conf_names_the_roots() {
        let usual = Roots { graph: GRAPHROOT.into(), run: RUNROOT.into() };
        assert_eq!(Roots::of(""), usual);
        assert_eq!(Roots::of("# graphroot = \"/x\"\n[storage.options]\nrunroot = \"/y\"\n"), usual);
        let text =
            "[storage]\ndriver = \"overlay\"\n  runroot='/a b' # where\ngraphroot = \"/c\"\n[other]\ngraphroot=\"/d\"";
        assert_eq!(Roots::of(text), Roots { graph: "/c".into(), run: "/a b".into() });
    }
}
