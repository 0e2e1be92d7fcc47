//! The tables of the `Open_vSwitch` database as Rust types (ovs-vswitchd.conf.db(5)), and what we expect of its schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operation::Select;
use super::row::{FromAtom, Row, RowError};
use super::schema::{DatabaseSchema, Difference};
use super::value::{Uuid, ValueError};

/// The database's name.
pub const DATABASE: &str = "Open_vSwitch";

/// The tables and columns that we use, in the schema format of RFC 7047 section 3.2.
const SCHEMA: &str = include_str!("../../ovs-schema/Open_vSwitch.ovsschema");

/// The schema of the tables and columns that we use.
///
/// # Errors
/// Never in fact: it is part of the program, and tested.
pub fn our_schema() -> Result<DatabaseSchema, ValueError> {
    let json = serde_json::from_str(SCHEMA).unwrap_or(Value::Null);
    DatabaseSchema::from_json(&json)
}

/// What the schema that a server answered to `get_schema` lacks of what we use.
///
/// # Errors
/// Where `live` is no schema.
pub fn compare_with_ours(live: &Value) -> Result<Vec<Difference>, ValueError> {
    Ok(our_schema()?.missing_from(&DatabaseSchema::from_json(live)?))
}

/// A row of one table, with the columns that we use.
pub trait TableRow: Sized {
    /// The table's name.
    const TABLE: &'static str;
    /// The columns that are read, `_uuid` first.
    const COLUMNS: &'static [&'static str];

    /// Reads a row that has the columns.
    ///
    /// # Errors
    /// Where a column is missing or holds something else than the schema says.
    fn from_row(row: &Row) -> Result<Self, RowError>;

    /// Asks for these columns of all rows; add conditions.
    #[must_use]
    fn select() -> Select {
        Select::from_table(Self::TABLE).columns(Self::COLUMNS.iter().copied())
    }
}

/// Reads the rows that a [`TableRow::select`] gave.
///
/// # Errors
/// As [`TableRow::from_row`].
pub fn read_rows<T: TableRow>(rows: &[Row]) -> Result<Vec<T>, RowError> {
    rows.iter().map(T::from_row).collect()
}

/// A Rust type that says what a column holds: one atom, an optional one, a set, a map.
trait FromColumn: Sized {
    fn from_column(row: &Row, column: &str) -> Result<Self, RowError>;
}

impl<T: FromAtom> FromColumn for T {
    fn from_column(row: &Row, column: &str) -> Result<Self, RowError> {
        row.one(column)
    }
}

impl<T: FromAtom> FromColumn for Option<T> {
    fn from_column(row: &Row, column: &str) -> Result<Self, RowError> {
        row.optional(column)
    }
}

impl<T: FromAtom> FromColumn for Vec<T> {
    fn from_column(row: &Row, column: &str) -> Result<Self, RowError> {
        row.all(column)
    }
}

impl<K: FromAtom + Ord, V: FromAtom> FromColumn for BTreeMap<K, V> {
    fn from_column(row: &Row, column: &str) -> Result<Self, RowError> {
        row.map(column)
    }
}

/// A column that maps strings to strings.
pub type StringMap = BTreeMap<String, String>;

/// Declares a table's row once: the fields, the columns to ask for, and how they are read. The column has the field's
/// name unless another is given.
macro_rules! table_row {
    ($(#[$doc:meta])* $name:ident = $table:literal {
        $($(#[$field_doc:meta])* $field:ident $(= $column:literal)?: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// The row's own UUID.
            pub uuid: Uuid,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl TableRow for $name {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &["_uuid", $(table_row!(@column $field $($column)?),)*];

            fn from_row(row: &Row) -> Result<Self, RowError> {
                Ok(Self {
                    uuid: row.row_uuid()?,
                    $($field: FromColumn::from_column(row, table_row!(@column $field $($column)?))?,)*
                })
            }
        }
    };
    (@column $field:ident) => { stringify!($field) };
    (@column $field:ident $column:literal) => { $column };
}

table_row! {
    /// The one row that everything hangs on.
    OpenVSwitch = "Open_vSwitch" {
        /// The bridges; taking one out deletes it.
        bridges: Vec<Uuid>,
        /// Counted up by who wants to know when vswitchd has carried out what came before.
        next_cfg: i64,
        /// The `next_cfg` that vswitchd has carried out.
        cur_cfg: i64,
        /// The version of vswitchd, once it has started.
        ovs_version: Option<String>,
        /// The version of the schema, once vswitchd has started.
        db_version: Option<String>,
        /// `system`, `netdev`: the datapaths that vswitchd can drive.
        datapath_types: Vec<String>,
        /// The types of interfaces that vswitchd knows.
        iface_types: Vec<String>,
        /// Settings of vswitchd.
        other_config: StringMap,
        /// Marks of others and ours.
        external_ids: StringMap,
    }
}

table_row! {
    /// A switch.
    Bridge = "Bridge" {
        /// At most 15 bytes; unique; never changes.
        name: String,
        /// `netdev`, or empty for the kernel's.
        datapath_type: String,
        /// 16 hexadecimal digits, once vswitchd has made the bridge.
        datapath_id: Option<String>,
        /// The ports, its own among them.
        ports: Vec<Uuid>,
        /// The OpenFlow controllers.
        controller: Vec<Uuid>,
        /// `standalone` or `secure`; without it as `standalone`.
        fail_mode: Option<String>,
        /// Whether it speaks the spanning tree protocol.
        stp_enable: bool,
        /// Whether it speaks the rapid spanning tree protocol.
        rstp_enable: bool,
        /// Whether multicast goes only where it was asked for.
        mcast_snooping_enable: bool,
        /// Settings: `hwaddr`, `mac-table-size`, `forward-bpdu` …
        other_config: StringMap,
        /// Marks of others and ours.
        external_ids: StringMap,
    }
}

table_row! {
    /// A port of a switch: one interface, or several that are bonded.
    Port = "Port" {
        /// Unique over all bridges; never changes.
        name: String,
        /// At least one.
        interfaces: Vec<Uuid>,
        /// The VLAN of an access port, or the native one of a trunk.
        tag: Option<i64>,
        /// The VLANs of a trunk; none is all.
        trunks: Vec<i64>,
        /// `access`, `trunk`, `native-tagged`, `native-untagged` or `dot1q-tunnel`; without it `tag` decides.
        vlan_mode: Option<String>,
        /// Whether it sends nothing to other protected ports.
        protected: bool,
        /// The quality of service of what is sent.
        qos: Option<Uuid>,
        /// Settings.
        other_config: StringMap,
        /// Marks of others and ours.
        external_ids: StringMap,
    }
}

table_row! {
    /// A network device, or what vswitchd makes one of.
    Interface = "Interface" {
        /// The device's name, at most 15 bytes; unique over all bridges; never changes.
        name: String,
        /// `internal`, `patch`, `vxlan` …; empty for a device that is there.
        kind = "type": String,
        /// Settings of the type, such as `peer` or `remote_ip`.
        options: StringMap,
        /// The OpenFlow port number, greater than 0 once it works; -1 if it could not be opened.
        ofport: Option<i64>,
        /// The OpenFlow port number asked for.
        ofport_request: Option<i64>,
        /// Why it could not be opened.
        error: Option<String>,
        /// The MAC address asked for.
        mac: Option<String>,
        /// The MAC address.
        mac_in_use: Option<String>,
        /// The device's index in the kernel.
        ifindex: Option<i64>,
        /// The MTU in bytes.
        mtu: Option<i64>,
        /// The MTU asked for.
        mtu_request: Option<i64>,
        /// `up` or `down`: as the administrator wants it.
        admin_state: Option<String>,
        /// `up` or `down`: as the cable has it.
        link_state: Option<String>,
        /// Settings.
        other_config: StringMap,
        /// Marks of others and ours, and `iface-id`.
        external_ids: StringMap,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovsdb::operation::Operation;
    use crate::ovsdb::schema::{AtomicType, ColumnType};
    use crate::ovsdb::value::{Atom, Datum, Real};

    /// Two different atoms of a type.
    fn two(atomic: AtomicType) -> [Atom; 2] {
        match atomic {
            AtomicType::Integer => [1.into(), 2.into()],
            AtomicType::Real => [Real::from(1).into(), Real::from(2).into()],
            AtomicType::Boolean => [false.into(), true.into()],
            AtomicType::String => ["1".into(), "2".into()],
            AtomicType::Uuid => [Uuid::from_u128(1).into(), Uuid::from_u128(2).into()],
        }
    }

    /// As much as a column may hold, up to two: a set must not be taken for an optional scalar.
    fn full(column_type: &ColumnType) -> Datum {
        let count = column_type.max_count().min(2) as usize;
        let keys = two(column_type.key().atomic()).into_iter().take(count);
        match column_type.value() {
            None => Datum::set(keys),
            Some(value) => Datum::map(keys.zip(two(value.atomic()))),
        }
    }

    /// Every column that is read is one of ours, and its type is that of the field.
    fn check<T: TableRow>() {
        let schema = our_schema().unwrap();
        let table = &schema.tables[T::TABLE];
        for column in T::COLUMNS {
            assert!(table.column(column).is_some(), "{}.{column}", T::TABLE);
        }
        let full: Row = table.columns.iter().map(|(name, column)| (name, full(&column.column_type))).collect();
        for row in [full, table.default_row()] {
            T::from_row(&row.with("_uuid", Uuid::ZERO)).unwrap();
        }
    }

    #[test]
    fn rows_agree_with_our_schema() {
        check::<OpenVSwitch>();
        check::<Bridge>();
        check::<Port>();
        check::<Interface>();
    }

    #[test]
    fn rows_are_selected_by_their_columns() {
        let json = Operation::from(Port::select()).to_json();
        assert_eq!(json["table"], "Port");
        assert_eq!(json["columns"][0], "_uuid");
        assert_eq!(Interface::COLUMNS[2], "type");
    }

    #[test]
    fn a_column_that_is_missing_is_named() {
        let error = Bridge::from_row(&Row::new().with("_uuid", Uuid::ZERO)).unwrap_err();
        assert_eq!(error.to_string(), r#"the row has no column "name""#);
    }
}
