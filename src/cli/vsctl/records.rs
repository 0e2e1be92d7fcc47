//! How a record is named: by its UUID or its beginning, as `.` where it is the only one, or by what its table has for a
//! name.

use super::context::Context;
use super::failure::Failure;
use super::names::Table;
use crate::ovsdb::schema::AtomicType;
use crate::ovsdb::value::{Atom, Datum, Uuid};

/// A column that names records.
#[derive(Debug)]
pub(super) struct Way {
    /// The table that has the name.
    pub table: &'static str,
    pub name: &'static str,
    /// The column of that table that refers to the record, if the record is not itself the one that is named so.
    pub through: Option<&'static str>,
}

const fn own(table: &'static str, name: &'static str) -> (&'static str, Way) {
    (table, Way { table, name, through: None })
}

const fn of(record: &'static str, table: &'static str, through: &'static str) -> (&'static str, Way) {
    (record, Way { table, name: "name", through: Some(through) })
}

/// By the table of the record.
const WAYS: [(&str, Way); 13] = [
    of("AutoAttach", "Bridge", "auto_attach"),
    own("Bridge", "name"),
    of("Controller", "Bridge", "controller"),
    own("Flow_Sample_Collector_Set", "id"),
    own("Flow_Table", "name"),
    of("IPFIX", "Bridge", "ipfix"),
    own("Interface", "name"),
    own("Manager", "target"),
    own("Mirror", "name"),
    of("NetFlow", "Bridge", "netflow"),
    own("Port", "name"),
    of("QoS", "Port", "qos"),
    of("sFlow", "Bridge", "sflow"),
];

/// The ways to name records of a table, other than by UUID.
pub(super) fn ways(table: &str) -> impl Iterator<Item = &'static Way> {
    WAYS.iter().filter(move |(of, _)| *of == table).map(|(_, way)| way)
}

/// The fewest characters that a UUID may be shortened to.
const SHORTEST: usize = 4;

impl Context<'_> {
    /// The record that must be there.
    pub(super) fn record(&mut self, table: &Table<'_>, id: &str) -> Result<Uuid, Failure> {
        let missing = || Failure::words(format!("no row \"{id}\" in table {}", table.name));
        self.find_record(table, id)?.ok_or_else(missing)
    }

    /// The record, if there is one.
    pub(super) fn find_record(&mut self, table: &Table<'_>, id: &str) -> Result<Option<Uuid>, Failure> {
        let whole = id.parse().ok().filter(|uuid| self.txn.exists(table.name, *uuid));
        if whole.is_some() {
            return Ok(whole);
        }
        if let (".", [only]) = (id, self.txn.rows(table.name).as_slice()) {
            return Ok(Some(*only));
        }
        for way in ways(table.name) {
            if let Some(uuid) = self.find_named(table, way, id)? {
                return Ok(Some(uuid));
            }
        }
        if is_beginning(id) { self.find_begun(table, id) } else { Ok(None) }
    }

    fn find_named(&mut self, table: &Table<'_>, way: &Way, id: &str) -> Result<Option<Uuid>, Failure> {
        let is_number = self.column_is_number(way);
        if is_number && (id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit())) {
            return Ok(None);
        }
        let is_so = |uuid: &Uuid| {
            let datum = self.txn.read(way.table, *uuid, way.name);
            datum.as_scalar().is_some_and(|name| is_called(name, id))
        };
        let named: Vec<_> = self.txn.rows(way.table).into_iter().filter(is_so).collect();
        let uuid = match named.as_slice() {
            [] => return Ok(None),
            [one] => *one,
            _ => return Err(Failure::words(format!("multiple rows in {} match \"{id}\"", way.table))),
        };
        let Some(column) = way.through else { return Ok(Some(uuid)) };
        self.txn.verify(way.table, uuid, column);
        let referred = match self.txn.read(way.table, uuid, column) {
            Datum::Set(atoms) if atoms.len() == 1 => atoms.into_iter().next(),
            _ => None,
        };
        let Some(Atom::Uuid(referred)) = referred else { return Ok(None) };
        Ok(Some(referred).filter(|uuid| self.txn.exists(table.name, *uuid)))
    }

    fn column_is_number(&self, way: &Way) -> bool {
        let column = self.txn.schema.tables.get(way.table).and_then(|table| table.columns.get(way.name));
        column.is_some_and(|column| column.column_type.key().atomic() == AtomicType::Integer)
    }

    fn find_begun(&self, table: &Table<'_>, id: &str) -> Result<Option<Uuid>, Failure> {
        let mut begun = self.txn.rows(table.name).into_iter().filter(|uuid| uuid.to_string().starts_with(id));
        match (begun.next(), begun.next()) {
            (Some(one), Some(other)) => Err(Failure::words(format!(
                "{} contains 2 or more rows whose UUIDs begin with {id}: at least {one} and {other}",
                table.name
            ))),
            (one, _) => Ok(one),
        }
    }
}

/// A name that looks like a UUID may be shortened as one.
fn is_called(name: &Atom, id: &str) -> bool {
    match name {
        Atom::String(name) => {
            name == id || (id.len() >= SHORTEST && name.parse::<Uuid>().is_ok() && name.starts_with(id))
        }
        Atom::Integer(number) => id.parse() == Ok(*number),
        _ => false,
    }
}

/// Whether a text is the beginning of a UUID, long enough to be taken for one.
pub(super) fn is_beginning(id: &str) -> bool {
    const FORM: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    let fits = |(byte, form): (u8, u8)| if form == b'-' { byte == b'-' } else { byte.is_ascii_hexdigit() };
    (SHORTEST..=FORM.len()).contains(&id.len()) && id.bytes().zip(FORM.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_have_hyphens_in_the_right_places() {
        for (id, is) in [
            ("0b1", false),
            ("0b1f", true),
            ("0b1f0000-", true),
            ("0b1f0000-1234-4abc-8def-0123456789ab", true),
            ("0b1f0000-1234-4abc-8def-0123456789abc", false),
            ("0b1f-", false),
            ("br0x", false),
        ] {
            assert_eq!(is_beginning(id), is, "{id}");
        }
    }

    #[test]
    fn names_are_whole_but_for_uuids() {
        assert!(is_called(&"br0".into(), "br0"));
        assert!(!is_called(&"br01".into(), "br0"));
        assert!(is_called(&"0b1f0000-1234-4abc-8def-0123456789ab".into(), "0b1f"));
        assert!(is_called(&Atom::Integer(7), "07"));
    }
}
