//! What a command works on: the changes so far, the names for rows, the switches as they are found in the tables.

use super::failure::Failure;
use super::log::Log;
use super::names::{Table, find_table, table};
use super::switches::Switches;
use super::symbols::Symbols;
use super::transaction::{ROOT, Transaction};
use crate::ovsdb::format;
use crate::ovsdb::schema::{BaseType, ColumnType};
use crate::ovsdb::value::{Atom, Datum, Uuid};

/// What all commands of a run share.
pub(super) struct Context<'a> {
    pub txn: Transaction<'a>,
    pub symbols: Symbols,
    pub log: &'a mut Log,
    /// The row of `Open_vSwitch`.
    pub root: Uuid,
    /// Interfaces that were made, of which ovs-vswitchd should say whether they work.
    pub expected: Vec<Uuid>,
    /// Whether no command follows.
    pub last: bool,
    /// As the tables have them, until something changes them in another way than through it.
    pub(super) switches: Option<Switches>,
}

/// What a command has to say.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub text: String,
    /// Printed instead of the text.
    pub table: Option<format::Table>,
    /// The row that `create` has made: its UUID is printed once the server has chosen it.
    pub made: Option<Uuid>,
}

impl Output {
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub(super) fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        lines.into_iter().for_each(|line| self.line(&line));
    }
}

/// Whether a command is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Done,
    /// All has to be tried again once the database has changed.
    Again,
}

impl<'a> Context<'a> {
    /// Makes the row of `Open_vSwitch` if there is none.
    pub(super) fn new(mut txn: Transaction<'a>, log: &'a mut Log) -> Self {
        let root = txn.rows(ROOT).first().copied().unwrap_or_else(|| txn.insert(ROOT));
        Self { txn, symbols: Symbols::default(), log, root, expected: Vec::new(), last: false, switches: None }
    }

    /// The table that is called so, or begins so.
    pub(super) fn find_table(&self, typed: &str) -> Result<Table<'a>, Failure> {
        find_table(self.txn.schema, typed)
    }

    /// The table of exactly this name.
    pub(super) fn table(&self, name: &str) -> Result<Table<'a>, Failure> {
        table(self.txn.schema, name)
    }

    pub(super) fn read_atom(&mut self, base: &BaseType, text: &str) -> Result<Atom, Failure> {
        self.symbols.read_atom(base, text)
    }

    pub(super) fn read_datum(&mut self, column_type: &ColumnType, text: &str) -> Result<Datum, Failure> {
        self.symbols.read_datum(column_type, text)
    }

    /// Forgets the switches: a command has changed tables under them.
    pub(super) fn forget(&mut self) {
        self.switches = None;
    }
}
