use serde_json::{Value, json};

use super::members::Members;
use super::{AtomicType, Constraint, Strength};
use crate::ovsdb::value::{Atom, Real, ValueError};

/// An atomic type and what it allows of it, `<base-type>` of RFC 7047 section 3.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseType {
    atomic: AtomicType,
    constraint: Constraint,
}

impl From<AtomicType> for BaseType {
    fn from(atomic: AtomicType) -> Self {
        Self { atomic, constraint: Constraint::None }
    }
}

impl BaseType {
    /// The atomic type.
    #[must_use]
    pub const fn atomic(&self) -> AtomicType {
        self.atomic
    }

    /// What it allows of it.
    #[must_use]
    pub const fn constraint(&self) -> &Constraint {
        &self.constraint
    }

    /// The table that it refers to, and how strongly.
    #[must_use]
    pub fn reference(&self) -> Option<(&str, Strength)> {
        match &self.constraint {
            Constraint::Reference { table, strength } => Some((table, *strength)),
            _ => None,
        }
    }

    /// Reads a base type: the name of an atomic type, or an object with its constraints.
    ///
    /// # Errors
    /// Where `json` is neither, a constraint is of another atomic type, or a minimum exceeds its maximum.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        if json.is_string() {
            return AtomicType::from_json(json).map(Self::from);
        }
        let mut members = Members::of(json, "base-type (a string or an object)")?;
        let atomic = AtomicType::from_json(members.required("type")?).map_err(|error| error.within("type"))?;
        let constraint = Constraint::read(atomic, &mut members)?;
        members.finish()?;
        Ok(Self { atomic, constraint })
    }

    /// Writes the base type: its name alone where it allows everything.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self.constraint {
            Constraint::None => json!(self.atomic.name()),
            _ => {
                let mut json = json!({"type": self.atomic.name()});
                self.constraint.write(&mut json);
                json
            }
        }
    }

    /// Reads an atom of this type. A real may be written without fraction; a named UUID is refused.
    ///
    /// # Errors
    /// Where `json` is of another type, or not allowed.
    pub fn read_atom(&self, json: &Value) -> Result<Atom, ValueError> {
        let atom = self.atomic.read(json)?;
        self.constraint.check(&atom)?;
        Ok(atom)
    }

    /// Reads atoms of this type and puts them in order; equal ones stay.
    ///
    /// # Errors
    /// As [`BaseType::read_atom`]; the place begins with the atom's index.
    pub fn sort_atoms(&self, json: &[Value]) -> Result<Vec<Atom>, ValueError> {
        let atom = |(index, json)| self.read_atom(json).map_err(|error| error.within(index));
        let mut atoms = json.iter().enumerate().map(atom).collect::<Result<Vec<_>, _>>()?;
        atoms.sort();
        Ok(atoms)
    }

    /// Gives an atom the type's representation: in a column of reals, an integer becomes a real. Named UUIDs pass.
    ///
    /// # Errors
    /// Where it is of another type, or not allowed.
    #[expect(clippy::cast_precision_loss, reason = "a real holds what a double can")]
    pub fn conform(&self, atom: Atom) -> Result<Atom, ValueError> {
        let atom = match atom {
            Atom::Integer(number) if self.atomic == AtomicType::Real => {
                Real::new(number as f64).map_or(atom, Atom::Real)
            }
            other => other,
        };
        if atom.type_name() != self.atomic.name() {
            return Err(ValueError::expected(self.atomic.name(), &atom.to_json()));
        }
        self.constraint.check(&atom)?;
        Ok(atom)
    }
}
