use super::{Style, Table};
use crate::ovsdb::value::Uuid;

/// The digits of a UUID that are shown; they suffice to tell it from others.
const SHOWN: usize = 8;
const UUID_LENGTH: usize = 36;

/// A table in which each UUID is a link to the row that it names.
pub(super) fn write(table: &Table, style: &Style, out: &mut Vec<u8>) {
    let mut html = String::new();
    if let Some(timestamp) = &table.timestamp {
        html.push_str(&format!("{timestamp}\n"));
    }
    html.push_str("<table border=1>\n");
    if let Some(caption) = &table.caption {
        html.push_str(&element("caption", caption));
    }
    if style.headings {
        html.push_str(&row(table.headings.iter().map(|heading| element("th", heading))));
    }
    for cells in &table.rows {
        let cells = table.headings.iter().zip(cells).map(|(heading, cell)| match heading.as_str() {
            "_uuid" => anchor(&cell.text(style)),
            _ => element("td", &cell.text(style)),
        });
        html.push_str(&row(cells));
    }
    html.push_str("</table>\n");
    out.extend_from_slice(html.as_bytes());
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("  <tr>\n{}  </tr>\n", cells.collect::<String>())
}

/// The row's own UUID, for others to point at.
fn anchor(uuid: &str) -> String {
    let shown = uuid.get(..SHOWN).unwrap_or(uuid);
    format!("    <td><a name=\"{}\">{}</a></td>\n", escape(uuid), escape(shown))
}

fn element(name: &str, content: &str) -> String {
    let mut html = format!("    <{name}>");
    let mut rest = content;
    while let Some(next) = rest.chars().next() {
        let taken = match rest.get(..UUID_LENGTH).filter(|text| text.parse::<Uuid>().is_ok()) {
            Some(uuid) => {
                html.push_str(&format!("<a href=\"#{uuid}\">{}</a>", &uuid[..SHOWN]));
                UUID_LENGTH
            }
            None => {
                html.push_str(&escape(&rest[..next.len_utf8()]));
                next.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    html + &format!("</{name}>\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
