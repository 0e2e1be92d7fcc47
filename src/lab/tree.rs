//! A lab file as a tree, whichever way it is written; each node knows its place.

use super::mistake::Wrong;
use super::source::Span;

/// Deeper is nothing that people write; nor would it help them.
pub(super) const DEPTH_MAX: usize = 64;
/// A file may stand for as many values at most, counting what aliases repeat.
const NODES_MAX: usize = 1_000_000;
/// A file may stand for as much text at most, in bytes, counting what aliases and variables repeat.
const TEXT_MAX: usize = 16 << 20;

/// A value and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub span: Span,
    pub value: Value,
}

/// What a value is. A scalar is text until it is known what it should be: `10` may be the name of a namespace.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing stands there, or `null`.
    Nothing,
    Scalar(String),
    List(Vec<Node>),
    /// In the order of the file; no key twice.
    Map(Vec<(Text, Node)>),
}

/// A text and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub span: Span,
    pub text: String,
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }

    /// The entries of a map; none of anything else.
    pub fn entries(&self) -> &[(Text, Node)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The members of a list; a value by itself is a list of one.
    pub fn members(&self) -> &[Node] {
        match &self.value {
            Value::Nothing => &[],
            Value::List(members) => members,
            _ => std::slice::from_ref(self),
        }
    }

    pub fn scalar(&self) -> Option<&str> {
        if let Value::Scalar(text) = &self.value { Some(text) } else { None }
    }

    /// How many levels it has.
    pub fn depth(&self) -> usize {
        let below = match &self.value {
            Value::Nothing | Value::Scalar(_) => return 1,
            Value::List(members) => members.iter().map(Node::depth).max(),
            Value::Map(entries) => entries.iter().map(|(_, node)| node.depth()).max(),
        };
        1 + below.unwrap_or(0)
    }

    /// What it costs to repeat it: nodes, and bytes of text.
    pub fn size(&self) -> Size {
        let sum = |sizes: &mut dyn Iterator<Item = Size>| sizes.fold(Size { nodes: 1, text: 0 }, Size::plus);
        match &self.value {
            Value::Nothing => Size { nodes: 1, text: 0 },
            Value::Scalar(text) => Size { nodes: 1, text: text.len() },
            Value::List(members) => sum(&mut members.iter().map(Node::size)),
            Value::Map(entries) => {
                sum(&mut entries.iter().map(|(key, node)| node.size().plus(Size { nodes: 1, text: key.text.len() })))
            }
        }
    }

    /// What the value is called in messages.
    pub fn what(&self) -> &'static str {
        match &self.value {
            Value::Nothing => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// How much there is of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub nodes: usize,
    pub text: usize,
}

impl Size {
    fn plus(self, other: Size) -> Size {
        Size { nodes: self.nodes.saturating_add(other.nodes), text: self.text.saturating_add(other.text) }
    }

    /// Adds `other`, unless a file may not stand for so much.
    pub fn grow(&mut self, other: Size) -> Result<(), Wrong> {
        let sum = self.plus(other);
        if sum.nodes > NODES_MAX {
            return Err(Wrong::new(format!("the file stands for more than {NODES_MAX} values"))
                .hint("aliases repeat what they stand for; for many namespaces alike take a range: `h[1-1000]`"));
        }
        if sum.text > TEXT_MAX {
            return Err(Wrong::new(format!("the file stands for more than {} MiB of text", TEXT_MAX >> 20))
                .hint("aliases and variables repeat what they stand for"));
        }
        *self = sum;
        Ok(())
    }
}
