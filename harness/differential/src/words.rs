//! Operations as text, each declared once.
//!
//! A row of [`operations!`](crate::operations) has the meaning of an operation, its verb, its
//! arguments and how each is written. The enum, its `Display` and its `FromStr` are made of the
//! rows, so they cannot disagree. Whatever generates or executes operations matches on the enum.

use std::fmt::{Display, Write as _};
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

/// The lines of a history that are not empty, without comments, with their numbers.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .map(|(line, text)| (line, text.split('#').next().unwrap_or_default().trim()))
        .filter(|(_, text)| !text.is_empty())
}

/// How a value is written, and read back.
pub(crate) trait Words<T> {
    /// Takes the value from the beginning of `rest`.
    ///
    /// # Errors
    /// The problem. Empty if there is no more to say than that the operation is wrong.
    fn read(&self, rest: &mut &str) -> Result<T, String>;

    /// Appends the value, with the space before it.
    fn write(&self, value: &T, text: &mut String);

    /// The value that all of `text` is.
    fn whole(&self, mut text: &str) -> Result<T, String> {
        let value = self.read(&mut text)?;
        ended(text).map(|()| value)
    }

    /// The value alone.
    fn text(&self, value: &T) -> String {
        let mut text = String::new();
        self.write(value, &mut text);
        text.trim_start().to_owned()
    }
}

/// The next word, which ends before a space or a comma.
fn word<'t>(rest: &mut &'t str) -> &'t str {
    let text = rest.trim_start();
    let end = text.find(|at: char| at.is_whitespace() || at == ',').unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    *rest = after;
    word
}

/// What follows `words` at the beginning of `text`, if it begins with them.
pub(crate) fn after<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let rest = text.trim_start().strip_prefix(words)?;
    let ends = words.is_empty() || rest.is_empty() || rest.starts_with([' ', ',']);
    ends.then_some(rest)
}

/// Nothing is left of an operation.
pub(crate) fn ended(rest: &str) -> Result<(), String> {
    if rest.trim().is_empty() { Ok(()) } else { Err(String::new()) }
}

/// A number.
pub(crate) struct Number;

impl<T: FromStr + Display> Words<T> for Number {
    fn read(&self, rest: &mut &str) -> Result<T, String> {
        let word = word(rest);
        word.parse().map_err(|_| format!("`{word}` is not a number in range"))
    }

    fn write(&self, value: &T, text: &mut String) {
        let _ = write!(text, " {value}");
    }
}

/// One word, as its type reads and shows it.
pub(crate) struct Word;

impl<T: FromStr<Err = String> + Display> Words<T> for Word {
    fn read(&self, rest: &mut &str) -> Result<T, String> {
        word(rest).parse()
    }

    fn write(&self, value: &T, text: &mut String) {
        let _ = write!(text, " {value}");
    }
}

/// Microseconds until a process is killed, at most: somebody waits for it.
const MOST_MICROS: u64 = 10_000_000;

/// The time of a text such as `500us`.
pub(crate) fn micros(text: &str) -> Option<Duration> {
    let micros = text.strip_suffix("us")?.parse().ok()?;
    (micros <= MOST_MICROS).then(|| Duration::from_micros(micros))
}

/// Microseconds, as `500us`.
pub(crate) struct Micros;

impl Words<Duration> for Micros {
    fn read(&self, rest: &mut &str) -> Result<Duration, String> {
        let time = word(rest);
        micros(time).ok_or_else(|| {
            format!("`{time}` is not a time of at most 10 s: write for example 500us")
        })
    }

    fn write(&self, value: &Duration, text: &mut String) {
        let _ = write!(text, " {}us", value.as_micros());
    }
}

/// A number with its sign.
pub(crate) struct Signed;

impl Words<i64> for Signed {
    fn read(&self, rest: &mut &str) -> Result<i64, String> {
        Number.read(rest)
    }

    fn write(&self, value: &i64, text: &mut String) {
        let _ = write!(text, " {value:+}");
    }
}

/// One of these names, which may have several words.
pub(crate) struct Name<T: 'static>(pub(crate) &'static [(&'static str, T)]);

impl<T: Clone + PartialEq> Words<T> for Name<T> {
    fn read(&self, rest: &mut &str) -> Result<T, String> {
        let found = self.0.iter().filter_map(|(name, value)| Some((after(rest, name)?, value)));
        let longest = found.min_by_key(|(rest, _)| rest.len());
        let (after, value) = longest.ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|(name, _)| *name).collect();
            format!("`{}` is not one of {}", rest.trim(), known.join(", "))
        })?;
        *rest = after;
        Ok(value.clone())
    }

    fn write(&self, value: &T, text: &mut String) {
        let name = self.0.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name);
        let _ = write!(text, " {name}");
    }
}

/// One of these, each by its own name.
pub(crate) struct ByName<T: 'static>(pub(crate) &'static [T], pub(crate) fn(T) -> &'static str);

impl<T: Copy> Words<T> for ByName<T> {
    fn read(&self, rest: &mut &str) -> Result<T, String> {
        let mut after = *rest;
        let word = word(&mut after);
        let found = self.0.iter().find(|known| self.1(**known) == word);
        let value = found.copied().ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|known| self.1(*known)).collect();
            format!("`{word}` is not one of {}", known.join(", "))
        })?;
        *rest = after;
        Ok(value)
    }

    fn write(&self, value: &T, text: &mut String) {
        let _ = write!(text, " {}", self.1(*value));
    }
}

/// A word that is there or not.
pub(crate) struct Flag(pub(crate) &'static str);

impl Words<bool> for Flag {
    fn read(&self, rest: &mut &str) -> Result<bool, String> {
        let found = after(rest, self.0);
        *rest = found.unwrap_or(rest);
        Ok(found.is_some())
    }

    fn write(&self, value: &bool, text: &mut String) {
        if *value {
            let _ = write!(text, " {}", self.0);
        }
    }
}

/// What follows `KEY=`.
pub(crate) struct Key<W>(pub(crate) &'static str, pub(crate) W);

impl<T, W: Words<T>> Words<T> for Key<W> {
    fn read(&self, rest: &mut &str) -> Result<T, String> {
        let value = rest.trim_start().strip_prefix(self.0).and_then(|rest| rest.strip_prefix('='));
        *rest = value.ok_or_else(|| format!("`{}=` is missing", self.0))?;
        self.1.read(rest)
    }

    fn write(&self, value: &T, text: &mut String) {
        let _ = write!(text, " {}={}", self.0, self.1.text(value));
    }
}

/// What follows a word.
pub(crate) struct After<W>(pub(crate) &'static str, pub(crate) W);

impl<T, W: Words<T>> Words<T> for After<W> {
    fn read(&self, rest: &mut &str) -> Result<T, String> {
        *rest = after(rest, self.0).ok_or_else(String::new)?;
        self.1.read(rest)
    }

    fn write(&self, value: &T, text: &mut String) {
        let _ = write!(text, " {}", self.0);
        self.1.write(value, text);
    }
}

/// A value, or nothing where it would be.
pub(crate) struct Maybe<W>(pub(crate) W);

impl<T, W: Words<T>> Words<Option<T>> for Maybe<W> {
    fn read(&self, rest: &mut &str) -> Result<Option<T>, String> {
        let mut after = *rest;
        let value = self.0.read(&mut after).ok();
        if value.is_some() {
            *rest = after;
        }
        Ok(value)
    }

    fn write(&self, value: &Option<T>, text: &mut String) {
        if let Some(value) = value {
            self.0.write(value, text);
        }
    }
}

/// A value, or this word for none.
pub(crate) struct Unless<W>(pub(crate) &'static str, pub(crate) W);

impl<T, W: Words<T>> Words<Option<T>> for Unless<W> {
    fn read(&self, rest: &mut &str) -> Result<Option<T>, String> {
        match after(rest, self.0) {
            Some(after) => {
                *rest = after;
                Ok(None)
            }
            None => self.1.read(rest).map(Some),
        }
    }

    fn write(&self, value: &Option<T>, text: &mut String) {
        match value {
            Some(value) => self.1.write(value, text),
            None => {
                let _ = write!(text, " {}", self.0);
            }
        }
    }
}

/// All that is left, as its type reads and shows it.
pub(crate) struct Rest<T>(PhantomData<T>);

impl<T> Rest<T> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<T: FromStr<Err = String> + Display> Words<T> for Rest<T> {
    fn read(&self, rest: &mut &str) -> Result<T, String> {
        std::mem::take(rest).trim().parse()
    }

    fn write(&self, value: &T, text: &mut String) {
        let _ = write!(text, " {value}");
    }
}

/// All that is left: values with this between them.
pub(crate) struct List<W>(pub(crate) &'static str, pub(crate) W);

impl<T, W: Words<T>> Words<Vec<T>> for List<W> {
    fn read(&self, rest: &mut &str) -> Result<Vec<T>, String> {
        let all = std::mem::take(rest).trim();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        all.split(self.0.trim()).map(|one| self.1.whole(one)).collect()
    }

    fn write(&self, value: &Vec<T>, text: &mut String) {
        let all: Vec<String> = value.iter().map(|one| self.1.text(one)).collect();
        if !all.is_empty() {
            let _ = write!(text, " {}", all.join(self.0));
        }
    }
}

/// Operations as text: see [the module](crate::words). A row without a verb begins with its first
/// argument.
macro_rules! operations {
    (
        $(#[$meta:meta])*
        pub enum $Op:ident: $what:literal {
            $(
                $(#[$doc:meta])*
                $verb:literal $Name:ident
                $(($($arg:ident: $T:ty = $words:expr),+ $(,)?))?
                $({$($(#[$field_doc:meta])* $field:ident: $F:ty = $field_words:expr),+ $(,)?})?
            ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        pub enum $Op {
            $($(#[$doc])* $Name $(($($T),+))? $({$($(#[$field_doc])* $field: $F),+})?),+
        }

        #[cfg(test)]
        #[allow(dead_code, reason = "not every table is of operations that are generated")]
        impl $Op {
            /// The names of all rows.
            pub(crate) const NAMES: &[&str] = &[$(stringify!($Name)),+];
        }

        impl std::str::FromStr for $Op {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let mut problem = String::new();
                $(if let Some(rest) = $crate::words::after(text, $verb) {
                    let read = |rest: &mut &str| -> Result<Self, String> {
                        $($(let $arg = $crate::words::Words::<$T>::read(&$words, rest)?;)+)?
                        $($(let $field =
                            $crate::words::Words::<$F>::read(&$field_words, rest)?;)+)?
                        $crate::words::ended(rest)?;
                        Ok(Self::$Name $(($($arg),+))? $({$($field),+})?)
                    };
                    let mut left = rest;
                    match read(&mut left) {
                        Ok(op) => return Ok(op),
                        // A row without a verb is meant if something of it was there.
                        Err(why) if problem.is_empty() && (left != rest || !$verb.is_empty()) => {
                            problem = why;
                        }
                        Err(_) => {}
                    }
                })+
                Err(match problem.is_empty() {
                    true => format!(concat!("`{}` is no ", $what), text.trim()),
                    false => problem,
                })
            }
        }

        impl std::fmt::Display for $Op {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                #[allow(unused_mut, reason = "an operation without arguments adds nothing")]
                match self {
                    $(Self::$Name $(($($arg),+))? $({$($field),+})? => {
                        let mut text = String::from($verb);
                        $($($crate::words::Words::<$T>::write(&$words, $arg, &mut text);)+)?
                        $($($crate::words::Words::<$F>::write(
                            &$field_words, $field, &mut text,
                        );)+)?
                        formatter.write_str(text.trim_start())
                    })+
                }
            }
        }
    };
}

pub(crate) use operations;

/// Which operations of `names` are not among those made.
#[cfg(test)]
pub(crate) fn never<O: std::fmt::Debug>(
    names: &[&'static str],
    made: impl Iterator<Item = O>,
) -> Vec<&'static str> {
    let made: std::collections::BTreeSet<String> = made
        .map(|op| format!("{op:?}"))
        .map(|op| op.split([' ', '(']).next().unwrap_or_default().to_owned())
        .collect();
    names.iter().copied().filter(|name| !made.contains(*name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    operations! {
        /// One of each sort of row.
        #[allow(unreachable_pub, reason = "tables are of public operations")]
        #[derive(Debug, PartialEq, Eq)]
        pub enum Op: "operation" {
            "go" Go(steps: u8 = Number, back: bool = Flag("back")),
            "go home" Home,
            "say" Say { words: Vec<Vec<u8>> = List(" / ", List(",", Number)) },
            "at" At(place: Option<i64> = Unless("nowhere", Signed)),
            "" Colour(colour: u8 = Name(&[("red", 1), ("red wine", 2)])),
        }
    }

    #[test]
    fn an_operation_is_read_as_it_is_written() {
        let rows = [
            ("go 3", Op::Go(3, false)),
            ("go 3 back", Op::Go(3, true)),
            ("go home", Op::Home),
            ("say", Op::Say { words: vec![] }),
            ("say 1,2 / 3", Op::Say { words: vec![vec![1, 2], vec![3]] }),
            ("at +5", Op::At(Some(5))),
            ("at nowhere", Op::At(None)),
            ("red", Op::Colour(1)),
            ("red wine", Op::Colour(2)),
        ];
        for (text, op) in rows {
            assert_eq!((op.to_string().as_str(), text.parse()), (text, Ok(op)));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, problem) in [
            ("go far", "`far` is not a number in range"),
            ("go 3 forth", "`go 3 forth` is no operation"),
            ("say 1,x", "`x` is not a number in range"),
            ("gone", "`gone` is no operation"),
            ("red hat", "`red hat` is no operation"),
            ("", "`` is no operation"),
        ] {
            assert_eq!(text.parse::<Op>(), Err(problem.to_owned()));
        }
    }
}
