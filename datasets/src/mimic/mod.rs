//! Recipes from databases: what your own trace database is like, told by sizes and kinds of rows
//! alone.
//!
//! Nothing in the database gets into the recipe: kinds are those of the built-in shapes, everything
//! else is a number. Targets that no shape has become `other-LEVEL`.

mod sort;
mod survey;

use std::collections::BTreeMap;
use std::path::Path;

use tracerig_store::schema::PAGE_SIZE;

use crate::error::Result;
use crate::generate;
use crate::levels::LEVELS;
use crate::limits::{MOST_BODY_BYTES, MOST_TURNS};
use crate::recipe::{Era, FactPlan, Recipe, Share, Sizes};
use crate::shapes::Shapes;
use survey::Survey;

/// Turns of a thread with facts: few enough that retention takes none of their rows.
const TURNS_A_THREAD: u64 = 40;

/// Turns that a recipe takes from a database, at most.
const MOST_MIMICKED_TURNS: u64 = 40_000;

/// Fewer rows than these cannot be steered to exact levels.
const LEAST_ROWS: u64 = 1_000;

/// Reads a trace database, which is left as it is, and gives a recipe named `name` for datasets
/// like it: of its rows, file size, free pages, largest id, threads, processes, levels, kinds of
/// rows with their sizes, and numbers of facts.
///
/// A database with a write-ahead log that is not empty is read as any reader does, which may leave
/// a `-shm` beside it.
///
/// # Errors
/// [`crate::DatasetError::Io`] when there is not a file to read,
/// [`crate::DatasetError::NoTraceLog`] when it is not the trace database of a Codex CLI or has no
/// rows, [`crate::DatasetError::Source`] when it cannot be read, [`crate::DatasetError::Recipe`]
/// when `name` cannot be a recipe's.
pub fn mimic(database: &Path, name: &str) -> Result<Recipe> {
    let mut survey = survey::of(database)?;
    let mut recipe = recipe_of(&survey, name)?;
    if generate::check(&recipe).is_err() {
        // The texts of shapes have a fixed length, which may be more than the rows of this database
        // have.
        survey.forget_kinds(Shapes::of(survey.era)?);
        recipe = recipe_of(&survey, name)?;
    }
    // Whatever was found, the recipe must be one.
    Recipe::parse(&recipe.canonical(), &format!("the recipe made from {}", database.display()))
}

fn recipe_of(survey: &Survey, name: &str) -> Result<Recipe> {
    let page = u64::from(PAGE_SIZE);
    let rows = survey.rows;
    let given = u64::try_from(survey.max_id).unwrap_or(0).max(rows);
    let [threads, processes] =
        [survey.threads, survey.processes].map(|count| count.min(MOST_TURNS));
    // Half of what is missing comes from retention while rows are written, the rest from gaps in
    // the ids: retention by bytes may take more than was planned, and an id that was handed out is
    // never taken back.
    let deleted = (100 - (rows as f64 * 100.0 / given as f64).ceil() as u64) / 2;
    let shapes = Shapes::of(survey.era)?;
    let mut found = survey.thread_rows.clone();
    if let Some(requests) = found.get_mut("request") {
        // Completed turns come with their requests.
        let left =
            u64::try_from(requests.len()).unwrap_or(0).saturating_sub(survey.completions).max(1);
        requests.truncate(usize::try_from(left).unwrap_or(1));
    }
    let mut thread_rows = shares(&found, shapes);
    let mut process_rows = shares(&survey.process_rows, shapes);
    let has = |shares: &[Share], level: &str| {
        let at_level = |share: &Share| {
            shapes.find(&share.kind).is_some_and(|at| shapes.all[at].level == level)
        };
        shares.iter().any(at_level)
    };
    for (level, count) in LEVELS.iter().zip(survey.levels) {
        // A level that only facts are at.
        if count > 0 && !has(&thread_rows, level) && !has(&process_rows, level) {
            let kind = format!("other-{}", level.to_ascii_lowercase());
            process_rows.push(Share {
                kind,
                weight: 1,
                bytes: [100, 200, 400, 800, 1_000],
                stretch: true,
            });
        }
    }
    if thread_rows.is_empty() {
        thread_rows.clone_from(&process_rows);
    }
    if process_rows.is_empty() {
        process_rows.clone_from(&thread_rows);
    }
    let seconds = u64::try_from(survey.last_ts - survey.first_ts).unwrap_or(0);
    let facts = facts(survey);
    Ok(Recipe {
        name: name.to_owned(),
        why: "The sizes and kinds of rows of one's own database.".to_owned(),
        imitates: "one's own database, of which nothing but numbers was taken".to_owned(),
        era: survey.era,
        seed: 1,
        file_bytes: (survey.file_bytes / page).max(1) * page,
        rows,
        span_hours: seconds.div_ceil(3600).clamp(1, 216),
        deleted_percent: deleted.min(50),
        free_percent: (survey.free_pages * 100 / survey.pages.max(1)).min(95),
        max_id: Some(survey.max_id.min(i64::MAX / 2)),
        threads: Some(threads),
        processes: Some(processes),
        threads_per_process: threads.div_ceil(processes.max(1)).clamp(1, 10_000),
        oddities: false,
        levels: (rows >= LEAST_ROWS).then(|| survey.levels.into()),
        facts,
        thread_rows,
        process_rows,
    })
}

fn facts(survey: &Survey) -> FactPlan {
    let told = match survey.era {
        Era::V0_141 => survey.completions,
        Era::V0_145 => survey.turns,
        // Tags of other turns are ordinary rows.
        Era::V0_169 => survey.priority_turns,
    };
    // All facts of a dataset are planned in memory.
    let told = told.max(survey.priority_turns).min(MOST_MIMICKED_TURNS);
    let threads = told.div_ceil(TURNS_A_THREAD);
    let (completions, turns) = if survey.era == Era::V0_141 { (told, 0) } else { (0, told) };
    FactPlan {
        processes: (survey.processes / 3).clamp(1, 6).min(threads),
        threads,
        long_threads: 0,
        resumed_threads: 0,
        dialects: Vec::new(),
        steers: 0,
        completions,
        turns,
        priority_turns: survey.priority_turns.min(told),
        pruned_turns: 0,
        rows_per_turn: 3,
        submission_bytes: sizes(&survey.submission_bytes),
        request_bytes: sizes(&survey.request_bytes),
        completion_bytes: sizes(&survey.completion_bytes),
    }
}

fn shares(found: &BTreeMap<String, Vec<u64>>, shapes: &Shapes) -> Vec<Share> {
    let mut shares = Vec::new();
    for (kind, bytes) in found {
        let fills = shapes.find(kind).is_some_and(|at| shapes.all[at].fills());
        let mut sorted = bytes.clone();
        sorted.sort_unstable();
        // Five numbers tell little of a heavy tail, so it becomes a separate share.
        let (most, rare) = sorted.split_at(sorted.len() - sorted.len() / 100);
        let heavy = fills && rare.last() > most.last().map(|last| last * 2).as_ref();
        let parts = if heavy { vec![most, rare] } else { vec![&sorted[..]] };
        shares.extend(parts.into_iter().filter(|part| !part.is_empty()).map(|part| Share {
            kind: kind.clone(),
            weight: part.len() as u64,
            bytes: if fills { sizes(part) } else { Sizes::default() },
            stretch: fills,
        }));
    }
    shares.sort_by_key(|share| std::cmp::Reverse(share.weight));
    shares
}

/// Minimum, median, 90th and 99th percentile, and maximum.
fn sizes(bytes: &[u64]) -> Sizes {
    let mut sorted = bytes.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    let size =
        |percent| sorted.get(last * percent / 100).copied().unwrap_or(0).min(MOST_BODY_BYTES);
    [0, 50, 90, 99, 100].map(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(count: u64) -> Survey {
        Survey {
            era: Era::V0_141,
            rows: 200_000,
            max_id: 200_000,
            first_ts: 0,
            last_ts: 3600,
            file_bytes: 1 << 30,
            pages: 1 << 18,
            free_pages: 0,
            threads: count,
            processes: count,
            levels: [200_000, 0, 0, 0, 0],
            completions: count,
            turns: count,
            priority_turns: 0,
            submission_bytes: Vec::new(),
            request_bytes: Vec::new(),
            completion_bytes: vec![MOST_BODY_BYTES, MOST_BODY_BYTES + count],
            thread_rows: Default::default(),
            process_rows: Default::default(),
        }
    }

    #[test]
    fn what_is_beyond_the_limits_of_a_recipe_is_taken_as_the_limit() {
        for (count, turns) in [(40_000, 40_000), (40_001, 40_000), (200_000, 40_000)] {
            let recipe = recipe_of(&survey(count), "mine").unwrap();
            assert_eq!(recipe.facts.completions, turns);
            assert_eq!(recipe.facts.completion_bytes[4], MOST_BODY_BYTES);
            assert_eq!(recipe.threads, Some(count.min(MOST_TURNS)));
        }
    }
}
