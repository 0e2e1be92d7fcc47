//! Settings in the columns of tables Bridge and Port (ovs-vswitchd.conf.db(5)).

use std::collections::HashMap;

use crate::model::setting::{At, Holder, Setting, Value};
use crate::model::{BackendName, Settings};
use crate::ovsdb::operation::Select;
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Atom, Datum, Uuid};

use super::Ovs;
use super::read::{misread, select};
use crate::backend::BackendError;

/// The columns of table Bridge that settings stand in, besides `other_config`.
pub const OF_BRIDGE: [&str; 4] = ["mcast_snooping_enable", "fail_mode", "protocols", "controller"];
/// The columns of table Port that settings stand in.
pub const OF_PORT: [&str; 2] = ["other_config", "protected"];

/// The settings that `row` of a switch or a port says. `controllers` are the targets of all controllers.
///
/// What is not as we would write it is not said: it is left alone.
pub fn read(holder: Holder, row: &Row, controllers: &HashMap<Uuid, String>) -> Result<Settings, RowError> {
    let config = row.map::<String, String>("other_config")?;
    let mut settings = Settings::default();
    for setting in Setting::of(holder) {
        let text = match setting.column() {
            At::Key(_) if config.is_empty() => None,
            At::Key(key) => config.get(key).cloned(),
            At::Flag(column) => Some(row.one::<bool>(column)?.to_string()),
            At::Words(column) => joined(row.all::<String>(column)?),
            At::Controllers if row.get("controller").is_none() => None,
            At::Controllers => {
                let rows = row.all::<Uuid>("controller")?;
                joined(rows.iter().filter_map(|row| controllers.get(row).cloned()).collect())
            }
        };
        let value = text.and_then(|text| setting.read(&text).ok());
        if let Some(value) = value.filter(|value| setting.default(BackendName::Ovs).as_ref() != Some(value)) {
            settings.set(setting, value);
        }
    }
    Ok(settings)
}

fn joined(texts: Vec<String>) -> Option<String> {
    if texts.is_empty() { None } else { Some(texts.join(",")) }
}

/// The targets of the controllers, where one of `bridges` has any.
pub async fn controllers(ovs: &Ovs, bridges: &[Row]) -> Result<HashMap<Uuid, String>, BackendError> {
    let has = |row: &Row| row.all::<Uuid>("controller").is_ok_and(|rows| !rows.is_empty());
    if !bridges.iter().any(has) {
        return Ok(HashMap::new());
    }
    let rows = select(ovs, [Select::from_table("Controller").columns(["_uuid", "target"])]).await?;
    let target = |row: &Row| Ok((row.row_uuid()?, row.one("target")?));
    rows.iter().flatten().map(target).collect::<Result<_, _>>().map_err(misread)
}

/// The column of a setting that stands in one, with its value; `None` is what it is by itself.
pub fn column(setting: &'static Setting, value: Option<&Value>) -> Option<(&'static str, Datum)> {
    let value = value.cloned().or_else(|| setting.default(BackendName::Ovs));
    match (setting.column(), value) {
        (At::Flag(column), value) => Some((column, Datum::from(value == Some(Value::Bool(true))))),
        (At::Words(column), Some(Value::Text(text))) => Some((column, Datum::set(text.split(',').map(Atom::from)))),
        (At::Words(column), _) => Some((column, Datum::empty_set())),
        _ => None,
    }
}
