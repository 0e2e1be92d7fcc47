//! Names for rows, `@NAME`, that hold within one run of the command.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::transaction::random_uuid;
use crate::ovsdb::schema::{BaseType, ColumnType, Strength};
use crate::ovsdb::value::{Atom, Datum, Uuid};

/// The names that were defined or used.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    symbols: BTreeMap<String, Symbol>,
    /// The names as they came, with their `@`.
    names: Vec<String>,
}

/// A name and what became of it.
#[derive(Debug)]
pub(super) struct Symbol {
    /// The row, or what stands for it.
    pub uuid: Uuid,
    /// Whether `--id` has defined it.
    pub defined: bool,
    /// Whether a reference that keeps the row alive was made, or none is needed.
    pub strong: bool,
    /// Whether a reference was made that does not.
    pub weak: bool,
}

impl Symbols {
    fn enter(&mut self, name: &str) -> &mut Symbol {
        if !self.symbols.contains_key(name) {
            self.names.push(name.to_owned());
        }
        let fresh = || Symbol { uuid: random_uuid(), defined: false, strong: false, weak: false };
        self.symbols.entry(name.to_owned()).or_insert_with(fresh)
    }

    /// Defines a name; whether it was not used before.
    pub(super) fn define(&mut self, name: &str) -> Result<(&mut Symbol, bool), Failure> {
        if !name.starts_with('@') {
            return Err(Failure::words(format!("row id \"{name}\" does not begin with \"@\"")));
        }
        let fresh = !self.symbols.contains_key(name);
        let symbol = self.enter(name);
        if symbol.defined {
            return Err(Failure::words(format!("row id \"{name}\" may only be specified on one --id option")));
        }
        symbol.defined = true;
        Ok((symbol, fresh))
    }

    /// The names in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Symbol)> {
        self.names.iter().filter_map(|name| Some((name.as_str(), self.symbols.get(name)?)))
    }

    /// Reads an atom, in which a name stands for its row.
    pub(super) fn read_atom(&mut self, base: &BaseType, text: &str) -> Result<Atom, Failure> {
        Ok(self.resolve(base, base.read_text(text)?))
    }

    /// Reads a value, in which names stand for their rows.
    pub(super) fn read_datum(&mut self, column_type: &ColumnType, text: &str) -> Result<Datum, Failure> {
        let key = column_type.key();
        Ok(match (column_type.read_text(text)?, column_type.value()) {
            (Datum::Set(atoms), _) => Datum::Set(atoms.into_iter().map(|atom| self.resolve(key, atom)).collect()),
            (Datum::Map(pairs), Some(value)) => {
                let pair = |(k, v)| (self.resolve(key, k), self.resolve(value, v));
                Datum::Map(pairs.into_iter().map(pair).collect())
            }
            (datum, None) => datum,
        })
    }

    fn resolve(&mut self, base: &BaseType, atom: Atom) -> Atom {
        let Atom::NamedUuid(name) = atom else { return atom };
        let symbol = self.enter(&format!("@{name}"));
        match base.reference() {
            Some((_, Strength::Strong)) => symbol.strong = true,
            Some((_, Strength::Weak)) => symbol.weak = true,
            None => {}
        }
        Atom::Uuid(symbol.uuid)
    }
}
