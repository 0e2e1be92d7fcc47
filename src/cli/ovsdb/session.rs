use std::env;

use super::{Command, Failure, Session};
use crate::ovsdb::client::Client;
use crate::ovsdb::endpoint::Endpoints;
use crate::ovsdb::table;

impl Command<'_> {
    /// Connects to the server that the first argument names, or to the default one, and chooses the database: the given one,
    /// the one that the next argument names, or a default. Gives the arguments that are left, of which the command wants
    /// at least `least`.
    pub(super) async fn open<'a>(
        &self,
        least: usize,
        needs_database: bool,
        arguments: &'a [String],
        database: Option<&str>,
    ) -> Result<(Session, &'a [String]), Failure> {
        let is_remote = |text: &String| text.contains(':') && text.starts_with(|c: char| c.is_ascii_alphabetic());
        let given = arguments.first().filter(|text| arguments.len() > least && is_remote(text));
        let rest = &arguments[usize::from(given.is_some())..];
        let remote = given.map_or_else(default_remote, Clone::clone);
        let (server, client) = self.connect(&remote).await?;
        let mut session = Session { client, server, database: database.unwrap_or_default().to_owned() };
        if !needs_database || database.is_some() {
            return Ok((session, rest));
        }
        let databases = databases(&session).await?;
        let named = rest.first().filter(|name| rest.len() > least && databases.contains(name));
        match named {
            Some(name) => session.database.clone_from(name),
            None => session.database = default_database(databases)?,
        }
        Ok((session, &rest[usize::from(named.is_some())..]))
    }

    pub(super) async fn connect(&self, remote: &str) -> Result<(Endpoints, Client), Failure> {
        let unknown_kind = || {
            let reason = nix::errno::Errno::EAFNOSUPPORT.desc();
            Failure::words(format!("failed to connect or listen to \"{remote}\" ({reason})"))
        };
        let server: Endpoints = match remote.parse() {
            Ok(server) => server,
            Err(_) if !["unix:", "tcp:", "ssl:"].iter().any(|kind| remote.starts_with(kind)) => {
                return Err(unknown_kind());
            }
            Err(error) => return Err(Failure::words(format!("failed to connect to \"{remote}\" ({error})"))),
        };
        let connected = Client::connect(&server, &self.options).await;
        let client = connected.map_err(|error| Failure::connect(remote, &error))?;
        Ok((server, client.within(FOREVER)))
    }
}

/// Calls are not limited: a server that is silent is given up through its probes.
const FOREVER: std::time::Duration = std::time::Duration::from_secs(100 * 365 * 24 * 60 * 60);

pub(in crate::cli) fn default_remote() -> String {
    let directory = env::var("OVS_RUNDIR").ok().filter(|directory| !directory.is_empty());
    format!("unix:{}/db.sock", directory.as_deref().unwrap_or("/var/run/openvswitch"))
}

/// The server's databases in order.
pub(super) async fn databases(session: &Session) -> Result<Vec<String>, Failure> {
    let mut names = session.client.list_dbs().await?;
    names.sort();
    Ok(names)
}

fn default_database(databases: Vec<String>) -> Result<String, Failure> {
    if databases.iter().any(|name| name == table::DATABASE) {
        return Ok(table::DATABASE.to_owned());
    }
    let mut candidates = databases.into_iter().filter(|name| !name.starts_with('_'));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Failure::words("could not find a default database, please specify a database name")),
    }
}
