//! Options for the settings of switches and ports, from the table of settings.

use std::marker::PhantomData;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::model::setting::{Holder, Setting, Value, Values};
use crate::model::{BackendName, Settings};

/// What takes a setting back to what it is by itself.
const DEFAULT: &str = "default";
/// Settings stand below what a switch or a port is made of.
const HEADING: &str = "Settings (`default` for what it is by itself)";

/// What has the settings.
pub trait Has {
    const HOLDER: Holder;
}

/// See [`Has`].
#[derive(Debug)]
pub struct OfSwitch;
/// See [`Has`].
#[derive(Debug)]
pub struct OfPort;

impl Has for OfSwitch {
    const HOLDER: Holder = Holder::Switch;
}

impl Has for OfPort {
    const HOLDER: Holder = Holder::Port;
}

/// The settings that were given; `None` stands for what it is by itself.
#[derive(Debug)]
pub struct Given<H>(Vec<(&'static Setting, Option<Value>)>, PhantomData<H>);

impl<H> Given<H> {
    /// Whether any was given.
    pub fn is_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Those alone; others are left open.
    pub fn alone(&self) -> Settings {
        let mut settings = Settings::default();
        for (setting, value) in &self.0 {
            // What the one kind has by itself the other may have not: that is for whoever plans.
            if let Some(value) = value {
                settings.set(setting, value.clone());
            }
        }
        settings
    }

    /// Those, over what there is on a switch of this kind.
    pub fn over(&self, there: &Settings, backend: BackendName) -> Settings {
        let mut settings = there.clone().to_the_letter();
        for (setting, value) in &self.0 {
            let by_itself = || if setting.follows(backend) { setting.default(backend) } else { None };
            match value.clone().or_else(by_itself) {
                Some(value) => settings.set(setting, value),
                None => settings.unset(setting),
            }
        }
        settings
    }
}

impl<H: Has> Args for Given<H> {
    fn augment_args(command: Command) -> Command {
        Setting::of(H::HOLDER).fold(command, |command, setting| command.arg(arg(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<H: Has> FromArgMatches for Given<H> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for setting in Setting::of(H::HOLDER) {
            let Some(text) = matches.get_one::<String>(setting.name) else { continue };
            let value = match text.as_str() {
                DEFAULT => None,
                text => Some(setting.read(text).map_err(|why| refused(setting, text, &why))?),
            };
            given.push((setting, value));
        }
        Ok(Self(given, PhantomData))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn arg(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.name).long(setting.name).help(setting.doc).help_heading(HEADING);
    match &setting.values {
        Values::Bool => arg.value_name("on|off").num_args(0..=1).default_missing_value("on").require_equals(true),
        Values::Number(..) => arg.value_name("NUMBER"),
        Values::Words(words) => arg.value_name(words.join("|")),
        Values::Text(form) => arg.value_name(form.example),
        Values::Texts(form) => arg.value_name(format!("{},…", form.example)),
    }
}

fn refused(setting: &Setting, text: &str, why: &str) -> clap::Error {
    let message = format!("invalid value '{text}' for '--{}': {why}\n", setting.name);
    clap::Error::raw(ErrorKind::ValueValidation, message)
}
