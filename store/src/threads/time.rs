//! Times of lines and rows: milliseconds since 1970, and the texts they represent.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use rusqlite::ToSql;
use rusqlite::types::ToSqlOutput;

/// A moment in Unix time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub i64);

/// A text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time as RFC 3339 writes it; one looks like 2026-11-20T20:37:24.062Z")]
pub struct TimeError {
    /// The beginning of the text.
    pub text: String,
}

/// The years that four digits can write, as far as the calendar goes.
const MIN: i64 = -62_167_219_200_000;
const MAX: i64 = 253_402_207_200_000;

/// A [`Millis`] as `2026-11-20T20:37:24.062Z`, on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339([u8; 24]);

impl Rfc3339 {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits and punctuation.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Millis {
    /// The time of the system's clock.
    #[must_use]
    pub fn now() -> Self {
        let millis =
            |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Self(millis(since)),
            Err(before) => Self(-millis(before.duration())),
        }
    }

    /// The text of a line's `timestamp`, without an allocation. What four digits of a year cannot
    /// write becomes the nearest moment that they can.
    #[must_use]
    pub fn rfc3339(self) -> Rfc3339 {
        let time = self.civil();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, digits: usize, value: i16| {
            let mut rest = value;
            for place in text[at..at + digits].iter_mut().rev() {
                *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
            }
        };
        put(0, 4, time.year());
        put(5, 2, time.month().into());
        put(8, 2, time.day().into());
        put(11, 2, time.hour().into());
        put(14, 2, time.minute().into());
        put(17, 2, time.second().into());
        put(20, 3, time.millisecond());
        Rfc3339(text)
    }

    /// The time in the name of a history file: `2026-11-20T20-37-24`, UTC.
    #[must_use]
    pub(crate) fn file_stamp(self) -> String {
        self.rfc3339().as_str()[..19].replace(':', "-")
    }

    /// The folder of a history file below `sessions`: `2026/11/20`, UTC.
    #[must_use]
    pub fn folder(self) -> PathBuf {
        self.rfc3339().as_str()[..10].split('-').collect()
    }

    fn civil(self) -> DateTime {
        let clamped = Timestamp::from_millisecond(self.0.clamp(MIN, MAX)).unwrap_or_default();
        Offset::UTC.to_datetime(clamped)
    }
}

impl ToSql for Millis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.rfc3339().as_str())
    }
}

impl FromStr for Millis {
    type Err = TimeError;

    /// Reads any time of RFC 3339; what is finer than a millisecond is cut off.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_exact(text)
            .or_else(|| text.parse().ok().map(Timestamp::as_millisecond))
            .map(Millis)
            .ok_or_else(|| TimeError { text: text.chars().take(64).collect() })
    }
}

/// The shape that lines have; nearly every text is of it.
fn parse_exact(text: &str) -> Option<i64> {
    let text: &[u8; 24] = text.as_bytes().try_into().ok()?;
    let literals =
        [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    if literals.iter().any(|(at, literal)| text[*at] != *literal) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        text[range].iter().try_fold(0_i16, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0'))
        })
    };
    let small = |at: usize| number(at..at + 2).and_then(|number| i8::try_from(number).ok());
    let nanos = i32::from(number(20..23)?) * 1_000_000;
    let time = DateTime::new(
        number(0..4)?,
        small(5)?,
        small(8)?,
        small(11)?,
        small(14)?,
        small(17)?,
        nanos,
    )
    .ok()?;
    Offset::UTC.to_timestamp(time).ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_its_text() {
        let time = Millis(1_795_207_044_062);
        assert_eq!(time.to_string(), "2026-11-20T20:37:24.062Z");
        assert_eq!(
            (time.file_stamp().as_str(), time.folder()),
            ("2026-11-20T20-37-24", "2026/11/20".into())
        );
        // A prime number of milliseconds, about four months, over all the years of four digits.
        let mut at = MIN;
        while at <= MAX {
            let text = Millis(at).to_string();
            assert_eq!(text.parse(), Ok(Millis(at)), "{text}");
            assert_eq!(text.parse::<Timestamp>().unwrap().as_millisecond(), at, "{text}");
            at += 10_000_000_019;
        }
        assert_eq!(Millis(MAX).to_string(), "9999-12-30T22:00:00.000Z");
        assert_eq!(Millis(i64::MAX).to_string(), Millis(MAX).to_string());
        assert_eq!(Millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn other_forms_of_rfc_3339_are_read_too() {
        for text in [
            "2026-11-20T20:37:24.0629Z",
            "2026-11-20T21:37:24.062+01:00",
            "2026-11-20 20:37:24.062Z",
        ] {
            assert_eq!(text.parse(), Ok(Millis(1_795_207_044_062)), "{text}");
        }
        assert_eq!("2026-11-20T20:37:24Z".parse(), Ok(Millis(1_795_207_044_000)));
        for text in [
            "",
            "2026-11-20",
            "2026-13-20T20:37:24.062Z",
            "2026-02-30T20:37:24.062Z",
            "2026-11-20T2x:37:24.062Z",
        ] {
            assert!(text.parse::<Millis>().is_err(), "{text}");
        }
    }
}
