//! The text of a lab file, and places in it.

use std::ops::Range;

/// Some of the text of a file, in bytes.
pub type Span = Range<usize>;

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What the file is called in messages: its path, or `-`.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2 (yaml.org/spec/1.2.2).
    Yaml,
    /// TOML (toml.io/en/v1.0.0).
    Toml,
}

impl Format {
    /// The format of the file `name`: TOML if it ends in `.toml`, else YAML.
    pub fn of(name: &str) -> Format {
        if name.to_ascii_lowercase().ends_with(".toml") { Format::Toml } else { Format::Yaml }
    }
}

/// Where the lines of a text begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn of(text: &'a str) -> Lines<'a> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect();
        Lines { text, starts }
    }

    /// Line and column of the byte `at`, both from 1; columns count characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at).saturating_sub(1);
        let before = self.text.get(self.starts[line]..at).unwrap_or_default();
        (line + 1, before.chars().count() + 1)
    }

    /// The whole line that the byte `at` is in.
    pub fn at(&self, at: usize) -> Span {
        let line = self.starts.partition_point(|start| *start <= at);
        self.starts[line.saturating_sub(1)]..self.starts.get(line).map_or(self.text.len(), |next| next - 1)
    }
}
