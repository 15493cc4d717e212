//! The beginning of a session: what it says of itself, and the history of another one that it goes
//! on with.

use std::io::Write as _;

use tracerig_store::threads::Millis;

use super::{State, Writer};
use crate::archive::plan::{Session, Shape, Version};

/// What each line begins with; a time of 24 characters follows.
const BEGINNING: &str = r#"{"timestamp":""#;
const UNTIL_TYPE: usize = BEGINNING.len() + 24 + 2;

/// The session that another one continues, unchanged.
pub(super) struct Parent {
    /// Empty if it stays where it is.
    text: Vec<u8>,
    /// Where its lines of unknown kinds begin.
    unknown: Vec<usize>,
    state: State,
}

impl Parent {
    /// Bytes that are copied, about.
    pub(super) fn copied_bytes(&self) -> u64 {
        self.text.len() as u64
    }

    fn lines(&self) -> u64 {
        memchr::memchr_iter(b'\n', &self.text).count() as u64
    }
}

impl Shape {
    fn parent(&self) -> Option<&Session> {
        match self {
            Self::Own => None,
            Self::Copied(parent)
            | Self::Agent(parent)
            | Self::Paginated(parent)
            | Self::Segment(parent) => Some(parent),
        }
    }
}

impl Writer<'_> {
    /// Writes the session that this one goes on with.
    pub(super) fn parent(&self, scale: f64) -> Option<Parent> {
        let parent = self.session.shape.parent()?;
        let mut writer = Writer::new(parent, self.pools, self.unknown_per_mille, self.seed);
        writer.whole(scale);
        let is_copied = matches!(self.session.shape, Shape::Copied(_) | Shape::Agent(_));
        let (text, unknown) =
            (std::mem::take(&mut writer.out), std::mem::take(&mut writer.written.unknown));
        let (text, unknown) = if is_copied { (text, unknown) } else { (Vec::new(), Vec::new()) };
        Some(Parent { text, unknown, state: writer.into_state() })
    }

    pub(super) fn session_meta(&mut self, parent: Option<&Parent>) {
        let Session { id, start, version, shape, .. } = self.session;
        let time = Millis(*start).rfc3339();
        let project = self.dice.below(40);
        let (thread, from) = match shape {
            Shape::Segment(of) => (&of.id, None),
            shape => (id, shape.parent()),
        };
        self.begin("session_meta");
        let newer = self.is_newer();
        self.out.push(b'{');
        if newer {
            let _ = write!(self.out, r#""account_scoped":true,"session_id":"{thread}","#);
        }
        let _ = write!(self.out, r#""id":"{thread}","#);
        if let Some(from) = from {
            let _ = write!(self.out, r#""forked_from_id":"{}","#, from.id);
        }
        let version = match version {
            Version::Oldest => "0.98.0",
            Version::Older => "0.141.0",
            Version::Newer => "0.169.0",
        };
        let program = format!(r#""originator":"codex_cli_rs","cli_version":"{version}""#);
        let source = r#""source":"cli","model_provider":"openai""#;
        let _ = write!(
            self.out,
            r#""timestamp":"{}","cwd":"/home/dev1/work/proj{project}",{program},{source},"#,
            time.as_str()
        );
        self.out.extend_from_slice(br#""base_instructions":{"text":""#);
        self.pools.prose(&mut self.dice, 400, &mut self.out);
        self.out.extend_from_slice(br#""}"#);
        match (shape, parent) {
            (Shape::Paginated(of) | Shape::Segment(of), Some(parent)) => {
                let (of, lines) = (&of.id, parent.state.ordinal);
                let base = format!(r#""thread_id":"{of}","end_ordinal_exclusive":{lines}"#);
                let _ =
                    write!(self.out, r#","history_mode":"paginated","history_base":{{{base}}}"#);
            }
            (Shape::Agent(_), Some(parent)) => {
                let own = self.state.ordinal + parent.lines();
                let _ = write!(self.out, r#","subagent_history_start_ordinal":{own}"#);
            }
            _ => {}
        }
        self.out.push(b'}');
        self.end();
    }

    /// Goes on with the history of `parent`: a copy of its lines, all stamped at once, or what they
    /// came to.
    pub(super) fn inherit(&mut self, parent: Parent) {
        let Parent { text, unknown, state } = parent;
        let time = Millis(self.state.at).rfc3339();
        let mut unknown = unknown.into_iter().peekable();
        let mut begin = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            self.written.unknown.extend(unknown.next_if_eq(&begin).map(|_| self.out.len()));
            begin += line.len();
            let _ = write!(self.out, r#"{BEGINNING}{}","#, time.as_str());
            let mut rest = &line[UNTIL_TYPE..];
            if rest.starts_with(br#""ordinal""#) {
                rest = &rest[memchr::memchr(b',', rest).map_or(0, |at| at + 1)..];
            }
            if self.session.version == Version::Newer {
                let _ = write!(self.out, r#""ordinal":{},"#, self.state.ordinal);
            }
            self.out.extend_from_slice(rest);
            self.state.ordinal += 1;
            self.written.lines += 1;
        }
        let is_copied = !text.is_empty();
        self.state.total = state.total;
        if is_copied {
            (self.state.model, self.state.said) = (state.model, state.said);
            self.state.has_total = state.has_total;
        }
    }
}
