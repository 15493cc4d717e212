//! One row of the trace log, borrowed for an insertion or owned for a queue.

use rusqlite::types::{ToSqlOutput, ValueRef};

/// The body of a row, in the storage class it is to have.
///
/// Real writers store text; a body may nevertheless hold NUL bytes and invalid UTF-8, so text is
/// bound as raw bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body<'a> {
    /// No body.
    #[default]
    Null,
    /// A TEXT value of exactly these bytes.
    Text(&'a [u8]),
    /// A BLOB value.
    Blob(&'a [u8]),
}

impl<'a> Body<'a> {
    /// The bytes of the body, none for a NULL.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Null => &[],
            Self::Text(bytes) | Self::Blob(bytes) => bytes,
        }
    }

    fn value(self) -> ValueRef<'a> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Text(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }
}

/// A row to insert. The id and `estimated_bytes` are the log's own business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRow<'a> {
    /// Unix time, whole seconds.
    pub ts: i64,
    /// The nanoseconds within that second.
    pub ts_nanos: i64,
    /// `TRACE`, `DEBUG`, `INFO`, `WARN` or `ERROR`.
    pub level: &'a str,
    /// The event's target, usually a module path.
    pub target: &'a str,
    /// Span scopes and the event's own fields as text.
    pub body: Body<'a>,
    /// The module that logged.
    pub module_path: Option<&'a str>,
    /// The source file that logged.
    pub file: Option<&'a str>,
    /// The line in that file.
    pub line: Option<i64>,
    /// The thread (conversation) that the row belongs to.
    pub thread_id: Option<&'a str>,
    /// The process that logged, `pid:<n>:<uuid>`.
    pub process_uuid: Option<&'a str>,
}

impl Default for LogRow<'_> {
    /// An empty row at time 0, level `INFO`, without thread and process.
    fn default() -> Self {
        Self {
            ts: 0,
            ts_nanos: 0,
            level: "INFO",
            target: "",
            body: Body::Null,
            module_path: None,
            file: None,
            line: None,
            thread_id: None,
            process_uuid: None,
        }
    }
}

impl<'a> LogRow<'a> {
    /// All columns but the id, in their order.
    pub(crate) fn values(&self) -> [ToSqlOutput<'a>; 11] {
        [
            ValueRef::Integer(self.ts),
            ValueRef::Integer(self.ts_nanos),
            self.level.into(),
            self.target.into(),
            self.body.value(),
            self.module_path.into(),
            self.file.into(),
            self.line.map_or(ValueRef::Null, ValueRef::Integer),
            self.thread_id.into(),
            self.process_uuid.into(),
            ValueRef::Integer(self.estimated_bytes()),
        ]
        .map(ToSqlOutput::Borrowed)
    }

    /// What the row counts for in retention: the byte lengths of body, level, target, module path
    /// and file.
    #[must_use]
    pub fn estimated_bytes(&self) -> i64 {
        let texts = [Some(self.level), Some(self.target), self.module_path, self.file];
        let total =
            self.body.bytes().len() + texts.into_iter().flatten().map(str::len).sum::<usize>();
        i64::try_from(total).unwrap_or(i64::MAX)
    }

    /// A copy that owns its texts.
    #[must_use]
    pub fn to_owned_row(&self) -> OwnedRow {
        OwnedRow {
            ts: self.ts,
            ts_nanos: self.ts_nanos,
            level: self.level.to_owned(),
            target: self.target.to_owned(),
            body: match self.body {
                Body::Null => OwnedBody::Null,
                Body::Text(bytes) => OwnedBody::Text(bytes.to_vec()),
                Body::Blob(bytes) => OwnedBody::Blob(bytes.to_vec()),
            },
            module_path: self.module_path.map(str::to_owned),
            file: self.file.map(str::to_owned),
            line: self.line,
            thread_id: self.thread_id.map(str::to_owned),
            process_uuid: self.process_uuid.map(str::to_owned),
        }
    }
}

/// A [`Body`] that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedBody {
    /// No body.
    Null,
    /// A TEXT value.
    Text(Vec<u8>),
    /// A BLOB value.
    Blob(Vec<u8>),
}

/// A [`LogRow`] that owns its texts, as it waits in a queue. The fields mean the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of LogRow")]
pub struct OwnedRow {
    pub ts: i64,
    pub ts_nanos: i64,
    pub level: String,
    pub target: String,
    pub body: OwnedBody,
    pub module_path: Option<String>,
    pub file: Option<String>,
    pub line: Option<i64>,
    pub thread_id: Option<String>,
    pub process_uuid: Option<String>,
}

impl OwnedRow {
    /// The row borrowed for an insertion.
    #[must_use]
    pub fn as_row(&self) -> LogRow<'_> {
        LogRow {
            ts: self.ts,
            ts_nanos: self.ts_nanos,
            level: &self.level,
            target: &self.target,
            body: match &self.body {
                OwnedBody::Null => Body::Null,
                OwnedBody::Text(bytes) => Body::Text(bytes),
                OwnedBody::Blob(bytes) => Body::Blob(bytes),
            },
            module_path: self.module_path.as_deref(),
            file: self.file.as_deref(),
            line: self.line,
            thread_id: self.thread_id.as_deref(),
            process_uuid: self.process_uuid.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimated_bytes_counts_five_texts_in_bytes() {
        let row = LogRow {
            level: "WARN",
            target: "abc",
            body: Body::Text("\u{e4}\0\u{e4}".as_bytes()),
            module_path: Some("mod"),
            file: Some("f.rs"),
            line: Some(77),
            thread_id: Some("not counted"),
            process_uuid: Some("not counted"),
            ..LogRow::default()
        };
        assert_eq!(row.estimated_bytes(), 4 + 3 + 5 + 3 + 4);
        assert_eq!(row.to_owned_row().as_row(), row);
    }
}
