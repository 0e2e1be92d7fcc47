//! The commands on any table that read: `get`, `list`, `find`, `wait-until`.

use std::io::IsTerminal;

use super::condition::Condition;
use super::context::{Context, Flow, Output};
use super::failure::Failure;
use super::log::{Log, Module};
use super::names::{Column, Table, read_column, read_column_key};
use super::needs::Needs;
use super::syntax::Command;
use crate::ovsdb::format::{self, Cell};
use crate::ovsdb::schema::{AtomicType, ColumnType};
use crate::ovsdb::value::{Datum, Uuid};

fn is_uuid(word: &str) -> bool {
    word.eq_ignore_ascii_case("_uuid") || word.eq_ignore_ascii_case("-uuid")
}

/// The columns to print; `None` is the UUID.
fn columns_to_print<'a>(table: &Table<'a>, command: &Command) -> Result<Vec<Option<Column<'a>>>, Failure> {
    let Some(names) = command.value("--columns") else {
        let all = table.schema.columns.keys().filter_map(|name| table.column(name)).map(Some);
        return Ok(std::iter::once(None).chain(all).collect());
    };
    let names = names.split([',', ' ']).filter(|name| !name.is_empty());
    let column = |name: &str| if name.eq_ignore_ascii_case("_uuid") { Ok(None) } else { table.find(name).map(Some) };
    let columns = names.map(column).collect::<Result<Vec<_>, _>>()?;
    if columns.is_empty() {
        return Err(Failure::words("must specify at least one column name"));
    }
    Ok(columns)
}

impl<'a> Needs<'a> {
    /// The table that a command names first, with what these records are found by; without any, with all rows.
    pub(super) fn table_of(&mut self, command: &Command, records: &[String]) -> Result<Table<'a>, Failure> {
        let table = super::names::find_table(self.schema, &command.arguments[0])?;
        self.records(&table, records);
        Ok(table)
    }

    /// The same of a command whose second argument is the record.
    pub(super) fn table_and_record(&mut self, command: &Command) -> Result<Table<'a>, Failure> {
        self.table_of(command, &command.arguments[1..2])
    }

    /// The columns that arguments begin with.
    pub(super) fn arguments(&mut self, table: &Table<'a>, arguments: &[String]) -> Result<(), Failure> {
        for argument in arguments {
            let column = read_column(table, argument)?;
            self.column(table, &column);
        }
        Ok(())
    }

    pub(super) fn get(&mut self, command: &Command, log: &mut Log) -> Result<(), Failure> {
        if !command.has("--id") && command.arguments.len() <= 2 && std::io::stdout().is_terminal() {
            let words = "\"get\" command without row arguments or \"--id\" is possibly erroneous";
            log.warn(Module::DbCtlBase, words);
        }
        let table = self.table_and_record(command)?;
        let columns: Vec<_> = command.arguments[2..].iter().filter(|word| !is_uuid(word)).cloned().collect();
        self.arguments(&table, &columns)
    }

    /// Of `list` and `find`.
    pub(super) fn list(&mut self, command: &Command) -> Result<(), Failure> {
        let is_find = command.syntax.name == "find";
        let table = self.table_of(command, if is_find { &[] } else { &command.arguments[1..] })?;
        for column in columns_to_print(&table, command)?.into_iter().flatten() {
            self.column(&table, &column);
        }
        let conditions = if is_find { &command.arguments[1..] } else { &[] };
        self.arguments(&table, conditions)
    }

    pub(super) fn wait_until(&mut self, command: &Command) -> Result<(), Failure> {
        let table = self.table_and_record(command)?;
        self.arguments(&table, &command.arguments[2..])
    }
}

impl Context<'_> {
    pub(super) fn get(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let (id, must_exist) = (command.value("--id"), !command.has("--if-exists"));
        if id.is_some() && !must_exist {
            return Err(Failure::words("--if-exists and --id may not be specified together"));
        }
        let table = self.find_table(&command.arguments[0])?;
        let record = command.arguments[1].as_str();
        let row = if must_exist { Some(self.record(&table, record)?) } else { self.find_record(&table, record)? };
        let Some(row) = row else { return Ok(Flow::Done) };
        if let Some(id) = id {
            let (symbol, fresh) = self.symbols.define(id)?;
            if !fresh {
                let words = format!("row id \"{id}\" specified on \"get\" command was used before it was defined");
                return Err(Failure::words(words));
            }
            (symbol.uuid, symbol.strong) = (row, true);
        }
        for word in &command.arguments[2..] {
            let text =
                if is_uuid(word) { row.to_string() } else { self.get_column(&table, (row, record), word, must_exist)? };
            out.line(&text);
        }
        Ok(Flow::Done)
    }

    fn get_column(
        &mut self,
        table: &Table<'_>,
        (row, record): (Uuid, &str),
        word: &str,
        must_exist: bool,
    ) -> Result<String, Failure> {
        let place = read_column_key(table, word)?;
        let column = place.column;
        self.txn.verify(table.name, row, column.name);
        let datum = self.txn.read(table.name, row, column.name);
        let Some(key) = place.key else { return Ok(column.column_type().to_text(&datum)) };
        let Datum::Map(pairs) = datum else {
            let words = format!("cannot specify key to get for non-map column {}", column.name);
            return Err(Failure::words(words));
        };
        let atom = self.read_atom(column.column_type().key(), &key)?;
        match pairs.get(&atom) {
            Some(value) => Ok(value.to_text()),
            None if !must_exist => Ok(String::new()),
            None => Err(Failure::words(format!(
                "no key \"{key}\" in {} record \"{record}\" column {}",
                table.name, column.name
            ))),
        }
    }

    pub(super) fn list(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let columns = columns_to_print(&table, command)?;
        let mut rows = Vec::new();
        for record in &command.arguments[1..] {
            match command.has("--if-exists") {
                true => rows.extend(self.find_record(&table, record)?),
                false => rows.push(self.record(&table, record)?),
            }
        }
        if command.arguments.len() == 1 {
            rows = self.txn.rows(table.name);
        }
        out.table = Some(self.print(&table, &columns, &rows));
        Ok(Flow::Done)
    }

    pub(super) fn find(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let columns = columns_to_print(&table, command)?;
        let mut rows = Vec::new();
        for row in self.txn.rows(table.name) {
            if self.meets(&table, row, &command.arguments[1..])? {
                rows.push(row);
            }
        }
        out.table = Some(self.print(&table, &columns, &rows));
        Ok(Flow::Done)
    }

    fn print(&self, table: &Table<'_>, columns: &[Option<Column<'_>>], rows: &[Uuid]) -> format::Table {
        let headings = columns.iter().map(|column| column.map_or("_uuid", |column| column.name));
        let mut printed = format::Table::new(headings);
        let cell = |row: Uuid, column: &Option<Column<'_>>| match column {
            None => Cell::Datum { json: Datum::from(row).to_json(), column_type: ColumnType::from(AtomicType::Uuid) },
            Some(column) => {
                let json = self.txn.read(table.name, row, column.name).to_json();
                Cell::Datum { json, column_type: column.column_type().clone() }
            }
        };
        printed.rows = rows.iter().map(|row| columns.iter().map(|column| cell(*row, column)).collect()).collect();
        printed
    }

    pub(super) fn wait_until(&mut self, command: &Command) -> Result<Flow, Failure> {
        let table = self.find_table(&command.arguments[0])?;
        let Some(row) = self.find_record(&table, &command.arguments[1])? else { return Ok(Flow::Again) };
        Ok(if self.meets(&table, row, &command.arguments[2..])? { Flow::Done } else { Flow::Again })
    }

    /// Whether a row meets all conditions; those behind one that fails are not looked at.
    fn meets(&mut self, table: &Table<'_>, row: Uuid, conditions: &[String]) -> Result<bool, Failure> {
        for argument in conditions {
            let condition = Condition::read(table, argument, &mut self.symbols)?;
            if !condition.holds(&self.txn.read(table.name, row, condition.column)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
