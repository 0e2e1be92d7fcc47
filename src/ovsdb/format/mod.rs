//! Tables as ovsdb-client(1) and ovs-vsctl(8) print them, byte for byte (lib/table.c of Open vSwitch 3.1).

mod cell;
mod csv;
mod html;
mod json;
mod list;
mod style;
mod table;

pub use cell::Cell;
pub use style::{CellFormat, Format, FormatError, Style};

/// A table: headings, rows of as many cells, and what stands above them.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The title.
    pub caption: Option<String>,
    /// When it was made, as [`timestamp`] writes it.
    pub timestamp: Option<String>,
    /// One heading a column.
    pub headings: Vec<String>,
    /// Each row has one cell a column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new<H: Into<String>>(headings: impl IntoIterator<Item = H>) -> Self {
        Self { headings: headings.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The lines that stand above the table in all formats of lines.
    fn write_title(&self, out: &mut Vec<u8>) {
        for line in [&self.timestamp, &self.caption].into_iter().flatten() {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
    }
}

/// Writes tables in one style, one after the other.
#[derive(Debug, Clone)]
pub struct Printer {
    style: Style,
    printed: bool,
}

impl Printer {
    /// Nothing is written yet.
    #[must_use]
    pub const fn new(style: Style) -> Self {
        Self { style, printed: false }
    }

    /// The style.
    #[must_use]
    pub const fn style(&self) -> &Style {
        &self.style
    }

    /// The text of `table`; tables of lines have an empty line between them. It is bytes, since a column that is cut off
    /// (`--max-column-width`) may be cut within a character.
    pub fn print(&mut self, table: &Table) -> Vec<u8> {
        let mut out = Vec::new();
        let in_lines = matches!(self.style.format, Format::Table | Format::List | Format::Csv);
        if std::mem::replace(&mut self.printed, true) && in_lines {
            out.push(b'\n');
        }
        match self.style.format {
            Format::Table => table::write(table, &self.style, &mut out),
            Format::List => list::write(table, &self.style, &mut out),
            Format::Html => html::write(table, &self.style, &mut out),
            Format::Csv => csv::write(table, &self.style, &mut out),
            Format::Json => json::write(table, &self.style, &mut out),
        }
        out
    }
}

/// Writes a time as `--timestamp` does, in UTC: `2026-11-22 00:14:33.123`.
#[must_use]
pub fn timestamp(since_epoch: std::time::Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = since_epoch.subsec_millis();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// The Gregorian date of a day since 1970-01-01. Years begin in March here, so that the leap day is the last, and months
/// have 31 and 30 days in turns of five: 153 days.
const fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970: u64 = 719_468; // from 0000-03-01
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days + DAYS_BEFORE_1970;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * era + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timestamps_are_dates() {
        for (millis, text) in [
            (0, "1970-01-01 00:00:00.000"),
            (951_782_399_999, "2000-02-28 23:59:59.999"),
            (951_782_400_000, "2000-02-29 00:00:00.000"),
            (951_868_800_000, "2000-03-01 00:00:00.000"),
            (1_735_689_599_001, "2024-12-31 23:59:59.001"),
            (4_107_542_400_000, "2100-03-01 00:00:00.000"),
        ] {
            assert_eq!(timestamp(Duration::from_millis(millis)), text);
        }
    }
}
