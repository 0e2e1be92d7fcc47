//! The parts of a YAML file with their comments.

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle};

use crate::lab::source::Lines;

/// A line of a comment, or an empty one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comment {
    /// Whether an empty line stands above it.
    pub blank: bool,
    pub text: String,
}

/// An entry of a map, a member of a list, or the whole.
#[derive(Debug)]
pub(super) struct Item {
    pub above: Vec<Comment>,
    /// Whether an empty line stands above it.
    pub blank: bool,
    pub key: Option<Value>,
    pub value: Option<Value>,
    /// The comment behind it.
    pub right: Option<String>,
    first_line: usize,
    last_line: usize,
}

#[derive(Debug)]
pub(super) struct Value {
    /// `&name `, `!tag `.
    pub properties: String,
    pub content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// As it stands in the file: a plain scalar, or an alias.
    AsIs(String),
    /// Quoted, or on several lines.
    Text(String, ScalarStyle),
    Collection {
        is_map: bool,
        flow: bool,
        items: Vec<Item>,
    },
}

/// A file.
#[derive(Debug)]
pub(super) struct Document {
    pub root: Item,
    pub below: Vec<Comment>,
}

struct Open {
    properties: String,
    is_map: bool,
    flow: bool,
    items: Vec<Item>,
}

struct Collector<'t> {
    text: &'t str,
    lines: Lines<'t>,
    open: Vec<Open>,
    pending: Vec<Comment>,
    anchor: Option<String>,
    root: Option<Item>,
}

/// The parts of `text`; none if it has something that is not kept.
pub(super) fn document(text: &str) -> Option<Document> {
    let mut options = Options::default();
    options.emit_anchor_events = true;
    options.max_buffered_comment_events = 10_000;
    let mut collector =
        Collector { text, lines: Lines::of(text), open: Vec::new(), pending: Vec::new(), anchor: None, root: None };
    let events: Vec<_> = Parser::new_from_str_with_options(text, options).collect::<Result<_, _>>().ok()?;
    for (at, (event, span)) in events.iter().enumerate() {
        // The name of an anchor comes behind the event of its value.
        if let Some((Event::Anchor(_, name), _)) = events.get(at + 1) {
            collector.anchor = Some(format!("&{name} "));
        }
        collector.take(event, span.byte_range()?)?;
    }
    let root = collector.root?;
    Some(Document { root, below: collector.pending })
}

impl Collector<'_> {
    fn take(&mut self, event: &Event<'_>, span: std::ops::Range<usize>) -> Option<()> {
        let slice = self.text.get(span.clone())?;
        match event {
            Event::Comment(text, _) => self.comment(text, span.start),
            Event::Scalar(text, style, _, tag) => {
                // A tag changes what a value is; nobody has one in a lab.
                if tag.is_some() {
                    return None;
                }
                let content = match style {
                    ScalarStyle::Plain if text.contains('\n') => {
                        Content::Text(text.to_string(), ScalarStyle::DoubleQuoted)
                    }
                    // Where nothing stands, nothing is to stand.
                    ScalarStyle::Plain if slice.trim().is_empty() => Content::AsIs(String::new()),
                    ScalarStyle::Plain => Content::AsIs(text.to_string()),
                    style => Content::Text(text.to_string(), *style),
                };
                self.value(content, span.start..span.start + slice.trim_end().len());
            }
            Event::Alias(_) => self.value(Content::AsIs(slice.trim_end().to_owned()), span),
            Event::SequenceStart(style, _, tag) => self.begin(false, *style, tag.is_some(), span.start)?,
            Event::MappingStart(style, _, tag) => self.begin(true, *style, tag.is_some(), span.start)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(span.end),
            _ => {}
        }
        Some(())
    }

    fn line(&self, at: usize) -> usize {
        self.lines.position(at).0
    }

    /// Whether the line above that of `at` is empty.
    fn blank(&self, at: usize) -> bool {
        let start = self.lines.at(at).start;
        start > 0 && self.text[self.lines.at(start - 1)].trim().is_empty()
    }

    /// Whether nothing stands before `at` in its line but the dash of a list.
    fn begins_line(&self, at: usize) -> bool {
        self.text[self.lines.at(at).start..at].chars().all(|c| c.is_whitespace() || c == '-')
    }

    fn comment(&mut self, text: &str, at: usize) {
        let comment = format!("#{}", text.trim_end());
        let line = self.line(at);
        let starts_line = self.text[self.lines.at(at).start..at].trim().is_empty();
        if !starts_line
            && let Some(item) = self.open.iter_mut().rev().find_map(|open| open.items.last_mut())
            && item.right.is_none()
            && (item.first_line == line || item.last_line == line)
        {
            item.right = Some(comment);
            return;
        }
        let blank = starts_line && self.blank(at);
        self.pending.push(Comment { blank, text: comment });
    }

    /// The item that the next value belongs to: one that waits for it, or a new one.
    fn item(&mut self, start: usize) -> Item {
        Item {
            above: std::mem::take(&mut self.pending),
            blank: self.begins_line(start) && self.blank(start),
            key: None,
            value: None,
            right: None,
            first_line: self.line(start),
            last_line: self.line(start),
        }
    }

    fn begin(&mut self, is_map: bool, style: StructureStyle, tagged: bool, start: usize) -> Option<()> {
        if tagged {
            return None;
        }
        // The place is taken now, so that comments inside do not go above it.
        self.place(start);
        let properties = self.anchor.take().unwrap_or_default();
        self.open.push(Open { properties, is_map, flow: style == StructureStyle::Flow, items: Vec::new() });
        Some(())
    }

    fn end(&mut self, end: usize) {
        let Some(open) = self.open.pop() else { return };
        let Open { properties, is_map, flow, items } = open;
        let line = self.line(end.saturating_sub(1));
        let value = Value { properties, content: Content::Collection { is_map, flow, items } };
        self.fill(value, line);
    }

    fn value(&mut self, content: Content, span: std::ops::Range<usize>) {
        self.place(span.start);
        let value = Value { properties: self.anchor.take().unwrap_or_default(), content };
        let line = self.line(span.end.saturating_sub(1).max(span.start));
        self.fill(value, line);
    }

    /// Makes an item for a value that begins at `start`, unless one waits for it: that of its key.
    fn place(&mut self, start: usize) {
        let waits = match self.open.last() {
            Some(open) => {
                open.is_map && open.items.last().is_some_and(|item| item.key.is_some() && item.value.is_none())
            }
            None => false,
        };
        if waits {
            return;
        }
        let item = self.item(start);
        match self.open.last_mut() {
            Some(open) => open.items.push(item),
            None => self.root = Some(item),
        }
    }

    /// Puts a value into the item that waits for it.
    fn fill(&mut self, value: Value, last_line: usize) {
        let (is_map, item) = match self.open.last_mut() {
            Some(open) => (open.is_map, open.items.last_mut()),
            None => (false, self.root.as_mut()),
        };
        let Some(item) = item else { return };
        item.last_line = last_line;
        match is_map && item.key.is_none() {
            true => item.key = Some(value),
            false => item.value = Some(value),
        }
    }
}
