//! What must be true after a kill, checked with the independent oracle.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use tracerig_datasets::Conversation;
use tracerig_oracle::threads::{self, Replay, Row};
use tracerig_store::threads::{SESSIONS, ThreadId, schema};

use crate::ScenarioError;
use crate::append::verify::is_line;

/// Kills at one point.
#[derive(Debug, Default, Serialize)]
pub struct Struck {
    /// Writers that were killed there.
    pub kills: u64,
    /// Writers that ended by themselves before they came to it.
    pub missed: u64,
    /// Appends that had been acknowledged, and were found.
    pub appends: u64,
    /// Barriers that had been acknowledged, and were kept.
    pub barriers: u64,
    /// Histories that broke off in a line.
    pub torn: u64,
    /// Rows that were behind their history.
    pub behind: u64,
    /// Rows that were level with it.
    pub level: u64,
}

/// What a writer had acknowledged before its end: lines of each thread.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    appended: Vec<u64>,
    projected: Vec<u64>,
    appends: u64,
    barriers: u64,
    /// What it did that it must not.
    pub(super) failed: Option<String>,
}

impl Acknowledged {
    /// Takes a line that the writer said.
    pub(super) fn take(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (what, thread, lines) = (words.next(), words.next(), words.next());
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok());
        let (Some(thread), Some(lines)) = (number(thread), number(lines)) else {
            self.failed = Some(format!("the writer said `{line}`"));
            return;
        };
        let thread = usize::try_from(thread).unwrap_or(0);
        let (list, count) = match what {
            Some("append") => (&mut self.appended, &mut self.appends),
            _ => (&mut self.projected, &mut self.barriers),
        };
        if list.len() <= thread {
            list.resize(thread + 1, 0);
        }
        list[thread] = list[thread].max(lines);
        *count += 1;
    }

    fn of(list: &[u64], thread: usize) -> u64 {
        list.get(thread).copied().unwrap_or(0)
    }
}

/// A folder of threads, and what is known to be in it.
#[derive(Debug)]
pub(super) struct Books {
    folder: PathBuf,
    threads: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    id: ThreadId,
    /// Lines of the conversation in its history; `None` without a history.
    lines: Option<u64>,
    /// Of those, how many a barrier had promised to be in the row.
    projected: u64,
}

impl Books {
    pub(super) fn new(folder: PathBuf, threads: usize) -> Self {
        let new = || Known { id: ThreadId::new(), lines: None, projected: 0 };
        Self { folder, threads: (0..threads).map(|_| new()).collect() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn first_thread(&self) -> ThreadId {
        self.threads[0].id
    }

    pub(super) fn threads(&self) -> Vec<(String, Option<u64>)> {
        self.threads.iter().map(|thread| (thread.id.to_string(), thread.lines)).collect()
    }

    pub(super) fn remove(&self) -> Result<(), ScenarioError> {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ScenarioError::io(&self.folder, "remove the folder")(error))
            }
            _ => Ok(()),
        }
    }

    /// Moves the folder to where the run does not remove it.
    pub(super) fn keep(&mut self, beside: &Path) -> Result<PathBuf, ScenarioError> {
        let kept = beside.join(format!("violation-{}", self.threads[0].id));
        std::fs::rename(&self.folder, &kept)
            .map_err(ScenarioError::io(&self.folder, "move the folder"))?;
        Ok(kept)
    }

    /// Checks every promise after a writer's end, and brings the books up to date.
    pub(super) fn check(
        &mut self,
        conversation: &Conversation,
        acknowledged: &Acknowledged,
        struck: &mut Struck,
    ) -> Result<Result<(), String>, ScenarioError> {
        if let Some(failed) = &acknowledged.failed {
            return Ok(Err(failed.clone()));
        }
        let database = self.folder.join(schema::FILE_NAME);
        let rows = if database.exists() { threads::rows(&database)? } else { Default::default() };
        for (index, known) in self.threads.iter_mut().enumerate() {
            let id = known.id.to_string();
            let appended =
                known.lines.unwrap_or(0).max(Acknowledged::of(&acknowledged.appended, index));
            known.projected = known.projected.max(Acknowledged::of(&acknowledged.projected, index));
            let histories = histories_of(&self.folder.join(SESSIONS), &id);
            let wrong = |what: String| Ok(Err(format!("thread {id}: {what}")));
            let history = match histories.as_slice() {
                [] if appended > 0 => {
                    return wrong(format!("{appended} acknowledged lines, and no history"));
                }
                [] if rows.contains_key(&id) => return wrong("a row, and no history".to_owned()),
                [] => continue,
                [history] => history,
                _ => return wrong("two histories".to_owned()),
            };
            let read = read(&self.folder, history, conversation, index, &id, rows.get(&id))?;
            let read = match read {
                Ok(read) => read,
                Err(what) => return wrong(what),
            };
            if read.lines < appended {
                return wrong(format!(
                    "{appended} lines were acknowledged and {} are there",
                    read.lines
                ));
            }
            match (rows.get(&id), read.row_at) {
                (None, _) if known.projected > 0 => {
                    return wrong(format!(
                        "a barrier after {} lines had returned, and there is no row",
                        known.projected
                    ));
                }
                (None, _) => struck.behind += 1,
                (Some(_), None) => {
                    return wrong("its row is the replay of no prefix of its history".to_owned());
                }
                (Some(_), Some(at)) if at < known.projected => {
                    return wrong(format!(
                        "its row is the replay of {at} lines, and a barrier after {} had returned",
                        known.projected
                    ));
                }
                (Some(_), Some(at)) if at < read.lines => struck.behind += 1,
                (Some(_), Some(_)) => struck.level += 1,
            }
            struck.torn += u64::from(read.is_torn);
            // A history without a whole first line holds nothing, and nothing was acknowledged of
            // it: it is begun again.
            known.lines = if read.is_begun { Some(read.lines) } else { None };
        }
        struck.appends += acknowledged.appends;
        struck.barriers += acknowledged.barriers;
        Ok(Ok(()))
    }
}

/// What a history holds.
struct Read {
    /// Whole lines, the first one, which the store writes of itself, left out.
    lines: u64,
    /// Whether there is a whole first line.
    is_begun: bool,
    is_torn: bool,
    /// How many of the lines the row is the replay of.
    row_at: Option<u64>,
}

fn read(
    folder: &Path,
    history: &Path,
    conversation: &Conversation,
    index: usize,
    id: &str,
    row: Option<&Row>,
) -> Result<Result<Read, String>, ScenarioError> {
    let path = history.strip_prefix(folder).unwrap_or(history).to_string_lossy().into_owned();
    let mut replay = Replay::new(id, &path);
    let mut expected = conversation.of_thread(index);
    let mut read = Read { lines: 0, is_begun: false, is_torn: false, row_at: None };
    let mut whole = 0;
    for line in threads::lines(history)? {
        let (end, line) = line?;
        whole = end;
        replay.line(&line, end);
        if read.is_begun {
            read.lines += 1;
            let item = expected.next().map(|item| (item.kind(), item.payload().get()));
            let ended = if line.ends_with(b"\n") { line } else { [&line[..], b"\n"].concat() };
            if !item.is_some_and(|(kind, payload)| is_line(&ended, kind, payload)) {
                return Ok(Err(format!(
                    "line {} is not the one that was appended: half, glued or out of order",
                    read.lines + 1
                )));
            }
        }
        read.is_begun = true;
        // The cheap comparison first: a row says which prefix it is of.
        if row.is_some_and(|row| {
            row["history_bytes"] == json!(end) && threads::difference(row, replay.row()).is_none()
        }) {
            read.row_at = Some(read.lines);
        }
    }
    let length =
        std::fs::metadata(history).map_err(ScenarioError::io(history, "look at it"))?.len();
    read.is_torn = length > whole;
    Ok(Ok(read))
}

fn histories_of(folder: &Path, id: &str) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().contains(id) {
                found.push(path);
            }
        }
    }
    found
}
