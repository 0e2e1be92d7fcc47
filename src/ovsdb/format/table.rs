use super::{Style, Table};

/// Columns side by side, each as wide as its widest cell. No spaces at the end of a line.
pub(super) fn write(table: &Table, style: &Style, out: &mut Vec<u8>) {
    table.write_title(out);
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| cell.text(style)).collect()).collect();
    let widths: Vec<_> = (0..table.headings.len()).map(|column| width(table, style, &rows, column)).collect();
    if style.headings {
        write_line(table.headings.iter().map(String::as_bytes), &widths, out);
        let dashes: Vec<_> = widths.iter().map(|width| vec![b'-'; *width]).collect();
        write_line(dashes.iter().map(Vec::as_slice), &widths, out);
    }
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| &cell.as_bytes()[..cell.len().min(*width)]);
        write_line(cells, &widths, out);
    }
}

/// Cells are cut off at the limit, headings are not.
fn width(table: &Table, style: &Style, rows: &[Vec<String>], column: usize) -> usize {
    let widest = rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let limit = if style.max_column_width == 0 { usize::MAX } else { style.max_column_width };
    let heading = table.headings.get(column).filter(|_| style.headings).map_or(0, String::len);
    widest.min(limit).max(heading)
}

fn write_line<'a>(cells: impl Iterator<Item = &'a [u8]>, widths: &[usize], out: &mut Vec<u8>) {
    let start = out.len();
    for (column, (cell, width)) in cells.zip(widths).enumerate() {
        if column > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(cell);
        out.resize(out.len() + width.saturating_sub(cell.len()), b' ');
    }
    while out.len() > start && out.last() == Some(&b' ') {
        out.pop();
    }
    out.push(b'\n');
}
