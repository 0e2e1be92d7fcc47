//! The commands on any table that change: `set`, `add`, `remove`, `clear`, `create`, `destroy`.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, Flow, Output};
use super::failure::Failure;
use super::log::{Log, Module};
use super::names::{Column, Table, read_column_value};
use super::needs::Needs;
use super::syntax::Command;
use crate::ovsdb::schema::{ColumnType, UNLIMITED};
use crate::ovsdb::value::{Datum, Uuid};

impl Needs<'_> {
    pub(super) fn set(&mut self, command: &Command) -> Result<(), Failure> {
        let table = self.table_and_record(command)?;
        self.arguments(&table, &command.arguments[2..])
    }

    /// Of `add` and `remove`.
    pub(super) fn change(&mut self, command: &Command) -> Result<(), Failure> {
        let table = self.table_and_record(command)?;
        let column = table.find(&command.arguments[2])?;
        self.column(&table, &column);
        Ok(())
    }

    pub(super) fn clear(&mut self, command: &Command) -> Result<(), Failure> {
        let table = self.table_and_record(command)?;
        for name in &command.arguments[2..] {
            let column = table.find(name)?;
            self.column(&table, &column);
        }
        Ok(())
    }

    pub(super) fn create(&mut self, command: &Command, log: &mut Log) -> Result<(), Failure> {
        let table = super::names::find_table(self.schema, &command.arguments[0])?;
        if !command.has("--id") && !table.schema.is_root {
            let words =
                format!("applying \"create\" command to table {} without --id option will have no effect", table.name);
            log.warn(Module::DbCtlBase, &words);
        }
        Ok(())
    }

    pub(super) fn destroy(&mut self, command: &Command) -> Result<(), Failure> {
        self.table_of(command, &command.arguments[1..]).map(drop)
    }
}

impl Context<'_> {
    /// The record that a command names, if it need not be there.
    fn record_of(&mut self, table: &Table<'_>, command: &Command) -> Result<Option<Uuid>, Failure> {
        let id = &command.arguments[1];
        if command.has("--if-exists") { self.find_record(table, id) } else { self.record(table, id).map(Some) }
    }

    fn check_mutable(&self, table: &Table<'_>, row: Uuid, column: &Column<'_>) -> Result<(), Failure> {
        if column.schema.mutable || self.txn.is_new(table.name, row) {
            return Ok(());
        }
        Err(Failure::words(format!("cannot modify read-only column {} in table {}", column.name, table.name)))
    }

    /// Carries out `COLUMN[:KEY]=VALUE`.
    pub(super) fn set_column(&mut self, table: &Table<'_>, row: Uuid, argument: &str) -> Result<(), Failure> {
        let (place, _, text) = read_column_value(table, argument, &["="])?;
        let column = place.column;
        self.check_mutable(table, row, &column)?;
        let column_type = column.column_type();
        let Some(key) = place.key else {
            let datum = self.read_datum(column_type, text)?;
            self.txn.write(table.name, row, column.name, datum);
            return Ok(());
        };
        let Some(value) = column_type.value() else {
            let words = format!("cannot specify key to set for non-map column {}", column.name);
            return Err(Failure::words(words));
        };
        let (key, value) = (self.read_atom(column_type.key(), &key)?, self.read_atom(value, text)?);
        let mut datum = self.txn.read(table.name, row, column.name);
        if let Datum::Map(pairs) = &mut datum {
            pairs.insert(key, value);
        }
        self.txn.verify(table.name, row, column.name);
        self.txn.write(table.name, row, column.name, datum);
        Ok(())
    }

    pub(super) fn set(&mut self, command: &Command) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let Some(row) = self.record_of(&table, command)? else { return Ok(Flow::Done) };
        for argument in &command.arguments[2..] {
            self.set_column(&table, row, argument)?;
        }
        self.forget();
        Ok(Flow::Done)
    }

    pub(super) fn add(&mut self, command: &Command) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let column = table.find(&command.arguments[2])?;
        let Some(row) = self.record_of(&table, command)? else { return Ok(Flow::Done) };
        self.check_mutable(&table, row, &column)?;
        let several = column.column_type().with_count(1, UNLIMITED);
        let empty = if column.column_type().is_map() { Datum::empty_map() } else { Datum::empty_set() };
        let mut more = empty;
        for text in &command.arguments[3..] {
            let argument = self.read_datum(&several, text)?;
            unite(&mut more, argument);
        }
        if self.last && !self.txn.is_new(table.name, row) && !column.column_type().is_scalar() {
            // Nothing depends on what it holds: then neither does the change, and the server counts.
            self.txn.insert_into(table.name, row, column.name, more);
            return Ok(Flow::Done);
        }
        let mut datum = self.txn.read(table.name, row, column.name);
        unite(&mut datum, more);
        let (count, max) = (datum.len(), column.column_type().max_count());
        if count > max as usize {
            return Err(wrong_count("add", count, &table, &column, "maximum", max));
        }
        self.txn.verify(table.name, row, column.name);
        self.txn.write(table.name, row, column.name, datum);
        self.forget();
        Ok(Flow::Done)
    }

    pub(super) fn remove(&mut self, command: &Command) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let column = table.find(&command.arguments[2])?;
        let Some(row) = self.record_of(&table, command)? else { return Ok(Flow::Done) };
        self.check_mutable(&table, row, &column)?;
        let mut datum = self.txn.read(table.name, row, column.name);
        for text in &command.arguments[3..] {
            let less = self.read_removed(column.column_type(), text)?;
            subtract(&mut datum, &less);
        }
        let (count, min) = (datum.len(), column.column_type().min_count());
        if count < min as usize {
            return Err(wrong_count("remove", count, &table, &column, "minimum", min));
        }
        self.txn.verify(table.name, row, column.name);
        self.txn.write(table.name, row, column.name, datum);
        self.forget();
        Ok(Flow::Done)
    }

    /// Elements, pairs, or, of a map, keys alone.
    fn read_removed(&mut self, column_type: &ColumnType, text: &str) -> Result<Datum, Failure> {
        let keys = || ColumnType::set(column_type.key().clone(), 1, UNLIMITED);
        match self.read_datum(&column_type.with_count(1, UNLIMITED), text) {
            Err(_) if column_type.is_map() => self.read_datum(&keys(), text),
            outcome => outcome,
        }
    }

    pub(super) fn clear(&mut self, command: &Command) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let Some(row) = self.record_of(&table, command)? else { return Ok(Flow::Done) };
        for name in &command.arguments[2..] {
            let column = table.find(name)?;
            self.check_mutable(&table, row, &column)?;
            if column.column_type().min_count() > 0 {
                return Err(Failure::words(format!(
                    "\"clear\" operation cannot be applied to column {} of table {}, which is not allowed to be empty",
                    column.name, table.name
                )));
            }
            self.txn.write(table.name, row, column.name, Datum::empty_set());
        }
        self.forget();
        Ok(Flow::Done)
    }

    pub(super) fn create(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let row = match command.value("--id").map(|id| (id, id.parse::<Uuid>())) {
            None => self.txn.insert(table.name),
            Some((_, Ok(uuid))) => self.txn.insert_as(table.name, uuid, true),
            Some((name, Err(_))) => {
                let (symbol, _) = self.symbols.define(name)?;
                // What is in a root table stays also where nothing refers to it.
                symbol.strong |= table.schema.is_root;
                let uuid = symbol.uuid;
                self.txn.insert_as(table.name, uuid, false)
            }
        };
        for argument in &command.arguments[1..] {
            self.set_column(&table, row, argument)?;
        }
        out.made = Some(row);
        Ok(Flow::Done)
    }

    pub(super) fn destroy(&mut self, command: &Command) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let records = &command.arguments[1..];
        let (all, if_exists) = (command.has("--all"), command.has("--if-exists"));
        if all && !records.is_empty() {
            return Err(Failure::words("--all and records argument should not be specified together"));
        }
        if all && if_exists {
            return Err(Failure::words("--all and --if-exists should not be specified together"));
        }
        if !all && records.is_empty() {
            self.log.warn(Module::DbCtlBase, "either --all or records argument should be specified");
            return Ok(Flow::Done);
        }
        if all {
            for row in self.txn.rows(table.name) {
                self.txn.delete(table.name, row);
            }
        }
        for record in records {
            let row = if if_exists { self.find_record(&table, record)? } else { Some(self.record(&table, record)?) };
            if let Some(row) = row {
                self.txn.delete(table.name, row);
            }
        }
        self.forget();
        Ok(Flow::Done)
    }
}

/// Adds elements, or pairs of which the key is not there.
fn unite(datum: &mut Datum, more: Datum) {
    match (datum, more) {
        (Datum::Set(atoms), Datum::Set(more)) => atoms.extend(more),
        (Datum::Map(pairs), Datum::Map(more)) => {
            for (key, value) in more {
                pairs.entry(key).or_insert(value);
            }
        }
        _ => {}
    }
}

/// Removes elements, or pairs that are the same, or that have one of the keys.
fn subtract(datum: &mut Datum, less: &Datum) {
    match (datum, less) {
        (Datum::Set(atoms), Datum::Set(less)) => *atoms = atoms.difference(less).cloned().collect::<BTreeSet<_>>(),
        (Datum::Map(pairs), Datum::Map(less)) => pairs.retain(|key, value| less.get(key) != Some(value)),
        (Datum::Map(pairs), Datum::Set(keys)) => {
            *pairs =
                std::mem::take(pairs).into_iter().filter(|(key, _)| !keys.contains(key)).collect::<BTreeMap<_, _>>();
        }
        (Datum::Set(_), Datum::Map(_)) => {}
    }
}

fn wrong_count(
    operation: &str,
    count: usize,
    table: &Table<'_>,
    column: &Column<'_>,
    limit: &str,
    number: u32,
) -> Failure {
    let what = if column.column_type().is_map() { "pairs" } else { "values" };
    Failure::words(format!(
        "\"{operation}\" operation would put {count} {what} in column {} of table {} but the {limit} number is {number}",
        column.name, table.name
    ))
}
