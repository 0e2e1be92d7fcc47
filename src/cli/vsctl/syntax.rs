//! The commands, what they take, and how a command line is divided into them (lib/db-ctl-base.c of Open vSwitch 3.1).

use super::failure::Failure;
use crate::cli::ovsdb::hash_order;

/// What a command is called and takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub name: &'static str,
    least: usize,
    most: usize,
    /// For people and for completion in a shell.
    arguments: &'static str,
    /// With a `=` behind those that take an argument.
    options: &'static [&'static str],
    /// Whether it may change the database.
    pub writes: bool,
}

const ANY: usize = usize::MAX;

const fn syntax(
    name: &'static str,
    (least, most): (usize, usize),
    arguments: &'static str,
    options: &'static [&'static str],
    writes: bool,
) -> Syntax {
    Syntax { name, least, most, arguments, options, writes }
}

const RO: bool = false;
const RW: bool = true;

/// In the order in which `ovs-vsctl --commands` prints them.
pub(super) const COMMANDS: [Syntax; 50] = [
    syntax("wait-until", (2, ANY), "TABLE RECORD [COLUMN[:KEY]=VALUE]...", &[], RO),
    syntax("add-zone-tp", (3, ANY), "", &["--may-exist"], RW),
    syntax("comment", (0, ANY), "[ARG]...", &[], RO),
    syntax("clear", (3, ANY), "TABLE RECORD COLUMN...", &["--if-exists"], RW),
    syntax("init", (0, 0), "", &[], RW),
    syntax("create", (2, ANY), "TABLE COLUMN[:KEY]=VALUE...", &["--id="], RW),
    syntax("set-fail-mode", (2, 2), "BRIDGE MODE", &[], RW),
    syntax("add-port", (2, ANY), "BRIDGE NEW-PORT [COLUMN[:KEY]=VALUE]...", &["--may-exist"], RW),
    syntax("del-bond-iface", (1, 2), "[BOND] IFACE", &["--if-exists"], RW),
    syntax("del-ssl", (0, 0), "", &[], RW),
    syntax("set-controller", (1, ANY), "BRIDGE TARGET...", &["--inactivity-probe="], RW),
    syntax("list-br", (0, 0), "", &["--real", "--fake"], RO),
    syntax("br-exists", (1, 1), "BRIDGE", &[], RO),
    syntax("list-ports", (1, 1), "BRIDGE", &[], RO),
    syntax("del-manager", (0, 0), "", &[], RW),
    syntax("list-dp-cap", (1, 1), "", &[], RO),
    syntax("add-bond-iface", (2, 2), "BOND IFACE", &["--may-exist"], RW),
    syntax("get-manager", (0, 0), "", &[], RO),
    syntax("get-controller", (1, 1), "BRIDGE", &[], RO),
    syntax("br-set-external-id", (2, 3), "BRIDGE KEY [VALUE]", &[], RW),
    syntax("list-ifaces", (1, 1), "BRIDGE", &[], RO),
    syntax("list-zone-tp", (1, 1), "", &[], RO),
    syntax("get-aa-mapping", (1, 1), "BRIDGE", &[], RO),
    syntax("get", (2, ANY), "TABLE RECORD [COLUMN[:KEY]]...", &["--if-exists", "--id="], RO),
    syntax("add-aa-mapping", (3, 3), "BRIDGE ARG ARG", &[], RW),
    syntax("del-fail-mode", (1, 1), "BRIDGE", &[], RW),
    syntax("br-get-external-id", (1, 2), "BRIDGE [KEY]", &[], RO),
    syntax("del-zone-tp", (2, 2), "", &["--if-exists"], RW),
    syntax("del-port", (1, 2), "[BRIDGE] PORT|IFACE", &["--if-exists", "--with-iface"], RW),
    syntax("port-to-br", (1, 1), "PORT", &[], RO),
    syntax("del-controller", (1, 1), "BRIDGE", &[], RW),
    syntax("find", (1, ANY), "TABLE [COLUMN[:KEY]=VALUE]...", &["--columns="], RO),
    syntax("set", (3, ANY), "TABLE RECORD COLUMN[:KEY]=VALUE...", &["--if-exists"], RW),
    syntax("emer-reset", (0, 0), "", &[], RW),
    syntax("set-ssl", (3, 3), "PRIVATE-KEY CERTIFICATE CA-CERT", &["--bootstrap"], RW),
    syntax("del-aa-mapping", (3, 3), "BRIDGE ARG ARG", &[], RW),
    syntax("add-br", (1, 3), "NEW-BRIDGE [PARENT] [NEW-VLAN]", &["--may-exist"], RW),
    syntax("br-to-parent", (1, 1), "BRIDGE", &[], RO),
    syntax("iface-to-br", (1, 1), "IFACE", &[], RO),
    syntax("list", (1, ANY), "TABLE [RECORD]...", &["--if-exists", "--columns="], RO),
    syntax("add", (4, ANY), "TABLE RECORD COLUMN [KEY=]VALUE...", &["--if-exists"], RW),
    syntax("set-manager", (1, ANY), "TARGET...", &["--inactivity-probe="], RW),
    syntax("del-br", (1, 1), "BRIDGE", &["--if-exists"], RW),
    syntax("remove", (4, ANY), "TABLE RECORD COLUMN KEY|VALUE|KEY=VALUE...", &["--if-exists"], RW),
    syntax("get-ssl", (0, 0), "", &[], RO),
    syntax("get-fail-mode", (1, 1), "BRIDGE", &[], RO),
    syntax("destroy", (1, ANY), "TABLE [RECORD]...", &["--if-exists", "--all"], RW),
    syntax("br-to-vlan", (1, 1), "BRIDGE", &[], RO),
    syntax("add-bond", (4, ANY), "BRIDGE BOND IFACE... [COLUMN[:KEY]=VALUE]...", &["--may-exist", "--fake-iface"], RW),
    syntax("show", (0, 0), "", &[], RO),
];

/// An option of a command, with what stands behind its `=`.
pub(super) type CommandOption = (String, Option<String>);

/// One command of a command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub syntax: &'static Syntax,
    /// In the order in which they were given.
    options: Vec<CommandOption>,
    /// Without the command's name.
    pub arguments: Vec<String>,
}

impl Command {
    /// Whether an option was given; `name` has its two hyphens.
    pub(super) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(given, _)| given == name)
    }

    /// What stands behind the `=` of an option.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(given, _)| given == name)?.1.as_deref()
    }

    /// The command as it could be typed, without the values of its options.
    pub(super) fn typed(&self) -> String {
        let options = hash_order(self.options.iter().map(|(name, _)| name.as_str()));
        let words = options.into_iter().chain([self.syntax.name]).chain(self.arguments.iter().map(String::as_str));
        escape(words)
    }
}

/// Words as a shell would take them, quoted where they have spaces or quotes.
pub(super) fn escape<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = |word: &str| {
        if word.contains([' ', '\t', '\r', '\n', '\x0b', '\\', '\'', '"']) {
            format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            word.to_owned()
        }
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Divides words into commands at each `--`. `options` are those of the first command that stood before them.
pub(super) fn read_commands(words: &[String], options: Vec<CommandOption>) -> Result<Vec<Command>, Failure> {
    let mut commands = Vec::new();
    let mut options = options;
    for words in words.split(|word| word == "--") {
        if !words.is_empty() {
            commands.push(read_command(words, std::mem::take(&mut options))?);
        } else if !options.is_empty() {
            return Err(missing_name());
        }
    }
    if commands.is_empty() { Err(missing_name()) } else { Ok(commands) }
}

fn missing_name() -> Failure {
    Failure::words("missing command name (use --help for help)")
}

fn read_command(words: &[String], mut options: Vec<CommandOption>) -> Result<Command, Failure> {
    let count = words.iter().take_while(|word| word.starts_with('-')).count();
    for word in &words[..count] {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if options.iter().any(|(other, _)| other == name) {
            return Err(Failure::words(format!("'{word}' option specified multiple times")));
        }
        options.push((name.to_owned(), value));
    }
    let [name, arguments @ ..] = &words[count..] else { return Err(missing_name()) };
    let unknown = || Failure::words(format!("unknown command '{name}'; use --help for help"));
    let syntax = COMMANDS.iter().find(|syntax| syntax.name == name).ok_or_else(unknown)?;
    for name in hash_order(options.iter().map(|(name, _)| name.as_str())) {
        let value = options.iter().find(|(other, _)| other == name).and_then(|(_, value)| value.as_deref());
        syntax.check_option(name, value)?;
    }
    syntax.check_count(arguments)?;
    Ok(Command { syntax, options, arguments: arguments.to_vec() })
}

impl Syntax {
    /// The options, and whether each takes an argument.
    pub(super) fn options(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.options.iter().map(|option| match option.strip_suffix('=') {
            Some(name) => (name, true),
            None => (*option, false),
        })
    }

    fn check_option(&self, name: &str, value: Option<&str>) -> Result<(), Failure> {
        let command = self.name;
        let words = match self.options().find(|(known, _)| *known == name) {
            None => format!("'{command}' command has no '{name}' option"),
            Some((_, true)) if value.is_none() => {
                format!("missing argument to '{name}' option on '{command}' command")
            }
            Some((_, false)) if value.is_some() => {
                format!("'{name}' option on '{command}' does not accept an argument")
            }
            Some(_) => return Ok(()),
        };
        Err(Failure::words(words))
    }

    fn check_count(&self, arguments: &[String]) -> Result<(), Failure> {
        let Self { name, least, most, .. } = self;
        if arguments.len() < *least {
            return Err(Failure::words(format!("'{name}' command requires at least {least} arguments")));
        }
        if arguments.len() <= *most {
            return Ok(());
        }
        let note = if arguments.iter().any(|argument| argument.starts_with('-')) {
            " (note that options must precede command names and follow a \"--\" argument)"
        } else {
            ""
        };
        Err(Failure::words(format!("'{name}' command takes at most {most} arguments{note}")))
    }

    /// A line of `--commands`, for completion in a shell: `!` stands before an argument that must be, `?` before one that
    /// may be, `+` and `*` before those that may come several times.
    pub(super) fn completion(&self) -> String {
        let options: String = self.options.iter().map(|option| format!("[{option}] ")).collect();
        let arguments: Vec<_> = self.arguments.split(' ').filter(|word| !word.is_empty()).map(mark).collect();
        format!("{options},{},{}", self.name, arguments.join(" "))
    }

    /// The command with its options and arguments, for people.
    pub(super) fn usage(&self) -> String {
        let options: String =
            self.options().map(|(name, takes)| format!("[{name}{}] ", if takes { "=…" } else { "" })).collect();
        format!("{options}{} {}", self.name, self.arguments).trim_end().to_owned()
    }
}

fn mark(word: &str) -> String {
    let (word, repeated) = match word.strip_suffix("...") {
        Some(word) => (word, true),
        None => (word, false),
    };
    let inner = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
    let (mark, word) = match (inner, repeated) {
        (Some(inner), true) => ('*', inner),
        (Some(inner), false) => ('?', inner),
        (None, true) => ('+', word),
        (None, false) => ('!', word),
    };
    format!("{mark}{}", word.replace('[', "?").replace(']', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Vec<String>, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let commands = read_commands(&words, Vec::new()).map_err(|failure| failure.to_string())?;
        Ok(commands.iter().map(Command::typed).collect())
    }

    #[test]
    fn commands_stand_between_two_hyphens() {
        let typed = read(&["--", "--may-exist", "add-br", "a b", "--", "--", "set", "x", "y", "z=\"1\""]).unwrap();
        assert_eq!(typed, ["--may-exist add-br \"a b\"", "set x y \"z=\\\"1\\\"\""]);
    }

    #[test]
    fn mistakes_are_told_in_ovs_vsctls_words() {
        for (words, message) in [
            (&[][..], "missing command name (use --help for help)"),
            (&["--", "--if-exists"], "missing command name (use --help for help)"),
            (&["nope"], "unknown command 'nope'; use --help for help"),
            (&["--", "--may-exist", "--may-exist", "add-br", "x"], "'--may-exist' option specified multiple times"),
            (&["--", "--if-exists", "add-br", "x"], "'add-br' command has no '--if-exists' option"),
            (&["--", "--may-exist=1", "add-br", "x"], "'--may-exist' option on 'add-br' does not accept an argument"),
            (&["--", "--id", "create", "x", "y"], "missing argument to '--id' option on 'create' command"),
            (&["add-br"], "'add-br' command requires at least 1 arguments"),
            (&["list-br", "x"], "'list-br' command takes at most 0 arguments"),
            (
                &["del-br", "x", "--if-exists"],
                "'del-br' command takes at most 1 arguments (note that options must precede command names and follow a \"--\" argument)",
            ),
        ] {
            assert_eq!(read(words).unwrap_err(), message);
        }
    }

    #[test]
    fn completions_mark_arguments() {
        let line = |name| COMMANDS.iter().find(|syntax| syntax.name == name).unwrap().completion();
        assert_eq!(line("get"), "[--if-exists] [--id=] ,get,!TABLE !RECORD *COLUMN?:KEY");
        assert_eq!(line("add"), "[--if-exists] ,add,!TABLE !RECORD !COLUMN +?KEY=VALUE");
        assert_eq!(line("del-port"), "[--if-exists] [--with-iface] ,del-port,?BRIDGE !PORT|IFACE");
        assert_eq!(line("init"), ",init,");
    }
}
