//! What is wrong with a text that is no JSON, in the words of lib/json.c, with the place counted as there: from 0.

/// Where a value or a bracket may stand next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    End,
    ObjectFirst,
    ObjectName,
    ObjectColon,
    ObjectValue,
    ObjectNext,
    ArrayFirst,
    ArrayValue,
    ArrayNext,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Punctuation(u8),
    String,
    /// A number or a keyword.
    Scalar,
}

struct Checker<'a> {
    text: &'a [u8],
    at: usize,
    state: State,
    /// Whether each bracket that is open is that of an object.
    open: Vec<bool>,
}

/// The first fault of `text`, if it finds one: how numbers and escapes are written in detail is not looked at.
pub(super) fn fault(text: &str) -> Option<String> {
    let mut checker = Checker { text: text.as_bytes(), at: 0, state: State::Start, open: Vec::new() };
    let words = checker.check().err()?;
    let before = &checker.text[..checker.at.min(checker.text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count();
    Some(format!("line {line}, column {}, byte {}: {words}", checker.at - line_start, checker.at))
}

impl Checker<'_> {
    fn check(&mut self) -> Result<(), String> {
        while let Some(token) = self.token()? {
            self.take(token)?;
            // A scalar ends at the byte behind it; at the end of the text lib/json.c adds a space for that, and counts it.
            if token != Token::Scalar || self.at == self.text.len() {
                self.at += 1;
            }
        }
        match self.state {
            State::End => Ok(()),
            State::Start => Err("empty input stream".to_owned()),
            _ => Err("unexpected end of input".to_owned()),
        }
    }

    /// The next token; of a string or a bracket, `at` is left on the last byte, else behind it.
    fn token(&mut self) -> Result<Option<Token>, String> {
        while self.text.get(self.at).is_some_and(|byte| b" \t\n\r".contains(byte)) {
            self.at += 1;
        }
        let Some(&byte) = self.text.get(self.at) else { return Ok(None) };
        match byte {
            b'[' | b'{' | b']' | b'}' | b':' | b',' => Ok(Some(Token::Punctuation(byte))),
            b'"' => self.string().map(Some),
            b'a'..=b'z' => self.keyword().map(Some),
            b'-' | b'0'..=b'9' => {
                self.skip(|byte| b".0123456789eE-+".contains(&byte));
                Ok(Some(Token::Scalar))
            }
            b' '..=b'~' => Err(format!("invalid character '{}'", char::from(byte))),
            _ => Err(format!("invalid character U+{byte:04x}")),
        }
    }

    fn skip(&mut self, part: impl Fn(u8) -> bool) {
        while self.text.get(self.at).is_some_and(|byte| part(*byte)) {
            self.at += 1;
        }
    }

    fn keyword(&mut self) -> Result<Token, String> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_alphabetic());
        match &self.text[start..self.at] {
            b"true" | b"false" | b"null" => Ok(Token::Scalar),
            other => Err(format!("invalid keyword '{}'", String::from_utf8_lossy(other))),
        }
    }

    fn string(&mut self) -> Result<Token, String> {
        loop {
            self.at += 1;
            match self.text.get(self.at) {
                None => return Err("unexpected end of input in quoted string".to_owned()),
                Some(b'"') => return Ok(Token::String),
                Some(b'\\') if self.at + 1 < self.text.len() => self.at += 1,
                Some(byte @ ..0x20) => return Err(format!("U+{byte:04X} must be escaped in quoted string")),
                Some(_) => {}
            }
        }
    }

    fn take(&mut self, token: Token) -> Result<(), String> {
        use Token::{Punctuation, String as Text};
        self.state = match (self.state, token) {
            (State::Start, Punctuation(bracket @ (b'{' | b'['))) => self.enter(bracket),
            (State::Start, _) => return Err("syntax error at beginning of input".to_owned()),
            (State::End, _) => return Err("trailing garbage at end of input".to_owned()),
            (State::ObjectFirst | State::ObjectNext, Punctuation(b'}'))
            | (State::ArrayFirst | State::ArrayNext, Punctuation(b']')) => self.leave(),
            (State::ObjectFirst | State::ObjectName, Text) => State::ObjectColon,
            (State::ObjectFirst | State::ObjectName, _) => {
                return Err("syntax error parsing object expecting string".to_owned());
            }
            (State::ObjectColon, Punctuation(b':')) => State::ObjectValue,
            (State::ObjectColon, _) => return Err("syntax error parsing object expecting ':'".to_owned()),
            (State::ObjectNext, Punctuation(b',')) => State::ObjectName,
            (State::ObjectNext, _) => return Err("syntax error expecting '}' or ','".to_owned()),
            (State::ArrayNext, Punctuation(b',')) => State::ArrayValue,
            (State::ArrayNext, _) => return Err("syntax error expecting ']' or ','".to_owned()),
            (State::ObjectValue | State::ArrayFirst | State::ArrayValue, token) => self.value(token)?,
        };
        Ok(())
    }

    fn value(&mut self, token: Token) -> Result<State, String> {
        match token {
            Token::Punctuation(bracket @ (b'{' | b'[')) => Ok(self.enter(bracket)),
            Token::Punctuation(_) => Err("syntax error expecting value".to_owned()),
            Token::String | Token::Scalar => Ok(self.after_value()),
        }
    }

    fn enter(&mut self, bracket: u8) -> State {
        self.open.push(bracket == b'{');
        if bracket == b'{' { State::ObjectFirst } else { State::ArrayFirst }
    }

    fn leave(&mut self) -> State {
        self.open.pop();
        self.after_value()
    }

    fn after_value(&self) -> State {
        match self.open.last() {
            None => State::End,
            Some(true) => State::ObjectNext,
            Some(false) => State::ArrayNext,
        }
    }
}
