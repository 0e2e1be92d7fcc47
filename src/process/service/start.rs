//! Starting programs, and seeing that they do not end at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::{Instant, timeout_at};

use super::keep::Word;
use super::record::{Ending, Record, path_of};
use super::{Service, ServiceError, Services, TOKEN_VARIABLE};

/// A program that fails within this time has failed to start.
const MOMENT: Duration = Duration::from_millis(250);
/// How long a keeper has to start its command, on a slow machine.
const BEGINNING: Duration = Duration::from_secs(20);
/// How many are started at a time.
const AT_A_TIME: usize = 16;
/// How much of a log is told of a program that failed, in lines.
const LAST_LINES: usize = 10;
/// How much of a log is read for that, in bytes.
const LAST_BYTES: u64 = 8 * 1024;

impl Services {
    /// Starts `services`; each was stopped, or never started. Returns the first failure.
    pub(super) async fn start(&self, services: &[Service]) -> Result<(), ServiceError> {
        if services.is_empty() {
            return Ok(());
        }
        for path in [&self.directory, &self.logs] {
            fs::create_dir_all(path).map_err(|source| ServiceError::Io { path: path.clone(), source })?;
        }
        let begun: Vec<_> =
            stream::iter(services).map(|service| self.begin(service)).buffered(AT_A_TIME).collect().await;
        let deadline = Instant::now() + MOMENT;
        for started in begun {
            started?.outlives(deadline).await?;
        }
        Ok(())
    }

    /// Starts one, and returns when its command runs.
    async fn begin(&self, service: &Service) -> Result<Started, ServiceError> {
        let path = path_of(&self.directory, service);
        let record = Record::new(service.clone(), &self.logs);
        record.write(&path)?;
        let lines = self.spawn(&record, &path).map_err(|source| ServiceError::Keeper {
            name: service.name.clone(),
            place: service.place.clone(),
            source,
        })?;
        let mut started = Started { service: service.clone(), log: record.log, lines };
        match started.word(Instant::now() + BEGINNING).await {
            Some(Word::Started) => Ok(started),
            Some(Word::Failed(why)) => Err(started.not_started(&why)),
            Some(Word::Ended(_)) | None => Err(started.not_started("its keeper did not answer")),
        }
    }

    fn spawn(&self, record: &Record, path: &Path) -> io::Result<Lines<BufReader<ChildStdout>>> {
        let mut command = Command::new(&self.keeper.program);
        command.args(&self.keeper.arguments).arg(path).env(TOKEN_VARIABLE, &record.token);
        // A service manager hears of us, not of what we start (sd_notify(3)).
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // It outlives this process. Should it end before, the runtime waits for it.
        let mut keeper = command.spawn()?;
        let stdout = keeper.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
        Ok(BufReader::new(stdout).lines())
    }
}

/// A program whose keeper is listened to.
struct Started {
    service: Service,
    log: PathBuf,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Started {
    /// What its keeper says next; nothing, if it has ended or the deadline has passed.
    async fn word(&mut self, deadline: Instant) -> Option<Word> {
        let line = timeout_at(deadline, self.lines.next_line()).await.ok()?.ok()??;
        serde_json::from_str(&line).ok()
    }

    /// Fails if the program fails until then.
    async fn outlives(mut self, deadline: Instant) -> Result<(), ServiceError> {
        match self.word(deadline).await {
            Some(Word::Ended(ending)) if !ending.is_success() => Err(self.failed(ending)),
            _ => Ok(()),
        }
    }

    fn not_started(&self, why: &str) -> ServiceError {
        let Service { name, place, .. } = self.service.clone();
        ServiceError::NotStarted { name, place, command: self.service.command(), why: why.to_owned() }
    }

    fn failed(&self, ending: Ending) -> ServiceError {
        let Service { name, place, .. } = self.service.clone();
        let last_lines = last_lines(&self.log);
        ServiceError::Failed { name, place, command: self.service.command(), ending, last_lines }
    }
}

/// The end of a log.
fn last_lines(log: &Path) -> Vec<String> {
    let Ok(text) = end_of(log) else { return Vec::new() };
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

fn end_of(log: &Path) -> io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = fs::File::open(log)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(LAST_BYTES)))?;
    let mut text = Vec::new();
    file.take(LAST_BYTES).read_to_end(&mut text)?;
    Ok(text)
}
