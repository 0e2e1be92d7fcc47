//! What came of it as a JUnit document, which build servers read: a test case for each address that was asked.

use std::fs;
use std::io;
use std::path::Path;

use quick_xml::events::{BytesDecl, BytesText, Event};
use quick_xml::writer::Writer;

use crate::cli::failure::Failure;
use crate::model::State;

use super::advice::{look_at, reason};
use super::ask::Outcome;
use super::shown::target;

/// Writes it to the file at `path`.
pub fn write(path: &Path, suite: &str, state: &State, outcomes: &[Outcome]) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("cannot write {}", path.display())).cause(error);
    let document = document(suite, state, outcomes).map_err(failed)?;
    fs::write(path, document).map_err(failed)
}

fn document(suite: &str, state: &State, outcomes: &[Outcome]) -> io::Result<Vec<u8>> {
    let (tests, failures) = (outcomes.len().to_string(), outcomes.iter().filter(|outcome| !outcome.is_well()).count());
    let failures = failures.to_string();
    let counts = [("tests", tests.as_str()), ("failures", failures.as_str())];
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").with_attributes(counts).write_inner_content(|writer| {
        let suite_element = writer.create_element("testsuite").with_attribute(("name", suite)).with_attributes(counts);
        suite_element.write_inner_content(|writer| {
            outcomes.iter().try_for_each(|outcome| case(writer, suite, state, outcome))
        })?;
        Ok(())
    })?;
    Ok(writer.into_inner())
}

fn case(writer: &mut Writer<Vec<u8>>, suite: &str, state: &State, outcome: &Outcome) -> io::Result<()> {
    let (from, to, address) = (&outcome.check.from, target(outcome), outcome.check.address.to_string());
    let whom = if to == address { to } else { format!("{to} ({address})") };
    let verb = if outcome.check.expected { "reaches" } else { "does not reach" };
    let (name, class) = (format!("{from} {verb} {whom}"), format!("{suite}.{from}"));
    let seconds = format!("{:.6}", outcome.rtt.unwrap_or_default().as_secs_f64());
    let attributes = [("classname", class.as_str()), ("name", name.as_str()), ("time", seconds.as_str())];
    let element = writer.create_element("testcase").with_attributes(attributes);
    if outcome.is_well() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|writer| {
        let reason = reason(outcome);
        let failure = writer.create_element("failure").with_attribute(("message", reason.as_str()));
        match look_at(state, outcome) {
            Some(words) => failure.write_text_content(BytesText::new(&format!("look at: {words}")))?,
            None => failure.write_empty()?,
        };
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use quick_xml::reader::Reader;

    use super::*;
    use crate::cli::lab::test::ask::Silence;
    use crate::cli::lab::test::checks::Check;

    #[test]
    fn what_was_said_is_escaped() {
        let said = "<no> & \"never\"";
        let check =
            Check { from: "a".parse().unwrap(), to: None, address: "10.0.0.1".parse().unwrap(), expected: true };
        let outcome = Outcome { check, rtt: None, silence: Silence::Told(said.to_owned()) };
        let text = String::from_utf8(document("lab & \"co\"", &State::default(), &[outcome]).unwrap()).unwrap();
        let mut reader = Reader::from_str(&text);
        let mut messages = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                Event::Start(element) | Event::Empty(element) if element.name().as_ref() == "failure" => {
                    let message = element.try_get_attribute("message").unwrap().unwrap();
                    messages.push(message.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap().into_owned());
                }
                _ => {}
            }
        }
        assert_eq!(messages, [said], "{text}");
    }
}
