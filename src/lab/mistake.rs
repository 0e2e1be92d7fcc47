//! What is wrong with a lab file: everything at once, each with its place and what to do about it.

use std::collections::HashSet;
use std::fmt;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::source::{Lines, Source, Span};

/// How many words are compared with one that is not known.
const KNOWN_MAX: usize = 5_000;
/// More are not told: who has so many has one.
const MISTAKES_MAX: usize = 100;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The place in bytes from the start of the file.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Another place that has to do with it, and what is there.
    #[serde(skip)]
    pub other: Option<(Span, String)>,
}

/// Everything that is wrong with a file, in the order of its lines; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    source: Source,
    list: Vec<Mistake>,
    more: usize,
}

impl Mistakes {
    /// What the file is called.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// What is wrong.
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }

    /// As JSON: `{"file": …, "mistakes": [{"line": …, "column": …, "message": …, "hint": …}]}`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"file": self.source.name, "mistakes": self.list, "more": self.more})
    }

    /// As text: each with its line underlined; with colours for a terminal.
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let lines = Lines::of(&self.source.text);
        let mut texts: Vec<String> =
            self.list.iter().map(|mistake| renderer.render(&[self.group(mistake, &lines)])).collect();
        if self.more > 0 {
            texts.push(format!("and {} more", self.more));
        }
        texts.join("\n\n")
    }

    fn group<'a>(&'a self, mistake: &'a Mistake, lines: &Lines<'_>) -> Group<'a> {
        let (name, text) = (self.source.name.as_str(), self.source.text.as_str());
        let snippet = |span: &Span, kind: AnnotationKind, label: Option<&'a str>| {
            // Of what is several lines long the first says which it is.
            let shown = lines.at(span.start);
            let end = span.end.clamp(span.start, shown.end);
            let (line, _) = lines.position(shown.start);
            let inside = span.start - shown.start..end - shown.start;
            let annotation = kind.span(inside).label(label);
            Snippet::source(&text[shown]).line_start(line).path(name).fold(false).annotation(annotation)
        };
        let mut group =
            Level::ERROR.primary_title(&mistake.message).element(snippet(&mistake.span, AnnotationKind::Primary, None));
        if let Some((span, label)) = &mistake.other {
            group = group.element(snippet(span, AnnotationKind::Context, Some(label)));
        }
        match &mistake.hint {
            Some(hint) => group.element(Level::HELP.with_name("hint").message(hint)),
            None => group,
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Mistakes {}

/// What a check found, and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub message: String,
    pub hint: Option<String>,
    pub other: Option<(Span, String)>,
}

impl Wrong {
    pub fn new(message: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), hint: None, other: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Wrong {
        Wrong { hint: Some(hint.into()), ..self }
    }

    /// With the word of `known` that was meant, or else `otherwise`.
    pub fn meant<'a>(
        self,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: impl Into<String>,
    ) -> Wrong {
        match closest(word, known) {
            Some(known) => self.hint(format!("did you mean `{known}`?")),
            None => self.hint(otherwise),
        }
    }

    /// With another place that has to do with it.
    pub fn other(self, span: &Span, label: impl Into<String>) -> Wrong {
        Wrong { other: Some((span.clone(), label.into())), ..self }
    }
}

/// The word of `known` that `word` is most like, if it is like one: one letter in three may be wrong, or only its case.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let most = (word.chars().count() / 3).max(1);
    let distance = |known: &str| strsim::damerau_levenshtein(&folded, &known.to_lowercase());
    // Who writes half of a word means it too.
    let near = |known: &&str| known.len().abs_diff(word.len()) <= most && distance(known) <= most;
    known.into_iter().take(KNOWN_MAX).filter(near).min_by_key(|known| (distance(known), *known))
}

/// The mistakes found so far. Of one place only the first is told: what follows from it is no news, and in a range every name
/// has the same.
#[derive(Debug, Default)]
pub(super) struct Found {
    list: Vec<(Span, Wrong)>,
    places: HashSet<(usize, usize)>,
    more: usize,
}

impl Found {
    pub fn add(&mut self, span: &Span, wrong: Wrong) {
        if !self.places.insert((span.start, span.end)) {
            return;
        }
        if self.list.len() < MISTAKES_MAX {
            // Two names of one range: there is but one place.
            let other = wrong.other.filter(|(other, _)| other != span);
            self.list.push((span.clone(), Wrong { other, ..wrong }));
        } else {
            self.more += 1;
        }
    }

    /// The value, or what is wrong with it told at `span`.
    pub fn take<T>(&mut self, span: &Span, result: Result<T, Wrong>) -> Option<T> {
        result.map_err(|wrong| self.add(span, wrong)).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether more are only counted, so that nothing has to be said of them.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MISTAKES_MAX
    }

    /// All of them, in the order of the lines.
    pub fn into_mistakes(mut self, source: &Source) -> Mistakes {
        self.list.sort_by_key(|(span, _)| (span.start, span.end));
        let lines = Lines::of(&source.text);
        let mistake = |(span, wrong): (Span, Wrong)| {
            let (line, column) = lines.position(span.start);
            Mistake { line, column, span, message: wrong.message, hint: wrong.hint, other: wrong.other }
        };
        Mistakes { source: source.clone(), list: self.list.into_iter().map(mistake).collect(), more: self.more }
    }
}
