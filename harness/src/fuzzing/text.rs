//! Texts that people and child processes write: plans, recipes, budgets, candidates, histories,
//! replies, cursors. What can be read can be written, and reads the same again; nothing that is
//! made of it panics.
//!
//! Every reader is tried on every input: most refuse it at once.

use std::fmt::{Debug, Display};
use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracerig_datasets::archive::{ArchiveManifest, ArchiveRecipe};
use tracerig_datasets::{Manifest, Recipe};
use tracerig_store::threads::{Cursor, Millis, ThreadId};

use crate::budgets;
use crate::candidate::{Definition, FILE_NAME, split};
use crate::handicap::Planted;
use crate::plan::Plan;
use crate::platform::{Ended, Exit};
use crate::protocol::Hello;
use crate::scenario::worker::{Done, Engine};
use crate::scenario::{refresh, relaunch};
use tracerig_differential::python::Hello as PythonHello;
use tracerig_differential::{archive, threads, trace};
use tracerig_oracle::{Answer, archive::View};
use tracerig_protocol::{AppendAnswer, Reply, TraceAnswer, UsageAnswer};

/// The plan that budgets are of.
static CI: OnceLock<Plan> = OnceLock::new();

pub(super) fn run(input: &[u8]) {
    replies(input);
    let Ok(text) = str::from_utf8(input) else { return };
    plan(text);
    recipes(text);
    let ci = CI.get_or_init(|| Plan::find("ci").expect("it is built in"));
    let _ = budgets::parse(text, "budgets.toml", ci);
    candidate(text);
    written::<trace::Case>(text);
    written::<archive::Case>(text);
    written::<threads::Case>(text);
    written::<Cursor>(text);
    written::<Millis>(text);
    written::<ThreadId>(text);
    let _ = ThreadId::from_file_name(text);
    let _ = text.parse::<Planted>().map(|planted| planted.of(Duration::from_secs(1)));
}

/// Something that has a text: reading it gives the same again.
fn written<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    let again = read.to_string();
    match again.parse::<T>() {
        Ok(found) => assert_eq!(found, read, "{text:?} was written as {again:?}"),
        Err(_) => panic!("{text:?} was written as {again:?}, which cannot be read"),
    }
}

fn plan(text: &str) {
    let Ok(plan) = Plan::parse(text, "plan.toml") else { return };
    for run in &plan.runs {
        let _ = (run.definition(), run.of_compared());
    }
}

/// A definition, and a command as an option has it: its words, quoted, are split into the same.
fn candidate(text: &str) {
    let _ = Definition::parse(text, Path::new(FILE_NAME));
    let Ok(words) = split(text) else { return };
    let quoted = Definition::of_words("c", words.clone()).command_line();
    assert_eq!(split(&quoted).as_ref(), Ok(&words), "{text:?} was quoted as {quoted:?}");
}

fn recipes(text: &str) {
    if let Ok(recipe) = Recipe::parse(text, "recipe.toml") {
        let again = recipe.canonical();
        assert_eq!(Recipe::parse(&again, "again").ok().as_ref(), Some(&recipe), "{again}");
        let _ = recipe.describe();
        for scale in [0.001, 1.0, 1000.0] {
            let _ = (recipe.rows(scale), recipe.file_bytes(scale));
        }
    }
    if let Ok(recipe) = ArchiveRecipe::parse(text, "recipe.toml") {
        let again = recipe.canonical();
        assert_eq!(ArchiveRecipe::parse(&again, "again").ok().as_ref(), Some(&recipe), "{again}");
        let _ = (recipe.sessions(), recipe.bytes(1000.0), recipe.trace());
    }
}

/// What child processes answer, and what datasets say of themselves.
fn replies(input: &[u8]) {
    if let Some(reply) = json::<Reply<TraceAnswer>>(input)
        && let Some(answer) = reply.result
    {
        for engine in [Engine::Floor, Engine::Scanner, Engine::Published] {
            if let Ok(told) = relaunch::Told::new(engine, answer.clone(), reply.claims.clone()) {
                let _ = relaunch::account_of(engine, Duration::ZERO, None, None, Some(&told));
            }
        }
    }
    if let Some(reply) = json::<Reply<UsageAnswer>>(input)
        && let Some(answer) = reply.result
        && let Ok(told) = refresh::Told::new(answer, reply.claims)
    {
        let _ = refresh::describe(Duration::ZERO, Some(&ended()), Some(&told));
    }
    json::<Reply<AppendAnswer>>(input);
    json::<Done>(input);
    json::<Hello>(input);
    json::<PythonHello>(input);
    json::<Answer>(input);
    json::<View>(input);
    json::<Manifest>(input);
    json::<ArchiveManifest>(input);
}

/// A process that ended well.
fn ended() -> Ended {
    Ended {
        at: Instant::now(),
        exit: Exit::Code(0),
        user: None,
        system: None,
        major_faults: None,
        io: None,
    }
}

/// Something that is JSON: what is written of it is written the same again.
fn json<T: DeserializeOwned + Serialize>(input: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(input).ok()?;
    let text = serde_json::to_string(&read).expect("what was read can be written");
    let again: T = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(serde_json::to_string(&again).ok(), Some(text), "written twice");
    Some(read)
}
