use super::{Style, Table};

/// A line a cell, with its heading, and an empty line between rows.
pub(super) fn write(table: &Table, style: &Style, out: &mut Vec<u8>) {
    table.write_title(out);
    for (index, row) in table.rows.iter().enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        for (heading, cell) in table.headings.iter().zip(row) {
            if style.headings {
                out.extend_from_slice(format!("{heading:<20}: ").as_bytes());
            }
            out.extend_from_slice(cell.text(style).as_bytes());
            out.push(b'\n');
        }
    }
}
