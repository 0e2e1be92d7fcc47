//! Laws of the notation: parse ∘ serialise is the identity, normalising twice is normalising once, the order is total.

#![allow(clippy::unwrap_used)]

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use ovsns::ovsdb::row::Row;
use ovsns::ovsdb::schema::{AtomicType, BaseType, ColumnSchema, ColumnType, DatabaseSchema, TableSchema, UNLIMITED};
use ovsns::ovsdb::text::json_text;
use ovsns::ovsdb::value::{Atom, Datum, Real, Uuid};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

fn atomic() -> impl Strategy<Value = AtomicType> {
    prop::sample::select(AtomicType::ALL.to_vec())
}

/// Atoms of one type, small ones often, so that equal ones come up.
fn atom(atomic: AtomicType) -> BoxedStrategy<Atom> {
    match atomic {
        AtomicType::Integer => prop_oneof![-2..3_i64, any::<i64>()].prop_map(Atom::Integer).boxed(),
        AtomicType::Real => prop_oneof![(-8..8_i32).prop_map(|n| f64::from(n) / 4.0), any::<f64>()]
            .prop_filter_map("finite", Real::new)
            .prop_map(Atom::Real)
            .boxed(),
        AtomicType::Boolean => any::<bool>().prop_map(Atom::Boolean).boxed(),
        AtomicType::String => prop_oneof!["[ab]{0,2}", any::<String>()].prop_map(Atom::String).boxed(),
        AtomicType::Uuid => {
            prop_oneof![0..3_u128, any::<u128>()].prop_map(|bits| Atom::Uuid(Uuid::from_u128(bits))).boxed()
        }
    }
}

fn any_atom() -> impl Strategy<Value = Atom> {
    let named = "[a-zA-Z_][a-zA-Z0-9_]{0,5}".prop_map(Atom::NamedUuid);
    prop_oneof![9 => atomic().prop_flat_map(atom), 1 => named]
}

fn any_datum() -> impl Strategy<Value = Datum> {
    let set = atomic().prop_flat_map(|key| btree_set(atom(key), 0..4)).prop_map(Datum::Set);
    let map = (atomic(), atomic()).prop_flat_map(|(key, value)| btree_map(atom(key), atom(value), 0..4));
    prop_oneof![set, map.prop_map(Datum::Map)]
}

/// A set or a map, and its type.
fn typed_datum() -> impl Strategy<Value = (ColumnType, Datum)> {
    let set = atomic().prop_flat_map(|key| {
        let column_type = ColumnType::set(key.into(), 0, UNLIMITED);
        btree_set(atom(key), 0..5).prop_map(move |atoms| (column_type.clone(), Datum::Set(atoms)))
    });
    let map = (atomic(), atomic()).prop_flat_map(|(key, value)| {
        let column_type = ColumnType::map(key.into(), value.into(), 0, UNLIMITED);
        btree_map(atom(key), atom(value), 0..5).prop_map(move |pairs| (column_type.clone(), Datum::Map(pairs)))
    });
    prop_oneof![set, map]
}

/// Base types with every kind of constraint, read from JSON: the only way to make them.
fn base_type() -> impl Strategy<Value = BaseType> {
    let ordered = |low: i64, high: i64| (low.min(high), low.max(high));
    let plain = atomic().prop_map(|atomic| json!(atomic.name()));
    let integers = (any::<i64>(), any::<i64>()).prop_map(move |(low, high)| {
        let (min, max) = ordered(low, high);
        json!({"type": "integer", "minInteger": min, "maxInteger": max})
    });
    let reals = (-99..99_i32).prop_map(|min| json!({"type": "real", "minReal": f64::from(min) / 8.0}));
    let length =
        (0..9_u32, 9..99_u32).prop_map(|(min, max)| json!({"type": "string", "minLength": min, "maxLength": max}));
    let reference = any::<bool>()
        .prop_map(|weak| json!({"type": "uuid", "refTable": "T", "refType": if weak { "weak" } else { "strong" }}));
    let choice = atomic()
        .prop_flat_map(|key| (Just(key), btree_set(atom(key), 1..4)))
        .prop_map(|(key, atoms)| json!({"type": key.name(), "enum": Datum::Set(atoms).to_json()}));
    let json = prop_oneof![3 => plain, 1 => integers, 1 => reals, 1 => length, 1 => reference, 1 => choice];
    json.prop_filter_map("valid", |json| BaseType::from_json(&json).ok())
}

fn column_type() -> impl Strategy<Value = ColumnType> {
    let max = prop_oneof![Just(1), 2..9_u32, Just(UNLIMITED)];
    (base_type(), prop::option::of(base_type()), 0..2_u32, max).prop_map(|(key, value, min, max)| match value {
        None => ColumnType::set(key, min, max),
        Some(value) => ColumnType::map(key, value, min, max),
    })
}

fn schema() -> impl Strategy<Value = DatabaseSchema> {
    let column = (column_type(), any::<bool>(), any::<bool>());
    let column = column.prop_map(|(column_type, mutable, ephemeral)| ColumnSchema { column_type, mutable, ephemeral });
    let columns = btree_map("[a-z][a-zA-Z0-9_]{0,6}", column, 1..4);
    let table = (columns, any::<bool>(), prop::option::of(1..9_u32), any::<bool>()).prop_map(
        |(columns, is_root, max_rows, mutable)| {
            let indexed = columns.iter().filter(|(_, column)| !column.ephemeral).map(|(name, _)| name.clone());
            let indexes = indexed.take(1).map(|name| vec![name]).collect();
            TableSchema { columns, is_root, max_rows, mutable, indexes }
        },
    );
    let table = table.boxed();
    (btree_map("[A-Z][a-z]{0,4}", table.clone(), 0..3), table, prop::option::of("[0-9]\\.[0-9]{1,2}\\.0")).prop_map(
        |(mut tables, referenced, version)| {
            tables.insert("T".to_owned(), referenced);
            let schema = DatabaseSchema { name: "db".to_owned(), version, cksum: None, tables };
            // Reading settles what the parts cannot know alone: roots, and references that must last.
            DatabaseSchema::from_json(&schema.to_json()).unwrap_or(schema)
        },
    )
}

/// Any JSON, and JSON that looks like a value.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
        prop::sample::select(vec!["set", "map", "uuid", "named-uuid"]).prop_map(Value::from),
        any_datum().prop_map(|datum| datum.to_json()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(inner.clone(), 0..4).prop_map(|elements| json!(["set", elements])),
            vec((inner.clone(), inner), 0..4).prop_map(|pairs| json!(["map", pairs])),
        ]
    })
}

proptest! {
    #[test]
    fn atoms_are_read_as_written(atom in any_atom()) {
        prop_assert_eq!(Atom::from_json(&atom.to_json()).unwrap(), atom);
    }

    #[test]
    fn data_are_read_as_written(datum in any_datum()) {
        prop_assert_eq!(Datum::from_json(&datum.to_json()).unwrap(), datum);
    }

    #[test]
    fn rows_are_read_as_written(columns in btree_map("[a-z_]{1,5}", any_datum(), 0..5)) {
        let row: Row = columns.into_iter().collect();
        prop_assert_eq!(Row::from_json(&row.to_json()).unwrap(), row);
    }

    #[test]
    fn types_are_read_as_written(column_type in column_type()) {
        prop_assert_eq!(ColumnType::from_json(&column_type.to_json()).unwrap(), column_type);
    }

    #[test]
    fn schemas_are_read_as_written(schema in schema()) {
        prop_assert_eq!(DatabaseSchema::from_json(&schema.to_json()).unwrap(), schema);
    }

    #[test]
    fn typed_data_are_read_as_written((column_type, datum) in typed_datum()) {
        prop_assert_eq!(column_type.read_datum(&datum.to_json()).unwrap(), datum.clone());
        prop_assert_eq!(column_type.conform(datum.clone()).unwrap(), datum.clone());
        let text = column_type.to_text(&datum);
        let again = column_type.read_text(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        // 15 digits of a real are written.
        prop_assert_eq!(column_type.to_text(&again), text);
    }

    #[test]
    fn normalising_twice_is_normalising_once(json in any_json()) {
        if let Ok(datum) = Datum::from_json(&json) {
            let once = datum.to_json();
            let twice = Datum::from_json(&once).unwrap().to_json();
            prop_assert_eq!(once, twice);
        }
    }

    #[test]
    fn json_is_read_as_it_was_printed(json in any_json(), pretty in any::<bool>()) {
        let printed = json_text(&json, pretty);
        let again: Value = serde_json::from_str(&printed).unwrap();
        prop_assert_eq!(json_text(&again, pretty), printed);
    }

    #[test]
    fn the_order_of_atoms_is_total(atoms in vec(any_atom(), 3)) {
        total_order(&atoms)?;
    }

    #[test]
    fn the_order_of_data_is_total(data in vec(any_datum(), 3)) {
        total_order(&data)?;
    }

    #[test]
    fn the_order_of_types_is_total(types in vec(column_type(), 3)) {
        total_order(&types)?;
    }

    #[test]
    fn sorting_keeps_every_atom((key, atoms) in atomic().prop_flat_map(|key| (Just(key), vec(atom(key), 0..6)))) {
        let json: Vec<_> = atoms.iter().map(Atom::to_json).collect();
        let sorted = BaseType::from(key).sort_atoms(&json).unwrap();
        prop_assert!(sorted.is_sorted());
        let count = |atoms: &[Atom]| atoms.iter().fold(BTreeMap::<Atom, u32>::new(), |mut counts, atom| {
            *counts.entry(atom.clone()).or_default() += 1;
            counts
        });
        prop_assert_eq!(count(&sorted), count(&atoms));
    }

    #[test]
    fn the_spelling_of_a_set_does_not_matter(atoms in atomic().prop_flat_map(|key| vec(atom(key), 0..5))) {
        let distinct: BTreeSet<_> = atoms.iter().cloned().collect();
        let spelt = |atoms: Vec<&Atom>| json!(["set", atoms.into_iter().map(Atom::to_json).collect::<Vec<_>>()]);
        let forwards = Datum::from_json(&spelt(distinct.iter().collect()));
        let backwards = Datum::from_json(&spelt(distinct.iter().rev().collect()));
        prop_assert_eq!(forwards.unwrap(), backwards.unwrap());
        let repeated = Datum::from_json(&spelt(atoms.iter().collect()));
        prop_assert_eq!(repeated.is_err(), distinct.len() < atoms.len());
    }
}

/// Antisymmetric, transitive, and equal only where `==` says so, over all pairs and triples.
fn total_order<T: Ord + std::fmt::Debug>(values: &[T]) -> Result<(), TestCaseError> {
    for (a, b) in values.iter().flat_map(|a| values.iter().map(move |b| (a, b))) {
        prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
        prop_assert_eq!(a.cmp(b) == Ordering::Equal, a == b);
        for c in values {
            if a <= b && b <= c {
                prop_assert!(a <= c, "{:?} <= {:?} <= {:?}", a, b, c);
            }
        }
    }
    Ok(())
}
