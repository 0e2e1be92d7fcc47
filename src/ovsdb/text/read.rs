use std::collections::{BTreeMap, BTreeSet};
use std::str::Chars;

use crate::ovsdb::schema::{AtomicType, BaseType, ColumnType};
use crate::ovsdb::value::{Atom, Datum, Problem, Real, ValueError, is_id};

/// The most integers that a range may stand for (lib/ovsdb-data.c).
const LONGEST_RANGE: i64 = 4096;

fn wrong(words: impl Into<String>) -> ValueError {
    Problem::Text(words.into()).into()
}

impl BaseType {
    /// Reads an atom as it is typed: a decimal number; `true`, `yes`, `on`, `1` or their contraries; a UUID, or `@NAME` for
    /// a named one; a string in quotes with JSON's escapes, or without.
    ///
    /// # Errors
    /// Where the text is no such atom, or one that the type does not allow.
    pub fn read_text(&self, text: &str) -> Result<Atom, ValueError> {
        self.conform(read_atom(self.atomic(), text)?)
    }

    /// Reads the keys that a text stands for: one, or all integers of a range `FIRST-LAST`.
    fn read_keys(&self, text: &str) -> Result<Vec<Atom>, ValueError> {
        let Some((first, last)) = split_range(text).filter(|_| self.atomic() == AtomicType::Integer) else {
            return Ok(vec![self.read_text(text)?]);
        };
        let keys = [first, last].map(|number| self.conform(Atom::Integer(number)));
        keys.into_iter().collect::<Result<Vec<_>, _>>()?;
        if last < first {
            return Err(wrong(format!("\"{text}\" is not a valid range. Range end cannot be before start.")));
        }
        if last.saturating_sub(first) >= LONGEST_RANGE {
            let words = format!("Range \"{text}\" is too big. Maximum allowed size is {LONGEST_RANGE}.");
            return Err(Problem::Constraint(words).into());
        }
        (first..=last).map(|number| self.conform(Atom::Integer(number))).collect()
    }
}

/// The hyphen behind a first number, which may have a sign of its own, makes a range.
fn split_range(text: &str) -> Option<(i64, i64)> {
    let hyphen = 1 + text.get(1..)?.find('-')?;
    Some((text[..hyphen].parse().ok()?, text[hyphen + 1..].parse().ok()?))
}

fn read_atom(atomic: AtomicType, text: &str) -> Result<Atom, ValueError> {
    match atomic {
        AtomicType::Integer => {
            text.parse().map(Atom::Integer).map_err(|_| wrong(format!("\"{text}\" is not a valid integer or range")))
        }
        AtomicType::Real => {
            let number = text.parse().ok().and_then(Real::new);
            number.map(Atom::Real).ok_or_else(|| wrong(format!("\"{text}\" is not a valid real number")))
        }
        AtomicType::Boolean => read_boolean(text).map(Atom::Boolean),
        AtomicType::String => read_string(text).map(Atom::String),
        AtomicType::Uuid => match text.strip_prefix('@') {
            Some(name) if is_id(name) => Ok(Atom::NamedUuid(name.to_owned())),
            Some(name) => Err(Problem::Id(name.to_owned()).into()),
            None => text.parse().map(Atom::Uuid),
        },
    }
}

fn read_boolean(text: &str) -> Result<bool, ValueError> {
    match text {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(wrong(format!("\"{text}\" is not a valid boolean (use \"true\" or \"false\")"))),
    }
}

fn read_string(text: &str) -> Result<String, ValueError> {
    let Some(inner) = text.strip_prefix('"') else {
        return if text.is_empty() {
            Err(wrong("An empty string is not valid as input; use \"\" to represent the empty string"))
        } else {
            Ok(text.to_owned())
        };
    };
    let Some(inner) = inner.strip_suffix('"') else {
        return Err(wrong(format!("{text}: missing quote at end of quoted string")));
    };
    unescape(inner).map_err(|words| wrong(format!("{text}: {words}")))
}

/// As `json_string_unescape` of lib/json.c does it, with its words.
fn unescape(inner: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = inner.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => return Err("quoted string may not include unescaped \"".to_owned()),
            '\\' => text.push(unescape_one(&mut rest)?),
            _ => text.push(character),
        }
    }
    Ok(text)
}

fn unescape_one(rest: &mut Chars<'_>) -> Result<char, String> {
    match rest.next() {
        None => Err("quoted string may not end with backslash".to_owned()),
        Some(plain @ ('"' | '\\' | '/')) => Ok(plain),
        Some('b') => Ok('\u{8}'),
        Some('f') => Ok('\u{c}'),
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('u') => unescape_unicode(rest),
        Some(other) => Err(format!("bad escape \\{other}")),
    }
}

/// Four hexadecimal digits, and behind the first half of a surrogate pair `\u` and four more.
fn unescape_unicode(rest: &mut Chars<'_>) -> Result<char, String> {
    let first = four_digits(rest)?;
    if first == 0 {
        return Err("null bytes not supported in quoted strings".to_owned());
    }
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).ok_or_else(|| "malformed escaped surrogate pair".to_owned());
    }
    *rest = rest.as_str().strip_prefix("\\u").ok_or("malformed escaped surrogate pair")?.chars();
    let second = four_digits(rest)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
    let low = low.ok_or("second half of escaped surrogate pair is not trailing surrogate")?;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + low).ok_or_else(|| "malformed \\u escape".to_owned())
}

fn four_digits(rest: &mut Chars<'_>) -> Result<u32, String> {
    let mut number = 0;
    for _ in 0..4 {
        let digit = rest.next().ok_or("quoted string ends within \\u escape")?;
        number = number * 16 + digit.to_digit(16).ok_or("malformed \\u escape")?;
    }
    Ok(number)
}

impl ColumnType {
    /// Reads a datum as it is typed: atoms, or pairs `KEY=VALUE`, with spaces or commas between them; sets may stand in
    /// `[]` and maps in `{}`, and must where they are empty. `1-5` in a set of integers is all five.
    ///
    /// # Errors
    /// Where the text is no such datum, or one that the type does not allow.
    pub fn read_text(&self, text: &str) -> Result<Datum, ValueError> {
        let mut scanner = Scanner { text, rest: text.trim_start() };
        let brackets = if self.is_map() { ('{', '}') } else { ('[', ']') };
        let end = scanner.skip(brackets.0).then_some(brackets.1);
        if end.is_none() && scanner.rest.is_empty() {
            let class = if self.is_map() { "map" } else { "set" };
            return Err(wrong(format!("use \"{}{}\" to specify the empty {class}", brackets.0, brackets.1)));
        }
        let members = self.read_members(&mut scanner, end)?;
        scanner.finish(end)?;
        self.collect(members, text)
    }

    fn read_members(
        &self,
        scanner: &mut Scanner<'_>,
        end: Option<char>,
    ) -> Result<Vec<(Atom, Option<Atom>)>, ValueError> {
        let mut members = Vec::new();
        while let Some(next) = scanner.rest.chars().next().filter(|next| Some(*next) != end) {
            if is_delimiter(next) {
                return Err(scanner.fault(&format!("unexpected \"{next}\" parsing {self}")));
            }
            let start = scanner.rest;
            let keys = self.key().read_keys(&scanner.token()?)?;
            let value = match self.value() {
                Some(value) => Some(value.read_text(&scanner.value(start)?)?),
                None => None,
            };
            members.extend(keys.into_iter().map(|key| (key, value.clone())));
            scanner.skip(',');
        }
        Ok(members)
    }

    /// Makes a datum of members that were read, if there are neither too few nor too many, nor any twice.
    fn collect(&self, members: Vec<(Atom, Option<Atom>)>, text: &str) -> Result<Datum, ValueError> {
        let (count, word) = (members.len(), if self.is_map() { "pair(s)" } else { "value(s)" });
        let (min, max) = (self.min_count(), self.max_count());
        if count < min as usize {
            return Err(wrong(format!("{text}: {count} {word} specified but the minimum number is {min}")));
        }
        if count > max as usize {
            return Err(wrong(format!("{text}: {count} {word} specified but the maximum number is {max}")));
        }
        let (mut set, mut map) = (BTreeSet::new(), BTreeMap::new());
        for (key, value) in members {
            let repeated = match value {
                None => (!set.insert(key)).then_some("set contains duplicate value"),
                Some(value) => map.insert(key, value).map(|_| "map contains duplicate key"),
            };
            if let Some(words) = repeated {
                return Err(wrong(format!("{text}: {words}")));
            }
        }
        Ok(if self.is_map() { Datum::Map(map) } else { Datum::Set(set) })
    }
}

/// Splits off what stands before the next of `:=, []{}!<>`, as ovs-vsctl(8) takes arguments apart: a backslash takes the
/// meaning of the next character away and is left out; so do double quotes, and they stay, with the backslashes between
/// them.
///
/// # Errors
/// Where a backslash or a quoted string is not finished.
pub fn split_token(text: &str) -> Result<(String, &str), ValueError> {
    let mut scanner = Scanner { text, rest: text };
    let token = scanner.token()?;
    Ok((token, scanner.rest))
}

/// What is left of a text that is read from the left.
struct Scanner<'a> {
    text: &'a str,
    rest: &'a str,
}

fn is_delimiter(character: char) -> bool {
    ":=, []{}!<>".contains(character)
}

impl Scanner<'_> {
    /// Goes over white space, `character` if it stands there, and white space again.
    fn skip(&mut self, character: char) -> bool {
        self.rest = self.rest.trim_start();
        let Some(rest) = self.rest.strip_prefix(character) else { return false };
        self.rest = rest.trim_start();
        true
    }

    /// Takes what stands before the next delimiter, as [`split_token`] does.
    fn token(&mut self) -> Result<String, ValueError> {
        let mut token = String::new();
        let mut quoted = false;
        let start = self.rest;
        let mut characters = start.char_indices();
        let mut end = start.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => {
                    token.extend(quoted.then_some('\\'));
                    let (_, next) =
                        characters.next().ok_or_else(|| wrong(format!("{start}: backslash at end of argument")))?;
                    token.push(next);
                }
                _ if !quoted && is_delimiter(character) => {
                    end = at;
                    break;
                }
                _ => {
                    token.push(character);
                    quoted ^= character == '"';
                }
            }
        }
        if quoted {
            return Err(wrong(format!("{start}: quoted string extends past end of argument")));
        }
        self.rest = &start[end..];
        Ok(token)
    }

    /// Takes `=` and the token behind it. `start` is the pair's text.
    fn value(&mut self, start: &str) -> Result<String, ValueError> {
        if self.skip('=') {
            return self.token();
        }
        // At the end Open vSwitch prints a zero byte, which ends its message.
        Err(wrong(match self.rest.chars().next() {
            Some(next) => format!("{start}: syntax error at \"{next}\" expecting \"=\""),
            None => format!("{start}: syntax error at \""),
        }))
    }

    fn finish(&mut self, end: Option<char>) -> Result<(), ValueError> {
        let Some(end) = end else { return Ok(()) };
        if !self.skip(end) {
            return Err(self.fault(&format!("missing \"{end}\" at end of data")));
        }
        if self.rest.is_empty() { Ok(()) } else { Err(self.fault(&format!("trailing garbage after \"{end}\""))) }
    }

    fn fault(&self, words: &str) -> ValueError {
        wrong(format!("{}: {words}", self.text))
    }
}
