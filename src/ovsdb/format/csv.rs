use super::{Style, Table};

/// Comma-separated values (RFC 4180), but lines end as Unix has it.
pub(super) fn write(table: &Table, style: &Style, out: &mut Vec<u8>) {
    table.write_title(out);
    if style.headings {
        write_line(table.headings.iter().cloned(), out);
    }
    for row in &table.rows {
        write_line(row.iter().map(|cell| cell.text(style)), out);
    }
}

fn write_line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    let cells: Vec<_> = cells.map(quote).collect();
    out.extend_from_slice(cells.join(",").as_bytes());
    out.push(b'\n');
}

fn quote(cell: String) -> String {
    if cell.contains(['\n', '"', ',']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}
