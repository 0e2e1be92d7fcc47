//! YAML 1.2 as a tree. Anchors, aliases and merge keys (`<<`, yaml.org/type/merge.html) mean what they mean in docker-compose.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Tag};

use super::mistake::{Found, Wrong};
use super::source::Span;
use super::tree::{DEPTH_MAX, Node, Size, Text, Value};

/// The tree that `text` writes; none if it is no YAML. All mistakes that do not hide others are found.
pub(super) fn parse(text: &str, found: &mut Found) -> Option<Node> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.emit_anchor_events = true;
    let mut builder = Builder::new(text, found);
    for next in Parser::new_from_str_with_options(text, options) {
        let step = match next {
            Ok((event, span)) => builder.take(event, span.byte_range().unwrap_or_default()),
            Err(error) => Err(syntax(text, &error)),
        };
        if let Err((span, wrong)) = step {
            builder.found.add(&span, wrong);
            return None;
        }
        if builder.ended {
            break;
        }
    }
    let nothing = Node { span: 0..0, value: Value::Nothing };
    Some(builder.root.unwrap_or(nothing))
}

/// What the parser could not read, where it could not.
fn syntax(text: &str, error: &ScanError) -> (Span, Wrong) {
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(at..end),
        _ => (at..end, Wrong::new(format!("this is no YAML: {}", error.info()))),
    }
}

/// A mistake after which the rest would not be understood.
type Stop = (Span, Wrong);

struct Builder<'a> {
    found: &'a mut Found,
    text: &'a str,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    names: HashMap<String, usize>,
    size: Size,
    documents: usize,
    root: Option<Node>,
    ended: bool,
}

/// A list or a map that has begun.
struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Node, Node)>, key: Option<Node> },
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(..) => self.document(span),
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(&span, tag.as_deref());
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let nothing = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if nothing { Value::Nothing } else { Value::Scalar(text.into_owned()) };
                self.add(Node { span, value }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(&span, tag.as_deref());
                self.begin(span, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(&span, tag.as_deref());
                self.begin(span, anchor, Content::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => self.alias(span, anchor),
            Event::UnresolvedAlias(name) => {
                let wrong = Wrong::new(format!("no anchor `&{name}` stands before this")).meant(
                    &name,
                    self.names.keys().map(String::as_str),
                    format!("put `&{name}` before the value that is meant, further up"),
                );
                self.found.add(&span, wrong);
                self.add(Node { span, value: Value::Nothing }, 0)
            }
            Event::Anchor(anchor, name) => {
                self.names.insert(name.into_owned(), anchor);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn document(&mut self, span: Span) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            let wrong = Wrong::new("a second document begins here").hint("a lab file is one document: one lab");
            self.found.add(&span, wrong);
            self.ended = true;
        }
        Ok(())
    }

    fn tag(&mut self, span: &Span, tag: Option<&Tag>) {
        if let Some(tag) = tag.filter(|tag| tag.is_custom()) {
            let wrong = Wrong::new(format!("the tag `{tag}` means nothing here")).hint("leave it out");
            self.found.add(span, wrong);
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), Stop> {
        if self.open.len() + 1 >= DEPTH_MAX {
            return Err(too_deep(span));
        }
        self.open.push(Open { start: span.start, anchor, content });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.content {
            Content::List(members) => Value::List(members),
            Content::Map { entries, .. } => Value::Map(self.map(entries)),
        };
        // The end of a block is where the next thing begins, or behind the last line.
        let whole = &self.text[open.start..span.end.max(open.start)];
        let end = open.start + whole.trim_end().len();
        self.add(Node { span: open.start..end, value }, open.anchor)
    }

    fn alias(&mut self, span: Span, anchor: usize) -> Result<(), Stop> {
        let Some(node) = self.anchors.get(&anchor) else {
            let wrong = Wrong::new("this stands for itself").hint("an alias may only repeat what has ended before it");
            self.found.add(&span, wrong);
            return self.add(Node { span, value: Value::Nothing }, 0);
        };
        if self.open.len() + node.depth() >= DEPTH_MAX {
            return Err(too_deep(span));
        }
        let mut size = self.size;
        size.grow(node.size()).map_err(|wrong| (span, wrong))?;
        let node = node.clone();
        self.add(node, 0)?;
        self.size = size;
        Ok(())
    }

    /// Puts `node` where it belongs: into what has begun.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        let text = node.scalar().map_or(0, str::len);
        self.size.grow(Size { nodes: 1, text }).map_err(|wrong| (node.span.clone(), wrong))?;
        if anchor != 0 {
            let mut size = self.size;
            size.grow(node.size()).map_err(|wrong| (node.span.clone(), wrong))?;
            self.size = size;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(members)) => members.push(node),
            Some(Content::Map { entries, key }) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
        Ok(())
    }

    /// A map without the keys that are no names, and with what it merges.
    fn map(&mut self, entries: Vec<(Node, Node)>) -> Vec<(Text, Node)> {
        let mut own: Vec<(Text, Node)> = Vec::with_capacity(entries.len());
        let mut known: HashMap<String, Span> = HashMap::with_capacity(entries.len());
        let mut merged: Vec<Node> = Vec::new();
        for (key, node) in entries {
            let text = match key.value {
                Value::Scalar(text) => text,
                _ => {
                    let wrong = Wrong::new(format!("{} is no key", key.what())).hint("a key is a single word");
                    self.found.add(&key.span, wrong);
                    continue;
                }
            };
            if text == "<<" {
                merged.push(node);
                continue;
            }
            if let Some(first) = known.get(&text) {
                self.found.add(&key.span, twice(&text, first));
                continue;
            }
            known.insert(text.clone(), key.span.clone());
            own.push((Text { span: key.span, text }, node));
        }
        for node in merged {
            self.merge(node, &mut own, &mut known);
        }
        own
    }

    /// What is said in the map itself stands; of several that are merged, what the first says.
    fn merge(&mut self, node: Node, own: &mut Vec<(Text, Node)>, known: &mut HashMap<String, Span>) {
        let maps = match node.value {
            Value::List(maps) => maps,
            _ => vec![node],
        };
        for map in maps {
            let Value::Map(entries) = map.value else {
                let wrong = Wrong::new(format!("`<<` merges maps, and this is {}", map.what()))
                    .hint("as in `<<: *name`, where `&name` stands before a map");
                self.found.add(&map.span, wrong);
                continue;
            };
            for (key, node) in entries {
                if !known.contains_key(&key.text) {
                    known.insert(key.text.clone(), key.span.clone());
                    own.push((key, node));
                }
            }
        }
    }
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, found: &'a mut Found) -> Builder<'a> {
        Builder {
            found,
            text,
            open: Vec::new(),
            anchors: HashMap::new(),
            names: HashMap::new(),
            size: Size::default(),
            documents: 0,
            root: None,
            ended: false,
        }
    }
}

pub(super) fn twice(key: &str, first: &Span) -> Wrong {
    Wrong::new(format!("`{key}` stands here twice")).other(first, "the first one").hint("leave one of them out")
}

fn too_deep(span: Span) -> Stop {
    (span, Wrong::new(format!("this is nested more than {DEPTH_MAX} levels deep")))
}
