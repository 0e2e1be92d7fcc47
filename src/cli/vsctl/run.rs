//! One run of the commands: read what they need, carry them out on the copy, send the changes; again, if somebody else has
//! changed the same in the meantime.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use super::context::{Context, Flow, Output};
use super::failure::Failure;
use super::log::{Log, Module};
use super::needs::Needs;
use super::options::Options;
use super::print::print;
use super::reload::Reload;
use super::syntax::Command;
use super::transaction::{Built, ROOT, Transaction};
use crate::cli::ovsdb::connect_reason;
use crate::ovsdb::client::{self, Client};
use crate::ovsdb::endpoint::Endpoints;
use crate::ovsdb::error::ClientError;
use crate::ovsdb::monitor::{Monitor, Replica, Started};
use crate::ovsdb::operation::transact_params;
use crate::ovsdb::schema::DatabaseSchema;
use crate::ovsdb::table::DATABASE;
use crate::ovsdb::text::json_text;
use crate::ovsdb::value::Uuid;

/// What is run.
pub(super) struct Run<'a> {
    pub options: &'a Options,
    pub commands: &'a [Command],
    /// For the database's log.
    pub comment: String,
    /// How long ovs-vswitchd may take, if that is limited otherwise than by `--timeout`.
    pub patience: Option<Duration>,
}

/// How long until the next attempt to connect: as long as Open vSwitch waits first (`RECONNECT_DEFAULT_MIN_BACKOFF`).
const BACKOFF: Duration = Duration::from_secs(1);
/// A call is not limited: what limits it is `--timeout`.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What one attempt has come to.
enum Attempt {
    /// What the commands have to say, and, if the database has changed, what ovs-vswitchd has to take over.
    Done(Vec<Output>, Option<Committed>),
    /// The database has to change before it can succeed.
    Again,
}

/// What ovs-vswitchd has to take over.
pub(super) struct Committed {
    /// The number that `cur_cfg` has to reach.
    pub next_cfg: i64,
    /// Interfaces that are new.
    pub interfaces: Vec<Uuid>,
}

impl Run<'_> {
    pub(super) fn database(&self) -> String {
        self.options.db.clone().unwrap_or_else(crate::cli::ovsdb::default_remote)
    }

    fn lost(&self, error: &ClientError) -> Failure {
        let words = match (error.server_error(), std::error::Error::source(error)) {
            (Some(words), _) => words.to_string(),
            (None, Some(source)) => source.to_string(),
            (None, None) => error.to_string(),
        };
        Failure::words(format!("{}: database connection failed ({words})", self.database()))
    }

    /// Connects to the server; with `again`, until it succeeds.
    pub(super) async fn connect(&self, again: bool) -> Result<Client, Failure> {
        let database = self.database();
        let failed = |reason: &str| Failure::words(format!("{database}: database connection failed ({reason})"));
        if ["punix:", "ptcp:", "pssl:"].iter().any(|kind| database.starts_with(kind)) {
            return Err(failed("to wait for the server to connect to us is not possible"));
        }
        let endpoints: Endpoints = database.parse().map_err(|_| failed(nix::errno::Errno::EAFNOSUPPORT.desc()))?;
        let options = client::Options { tls: self.options.tls(), ..client::Options::default() };
        let mut retry = tokio::time::interval(BACKOFF);
        loop {
            retry.tick().await;
            match Client::connect(&endpoints, &options).await {
                Ok(client) => return Ok(client.within(FOREVER)),
                Err(_) if again => {}
                Err(error) => return Err(failed(&connect_reason(&error))),
            }
        }
    }

    /// Carries all out; what the commands have to say goes to `out`, all at once, when the database has the changes. Gives
    /// the exit status.
    pub(super) async fn run(&self, log: &mut Log, out: &mut dyn Write) -> Result<u8, Failure> {
        let client = self.connect(self.options.retry).await?;
        let schema = client.get_schema(DATABASE).await.map_err(|error| self.lost(&error))?;
        let schema = DatabaseSchema::from_json(&schema)?;
        let needs = self.needs(&schema, log)?;
        let mut replica = Replica::new(&schema, &needs.request(true))?;
        let mut monitor = self.start(&client, &needs, &mut replica).await?;
        let (outputs, committed) = loop {
            match self.attempt(&client, &schema, &replica, log).await? {
                Attempt::Done(outputs, committed) => break (outputs, committed),
                Attempt::Again => {
                    let update = monitor.next().await;
                    let update = update.map_err(|error| {
                        Failure::words(format!("{}: database connection failed ({error})", self.database()))
                    })?;
                    replica.apply(&update.tables)?;
                }
            }
        };
        print(outputs, self.options, out)?;
        match committed {
            Some(committed) => Reload { run: self, committed }.wait(client, monitor, replica).await,
            None => Ok(0),
        }
    }

    async fn start(&self, client: &Client, needs: &Needs<'_>, replica: &mut Replica) -> Result<Monitor, Failure> {
        let request = needs.request(false);
        let started = match client.monitor_cond(DATABASE, &request).await {
            Err(error) if error.is_unknown_method() => client.monitor(DATABASE, &needs.request(true)).await,
            outcome => outcome,
        };
        let Started { monitor, first, .. } = started.map_err(|error| self.lost(&error))?;
        replica.apply(&first.tables)?;
        Ok(monitor)
    }

    fn needs<'s>(&self, schema: &'s DatabaseSchema, log: &mut Log) -> Result<Needs<'s>, Failure> {
        let mut needs = Needs::new(schema);
        needs.table(ROOT);
        if self.options.wait {
            needs.columns(ROOT, &["cur_cfg"]);
        }
        for command in self.commands {
            needs.command(command, log)?;
        }
        Ok(needs)
    }

    async fn attempt(
        &self,
        client: &Client,
        schema: &DatabaseSchema,
        replica: &Replica,
        log: &mut Log,
    ) -> Result<Attempt, Failure> {
        let mut context = Context::new(Transaction::new(schema, replica), log);
        let mut outputs = Vec::new();
        for (at, command) in self.commands.iter().enumerate() {
            let mut output = Output::default();
            context.last = at + 1 == self.commands.len();
            if context.command(command, &mut output)? == Flow::Again {
                return Ok(Attempt::Again);
            }
            outputs.push(output);
        }
        check_symbols(&mut context)?;
        let increment = self.options.wait.then_some(context.root);
        let Some(built) = context.txn.build(increment, &self.comment, self.options.dry_run) else {
            return Ok(Attempt::Done(outputs, None));
        };
        let params = Value::Array(transact_params(DATABASE, &built.operations));
        let reply = client.call("transact", params).await.map_err(|error| self.lost(&error))?;
        match is_done(&reply) {
            Ok(true) => {}
            Ok(false) => return Ok(Attempt::Again),
            Err(words) => {
                context.log.warn(Module::OvsdbIdl, &words);
                return Err(Failure::Words(words));
            }
        }
        let real = |stand_in: Uuid| inserted(&built, &reply, stand_in).unwrap_or(stand_in);
        for output in &mut outputs {
            output.made = output.made.map(real);
        }
        let interfaces = context.expected.iter().map(|interface| real(*interface)).collect();
        // After a dry run there is nothing that ovs-vswitchd could take over.
        let next_cfg = built.increment.filter(|_| !self.options.dry_run).and_then(|at| next_cfg(&reply, at));
        Ok(Attempt::Done(outputs, next_cfg.map(|next_cfg| Committed { next_cfg, interfaces })))
    }
}

/// Refuses names that were used and not defined, and warns of rows that nothing keeps.
fn check_symbols(context: &mut Context<'_>) -> Result<(), Failure> {
    for (name, symbol) in context.symbols.iter() {
        if !symbol.defined {
            return Err(Failure::words(format!(
                "row id \"{name}\" is referenced but never created (e.g. with \"-- --id={name} create ...\")"
            )));
        }
        let words = match (symbol.strong, symbol.weak) {
            (true, _) => continue,
            (false, true) => "but only a weak reference to it was inserted",
            (false, false) => "but no reference to it was inserted",
        };
        let words = format!("row id \"{name}\" was created {words}, so it will not actually appear in the database");
        context.log.warn(Module::Vsctl, &words);
    }
    Ok(())
}

/// Whether the transaction was carried out; not, if what it depends on has changed. A dry run ends as it should: with the
/// error "aborted". The error is what to say where the server refused.
fn is_done(reply: &Value) -> Result<bool, String> {
    let mut again = false;
    for result in reply.as_array().into_iter().flatten() {
        match result.get("error").and_then(Value::as_str) {
            Some("aborted") => return Ok(true),
            Some("timed out") => again = true,
            Some(_) => {
                return Err(format!("transaction error: {}", json_text(result, false)));
            }
            None => again |= result.is_null(),
        }
    }
    Ok(!again)
}

/// The UUID that the server gave to a new row.
fn inserted(built: &Built, reply: &Value, stand_in: Uuid) -> Option<Uuid> {
    let (_, at) = built.inserts.iter().find(|(uuid, _)| *uuid == stand_in)?;
    reply.get(at)?.get("uuid")?.get(1)?.as_str()?.parse().ok()
}

fn next_cfg(reply: &Value, at: usize) -> Option<i64> {
    reply.get(at)?.get("rows")?.get(0)?.get("next_cfg")?.as_i64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replies_tell_what_to_do() {
        assert!(is_done(&json!([{}, {"count": 1}])).unwrap());
        assert!(!is_done(&json!([{"error": "timed out", "details": "x"}, null])).unwrap());
        assert!(is_done(&json!([{"count": 1}, {"error": "aborted"}])).unwrap());
        let refused = is_done(&json!([{}, null, {"error": "constraint violation", "details": "d"}])).unwrap_err();
        assert_eq!(refused, r#"transaction error: {"details":"d","error":"constraint violation"}"#);
    }
}
