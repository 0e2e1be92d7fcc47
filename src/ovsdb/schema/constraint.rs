use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::members::Members;
use super::{AtomicType, ColumnType, UNLIMITED};
use crate::ovsdb::text::general;
use crate::ovsdb::value::{Atom, Datum, Problem, Real, ValueError};

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

impl Constraint {
    /// Reads the constraints of `atomic` that an object has. An enumeration excludes the others.
    pub(super) fn read(atomic: AtomicType, members: &mut Members<'_>) -> Result<Self, ValueError> {
        if let Some(json) = members.optional("enum") {
            return read_enum(atomic, json).map_err(|error| error.within("enum"));
        }
        match atomic {
            AtomicType::Integer => read_integers(members),
            AtomicType::Real => read_reals(members),
            AtomicType::Boolean => Ok(Self::None),
            AtomicType::String => read_length(members),
            AtomicType::Uuid => read_reference(members),
        }
    }

    /// Writes the constraints into the object of the base type.
    pub(super) fn write(&self, json: &mut Value) {
        match self {
            Self::None => {}
            Self::Enum(atoms) => json["enum"] = Datum::Set(atoms.clone()).to_json(),
            Self::Integers { min, max } => {
                put_unless(json, "minInteger", *min, i64::MIN);
                put_unless(json, "maxInteger", *max, i64::MAX);
            }
            Self::Reals { min, max } => {
                put_unless(json, "minReal", min.get(), LEAST_REAL);
                put_unless(json, "maxReal", max.get(), f64::MAX);
            }
            Self::Length { min, max } => {
                put_unless(json, "minLength", *min, 0);
                put_unless(json, "maxLength", *max, u32::MAX);
            }
            Self::Reference { table, strength } => {
                json["refTable"] = json!(table);
                if *strength == Strength::Weak {
                    json["refType"] = json!("weak");
                }
            }
        }
    }

    /// Refuses an atom of the right type that is not allowed. References are the server's to check, at commit.
    pub(super) fn check(&self, atom: &Atom) -> Result<(), ValueError> {
        let violation = match (self, atom) {
            (Self::Enum(atoms), _) if !atoms.contains(atom) => Some(not_allowed(atom, atoms)),
            (Self::Integers { min, max }, Atom::Integer(number)) => {
                let bound = |bound: i64, none| (bound != none).then(|| bound.to_string());
                let bounds = [bound(*min, i64::MIN), bound(*max, i64::MAX)];
                out_of_range(number.cmp(min), number.cmp(max), &number.to_string(), &bounds)
            }
            (Self::Reals { min, max }, Atom::Real(number)) => {
                let bound = |bound: f64, none| (bound.total_cmp(&none).is_ne()).then(|| general(bound));
                let bounds = [bound(min.get(), LEAST_REAL), bound(max.get(), f64::MAX)];
                out_of_range(number.cmp(min), number.cmp(max), &general(number.get()), &bounds)
            }
            (Self::Length { min, max }, Atom::String(text)) => wrong_length(text, *min, *max),
            _ => None,
        };
        violation.map_or(Ok(()), |violation| Err(Problem::Constraint(violation).into()))
    }
}

fn read_enum(atomic: AtomicType, json: &Value) -> Result<Constraint, ValueError> {
    let several = ColumnType::set(atomic.into(), 1, UNLIMITED);
    match several.read_datum(json)? {
        Datum::Set(atoms) => Ok(Constraint::Enum(atoms)),
        Datum::Map(_) => Err(ValueError::expected("set", json)),
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
