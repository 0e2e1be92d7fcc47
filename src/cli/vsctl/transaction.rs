//! Changes to a copy of the database, to be made in one transaction: commands see what the ones before them have changed.
//! What is sent in the end, and what it is guarded with, is as the client library of Open vSwitch has it
//! (lib/ovsdb-idl.c).

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::ovsdb::monitor::Replica;
use crate::ovsdb::operation::{Condition, Delete, Insert, Mutate, Mutation, Operation, Select, Until, Update, Wait};
use crate::ovsdb::row::{FromAtom, Row};
use crate::ovsdb::schema::DatabaseSchema;
use crate::ovsdb::value::{Atom, Datum, Uuid};

/// A copy of the database, and what is to be changed in it.
pub(super) struct Transaction<'a> {
    pub schema: &'a DatabaseSchema,
    replica: &'a Replica,
    rows: BTreeMap<(String, Uuid), Pending>,
    /// New rows in the order in which they were made.
    made: Vec<(String, Uuid)>,
}

/// What is to become of a row.
#[derive(Default)]
struct Pending {
    fate: Fate,
    written: Row,
    /// What is to be put into columns in addition to what they hold then.
    inserted: Row,
    /// Columns that must not have changed in the meantime.
    verified: BTreeSet<String>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Fate {
    #[default]
    Kept,
    /// Under a UUID that the server chooses, or under this one.
    New {
        fixed: bool,
    },
    Gone,
}

/// A transaction as it is sent, and where in the reply to look for what.
pub(super) struct Built {
    pub operations: Vec<Operation>,
    /// The UUID that stood for a new row, and the place of the row's operation.
    pub inserts: Vec<(Uuid, usize)>,
    /// The place of the operation that reads the number which was incremented.
    pub increment: Option<usize>,
}

impl<'a> Transaction<'a> {
    pub(super) const fn new(schema: &'a DatabaseSchema, replica: &'a Replica) -> Self {
        Self { schema, replica, rows: BTreeMap::new(), made: Vec::new() }
    }

    fn pending(&self, table: &str, uuid: Uuid) -> Option<&Pending> {
        self.rows.get(&(table.to_owned(), uuid))
    }

    fn pending_mut(&mut self, table: &str, uuid: Uuid) -> &mut Pending {
        self.rows.entry((table.to_owned(), uuid)).or_default()
    }

    /// Whether there is such a row.
    pub(super) fn exists(&self, table: &str, uuid: Uuid) -> bool {
        match self.pending(table, uuid).map(|pending| pending.fate) {
            Some(Fate::Gone) => false,
            Some(Fate::New { .. }) => true,
            Some(Fate::Kept) | None => self.replica.row(table, uuid).is_some(),
        }
    }

    /// Whether the row is not in the database yet.
    pub(super) fn is_new(&self, table: &str, uuid: Uuid) -> bool {
        self.pending(table, uuid).is_some_and(|pending| matches!(pending.fate, Fate::New { .. }))
    }

    /// The rows of a table in the order of their UUIDs, new ones behind the others.
    pub(super) fn rows(&self, table: &str) -> Vec<Uuid> {
        let old = self.replica.rows(table).map(|(uuid, _)| uuid);
        let new = self.made.iter().filter(|(of, _)| of == table).map(|(_, uuid)| *uuid);
        old.chain(new).filter(|uuid| self.exists(table, *uuid)).collect()
    }

    /// What a column holds; its default if it was not read, or the server does not have it.
    pub(super) fn read(&self, table: &str, uuid: Uuid, column: &str) -> Datum {
        let written = self.pending(table, uuid).and_then(|pending| pending.written.get(column));
        let old = || self.replica.row(table, uuid).and_then(|row| row.get(column));
        written.or_else(old).cloned().unwrap_or_else(|| self.default(table, column))
    }

    fn default(&self, table: &str, column: &str) -> Datum {
        let column = self.schema.tables.get(table).and_then(|table| table.columns.get(column));
        column.map_or_else(Datum::empty_set, |column| column.column_type.default_datum())
    }

    /// The atoms of a set that are of this type.
    pub(super) fn all<T: FromAtom>(&self, table: &str, uuid: Uuid, column: &str) -> Vec<T> {
        match self.read(table, uuid, column) {
            Datum::Set(atoms) => atoms.iter().filter_map(T::from_atom).collect(),
            Datum::Map(_) => Vec::new(),
        }
    }

    /// The one atom of a column, if there is one.
    pub(super) fn one<T: FromAtom>(&self, table: &str, uuid: Uuid, column: &str) -> Option<T> {
        self.all(table, uuid, column).into_iter().next()
    }

    /// A text, empty if there is none.
    pub(super) fn text(&self, table: &str, uuid: Uuid, column: &str) -> String {
        self.one(table, uuid, column).unwrap_or_default()
    }

    /// The pairs of a map of these types.
    pub(super) fn map<K: FromAtom + Ord, V: FromAtom>(&self, table: &str, uuid: Uuid, column: &str) -> BTreeMap<K, V> {
        match self.read(table, uuid, column) {
            Datum::Map(pairs) => {
                pairs.iter().filter_map(|(key, value)| Some((K::from_atom(key)?, V::from_atom(value)?))).collect()
            }
            Datum::Set(_) => BTreeMap::new(),
        }
    }

    /// The rows of `to` that a column refers to and that are there.
    pub(super) fn references(&self, table: &str, uuid: Uuid, column: &str, to: &str) -> Vec<Uuid> {
        self.all(table, uuid, column).into_iter().filter(|uuid| self.exists(to, *uuid)).collect()
    }

    /// Puts a value in a column. A column that the server does not have is left out.
    pub(super) fn write(&mut self, table: &str, uuid: Uuid, column: &str, value: impl Into<Datum>) {
        let known = self.schema.tables.get(table).and_then(|table| table.columns.get(column));
        let Some(known) = known else { return };
        let value = match value.into() {
            Datum::Set(atoms) if atoms.is_empty() && known.column_type.is_map() => Datum::empty_map(),
            value => value,
        };
        self.pending_mut(table, uuid).written.insert(column, value);
    }

    /// Puts elements, or pairs of keys that are not there, into a column, whatever else it holds then. Only what is sent
    /// shows it.
    pub(super) fn insert_into(&mut self, table: &str, uuid: Uuid, column: &str, value: Datum) {
        self.pending_mut(table, uuid).inserted.insert(column, value);
    }

    /// Has the transaction fail, and be tried again, if the column has changed in the meantime.
    pub(super) fn verify(&mut self, table: &str, uuid: Uuid, column: &str) {
        let known = self.replica.row(table, uuid).is_some_and(|row| row.get(column).is_some());
        if known {
            self.pending_mut(table, uuid).verified.insert(column.to_owned());
        }
    }

    /// Makes a row and gives the UUID that stands for it until the server has chosen one.
    pub(super) fn insert(&mut self, table: &str) -> Uuid {
        self.insert_as(table, random_uuid(), false)
    }

    /// Makes a row that `uuid` stands for; its own, if `fixed`.
    pub(super) fn insert_as(&mut self, table: &str, uuid: Uuid, fixed: bool) -> Uuid {
        self.pending_mut(table, uuid).fate = Fate::New { fixed };
        self.made.push((table.to_owned(), uuid));
        uuid
    }

    /// Deletes a row.
    pub(super) fn delete(&mut self, table: &str, uuid: Uuid) {
        if self.is_new(table, uuid) {
            self.rows.remove(&(table.to_owned(), uuid));
            self.made.retain(|made| *made != (table.to_owned(), uuid));
        } else {
            self.pending_mut(table, uuid).fate = Fate::Gone;
        }
    }

    /// The operations that make the changes; none if there is nothing to change. `increment` is the row of `Open_vSwitch`
    /// of which `next_cfg` goes up.
    pub(super) fn build(&self, increment: Option<Uuid>, comment: &str, dry_run: bool) -> Option<Built> {
        let mut built = Built { operations: self.guards(), inserts: Vec::new(), increment: None };
        let mut changes = false;
        for ((table, uuid), pending) in &self.rows {
            match pending.fate {
                Fate::Gone => changes |= self.build_delete(table, *uuid, &mut built),
                Fate::New { fixed } => {
                    built.inserts.push((*uuid, built.operations.len()));
                    built.operations.push(self.build_insert(table, *uuid, fixed, pending));
                    changes = true;
                }
                Fate::Kept => changes |= self.build_update(table, *uuid, pending, &mut built),
            }
        }
        if !changes {
            return None;
        }
        if let Some(root) = increment {
            let this = Condition::equal("_uuid", self.substitute(Datum::from(root)));
            let mutate = Mutate::table_rows(ROOT).filter(this.clone()).with(Mutation::add(NEXT_CFG, 1));
            built.operations.push(mutate.into());
            built.increment = Some(built.operations.len());
            built.operations.push(Select::from_table(ROOT).filter(this).columns([NEXT_CFG]).into());
        }
        built.operations.push(Operation::Comment(comment.to_owned()));
        built.operations.extend(dry_run.then_some(Operation::Abort));
        Some(built)
    }

    /// What must not have changed, and that a table which may have one row only is still empty where one is made.
    fn guards(&self) -> Vec<Operation> {
        let verified = self.rows.iter().filter(|(_, pending)| !pending.verified.is_empty());
        let guard = |((table, uuid), pending): (&(String, Uuid), &Pending)| {
            let old = self.replica.row(table, *uuid);
            let column = |column: &String| Some((column.clone(), old?.get(column)?.clone()));
            let row: Row = pending.verified.iter().filter_map(column).collect();
            Wait::guard(table, *uuid, row).into()
        };
        let single = self.made.iter().filter(|(table, _)| {
            let schema = self.schema.tables.get(table);
            schema.is_some_and(|schema| schema.max_rows == Some(1)) && self.replica.rows(table).next().is_none()
        });
        let empty = |(table, _): &(String, Uuid)| {
            let wait = Wait::on_table(table, std::iter::empty::<String>(), Until::Equal);
            wait.timeout(Duration::ZERO).into()
        };
        verified.map(guard).chain(single.map(empty)).collect()
    }

    /// Rows of other tables than roots the server deletes by itself, when nothing refers to them any more.
    fn build_delete(&self, table: &str, uuid: Uuid, built: &mut Built) -> bool {
        let is_root = self.schema.tables.get(table).is_some_and(|schema| schema.is_root);
        if is_root {
            built.operations.push(Delete::from_table(table).filter(Condition::uuid(uuid)).into());
        }
        is_root
    }

    fn build_insert(&self, table: &str, uuid: Uuid, fixed: bool, pending: &Pending) -> Operation {
        let said = pending.written.iter().filter(|(column, value)| **value != self.default(table, column));
        let row: Row = said.map(|(column, value)| (column, self.substitute(value.clone()))).collect();
        let insert = Insert::into_table(table).row(row);
        if fixed { insert.uuid(uuid).into() } else { insert.named(name(uuid)).into() }
    }

    /// Whether anything changes by it. What was written is sent also where it holds already, so that it holds afterwards.
    fn build_update(&self, table: &str, uuid: Uuid, pending: &Pending, built: &mut Built) -> bool {
        let old = |column: &str| self.replica.row(table, uuid).and_then(|row| row.get(column)).cloned();
        let old = |column: &str| old(column).unwrap_or_else(|| self.default(table, column));
        if !pending.written.is_empty() {
            let update = Update::table_rows(table).filter(Condition::uuid(uuid));
            let with =
                |update: Update, (column, value): (&str, &Datum)| update.with(column, self.substitute(value.clone()));
            built.operations.push(pending.written.iter().fold(update, with).into());
        }
        if !pending.inserted.is_empty() {
            let mutate = Mutate::table_rows(table).filter(Condition::uuid(uuid));
            let insert = |(column, value): (&str, &Datum)| Mutation::insert(column, self.substitute(value.clone()));
            built.operations.push(mutate.with_all(pending.inserted.iter().map(insert)).into());
        }
        let written = pending.written.iter().any(|(column, value)| *value != old(column));
        written || pending.inserted.iter().any(|(column, value)| adds(&old(column), value))
    }

    /// Names the new rows in a value as the transaction names them.
    fn substitute(&self, value: Datum) -> Datum {
        let is_named = |uuid: Uuid| {
            self.made.iter().any(|(table, made)| {
                *made == uuid
                    && self.pending(table, uuid).is_some_and(|pending| pending.fate == Fate::New { fixed: false })
            })
        };
        let atom = |atom: Atom| match atom {
            Atom::Uuid(uuid) if is_named(uuid) => Atom::NamedUuid(name(uuid)),
            other => other,
        };
        match value {
            Datum::Set(atoms) => Datum::Set(atoms.into_iter().map(atom).collect()),
            Datum::Map(pairs) => Datum::Map(pairs.into_iter().map(|(k, v)| (atom(k), atom(v))).collect()),
        }
    }
}

/// The table with the one row that all others hang on.
pub(super) const ROOT: &str = "Open_vSwitch";
const NEXT_CFG: &str = "next_cfg";

/// Whether there is an element, or a key, that is not there yet.
fn adds(old: &Datum, more: &Datum) -> bool {
    match (old, more) {
        (Datum::Set(old), Datum::Set(more)) => !more.is_subset(old),
        (Datum::Map(old), Datum::Map(more)) => more.keys().any(|key| !old.contains_key(key)),
        _ => true,
    }
}

fn name(uuid: Uuid) -> String {
    format!("row{}", uuid.to_string().replace('-', "_"))
}

/// A UUID of version 4 that nobody else has; it is no secret.
pub(super) fn random_uuid() -> Uuid {
    let half = || u128::from(RandomState::new().build_hasher().finish());
    let bits = half() << 64 | half();
    Uuid::from_u128(bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62)
}
