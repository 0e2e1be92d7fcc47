//! Programs.

use crate::lab::mistake::Wrong;
use crate::lab::parts::{Command, Program, Restart};
use crate::lab::tree::{Node, Text, Value};
use crate::model::Place;

use super::Build;
use super::reader::Reader;

impl<'n> Build<'n, '_> {
    pub(super) fn run(&mut self, key: &'n Text, of: &Reader<'n, '_>) {
        let Some(place) = self.place_named(&of.name.text, &key.span) else { return };
        for node in of.node.members() {
            if self.spend(1, &node.span) {
                self.program(&place, &of.of(node));
            }
        }
    }

    fn program(&mut self, place: &Place, of: &Reader<'n, '_>) {
        let node = of.node.get("command").unwrap_or(of.node);
        let words = match &node.value {
            Value::List(words) => words.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut filled = Vec::with_capacity(words.len());
        for word in words {
            // A brace in a command is the command's own, unless the name has ranges.
            let Some(text) = word.scalar() else { return };
            let word = if of.name.is_ranged() {
                self.found.take(&word.span, of.name.fill(text, false))
            } else {
                Some(text.into())
            };
            let Some(word) = word else { return };
            filled.push(word.into_owned());
        }
        let first = filled.first().and_then(|word| word.split_whitespace().next()).unwrap_or_default().to_owned();
        if first.is_empty() {
            return self
                .found
                .add(&node.span, Wrong::new("there is no command here").hint("as in `python3 -m http.server 80`"));
        }
        let command = match &node.value {
            Value::List(_) => Command::Words(filled),
            _ => Command::Line(filled.swap_remove(0)),
        };
        let asked = of.text("name", self.found);
        let restart = match of.node.get("restart").and_then(Node::scalar) {
            Some("always") => Restart::Always,
            Some("on-failure") => Restart::OnFailure,
            _ => Restart::No,
        };
        let Some(name) = self.program_name(place, asked, &first, of) else { return };
        self.lab.run.push(Program { place: place.clone(), name, command, restart });
    }

    /// The name that is asked for, else one after the first word that nothing else has there.
    fn program_name(
        &mut self,
        place: &Place,
        asked: Option<String>,
        first: &str,
        of: &Reader<'n, '_>,
    ) -> Option<String> {
        if let Some(name) = asked {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(allowed) {
                let wrong = Wrong::new(format!("`{name}` is no name of a program: its log is called by it"));
                self.found.add(of.span("name"), wrong.hint("it is 1 to 64 letters, digits, `-`, `_` and `.`"));
                return None;
            }
            if !self.books.program(place, &name) {
                self.found.add(of.span("name"), Wrong::new(format!("`{place}` runs a program `{name}` already")));
                return None;
            }
            return Some(name);
        }
        let word = first.rsplit('/').next().unwrap_or(first);
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
        let word: String = word.chars().map(plain).take(48).collect();
        let numbered = (2_u32..).map(|number| format!("{word}-{number}"));
        std::iter::once(word.clone()).chain(numbered).find(|name| self.books.program(place, name))
    }
}
