//! The reading of options as getopt_long(3) of the C library does it, with the same words for what is wrong: what stands
//! before the first word that is no option, long names shortened where that is unambiguous.

/// Whether an option takes an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Argument,
    /// Only in the same word: `--name=ARGUMENT`, `-xARGUMENT`.
    Maybe,
}

/// An option that there is. Two with the same `what` and `takes` are the same option under different names.
#[derive(Debug, Clone)]
pub(super) struct Known<T> {
    pub name: String,
    pub short: Option<char>,
    pub takes: Takes,
    pub what: T,
}

/// An option that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given<T> {
    pub name: String,
    pub what: T,
    pub argument: Option<String>,
}

/// Takes options from the left of a command line.
pub(super) struct Getopt<'a, T> {
    known: &'a [Known<T>],
    words: &'a [String],
    /// The next word.
    at: usize,
    /// What is left of a word of short options.
    shorts: String,
}

impl<'a, T: Clone + PartialEq> Getopt<'a, T> {
    pub(super) const fn new(known: &'a [Known<T>], words: &'a [String]) -> Self {
        Self { known, words, at: 0, shorts: String::new() }
    }

    /// The next option; none before a word that is no option, or behind `--`.
    pub(super) fn next(&mut self) -> Result<Option<Given<T>>, String> {
        if !self.shorts.is_empty() {
            return self.short().map(Some);
        }
        let Some(word) = self.words.get(self.at) else { return Ok(None) };
        if word == "--" {
            self.at += 1;
            return Ok(None);
        }
        if let Some(long) = word.strip_prefix("--") {
            self.at += 1;
            return self.long(long).map(Some);
        }
        match word.strip_prefix('-').filter(|shorts| !shorts.is_empty()) {
            Some(shorts) => {
                self.at += 1;
                self.shorts = shorts.to_owned();
                self.short().map(Some)
            }
            None => Ok(None),
        }
    }

    /// What is left once there are no more options.
    pub(super) fn rest(&self) -> &'a [String] {
        &self.words[self.at..]
    }

    fn long(&mut self, word: &str) -> Result<Given<T>, String> {
        let (name, argument) = match word.split_once('=') {
            Some((name, argument)) => (name, Some(argument.to_owned())),
            None => (word, None),
        };
        let known = self.find(name, word)?;
        let what = known.what.clone();
        let given = |argument| Given { name: known.name.clone(), what, argument };
        match (known.takes, argument) {
            (Takes::Nothing, Some(_)) => Err(format!("option '--{}' doesn't allow an argument", known.name)),
            (Takes::Argument, None) => match self.words.get(self.at) {
                Some(next) => {
                    self.at += 1;
                    Ok(given(Some(next.clone())))
                }
                None => Err(format!("option '--{}' requires an argument", known.name)),
            },
            (_, argument) => Ok(given(argument)),
        }
    }

    fn find(&self, name: &str, word: &str) -> Result<&'a Known<T>, String> {
        if let Some(exact) = self.known.iter().find(|known| known.name == name) {
            return Ok(exact);
        }
        let begun: Vec<_> = self.known.iter().filter(|known| known.name.starts_with(name)).collect();
        let Some(first) = begun.first() else { return Err(format!("unrecognized option '--{word}'")) };
        if begun.iter().all(|other| other.takes == first.takes && other.what == first.what) {
            return Ok(first);
        }
        let names: String = begun.iter().map(|known| format!(" '--{}'", known.name)).collect();
        Err(format!("option '--{word}' is ambiguous; possibilities:{names}"))
    }

    fn short(&mut self) -> Result<Given<T>, String> {
        let letter = self.shorts.remove(0);
        let known = self.known.iter().find(|known| known.short == Some(letter));
        let known = known.ok_or_else(|| format!("invalid option -- '{letter}'"))?;
        let argument = match known.takes {
            Takes::Nothing => None,
            Takes::Maybe => Some(std::mem::take(&mut self.shorts)).filter(|rest| !rest.is_empty()),
            Takes::Argument if !self.shorts.is_empty() => Some(std::mem::take(&mut self.shorts)),
            Takes::Argument => {
                let next = self.words.get(self.at);
                self.at += 1;
                Some(next.ok_or_else(|| format!("option requires an argument -- '{letter}'"))?.clone())
            }
        };
        Ok(Given { name: known.name.clone(), what: known.what.clone(), argument })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Known<u8>> {
        let known = |name: &str, short, takes, what| Known { name: name.to_owned(), short, takes, what };
        vec![
            known("db", None, Takes::Argument, 0),
            known("no-wait", None, Takes::Nothing, 1),
            known("no-syslog", None, Takes::Nothing, 2),
            known("timeout", Some('t'), Takes::Argument, 3),
            known("verbose", Some('v'), Takes::Maybe, 4),
            known("version", Some('V'), Takes::Nothing, 5),
            known("may-exist", None, Takes::Nothing, 9),
            known("max-exist", None, Takes::Nothing, 9),
        ]
    }

    fn read(words: &[&str]) -> (Vec<String>, Vec<String>) {
        let known = known();
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut getopt = Getopt::new(&known, &words);
        let mut given = Vec::new();
        loop {
            match getopt.next() {
                Ok(Some(option)) => given.push(format!("{}={}", option.name, option.argument.unwrap_or_default())),
                Ok(None) => return (given, getopt.rest().to_vec()),
                Err(words) => {
                    given.push(words);
                    return (given, Vec::new());
                }
            }
        }
    }

    #[test]
    fn options_end_at_the_first_word_or_behind_two_hyphens() {
        assert_eq!(
            read(&["--db", "x", "--no-wait", "list-br", "-t1"]),
            (vec!["db=x".into(), "no-wait=".into()], vec!["list-br".into(), "-t1".into()])
        );
        assert_eq!(read(&["-t", "5", "--", "--", "x"]).1, ["--", "x"]);
        assert_eq!(
            read(&["-t5", "-vdbg", "-v", "-"]),
            (vec!["timeout=5".into(), "verbose=dbg".into(), "verbose=".into()], vec!["-".into()])
        );
        assert_eq!(read(&["-Vt", "7"]).0, ["version=", "timeout=7"]);
    }

    #[test]
    fn names_may_be_shortened() {
        assert_eq!(read(&["--tim=3", "--no-w", "--d=a=b"]).0, ["timeout=3", "no-wait=", "db=a=b"]);
        assert_eq!(read(&["--ma"]).0, ["may-exist="]);
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_the_c_library() {
        for (words, message) in [
            (&["--nope=1"][..], "unrecognized option '--nope=1'"),
            (&["--no"], "option '--no' is ambiguous; possibilities: '--no-wait' '--no-syslog'"),
            (&["--no-wait=1"], "option '--no-wait' doesn't allow an argument"),
            (&["--db"], "option '--db' requires an argument"),
            (&["-x"], "invalid option -- 'x'"),
            (&["-t"], "option requires an argument -- 't'"),
        ] {
            assert_eq!(read(words).0, [message]);
        }
    }
}
