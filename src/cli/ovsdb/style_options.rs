use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::ovsdb::format::{CellFormat, Format, FormatError, Style};

/// The options of lib/table.c. Their order counts: of `--bare` and `--format`, what comes last holds; so they are not
/// derived.
#[derive(Debug, Clone, Default)]
pub(super) struct StyleOptions {
    /// What was given, from left to right.
    given: Vec<Given>,
    pretty: bool,
    max_column_width: usize,
}

#[derive(Debug, Clone)]
enum Given {
    Format(String),
    Data(String),
    NoHeadings,
    Bare,
}

impl StyleOptions {
    pub(super) fn style(&self) -> Result<Style, FormatError> {
        let mut style = Style { pretty: self.pretty, max_column_width: self.max_column_width, ..Style::default() };
        for given in &self.given {
            match given {
                Given::Format(name) => style.format = name.parse()?,
                Given::Data(name) => style.cells = name.parse()?,
                Given::NoHeadings => style.headings = false,
                Given::Bare => {
                    style.format = Format::List;
                    style.cells = CellFormat::Bare;
                    style.headings = false;
                }
            }
        }
        Ok(style)
    }
}

impl Args for StyleOptions {
    fn augment_args(command: Command) -> Command {
        let value = |name: &'static str, short: char, help: &'static str| {
            Arg::new(name).short(short).long(name).value_name("FORMAT").action(ArgAction::Append).help(help)
        };
        let flag = |name: &'static str, help: &'static str| {
            Arg::new(name).long(name).num_args(0).action(ArgAction::Append).default_missing_value("").help(help)
        };
        command
            .arg(value("format", 'f', "How tables are written: table, list, html, csv or json [default: table]"))
            .arg(value("data", 'd', "How cells are written: string, bare or json [default: string]"))
            .arg(flag("no-headings", "Leave out the line of headings"))
            .arg(flag("bare", "The same as --format=list --data=bare --no-headings"))
            .arg(Arg::new("pretty").long("pretty").action(ArgAction::SetTrue).help("Write JSON in indented lines"))
            .arg(
                Arg::new("max-column-width")
                    .long("max-column-width")
                    .value_name("N")
                    .value_parser(clap::value_parser!(usize))
                    .help("Cut columns of tables at so many bytes; 0 is never [default: 0]"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StyleOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given: Vec<(usize, Given)> = Vec::new();
        let mut collect = |name: &str, make: fn(String) -> Given| {
            let values = matches.get_many::<String>(name).into_iter().flatten().cloned();
            given.extend(matches.indices_of(name).into_iter().flatten().zip(values.map(make)));
        };
        collect("format", Given::Format);
        collect("data", Given::Data);
        collect("no-headings", |_| Given::NoHeadings);
        collect("bare", |_| Given::Bare);
        given.sort_by_key(|(place, _)| *place);
        Ok(Self {
            given: given.into_iter().map(|(_, given)| given).collect(),
            pretty: matches.get_flag("pretty"),
            max_column_width: matches.get_one("max-column-width").copied().unwrap_or_default(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
