//! Settings of switches and ports that are one value each: said once, for options, lab files, plans and backends.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::BackendName;

/// What has a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A switch.
    Switch,
    /// A port of a switch.
    Port,
}

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// The key in lab files; the option is the same behind `--`.
    pub name: &'static str,
    /// What has it.
    pub holder: Holder,
    /// What it does, without a full stop.
    pub doc: &'static str,
    /// What may be said of it.
    pub values: Values,
    /// How Open vSwitch has it.
    pub ovs: Side,
    /// How the Linux bridge has it.
    pub linux: Side,
}

/// How one kind of switch has a setting.
#[derive(Debug)]
pub enum Side {
    /// It has it.
    Has {
        /// What it is by itself, as it is written; `None` where that is not one value.
        default: Option<&'static str>,
        /// The numbers that this side takes, where they are fewer.
        range: Option<(u64, u64)>,
        /// What it is by itself follows from the device, and the default is that of a veth pair: what differs from it may not have been
        /// said by anybody, and is left alone unless something is said.
        follows: bool,
    },
    /// It has no such thing.
    Lacks {
        /// Why not.
        reason: &'static str,
        /// What could do it; `None`: a switch of the other kind.
        hint: Option<&'static str>,
    },
}

/// Where a setting stands in tables Bridge and Port (ovs-vswitchd.conf.db(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A column that is a boolean.
    Flag(&'static str),
    /// A column that is a string, or a set of strings.
    Words(&'static str),
    /// A key of `other_config`.
    Key(&'static str),
    /// The column `target` of rows that the column `controller` refers to.
    Controllers,
}

/// What may be said of a setting.
#[derive(Debug)]
pub enum Values {
    /// Yes or no.
    Bool,
    /// A whole number from the first to the second, of which each is a multiple of the third.
    Number(u64, u64, u64),
    /// One of these words.
    Words(&'static [&'static str]),
    /// A text, which the function puts into its one form.
    Text(Form),
    /// Several texts, joined by commas.
    Texts(Form),
}

/// A kind of text.
#[derive(Debug)]
pub struct Form {
    /// What it is called, with its article.
    pub what: &'static str,
    /// One of them.
    pub example: &'static str,
    /// Puts a text into its one form, or tells what is wrong with it.
    pub read: fn(&str) -> Result<String, String>,
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(u64),
    /// A word or a text.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(on) => f.write_str(if *on { "on" } else { "off" }),
            Value::Number(number) => number.fmt(f),
            Value::Text(text) => f.write_str(text),
        }
    }
}

impl Value {
    /// As a database has it: `true` where people say `on`.
    pub fn column_text(&self) -> String {
        match self {
            Value::Bool(on) => on.to_string(),
            other => other.to_string(),
        }
    }
}

impl Setting {
    /// The setting of this name.
    pub fn named(name: &str) -> Option<&'static Setting> {
        super::setting_table::SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// All settings of switches, or of ports.
    pub fn of(holder: Holder) -> impl Iterator<Item = &'static Setting> {
        super::setting_table::SETTINGS.iter().filter(move |setting| setting.holder == holder)
    }

    /// How a kind of switch has it.
    pub fn side(&self, backend: BackendName) -> &Side {
        match backend {
            BackendName::Ovs => &self.ovs,
            BackendName::Linux => &self.linux,
        }
    }

    /// Where Open vSwitch has it, of those that it has.
    pub fn column(&self) -> At {
        match self.name {
            "ageing" => At::Key("mac-aging-time"),
            "fdb-size" => At::Key("mac-table-size"),
            "mcast-snooping" => At::Flag("mcast_snooping_enable"),
            "transparent" => At::Key("forward-bpdu"),
            "fail-mode" => At::Words("fail_mode"),
            "dpid" => At::Key("datapath-id"),
            "protocols" => At::Words("protocols"),
            "controller" => At::Controllers,
            "isolated" => At::Flag("protected"),
            "stp-cost" => At::Key("stp-path-cost"),
            "rstp-cost" => At::Key("rstp-path-cost"),
            "rstp-edge" => At::Key("rstp-port-admin-edge"),
            name => At::Key(name),
        }
    }

    /// The value that `text` says.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what may be said.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        match &self.values {
            Values::Bool => match text {
                "true" | "on" => Ok(Value::Bool(true)),
                "false" | "off" => Ok(Value::Bool(false)),
                _ => Err(format!("`{text}` is neither on nor off")),
            },
            Values::Number(min, max, step) => match text.parse::<u64>() {
                Ok(number) if !(*min..=*max).contains(&number) => Err(format!("{number} is not within {min} to {max}")),
                Ok(number) if number % step != 0 => Err(format!("{number} is no multiple of {step}")),
                Ok(number) => Ok(Value::Number(number)),
                Err(_) => Err(format!("`{text}` is no number from {min} to {max}")),
            },
            Values::Words(words) => match words.contains(&text) {
                true => Ok(Value::Text(text.to_owned())),
                false => Err(format!("`{text}` is none of {}", words.join(", "))),
            },
            Values::Text(form) => (form.read)(text).map(Value::Text),
            Values::Texts(form) => {
                let mut texts = text.split(',').map(|one| (form.read)(one.trim())).collect::<Result<Vec<_>, _>>()?;
                texts.sort();
                texts.dedup();
                Ok(Value::Text(texts.join(",")))
            }
        }
    }

    /// Whether what it is by itself follows from the device.
    pub fn follows(&self, backend: BackendName) -> bool {
        matches!(self.side(backend), Side::Has { follows: true, .. })
    }

    /// What it is by itself on a switch of this kind, where that is one value.
    pub fn default(&self, backend: BackendName) -> Option<Value> {
        match self.side(backend) {
            Side::Has { default: Some(text), .. } => self.read(text).ok(),
            _ => None,
        }
    }
}

/// Settings that are said, by name. What is not said is as it is by itself, or left open.
///
/// Of what is there, those are said that are not as they are by themselves: two that are alike are equal.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    said: BTreeMap<&'static str, Value>,
    /// Whether what is not said is to be as it is by itself.
    whole: bool,
}

/// What is left open makes no difference to what is said.
impl PartialEq for Settings {
    fn eq(&self, other: &Settings) -> bool {
        self.said == other.said
    }
}

impl Eq for Settings {}

impl Settings {
    /// None is said, and all are to be as they are by themselves.
    pub fn whole() -> Settings {
        Settings { said: BTreeMap::new(), whole: true }
    }

    /// These, and all others are to be as they are by themselves.
    pub fn to_the_letter(self) -> Settings {
        Settings { whole: true, ..self }
    }

    /// Whether none is said.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// Says one.
    pub fn set(&mut self, setting: &'static Setting, value: Value) {
        self.said.insert(setting.name, value);
    }

    /// Says that one is to be as it is by itself.
    pub fn unset(&mut self, setting: &Setting) {
        self.said.remove(setting.name);
    }

    /// The value of one that is said.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.said.get(name)
    }

    /// Whether one is said to be on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(true))
    }

    /// Those that are said, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Setting, &Value)> {
        self.said.iter().filter_map(|(name, value)| Some((Setting::named(name)?, value)))
    }

    /// The settings in which `self` and `before` differ, each with what it is now: `None` stands for what it is by itself.
    pub fn differing<'a>(
        &'a self,
        before: &'a Settings,
    ) -> impl Iterator<Item = (&'static Setting, Option<&'a Value>)> {
        let gone = before.iter().filter(|(setting, _)| self.get(setting.name).is_none());
        let new = self.iter().filter(|(setting, value)| before.get(setting.name) != Some(value));
        gone.map(|(setting, _)| (setting, None)).chain(new.map(|(setting, value)| (setting, Some(value))))
    }

    /// These, with what they leave open taken from `seen`; what is as it is by itself is not said, unless `seen` says so too.
    pub(super) fn over(&self, seen: &Settings, backend: BackendName) -> Settings {
        let mut said = seen.said.clone();
        if self.whole {
            said.retain(|name, _| Setting::named(name).is_some_and(|setting| setting.follows(backend)));
        }
        for (setting, value) in self.iter() {
            if setting.default(backend).as_ref() == Some(value) && seen.get(setting.name) != Some(value) {
                said.remove(setting.name);
            } else {
                said.insert(setting.name, value.clone());
            }
        }
        Settings { said, whole: self.whole }
    }

    /// The first of these that a kind of switch lacks, or has not in this range: what, why, and what could do it, unless that is a
    /// switch of the other kind.
    pub fn lacking(&self, backend: BackendName) -> Option<(String, String, Option<String>)> {
        self.iter().find_map(|(setting, value)| match (setting.side(backend), value) {
            (Side::Lacks { reason, hint }, _) => {
                Some((setting.name.to_owned(), (*reason).to_owned(), hint.map(str::to_owned)))
            }
            (Side::Has { range: Some((min, max)), .. }, Value::Number(number)) if !(min..=max).contains(&number) => {
                let reason = format!("there it is {min} to {max}");
                let hint = format!("write a number from {min} to {max}");
                Some((format!("{} {number}", setting.name), reason, Some(hint)))
            }
            _ => None,
        })
    }
}

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
        let mut settings = Settings::default();
        for (name, value) in BTreeMap::<String, Value>::deserialize(deserializer)? {
            let setting = Setting::named(&name);
            let setting = setting.ok_or_else(|| serde::de::Error::custom(format!("there is no setting `{name}`")))?;
            settings.set(setting, value);
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(said: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (name, text) in said {
            let setting = Setting::named(name).unwrap();
            settings.set(setting, setting.read(text).unwrap());
        }
        settings
    }

    #[test]
    fn what_a_table_says_of_itself_can_be_read() {
        for holder in [Holder::Switch, Holder::Port] {
            for setting in Setting::of(holder) {
                for backend in [BackendName::Ovs, BackendName::Linux] {
                    if let Side::Has { default: Some(text), .. } = setting.side(backend) {
                        assert_eq!(setting.default(backend), Some(setting.read(text).unwrap()), "{}", setting.name);
                    }
                }
                if let Values::Text(form) | Values::Texts(form) = &setting.values {
                    setting.read(form.example).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_default_is_not_said() {
        let seen = settings(&[("stp-priority", "4096")]);
        let wanted = settings(&[("stp-priority", "32768"), ("ageing", "60")]);
        assert_eq!(wanted.over(&seen, BackendName::Ovs), settings(&[("ageing", "60")]));
        let open = settings(&[("ageing", "60")]);
        assert_eq!(open.over(&seen, BackendName::Ovs), settings(&[("ageing", "60"), ("stp-priority", "4096")]));
        assert!(Settings::whole().over(&seen, BackendName::Ovs).is_empty());
    }

    #[test]
    fn what_differs_goes_to_the_new_value_or_back() {
        let (old, new) = (settings(&[("ageing", "60"), ("dpid", "7")]), settings(&[("ageing", "90")]));
        let differing: Vec<_> = new.differing(&old).map(|(setting, value)| (setting.name, value.cloned())).collect();
        assert_eq!(differing, [("dpid", None), ("ageing", Some(Value::Number(90)))]);
    }

    #[test]
    fn texts_have_one_form() {
        let read = |name: &str, text: &str| Setting::named(name).unwrap().read(text);
        assert_eq!(read("dpid", "00:00:00:00:00:00:00:2a"), Ok(Value::Text("000000000000002a".to_owned())));
        assert_eq!(read("protocols", "OpenFlow13,OpenFlow10"), Ok(Value::Text("OpenFlow10,OpenFlow13".to_owned())));
        assert!(read("protocols", "OpenFlow9").is_err());
        assert!(read("rstp-priority", "100").unwrap_err().contains("multiple of 4096"));
    }
}
