use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use super::members::{self, Members};
use crate::ovsdb::text::general;
use crate::ovsdb::value::{Atom, Datum, Problem, Real, Uuid, ValueError};

/// The type of an atom, `<atomic-type>` of RFC 7047 section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AtomicType {
    /// 64-bit signed integers.
    Integer,
    /// Finite floating-point numbers.
    Real,
    /// `true` and `false`.
    Boolean,
    /// UTF-8 text.
    String,
    /// Identities of rows.
    Uuid,
}

impl AtomicType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Integer, Self::Real, Self::Boolean, Self::String, Self::Uuid];

    /// Its name in a schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Uuid => "uuid",
        }
    }

    /// Reads the name of an atomic type.
    ///
    /// # Errors
    /// Where `json` is no such name.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        let name = json.as_str().ok_or_else(|| ValueError::expected("atomic-type", json))?;
        let unknown = || Problem::Rule(format!("{name:?} is not an atomic-type")).into();
        Self::ALL.into_iter().find(|atomic| atomic.name() == name).ok_or_else(unknown)
    }

    /// The value of a column of which nothing is said (section 5.2.1).
    #[must_use]
    pub fn default_atom(self) -> Atom {
        match self {
            Self::Integer => Atom::Integer(0),
            Self::Real => Atom::Real(Real::default()),
            Self::Boolean => Atom::Boolean(false),
            Self::String => Atom::String(String::new()),
            Self::Uuid => Atom::Uuid(Uuid::ZERO),
        }
    }

    fn read(self, json: &Value) -> Result<Atom, ValueError> {
        let atom = match self {
            Self::Integer => members::integer(json).map(Atom::Integer),
            Self::Real => json.as_f64().and_then(Real::new).map(Atom::Real),
            Self::Boolean => json.as_bool().map(Atom::Boolean),
            Self::String => json.as_str().map(Atom::from),
            Self::Uuid => return read_uuid(json),
        };
        atom.ok_or_else(|| ValueError::expected(self.name(), json))
    }
}

fn read_uuid(json: &Value) -> Result<Atom, ValueError> {
    match Atom::from_json(json) {
        Ok(atom @ Atom::Uuid(_)) => Ok(atom),
        Err(ValueError { problem: problem @ Problem::Uuid(_), place }) => Err(ValueError { place, problem }),
        _ => Err(ValueError::expected("[\"uuid\", <string>]", json)),
    }
}

impl fmt::Display for AtomicType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An atomic type and what it allows of it, `<base-type>` of RFC 7047 section 3.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseType {
    atomic: AtomicType,
    constraint: Constraint,
}

/// Which atoms of a type are allowed. An enumeration excludes everything else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constraint {
    /// All of them.
    None,
    /// Only these.
    Enum(BTreeSet<Atom>),
    /// Integers from `min` to `max`, both included.
    Integers {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Reals from `min` to `max`, both included.
    Reals {
        /// The least.
        min: Real,
        /// The greatest.
        max: Real,
    },
    /// Strings of `min` to `max` characters.
    Length {
        /// The fewest.
        min: u32,
        /// The most.
        max: u32,
    },
    /// UUIDs of rows of `table`.
    Reference {
        /// The table's name.
        table: String,
        /// What becomes of the reference and of the row.
        strength: Strength,
    },
}

/// What a reference does to the row that it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// It keeps the row alive.
    Strong,
    /// It goes when the row goes.
    Weak,
}

const LEAST_REAL: f64 = -f64::MAX;

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
        let constraint = match members.optional("enum") {
            Some(json) => read_enum(atomic, json).map_err(|error| error.within("enum"))?,
            None => read_constraint(atomic, &mut members)?,
        };
        members.finish()?;
        Ok(Self { atomic, constraint })
    }

    /// Writes the base type: its name alone where it allows everything.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({"type": self.atomic.name()});
        match &self.constraint {
            Constraint::None => return json!(self.atomic.name()),
            Constraint::Enum(atoms) => json["enum"] = Datum::Set(atoms.clone()).to_json(),
            Constraint::Integers { min, max } => {
                put_unless(&mut json, "minInteger", *min, i64::MIN);
                put_unless(&mut json, "maxInteger", *max, i64::MAX);
            }
            Constraint::Reals { min, max } => {
                put_unless(&mut json, "minReal", min.get(), LEAST_REAL);
                put_unless(&mut json, "maxReal", max.get(), f64::MAX);
            }
            Constraint::Length { min, max } => {
                put_unless(&mut json, "minLength", *min, 0);
                put_unless(&mut json, "maxLength", *max, u32::MAX);
            }
            Constraint::Reference { table, strength } => {
                json["refTable"] = json!(table);
                if *strength == Strength::Weak {
                    json["refType"] = json!("weak");
                }
            }
        }
        json
    }

    /// Reads an atom of this type. A real may be written without fraction; a named UUID is refused.
    ///
    /// # Errors
    /// Where `json` is of another type, or not allowed.
    pub fn read_atom(&self, json: &Value) -> Result<Atom, ValueError> {
        let atom = self.atomic.read(json)?;
        self.check_constraint(&atom)?;
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
        self.check_constraint(&atom)?;
        Ok(atom)
    }

    /// Refuses an atom of the right type that is not allowed. References are the server's to check, at commit.
    fn check_constraint(&self, atom: &Atom) -> Result<(), ValueError> {
        let violation = match (&self.constraint, atom) {
            (Constraint::Enum(atoms), _) if !atoms.contains(atom) => Some(not_allowed(atom, atoms)),
            (Constraint::Integers { min, max }, Atom::Integer(number)) => {
                let bound = |bound: i64, none| (bound != none).then(|| bound.to_string());
                let bounds = [bound(*min, i64::MIN), bound(*max, i64::MAX)];
                out_of_range(number.cmp(min), number.cmp(max), &number.to_string(), &bounds)
            }
            (Constraint::Reals { min, max }, Atom::Real(number)) => {
                let bound = |bound: f64, none| (bound.total_cmp(&none).is_ne()).then(|| general(bound));
                let bounds = [bound(min.get(), LEAST_REAL), bound(max.get(), f64::MAX)];
                out_of_range(number.cmp(min), number.cmp(max), &general(number.get()), &bounds)
            }
            (Constraint::Length { min, max }, Atom::String(text)) => wrong_length(text, *min, *max),
            _ => None,
        };
        violation.map_or(Ok(()), |violation| Err(Problem::Constraint(violation).into()))
    }
}

fn read_enum(atomic: AtomicType, json: &Value) -> Result<Constraint, ValueError> {
    let several = super::ColumnType::set(atomic.into(), 1, super::UNLIMITED);
    match several.read_datum(json)? {
        Datum::Set(atoms) => Ok(Constraint::Enum(atoms)),
        Datum::Map(_) => Err(ValueError::expected("set", json)),
    }
}

fn read_constraint(atomic: AtomicType, members: &mut Members<'_>) -> Result<Constraint, ValueError> {
    match atomic {
        AtomicType::Integer => read_integers(members),
        AtomicType::Real => read_reals(members),
        AtomicType::Boolean => Ok(Constraint::None),
        AtomicType::String => read_length(members),
        AtomicType::Uuid => read_reference(members),
    }
}

fn read_integers(members: &mut Members<'_>) -> Result<Constraint, ValueError> {
    let min = members.integer("minInteger")?.unwrap_or(i64::MIN);
    let max = members.integer("maxInteger")?.unwrap_or(i64::MAX);
    match (min, max) {
        (i64::MIN, i64::MAX) => Ok(Constraint::None),
        _ if min > max => Err(exceeds("minInteger", "maxInteger")),
        _ => Ok(Constraint::Integers { min, max }),
    }
}

fn read_reals(members: &mut Members<'_>) -> Result<Constraint, ValueError> {
    let least = members.number("minReal")?.unwrap_or(LEAST_REAL);
    let greatest = members.number("maxReal")?.unwrap_or(f64::MAX);
    let (Some(min), Some(max)) = (Real::new(least), Real::new(greatest)) else {
        return Ok(Constraint::None);
    };
    if min > max {
        return Err(exceeds("minReal", "maxReal"));
    }
    let all = min.get() <= LEAST_REAL && max.get() >= f64::MAX;
    Ok(if all { Constraint::None } else { Constraint::Reals { min, max } })
}

fn read_length(members: &mut Members<'_>) -> Result<Constraint, ValueError> {
    let min = read_unsigned(members, "minLength")?.unwrap_or(0);
    let max = read_unsigned(members, "maxLength")?.unwrap_or(u32::MAX);
    match (min, max) {
        (0, u32::MAX) => Ok(Constraint::None),
        _ if min > max => Err(exceeds("minLength", "maxLength")),
        _ => Ok(Constraint::Length { min, max }),
    }
}

fn read_unsigned(members: &mut Members<'_>, name: &'static str) -> Result<Option<u32>, ValueError> {
    let Some(number) = members.integer(name)? else { return Ok(None) };
    let range =
        |_| ValueError::from(Problem::Rule(format!("{name} out of valid range 0 to {}", u32::MAX))).within(name);
    u32::try_from(number).map(Some).map_err(range)
}

fn read_reference(members: &mut Members<'_>) -> Result<Constraint, ValueError> {
    let Some(table) = members.id("refTable")?.map(str::to_owned) else { return Ok(Constraint::None) };
    let strength = match members.id("refType")? {
        None | Some("strong") => Strength::Strong,
        Some("weak") => Strength::Weak,
        Some(other) => {
            let words = format!("refType must be \"strong\" or \"weak\" (not {other:?})");
            return Err(ValueError::from(Problem::Rule(words)).within("refType"));
        }
    };
    Ok(Constraint::Reference { table, strength })
}

fn exceeds(min: &str, max: &str) -> ValueError {
    Problem::Rule(format!("{min} exceeds {max}")).into()
}

fn put_unless<T: PartialEq + Into<Value>>(json: &mut Value, name: &str, value: T, default: T) {
    if value != default {
        json[name] = value.into();
    }
}

fn not_allowed(atom: &Atom, atoms: &BTreeSet<Atom>) -> String {
    let allowed: Vec<_> = atoms.iter().map(Atom::to_text).collect();
    format!("{} is not one of the allowed values ([{}])", atom.to_text(), allowed.join(", "))
}

fn out_of_range(to_min: Ordering, to_max: Ordering, number: &str, bounds: &[Option<String>; 2]) -> Option<String> {
    if to_min.is_ge() && to_max.is_le() {
        return None;
    }
    match bounds {
        [Some(min), Some(max)] => Some(format!("{number} is not in the valid range {min} to {max} (inclusive)")),
        [Some(min), None] => Some(format!("{number} is less than minimum allowed value {min}")),
        [None, Some(max)] => Some(format!("{number} is greater than maximum allowed value {max}")),
        [None, None] => None,
    }
}

fn wrong_length(text: &str, min: u32, max: u32) -> Option<String> {
    let length = text.chars().count();
    if length < min as usize {
        return Some(format!("\"{text}\" length {length} is less than minimum allowed length {min}"));
    }
    (length > max as usize).then(|| format!("\"{text}\" length {length} is greater than maximum allowed length {max}"))
}
