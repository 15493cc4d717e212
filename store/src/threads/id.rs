//! The name of a thread: a UUID, and where it is in the name of a history file.

use std::fmt;
use std::str::FromStr;

use rusqlite::ToSql;
use rusqlite::types::ToSqlOutput;

use crate::threads::name::HistoryName;
use crate::threads::time::Millis;

/// Length of a UUID as text.
const TEXT_LENGTH: usize = 36;

/// The id of a thread: a UUID, written in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId([u8; 16]);

/// A text that is no thread id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a thread id; one looks like 019a1faa-9ba1-7b10-b548-adc1b617767a, in lower \
     case"
)]
pub struct IdError {
    /// The beginning of the text.
    pub text: String,
}

impl ThreadId {
    /// A new id of version 7: ids made later by this process order after it.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "each call gives another id, which no default does"
    )]
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7().into_bytes())
    }

    /// The thread of a history file with this name: `rollout-<timestamp>-<id>.jsonl`, or that of a
    /// segment or compressed. `None` for any other name.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        HistoryName::parse(name).map(|name| name.thread)
    }

    /// The name of the history file of a thread created at `created`.
    #[must_use]
    pub fn file_name(self, created: Millis) -> String {
        format!("rollout-{}-{self}.jsonl", created.file_stamp())
    }

    /// The 16 bytes of the UUID.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id as text, without an allocation.
    pub(crate) fn text(self) -> IdText {
        let mut text = [b'-'; TEXT_LENGTH];
        let mut at = 0;
        for (index, byte) in self.0.iter().enumerate() {
            at += usize::from(matches!(index, 4 | 6 | 8 | 10));
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 0xf)];
            at += 2;
        }
        IdText(text)
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The text of an id, on the stack.
pub(crate) struct IdText([u8; TEXT_LENGTH]);

impl IdText {
    pub(crate) fn as_str(&self) -> &str {
        // Hexadecimal digits and hyphens.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn parse(text: &str) -> Option<ThreadId> {
    let text = text.as_bytes();
    if text.len() != TEXT_LENGTH {
        return None;
    }
    let mut id = [0; 16];
    let mut at = 0;
    for (index, byte) in id.iter_mut().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = digit(text[at])? << 4 | digit(text[at + 1])?;
        at += 2;
    }
    Some(ThreadId(id))
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl FromStr for ThreadId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        parse(text).ok_or_else(|| IdError { text: text.chars().take(64).collect() })
    }
}

impl TryFrom<&str> for ThreadId {
    type Error = IdError;

    fn try_from(text: &str) -> Result<Self, IdError> {
        text.parse()
    }
}

impl ToSql for ThreadId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(rusqlite::types::Value::Text(self.to_string())))
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.text().as_str())
    }
}

impl fmt::Debug for ThreadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ThreadId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "01a1faad-9ba1-7b10-b548-adc1b617767a";

    #[test]
    fn an_id_is_its_text() {
        let id: ThreadId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(id.as_bytes()[..3], [0x01, 0xa1, 0xfa]);
        let new = ThreadId::new();
        assert_eq!(new.to_string().parse(), Ok(new));
        assert_eq!(new.to_string().as_bytes()[14], b'7', "version 7");
        assert!(new < ThreadId::new());
    }

    #[test]
    fn what_is_no_uuid_in_lower_case_is_refused() {
        let upper = TEXT.to_uppercase();
        let wrong = [
            "",
            "x",
            &TEXT[..35],
            &upper,
            "01a1faad09ba1-7b10-b548-adc1b617767a",
            "01a1faad-9ba1-7b10-b548-adc1b617767\u{e9}",
        ];
        for text in wrong {
            assert!(ThreadId::try_from(text).is_err(), "{text}");
        }
        // Each byte counts.
        for at in 0..TEXT.len() {
            let mut text = TEXT.to_owned();
            text.replace_range(at..=at, "g");
            assert!(text.parse::<ThreadId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_is_named_after_its_time_and_its_thread() {
        let id: ThreadId = TEXT.parse().unwrap();
        let name = format!("rollout-2026-11-20T20-37-24-{TEXT}.jsonl");
        assert_eq!(id.file_name(Millis(1_795_207_044_062)), name);
        assert_eq!(ThreadId::from_file_name(&name), Some(id));
        let wrong = [
            String::new(),
            format!("rollout-{TEXT}.jsonl"),
            format!("rollout-2026-11-20T20-37-24{TEXT}.jsonl"),
            format!("rollout-2026-11-20T20:37:24-{TEXT}.jsonl"),
            format!("rollout-2026-11-20T20-37-24-{TEXT}.jsonl.tmp"),
            format!("rollout-2026-11-20T20-37-24-{}.jsonl", TEXT.to_uppercase()),
            format!("rollout-2026-11-20T20-37-24-\u{e9}{}.jsonl", &TEXT[1..]),
        ];
        for name in wrong {
            assert_eq!(ThreadId::from_file_name(&name), None, "{name}");
        }
    }
}
