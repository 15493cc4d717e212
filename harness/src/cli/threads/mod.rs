//! `tracerig threads`: the thread store on any folder of rollout files.

mod list;
mod rebuild;
mod show;
mod verify;

use std::mem::discriminant;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::{Map, Value as Json};
use tracerig_reports::{ByteSize, units};
use tracerig_store::threads::{
    Column, Error, Flaws, LOCKS, Millis, Problem, Progress, Rebuilt, Sessions, Skipped,
    SweepOptions, ThreadRow, Torn, Value, Watch, repair, schema,
};

use super::output::{self, columns, counted, plain};
use super::{Code, Interrupted, cache};
use crate::interrupt;

/// Work with the threads of a folder of rollout files.
///
/// DIR is a Codex home, a thread store, or any folder with rollout-*.jsonl files below it. Files
/// are only read. tracerig keeps the rows derived from them in a separate database and never
/// touches Codex's.
///
/// In a home, `sessions` and `archived_sessions` are read; threads in the latter are archived.
/// Files that continue each other are one history. Compressed files (.jsonl.zst) are read, too. A
/// name in `session_index.jsonl` becomes the title.
///
/// Skipped files are reported, one line per reason. The exit code is 1 if a file is damaged or
/// cannot be read.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig threads list ~/.codex\n  \
                       tracerig threads show ~/.codex 01a228da-1b50-7ce2-bec3-b04d453aa483\n  \
                       tracerig threads verify ~/.codex"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    List(list::Arguments),
    Show(show::Arguments),
    Rebuild(rebuild::Arguments),
    Verify(verify::Arguments),
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.task {
        Task::List(arguments) => list::main(arguments),
        Task::Show(arguments) => show::main(arguments),
        Task::Rebuild(arguments) => rebuild::main(arguments),
        Task::Verify(arguments) => verify::main(arguments),
    }
}

/// Where the histories and the rows are.
#[derive(Debug, Args)]
struct Place {
    /// Codex home, or any folder of rollout files.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Database for the rows [default: the thread store's in DIR, or a file in the user's cache
    /// folder].
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
    /// Number of histories to read at the same time [default: one per core].
    #[arg(long, value_name = "N", value_parser = crate::cli::jobs)]
    jobs: Option<NonZeroUsize>,
}

/// A [`Place`] that exists.
struct Found {
    sessions: Sessions,
    database: PathBuf,
    options: SweepOptions,
}

impl Place {
    fn find(&self) -> anyhow::Result<Found> {
        let shown = self.folder.display();
        let metadata = self
            .folder
            .metadata()
            .with_context(|| format!("{shown}: the folder cannot be read; check the path"))?;
        if !metadata.is_dir() {
            bail!("{shown}: not a folder; name the folder with the rollout files");
        }
        let sessions = Sessions::of(&self.folder);
        let of_store = sessions.base().join(schema::FILE_NAME);
        let database = match &self.db {
            Some(path) => path.clone(),
            None if of_store.is_file() => of_store.clone(),
            None => in_cache(&self.folder)?,
        };
        // Writers of a thread store lock their threads, and its rows are theirs meanwhile.
        let locks = sessions.base().join(LOCKS);
        let is_of_store = locks.is_dir() && resolved(&database) == resolved(&of_store);
        let options =
            SweepOptions { locks: is_of_store.then_some(locks), ..SweepOptions::default() };
        let options = SweepOptions { jobs: self.jobs.unwrap_or(options.jobs), ..options };
        Ok(Found { sessions, database, options })
    }
}

/// The database of a folder in the cache, whose own folder is there.
fn in_cache(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = cache::file("threads", folder, "sqlite")
        .context("no place for the rows; name one with --db")?;
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| {
        format!("{}: the folder cannot be created; name another place with --db", parent.display())
    })?;
    Ok(path)
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

impl Found {
    /// Brings the rows up to date as far as a look at each file's length tells.
    fn repair(&self) -> anyhow::Result<Rebuilt> {
        let done = watched("reading", |watch| {
            repair(&self.sessions, &self.database, &self.options, watch)
        })?;
        if done.is_cut_short { Err(Interrupted.into()) } else { Ok(done) }
    }
}

/// Runs a sweep with a progress bar, until it is done or interrupted.
fn watched<T>(doing: &str, sweep: impl FnOnce(Watch<'_>) -> T) -> T {
    let start = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    let done = sweep(&mut |progress: Progress| {
        // Most are over before a bar could be read.
        if start.elapsed() > Duration::from_millis(500) {
            let template = format!("{doing} [{{bar:40}}] {{percent}}%, {{msg}}");
            let bar =
                bar.get_or_insert_with(|| output::progress_bar(progress.total_bytes, &template));
            bar.set_position(progress.bytes);
            bar.set_message(format!(
                "{} of {} files, {}",
                units::count(progress.files),
                units::count(progress.total_files),
                ByteSize(progress.bytes)
            ));
        }
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    done
}

/// Tells what was left out of so many files, what was skipped and what failed, and gives the exit
/// code that it leads to: histories with broken lines have their rows, threads that failed have
/// none.
fn tell(
    (found, files): (&Found, u64),
    flaws: &Flaws,
    skipped: &Skipped,
    failures: &[Error],
) -> Code {
    if files == 0 && skipped.iter().next().is_none() && failures.is_empty() {
        let folder = found.sessions.base().display();
        output::say(&format!(
            "tracerig: warning: {folder}: no files rollout-*.jsonl below it. Name the home of \
             Codex, ~/.codex as a rule"
        ));
    }
    tell_lines(&flaws.problems, flaws.problem_count);
    for ((path, torn), more) in by_kind(&flaws.torn, |_| ()) {
        output::say(&format!("tracerig: warning: {}{}", torn_end(path, *torn), like_this(more)));
    }
    for (reason, number, example) in skipped.iter() {
        let such_as = if number == 1 { "" } else { "such as " };
        output::say(&format!(
            "tracerig: warning: {} skipped ({reason}): {such_as}{}",
            counted(number, "file", "files"),
            example.display()
        ));
    }
    for (failure, more) in by_kind(failures, kind) {
        output::say(&format!("tracerig: {failure}{}", like_this(more)));
    }
    if failures.is_empty() { Code::FINE } else { Code::FAILED }
}

/// Tells the lines that were left out, one of each kind; `problems` are the first of `count`.
fn tell_lines(problems: &[Problem], count: u64) {
    for (problem, more) in by_kind(problems, |problem| discriminant(&problem.what)) {
        output::say(&format!("tracerig: warning: {problem}{}", like_this(more)));
    }
    let more = count - problems.len() as u64;
    if more > 0 {
        output::say(&format!("tracerig: warning: {} more lines are skipped", units::count(more)));
    }
}

fn like_this(more: u64) -> String {
    if more == 0 { String::new() } else { format!("; {} more like this", units::count(more)) }
}

/// The kind of a failure.
fn kind(failure: &Error) -> impl PartialEq + use<> {
    let of_history = match failure {
        Error::Unreadable(error) => Some(discriminant(error)),
        _ => None,
    };
    (discriminant(failure), of_history)
}

/// The first of each kind, and how many more there are of it.
fn by_kind<T, K: PartialEq>(all: &[T], kind: impl Fn(&T) -> K) -> Vec<(&T, u64)> {
    let mut kinds: Vec<(&T, u64)> = Vec::new();
    for one in all {
        match kinds.iter_mut().find(|(first, _)| kind(first) == kind(one)) {
            Some((_, more)) => *more += 1,
            None => kinds.push((one, 0)),
        }
    }
    kinds
}

fn torn_end(path: &Path, torn: Torn) -> String {
    format!(
        "{}: the last line breaks off after {} bytes; that line is skipped",
        path.display(),
        torn.bytes
    )
}

/// A row as JSON.
fn document(row: &ThreadRow) -> Json {
    Json::Object(
        fields(row)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}

/// Every column of a row by its name, times as RFC 3339 writes them.
fn fields(row: &ThreadRow) -> [(&'static str, Json); 28] {
    let text = |text: &Option<String>| text.as_deref().map_or(Json::Null, Json::from);
    let time = |at: Millis| Json::from(at.to_string());
    [
        ("id", row.id.to_string().into()),
        ("rollout_path", row.rollout_path.to_string_lossy().into()),
        ("created_at", time(row.created_at)),
        ("updated_at", time(row.updated_at)),
        ("recency_at", time(row.recency_at)),
        ("source", text(&row.source)),
        ("thread_source", text(&row.thread_source)),
        ("agent_nickname", text(&row.agent_nickname)),
        ("agent_role", text(&row.agent_role)),
        ("agent_path", text(&row.agent_path)),
        ("model_provider", text(&row.model_provider)),
        ("model", text(&row.model)),
        ("reasoning_effort", text(&row.reasoning_effort)),
        ("cwd", text(&row.cwd)),
        ("cli_version", text(&row.cli_version)),
        ("title", text(&row.title)),
        ("preview", text(&row.preview)),
        ("first_user_message", text(&row.first_user_message)),
        ("approval_mode", text(&row.approval_mode)),
        ("sandbox_policy", text(&row.sandbox_policy)),
        ("tokens_used", row.tokens_used.into()),
        ("archived_at", row.archived_at.map_or(Json::Null, time)),
        ("git_sha", text(&row.git_sha)),
        ("git_branch", text(&row.git_branch)),
        ("git_origin_url", text(&row.git_origin_url)),
        ("memory_mode", row.memory_mode.as_str().into()),
        ("forked_from", text(&row.forked_from)),
        ("history_bytes", row.history_bytes.into()),
    ]
}

/// A value of a column, for people.
fn shown(column: Column, value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Integer(number) if column.name().ends_with("_ms") => Millis(*number).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => format!("`{}`", cut(text, 60)),
    }
}

/// Text on one line, cut to so many columns of a terminal.
fn cut(text: &str, most: usize) -> String {
    let line = plain(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let width = |character: char| columns(character.encode_utf8(&mut [0; 4]));
    if columns(&line) <= most {
        return line;
    }
    let mut left = most.saturating_sub(3);
    let fits = line.chars().take_while(|character| {
        let is_room = width(*character) <= left;
        left = left.saturating_sub(width(*character));
        is_room
    });
    format!("{}...", fits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_title_is_cut_to_the_columns_there_are() {
        assert_eq!(cut("a  b\n c", 5), "a b c");
        assert_eq!(cut("abcdefgh", 8), "abcdefgh");
        assert_eq!(cut("abcdefghi", 8), "abcde...");
        assert_eq!(cut("\u{65e5}\u{65e5}\u{65e5}\u{65e5}", 8), "\u{65e5}\u{65e5}\u{65e5}\u{65e5}");
        assert_eq!(cut("\u{65e5}\u{65e5}\u{65e5}\u{65e5}\u{65e5}", 8), "\u{65e5}\u{65e5}...");
        assert_eq!(cut("a\u{1b}[31m", 20), "a\\u{1b}[31m");
    }
}
