//! The names that users gave to threads, from the index beside the histories of a Codex home.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;

use super::change::capped;
use super::id::ThreadId;
use super::lines::{Lines, Next, Scratch};
use super::problem::{Defect, Problem};
use crate::files::open_regular;

/// The file of names, below a home.
pub(super) const INDEX: &str = "session_index.jsonl";

/// What an index says.
#[derive(Debug, Default)]
pub(super) struct Titles {
    names: HashMap<ThreadId, String>,
    /// Lines that say nothing.
    pub(super) problems: Vec<Problem>,
}

impl Titles {
    /// The index at `path`; nothing if there is none.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut titles = Self::default();
        let file = match open_regular(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(titles),
            file => file?,
        };
        let mut lines = Lines::new(file, Scratch::new(), |_| ControlFlow::<Infallible>::Continue(()));
        let mut number = 0;
        loop {
            number += 1;
            let understood = match lines.next()? {
                Next::End => return Ok(titles),
                Next::Whole(_, range) => entry(lines.bytes(range)),
                Next::Long => {
                    let (.., span) = lines.long(|_| ())?;
                    Err(Defect::TooLong { bytes: span.bytes })
                }
            };
            match understood {
                // The last line of a thread counts; a blank name is none.
                Ok((id, name)) if name.trim().is_empty() => drop(titles.names.remove(&id)),
                Ok((id, name)) => drop(titles.names.insert(id, capped(name.trim()))),
                Err(what) => titles.problems.push(Problem { path: path.to_owned(), line: number, what }),
            }
        }
    }

    /// The name of a thread.
    pub(super) fn of(&self, id: ThreadId) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

fn entry(line: &[u8]) -> Result<(ThreadId, String), Defect> {
    #[derive(Deserialize)]
    struct Entry {
        id: String,
        #[serde(alias = "name")]
        thread_name: String,
    }
    let line = str::from_utf8(line).map_err(|_| Defect::NotUtf8)?;
    let entry: Entry =
        serde_json::from_str(line).map_err(|error| Defect::NotARecord { reason: error.to_string() })?;
    let id = entry.id.parse().map_err(|error| Defect::NotARecord { reason: format!("{error}") })?;
    Ok((id, entry.thread_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_thread_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(INDEX);
        assert!(Titles::read(&path).unwrap().is_empty());
        let [one, two, three] = [1, 2, 3].map(|number| format!("01a1faad-9ba1-7b10-b548-{number:012}"));
        let text = format!(
            "{{\"id\":\"{one}\",\"thread_name\":\"first\",\"updated_at\":\"2026-11-29T19:56:26Z\"}}\n\
             {{\"id\":\"{two}\",\"name\":\" other \"}}\n\
             {{\"id\":\"{one}\",\"thread_name\":\"second\"}}\nrubbish\n\
             {{\"id\":\"{three}\",\"thread_name\":\"x\"}}\n{{\"id\":\"{three}\",\"thread_name\":\" \"}}\n\
             {{\"id\":\"{two}\"}}"
        );
        std::fs::write(&path, text).unwrap();
        let titles = Titles::read(&path).unwrap();
        let of = |id: &str| titles.of(id.parse().unwrap());
        assert_eq!([of(&one), of(&two), of(&three)], [Some("second"), Some("other"), None]);
        assert_eq!(titles.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [4, 7]);
    }
}
