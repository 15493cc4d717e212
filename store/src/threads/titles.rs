//! The names that users gave to threads, from the index beside the histories of a Codex home.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::change::capped;
use super::id::ThreadId;
use super::json;
use super::lines::{Lines, Next, Scratch};
use super::problem::{Defect, Problem};
use super::replay::MAX_PROBLEMS;
use crate::files::open_regular;

/// The file of names, below a home.
pub(super) const INDEX: &str = "session_index.jsonl";

/// Bytes of the names of an index. All of them are held in memory.
const MOST_TITLES_BYTES: usize = 64 << 20;

/// What an index says.
#[derive(Debug, Default)]
pub(super) struct Titles {
    names: HashMap<ThreadId, String>,
    /// Bytes of all names, and a little for each.
    bytes: usize,
    /// The first lines that say nothing, and how many there are.
    pub(super) problems: Vec<Problem>,
    pub(super) problem_count: u64,
}

impl Titles {
    /// The index at `path`; nothing if there is none.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut titles = Self::default();
        let file = match open_regular(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(titles),
            file => file?,
        };
        let mut lines =
            Lines::new(file, Scratch::new(), |_| ControlFlow::<Infallible>::Continue(()));
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
                // The last line of a thread counts; a blank name does not count.
                Ok((id, name)) if name.trim().is_empty() => titles.unname(id),
                Ok((id, name)) => titles.name(id, capped(name.trim()))?,
                Err(what) => {
                    titles.problem_count += 1;
                    if titles.problems.len() < MAX_PROBLEMS {
                        titles.problems.push(Problem { path: path.to_owned(), line: number, what });
                    }
                }
            }
        }
    }

    fn unname(&mut self, id: ThreadId) {
        if let Some(old) = self.names.remove(&id) {
            self.bytes -= old.len() + size_of::<(ThreadId, String)>();
        }
    }

    /// Names a thread.
    fn name(&mut self, id: ThreadId, name: String) -> io::Result<()> {
        self.unname(id);
        self.bytes += name.len() + size_of::<(ThreadId, String)>();
        self.names.insert(id, name);
        if self.bytes > MOST_TITLES_BYTES {
            let what = format!("its names take more than {MOST_TITLES_BYTES} bytes, the limit");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        Ok(())
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
    let not_a_record = |reason: String| Defect::NotARecord { reason };
    let line = str::from_utf8(line).map_err(|_| Defect::NotUtf8)?;
    let [id, thread_name, name] = json::members(line, ["id", "thread_name", "name"])
        .map_err(|error| not_a_record(error.to_string()))?;
    let id = id.and_then(json::text).ok_or_else(|| not_a_record("it has no id".to_owned()))?;
    let id = id.parse().map_err(|error| not_a_record(format!("{error}")))?;
    let name = thread_name.and_then(json::text).or_else(|| json::text(name?));
    Ok((id, name.ok_or_else(|| not_a_record("it has no name".to_owned()))?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_thread_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(INDEX);
        assert!(Titles::read(&path).unwrap().is_empty());
        let [one, two, three] =
            [1, 2, 3].map(|number| format!("01a1faad-9ba1-7b10-b548-{number:012}"));
        let text = format!(
            "{{\"id\":\"{one}\",\"thread_name\":\"first\",\
            \"updated_at\":\"2026-11-29T19:56:26Z\"}}\n\
             {{\"id\":\"{two}\",\"name\":\" other \"}}\n\
             {{\"id\":\"{two}\",\"id\":\"{one}\",\"name\":\"x\",\"thread_name\":\"second\"}}\n\
             rubbish\n\
             {{\"id\":\"{three}\",\"thread_name\":\"x\"}}\n\
             {{\"id\":\"{three}\",\"thread_name\":\" \"}}\n\
             {{\"id\":\"{two}\"}}"
        );
        std::fs::write(&path, text).unwrap();
        let titles = Titles::read(&path).unwrap();
        let of = |id: &str| titles.of(id.parse().unwrap());
        assert_eq!([of(&one), of(&two), of(&three)], [Some("second"), Some("other"), None]);
        assert_eq!(titles.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [4, 7]);
        assert_eq!(titles.problem_count, 2);
    }

    #[test]
    fn names_are_held_up_to_a_limit_and_of_broken_lines_the_first() {
        let id = |number: usize| {
            format!("01a1faad-9ba1-7b10-b548-{number:012}").parse::<ThreadId>().unwrap()
        };
        let mut titles = Titles::default();
        let each = 1 << 20;
        let fit = MOST_TITLES_BYTES / (each + size_of::<(ThreadId, String)>());
        for number in 0..fit {
            titles.name(id(number), "n".repeat(each)).unwrap();
        }
        // A name in the place of another takes no room.
        titles.name(id(0), "m".repeat(each)).unwrap();
        let error = titles.name(id(fit), "n".repeat(each)).unwrap_err();
        assert!(error.to_string().contains("67108864 bytes"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(INDEX);
        std::fs::write(&path, "rubbish\n".repeat(MAX_PROBLEMS + 5)).unwrap();
        let titles = Titles::read(&path).unwrap();
        assert_eq!(
            (titles.problems.len(), titles.problem_count),
            (MAX_PROBLEMS, MAX_PROBLEMS as u64 + 5)
        );
    }
}
