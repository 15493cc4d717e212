//! A history as text for a terminal of 80 columns.

use super::steps::{Judged, Step};
use super::words;
use crate::terminal::{bullets, paragraphs, section};

/// Steps that a brief result shows, and steps of one commit.
const SHOWN: usize = 10;
const SHOWN_OF_COMMIT: usize = 4;
/// Commits whose subjects it shows.
const SUBJECTS: usize = 5;

/// The history on one screen: the answer, the newest steps that nobody explained, what is left out.
/// Ends with a line feed.
#[must_use]
pub fn terminal(judged: &Judged) -> String {
    let mut out = String::new();
    paragraphs(&mut out, [words::answer(judged)]);
    let mut shown: Vec<&Step> = Vec::new();
    for step in judged.open().chain(judged.steps.iter().filter(|step| step.blessed.is_some())) {
        let of_commit = shown.iter().filter(|known| known.at == step.at).count();
        if shown.len() < SHOWN && of_commit < SHOWN_OF_COMMIT {
            shown.push(step);
        }
    }
    section(&mut out, "Steps", &words::brief(shown.iter().copied()));
    if shown.len() < judged.steps.len() {
        out += &format!("And {} more; see --details.\n", judged.steps.len() - shown.len());
    }
    let mut commits: Vec<usize> = shown.iter().map(|step| step.at).collect();
    commits.dedup();
    if !commits.is_empty() {
        out.push('\n');
    }
    for at in commits.into_iter().take(SUBJECTS) {
        let commit = &judged.commits[at];
        let line = format!("{} {}", words::short(&commit.revision), commit.subject);
        out += &(crate::foreign::one_line(&line, 80) + "\n");
    }
    let notes = words::notes(judged);
    if !notes.is_empty() {
        out.push('\n');
    }
    paragraphs(&mut out, notes);
    out
}

/// All steps, and how they are found. Ends with a line feed.
#[must_use]
pub fn details(judged: &Judged) -> String {
    let mut out = String::new();
    paragraphs(&mut out, [words::answer(judged)]);
    section(&mut out, "Steps", &words::steps(judged));
    let notes = words::notes(judged);
    if !notes.is_empty() {
        out.push('\n');
    }
    paragraphs(&mut out, notes);
    bullets(&mut out, "How steps are found", words::method(judged));
    out
}
