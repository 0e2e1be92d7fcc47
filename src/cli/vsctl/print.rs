//! What the commands have to say, as it is printed.

use std::io::Write;

use super::context::Output;
use super::failure::Failure;
use super::options::Options;
use crate::ovsdb::format::Printer;

/// Prints what each command has to say, one after the other.
pub(super) fn print(outputs: Vec<Output>, options: &Options, out: &mut dyn Write) -> Result<(), Failure> {
    let mut printer = Printer::new(options.style.clone());
    let mut bytes = Vec::new();
    for output in outputs {
        let text = match output.made {
            Some(uuid) => format!("{uuid}\n"),
            None => output.text,
        };
        match output.table {
            Some(table) => bytes.extend(printer.print(&table)),
            None if options.oneline => bytes.extend(one_line(&text).into_bytes()),
            None => bytes.extend(text.into_bytes()),
        }
    }
    out.write_all(&bytes).and_then(|()| out.flush()).map_err(|_| Failure::words("write to stdout failed"))
}

/// One line, whatever the text has: line feeds and backslashes are written with a backslash.
fn one_line(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    format!("{}\n", text.replace('\\', "\\\\").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_one_line() {
        for (text, line) in [("", "\n"), ("a\n", "a\n"), ("a\nb\n", "a\\nb\n"), ("\\\n\n", "\\\\\\n\n")] {
            assert_eq!(one_line(text), line, "{text:?}");
        }
    }
}
