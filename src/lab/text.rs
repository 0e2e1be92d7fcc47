//! Texts as YAML writes them.

use std::borrow::Cow;

/// `text` as a scalar of YAML that means just this wherever it stands: plain where it can be, else in quotes.
pub(super) fn quoted(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { Cow::Owned(in_quotes(text)) }
}

/// Whether `text` means itself without quotes, in whatever style and to whatever reader.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let first = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'/' | b'.');
    let inner = |c: &u8| first(*c) || matches!(c, b' ' | b'-' | b'+' | b'@' | b'=' | b'%' | b'*');
    let reads = !bytes.is_empty() && first(bytes[0]) && bytes.iter().all(inner) && !text.ends_with(' ');
    reads && !is_something_else(text)
}

/// Whether a reader may take `text` for something other than a text (yaml.org/spec/1.2.2, 10.3.2; YAML 1.1 had more words).
fn is_something_else(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf"];
    words.contains(&word.as_str()) || word.parse::<f64>().is_ok() || word.starts_with("0x") || word.starts_with("0o")
}

fn in_quotes(text: &str) -> String {
    let ugly =
        text.chars().any(|c| c.is_control() || c == '\u{feff}' || c == '\u{2028}' || c == '\u{2029}' || c == '\u{85}');
    if text.contains(['"', '\\']) && !text.contains('\'') && !ugly {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                quoted.push_str(&format!("\\U{:08X}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_stand_where_they_must() {
        for (text, expected) in [
            ("ns1", "ns1"),
            ("10.0.0.1/24", "10.0.0.1/24"),
            ("default via 10.0.0.1", "default via 10.0.0.1"),
            ("", "\"\""),
            ("10", "\"10\""),
            ("no", "\"no\""),
            ("8080:ns1:80", "\"8080:ns1:80\""),
            ("h[1-3]", "\"h[1-3]\""),
            ("-", "\"-\""),
            ("echo \"a\"", "'echo \"a\"'"),
            ("it's \"a\"\n", "\"it's \\\"a\\\"\\n\""),
            ("a # b", "\"a # b\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
