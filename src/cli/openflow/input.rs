//! Flows and groups from the command line, a file, or standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::failure::Failure;

/// Where flows or groups come from.
#[derive(Debug, Clone, Args)]
pub struct Input {
    /// In the syntax of ovs-ofctl(8); a port may also be written as the namespace behind it. - is standard input
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    /// A file with one in a line; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "texts")]
    file: Option<PathBuf>,
}

/// A line: what is to be done, where it says so, and the flow or group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub keyword: Option<&'static str>,
    pub text: String,
}

impl Input {
    /// What was given, of which there has to be some; `keywords` may stand at the beginning of a line of a file.
    pub fn lines(&self, what: &str, keywords: &[&'static str]) -> Result<Vec<Line>, Failure> {
        let file = match (self.texts.as_slice(), &self.file) {
            ([only], _) if only == "-" => Some(Path::new("-")),
            (_, file) => file.as_deref(),
        };
        let Some(file) = file else {
            let lines = self.texts.iter().map(|text| Line { keyword: None, text: text.clone() });
            return match self.texts.is_empty() {
                true => {
                    Err(Failure::usage(format!("no {what} was given")).hint("as a word, or in a file: --file FILE"))
                }
                false => Ok(lines.collect()),
            };
        };
        let text = read(file).map_err(|error| Failure::new(format!("cannot read {}", file.display())).cause(error))?;
        let lines: Vec<Line> = text.lines().filter_map(|line| Line::read(line, keywords)).collect();
        if lines.is_empty() {
            return Err(Failure::usage(format!("no {what} stands in {}", file.display())));
        }
        Ok(lines)
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    if file != Path::new("-") {
        return std::fs::read_to_string(file);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
}

impl Line {
    /// `None` where nothing stands in it but a comment (ovs-ofctl(8): `#`, to the end of the line).
    fn read(line: &str, keywords: &[&'static str]) -> Option<Line> {
        let text = line.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            return None;
        }
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let keyword = keywords.iter().copied().find(|keyword| *keyword == first);
        let text = if keyword.is_some() { rest.trim() } else { text };
        Some(Line { keyword, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_is_to_be_done() {
        let keywords = ["add", "delete"];
        let read = |line| Line::read(line, &keywords);
        assert_eq!(read("  # nothing"), None);
        let line = |keyword, text: &str| Some(Line { keyword, text: text.to_owned() });
        assert_eq!(read("delete icmp"), line(Some("delete"), "icmp"));
        assert_eq!(read("delete"), line(Some("delete"), ""));
        assert_eq!(read("icmp actions=drop # 3 packets"), line(None, "icmp actions=drop"));
    }
}
