//! Ranges: `h[1-50]` are fifty names, `h[01-50]` are as many of one length, `r[1-3]h[1,3,5-7]` fifteen.

use std::borrow::Cow;

use super::mistake::Wrong;

/// A lab may have as many switches, namespaces, ports, links, trunks and programs together.
pub(super) const PARTS_MAX: usize = 100_000;

/// One of the names that a text stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub text: String,
    /// The numbers of its ranges, as they are written in the name.
    pub numbers: Vec<String>,
    /// The how-manieth it is, from 0.
    pub index: usize,
}

impl Name {
    /// Whether it is one of a range.
    pub fn is_ranged(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// `text` with `{1}` replaced by the number of the name's first range, `{2}` by that of its second, `{1+1}` by the number after
    /// it. In a name the number is as long as it is in the range, in an address as short as it can be. Any other brace stays.
    pub fn fill<'t>(&self, text: &'t str, in_name: bool) -> Result<Cow<'t, str>, Wrong> {
        if !text.contains('{') {
            return Ok(Cow::Borrowed(text));
        }
        let (mut whole, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('{') {
            whole.push_str(&rest[..at]);
            rest = &rest[at..];
            let inside = rest[1..].split_once('}').and_then(|(inside, after)| Some((Place::parse(inside)?, after)));
            match inside {
                Some((place, after)) => {
                    whole.push_str(&self.number(&place, in_name)?);
                    rest = after;
                }
                None => {
                    whole.push('{');
                    rest = &rest[1..];
                }
            }
        }
        Ok(Cow::Owned(whole + rest))
    }

    fn number(&self, place: &Place, in_name: bool) -> Result<String, Wrong> {
        let Some(text) = place.which.checked_sub(1).and_then(|index| self.numbers.get(index)) else {
            let count = self.numbers.len();
            let has = match count {
                0 => "has none".to_owned(),
                1 => "has one".to_owned(),
                _ => format!("has {count}"),
            };
            return Err(Wrong::new(format!(
                "`{{{}}}` is the number of a range, and `{}` {has}",
                place.which, self.text
            ))
            .hint("a range stands in the name that this belongs to: `h[1-50]`"));
        };
        let number = text.parse::<i64>().unwrap_or_default() + place.more;
        if number < 0 {
            return Err(Wrong::new(format!("for `{}` this would be the number {number}", self.text)));
        }
        let width = if in_name && text.starts_with('0') { text.len() } else { 0 };
        Ok(format!("{number:0width$}"))
    }
}

/// `1`, `1+1`, `2-1`.
struct Place {
    which: usize,
    more: i64,
}

impl Place {
    fn parse(text: &str) -> Option<Place> {
        let end = text.find(['+', '-']).unwrap_or(text.len());
        let (which, more) = text.split_at(end);
        let digits = |text: &str| (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(which) || !more.is_empty() && !digits(&more[1..]) {
            return None;
        }
        let amount = if more.is_empty() { 0 } else { more[1..].parse().ok()? };
        Some(Place { which: which.parse().ok()?, more: if more.starts_with('-') { -amount } else { amount } })
    }
}

/// The names that `text` stands for, in their order; one if it has no range. At most `most`.
pub(super) fn expand(text: &str, most: usize) -> Result<Vec<Name>, Wrong> {
    let mut names = vec![Name { text: String::new(), numbers: Vec::new(), index: 0 }];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inside, after)) = after.split_once(']') else {
            return Err(Wrong::new(format!("`{text}` has a `[` without its `]`")).hint(RANGE));
        };
        let numbers = numbers(inside, text, most)?;
        if names.len().saturating_mul(numbers.len()) > most {
            return Err(too_many(text));
        }
        let with = |name: &Name, number: &String| Name {
            text: format!("{}{before}{number}", name.text),
            numbers: name.numbers.iter().chain([number]).cloned().collect(),
            index: 0,
        };
        names = names.iter().flat_map(|name| numbers.iter().map(move |number| with(name, number))).collect();
        rest = after;
    }
    if rest.contains(']') {
        return Err(Wrong::new(format!("`{text}` has a `]` without its `[`")).hint(RANGE));
    }
    for (index, name) in names.iter_mut().enumerate() {
        name.text.push_str(rest);
        name.index = index;
    }
    Ok(names)
}

const RANGE: &str = "a range is written `h[1-50]`, `h[01-50]` or `h[1,3,5-7]`";

fn too_many(text: &str) -> Wrong {
    Wrong::new(format!("`{text}` stands for too many names: a lab has at most {PARTS_MAX} parts"))
}

/// The numbers of `1-3,7`, as they are written.
fn numbers(inside: &str, whole: &str, most: usize) -> Result<Vec<String>, Wrong> {
    let bad = || Wrong::new(format!("`[{inside}]` in `{whole}` is no range")).hint(RANGE);
    let number = |text: &str| match (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u32>().map_err(|_| bad()),
        false => Err(bad()),
    };
    let mut numbers = Vec::new();
    for part in inside.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (number(first)?, number(last)?);
        if from > to {
            return Err(
                Wrong::new(format!("`[{inside}]` in `{whole}` counts down")).hint(format!("write [{last}-{first}]"))
            );
        }
        if numbers.len() + (to - from) as usize >= most {
            return Err(too_many(whole));
        }
        let width = if first.starts_with('0') { first.len() } else { 0 };
        numbers.extend((from..=to).map(|number| format!("{number:0width$}")));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        expand(text, 100).unwrap().into_iter().map(|name| name.text).collect()
    }

    #[test]
    fn ranges_are_expanded_in_order() {
        assert_eq!(texts("h"), ["h"]);
        assert_eq!(texts("h[8-11]"), ["h8", "h9", "h10", "h11"]);
        assert_eq!(texts("h[08-10]x"), ["h08x", "h09x", "h10x"]);
        assert_eq!(texts("r[1-2]h[1,3]"), ["r1h1", "r1h3", "r2h1", "r2h3"]);
        for bad in
            ["h[", "h]", "h[]", "h[a]", "h[3-1]", "h[1-]", "h[1-101]", "r[1-20]h[1-20]", "h[1-9999999999]", "h[-1]"]
        {
            assert!(expand(bad, 100).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_filled_in() {
        let names = expand("r[01-12]h[1-3]", 100).unwrap();
        let fill = |text: &str, in_name: bool| names[4].fill(text, in_name).map(Cow::into_owned);
        assert_eq!(names[4].text, "r02h2");
        assert_eq!(fill("s{1}", true).unwrap(), "s02");
        assert_eq!(fill("s{1+1}-{2-1}", true).unwrap(), "s03-1");
        assert_eq!(fill("10.{1}.{2}.1/24", false).unwrap(), "10.2.2.1/24");
        assert_eq!(fill("awk '{print $1}' {} {1.5}", false).unwrap(), "awk '{print $1}' {} {1.5}");
        assert!(fill("{3}", true).is_err());
        assert!(fill("{0}", true).is_err());
        assert!(fill("{2-3}", true).is_err());
    }
}
