//! Two servers, and the comparison of what two programs do to them.

use std::collections::BTreeMap;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::{Server, run};

/// A server for the real ovs-vsctl, and one for ours.
pub struct Pair {
    pub theirs: Server,
    pub ours: Server,
    /// What was run so far, for messages.
    history: Vec<String>,
    differences: Vec<String>,
    /// How many lines the real one has carried out, and how many it has refused.
    counts: (usize, usize),
}

/// The real program, in the directory of its server, so that both say the same of the socket.
pub fn theirs(server: &Server) -> Command {
    prepare(Command::new("ovs-vsctl"), server)
}

/// Ours, called by the old name.
pub fn ours(server: &Server) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovsns"));
    command.arg0("ovs-vsctl");
    prepare(command, server)
}

fn prepare(mut command: Command, server: &Server) -> Command {
    command.current_dir(server.directory.path()).stdin(Stdio::null()).env_remove("OVS_CTL_TIMEOUT");
    // The real one would write to this machine's log.
    command.env("OVS_RUNDIR", ".").env("OVS_SYSLOG_METHOD", "null");
    command
}

impl Pair {
    pub fn new() -> Self {
        Self {
            theirs: Server::start(),
            ours: Server::start(),
            history: Vec::new(),
            differences: Vec::new(),
            counts: (0, 0),
        }
    }

    /// Runs a line of a story through both, with `--no-wait`, and compares everything. Words are divided by spaces, but for
    /// those in single quotes. `$TABLE/NAME$` stands for the row's UUID, `$TABLE/NAME:6$` for its first six characters.
    pub fn line(&mut self, line: &str) {
        self.history.push(line.to_owned());
        let words = |server: &Server| -> Vec<String> { split(line).iter().map(|word| expand(server, word)).collect() };
        let (their_words, our_words) = (words(&self.theirs), words(&self.ours));
        let theirs = theirs(&self.theirs).args(["--no-wait", "-t20"]).args(&their_words).output().unwrap();
        let ours = ours(&self.ours).args(["--no-wait", "-t20"]).args(&our_words).output().unwrap();
        match theirs.status.success() {
            true => self.counts.0 += 1,
            false => self.counts.1 += 1,
        }
        let mut differences = Vec::new();
        if status(&ours) != status(&theirs) || normal(&ours.stderr) != normal(&theirs.stderr) {
            differences.push(format!("{}\n    ours:   {ours:?}\n    theirs: {theirs:?}", self.told()));
        } else if !alike(&normal(&ours.stdout), &normal(&theirs.stdout)) {
            let (ours, theirs) = (normal(&ours.stdout), normal(&theirs.stdout));
            differences.push(format!("{}\nours:\n{ours}\ntheirs:\n{theirs}", self.told()));
        }
        let (ours, theirs) = (contents(&self.ours), contents(&self.theirs));
        let only = |these: &[String], others: &[String]| -> Vec<String> {
            these.iter().filter(|row| !others.contains(row)).cloned().collect()
        };
        if ours != theirs {
            let (ours, theirs) = (only(&ours, &theirs), only(&theirs, &ours));
            differences.push(format!("the database after {}\nours: {ours:#?}\ntheirs: {theirs:#?}", self.told()));
            self.differences.extend(differences);
            self.finish();
        } else {
            self.differences.extend(differences);
        }
    }

    /// Tells all differences.
    pub fn finish(&self) {
        let count = self.differences.len();
        assert!(count == 0, "{count} differences:\n\n{}", self.differences.join("\n\n"));
    }

    /// The same, where lines were made by chance: at least one in four must have been carried out, and one in four refused,
    /// else they show little.
    pub fn finish_balanced(&self) {
        self.finish();
        let (done, refused) = self.counts;
        assert!(done.min(refused) * 4 >= done + refused, "{done} lines carried out, {refused} refused");
    }

    fn told(&self) -> String {
        let last = self.history.last().cloned().unwrap_or_default();
        let before: Vec<_> = self.history.iter().rev().skip(1).take(2).rev().cloned().collect();
        format!("`{last}`, after `{}`", before.join("`, `"))
    }
}

/// Whether two outputs are the same, but for the order of rows: the real one has that of a hash of their UUIDs.
fn alike(ours: &str, theirs: &str) -> bool {
    ours == theirs || sorted(ours) == sorted(theirs)
}

pub fn status(output: &Output) -> (Option<i32>, Option<i32>) {
    (output.status.code(), output.status.signal())
}

/// Without UUIDs and times, which differ from one run to the next.
pub fn normal(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split_inclusive('\n').map(|line| match line.split_once("Z|") {
        Some((time, rest)) if time.len() == 19 && time.starts_with("20") => format!("TIME|{rest}"),
        _ => line.to_owned(),
    });
    without_uuids(&lines.collect::<String>())
}

fn without_uuids(text: &str) -> String {
    let mut normal = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is_uuid = rest.get(..36).is_some_and(|text| text.parse::<ovsns::ovsdb::value::Uuid>().is_ok());
        let length = if is_uuid { 36 } else { c.len_utf8() };
        normal.push_str(if is_uuid { "UUID" } else { &rest[..length] });
        rest = &rest[length..];
    }
    normal
}

fn sorted(text: &str) -> Vec<String> {
    let mut blocks: Vec<_> =
        text.split("\n\n").flat_map(|block| block.split_inclusive("</tr>")).map(str::to_owned).collect();
    if blocks.len() == 1 {
        blocks = text.lines().map(str::to_owned).collect();
    }
    for block in &mut blocks {
        *block = block.trim().to_owned();
    }
    blocks.sort();
    blocks
}

fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut started, mut quoted) = (String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (started, quoted) = (true, !quoted),
            ' ' if !quoted => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            c => {
                word.push(c);
                started = true;
            }
        }
    }
    words.extend(started.then_some(word));
    words
}

fn expand(server: &Server, word: &str) -> String {
    let parts: Vec<_> = word.split('$').collect();
    let part = |(at, part): (usize, &&str)| {
        if at % 2 == 0 {
            return (*part).to_owned();
        }
        let (place, length) =
            part.rsplit_once(':').map_or((*part, 36), |(place, length)| (place, length.parse().unwrap()));
        let (table, record) = place.split_once('/').unwrap();
        server.vsctl(&["get", table, record, "_uuid"])[..length].to_owned()
    };
    parts.iter().enumerate().map(part).collect()
}

/// All rows of all tables, each as a text, in which a row that is referred to stands as what it holds itself.
fn contents(server: &Server) -> Vec<String> {
    let rows = rows(server);
    let mut names: BTreeMap<String, String> = rows.keys().map(|uuid| (uuid.clone(), String::new())).collect();
    for _ in 0..4 {
        let name = |(uuid, row): (&String, &String)| (uuid.clone(), digest(&with_names(row, &names)));
        names = rows.iter().map(name).collect();
    }
    let mut all: Vec<_> = rows.values().map(|row| with_names(row, &names)).collect();
    all.sort();
    all
}

fn digest(text: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The rows by UUID, as JSON of the table's name and the row.
fn rows(server: &Server) -> BTreeMap<String, String> {
    let socket = format!("unix:{}", server.socket().display());
    let output = run(Command::new("ovsdb-client").args(["-f", "json", "dump", &socket, "Open_vSwitch"]));
    let mut rows = BTreeMap::new();
    for table in String::from_utf8(output.stdout).unwrap().lines() {
        let table: Value = serde_json::from_str(table).unwrap();
        let headings = table["headings"].as_array().unwrap();
        let uuid = headings.iter().position(|heading| heading == "_uuid").unwrap();
        for row in table["data"].as_array().unwrap() {
            let named: Vec<_> =
                headings.iter().zip(row.as_array().unwrap()).filter(|(heading, _)| *heading != "_uuid").collect();
            let text = serde_json::to_string(&(&table["caption"], named)).unwrap();
            rows.insert(row[uuid][1].as_str().unwrap().to_owned(), text);
        }
    }
    rows
}

/// The row with the names of other rows in place of their UUIDs, and sets of them in the order of the names.
fn with_names(row: &str, names: &BTreeMap<String, String>) -> String {
    fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
        match value {
            Value::String(text) => {
                if let Some(name) = names.get(text) {
                    name.clone_into(text);
                }
            }
            Value::Array(values) => {
                values.iter_mut().for_each(|value| rename(value, names));
                values.sort_by_key(|value| if value.is_array() { value.to_string() } else { String::new() });
            }
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_str(row).unwrap();
    for pair in value[1].as_array_mut().unwrap() {
        rename(&mut pair[1], names);
    }
    value.to_string()
}
