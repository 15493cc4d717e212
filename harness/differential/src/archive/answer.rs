//! What a refresh answered, in the words of the oracles, and who is alone with what.

use std::collections::{BTreeMap, BTreeSet};

use tracerig_oracle::archive::{Session, Used, View};
use tracerig_scanner::archive::{Defect, Problem, Refresh, Tokens, Usage, What};

use super::{Error, Wrong};
use crate::sides::{Side, disagreement};

/// What a refresh answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Without what is stale.
    pub(super) view: View,
    /// Whether sessions are in it.
    pub(super) has_sessions: bool,
    /// Whether something was stale.
    pub(super) is_stale: bool,
}

impl Answer {
    /// Of a refresh whose days begin `offset` minutes before those of UTC.
    ///
    /// # Errors
    /// The sum is not that of its sessions.
    pub fn of(refresh: &Refresh, offset: i64, has_sessions: bool) -> Result<Self, Error> {
        let is_stale = refresh.stats.stale > 0;
        let stale: BTreeSet<String> = refresh
            .sessions
            .iter()
            .filter(|session| session.is_stale)
            .map(|session| session.path.display().to_string())
            .collect();
        let days = |usage: &Usage| used(usage, |begins| (begins + offset * 60).div_euclid(86_400));
        let mut view = View {
            days: days(&refresh.usage),
            lines: (refresh.stats.unknown_lines, refresh.stats.broken_lines),
            ..View::default()
        };
        if has_sessions {
            let counting = refresh.sessions.iter().filter(|session| session.counts);
            let all = sum(counting.clone().map(|session| days(&session.usage)));
            if all != view.days {
                let detail = format!("the sum is {:?}, that of its sessions {all:?}", view.days);
                return Err(Error::Wrong { wrong: Wrong::Usage, detail });
            }
            view.days = sum(counting
                .filter(|session| !session.is_stale)
                .map(|session| days(&session.usage)));
        }
        for session in refresh.sessions.iter().filter(|session| !session.is_stale) {
            view.sessions.push(Session {
                path: session.path.display().to_string(),
                id: session.id.clone(),
                segment: session.segment.clone(),
                meta: [session.cwd.clone(), session.version.clone(), session.provider.clone()],
                span: session.span,
                usage: used(&session.usage, |begins| begins.div_euclid(900)),
                counts: session.counts,
            });
        }
        for Problem { path, what } in &refresh.problems {
            let path = path.display().to_string();
            if stale.contains(&path)
                && !matches!(what, What::Unreadable { .. } | What::Diverged { .. })
            {
                continue;
            }
            match what {
                What::Line { line, defect } => {
                    view.broken.insert((path, *line, why(*defect)));
                }
                What::MoreLines(count) => drop(view.more.insert((path, *count))),
                What::Unreadable { .. } | What::UnreadableFolder { .. } => {
                    view.unreadable.insert(path);
                }
                What::Untyped => drop(view.untyped.insert(path)),
                What::Inferred => drop(view.inferred.insert(path)),
                What::Diverged { from } => {
                    view.diverged.insert((path, from.display().to_string()));
                }
                other => {
                    let detail = format!("a problem of a sort that nobody knows: {other:?}");
                    return Err(Error::Wrong { wrong: Wrong::Usage, detail });
                }
            }
        }
        Ok(Self { view, has_sessions, is_stale })
    }
}

impl Answer {
    /// What it says.
    pub fn view(&self) -> &View {
        &self.view
    }
}

fn why(defect: Defect) -> String {
    let why = match defect {
        Defect::NoType => "no type",
        Defect::NotJson => "no JSON",
        Defect::NoTime => "no time",
        Defect::NoCount => "no count",
        Defect::LongText => "long text",
        Defect::TooMany => "too many",
    };
    why.to_owned()
}

fn kinds(tokens: Tokens) -> [u64; 6] {
    let Tokens { input, cached_input, cache_write, output, reasoning, total } = tokens;
    [input, cached_input, cache_write, output, reasoning, total]
}

/// What was used, by a time that is made of the second at which a slot begins.
fn used(usage: &Usage, time: impl Fn(i64) -> i64) -> Vec<Used> {
    let classes = usage.by(|slot| {
        let model = slot.model.as_ref().map(ToString::to_string);
        Some((time(slot.begins_at()), model, slot.tier.name().to_owned()))
    });
    let used = classes.into_iter();
    used.map(|((time, model, tier), used)| (time, model, tier, kinds(used.tokens), used.events))
        .collect()
}

fn sum(all: impl Iterator<Item = Vec<Used>>) -> Vec<Used> {
    let mut sums: BTreeMap<_, ([u64; 6], u64)> = BTreeMap::new();
    for (time, model, tier, tokens, events) in all.flatten() {
        let sum = sums.entry((time, model, tier)).or_default();
        sum.0 = std::array::from_fn(|kind| sum.0[kind].saturating_add(tokens[kind]));
        sum.1 += events;
    }
    sums.into_iter()
        .map(|((time, model, tier), (tokens, events))| (time, model, tier, tokens, events))
        .collect()
}

/// What a view says, as far as `answer` can say it, a line each.
fn facts(view: &View, answer: &Answer) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    if answer.has_sessions {
        facts.extend(view.sessions.iter().map(|session| format!("{session:?}")));
    }
    // Whose lines and whose use are stale, only sessions tell.
    if answer.has_sessions || !answer.is_stale {
        facts.extend(view.days.iter().map(|used| format!("day {used:?}")));
        facts.extend(view.broken.iter().map(|broken| format!("broken line {broken:?}")));
        facts.extend(view.more.iter().map(|more| format!("more of them {more:?}")));
        facts.extend(view.untyped.iter().map(|path| format!("untyped {path}")));
        facts.extend(view.inferred.iter().map(|path| format!("inferred {path}")));
    }
    facts.extend(view.diverged.iter().map(|pair| format!("diverged {pair:?}")));
    facts.extend(view.unreadable.iter().map(|path| format!("unreadable {path}")));
    if !answer.is_stale {
        facts.insert(format!("unknown and broken lines {:?}", view.lines));
    }
    facts
}

/// Fails unless all say the same, as far as `answer`, the one that is checked, can say it.
pub fn agree(answer: &Answer, others: &[(Side, &View)]) -> Result<(), Error> {
    let mut said = vec![(Side::Scan, facts(&answer.view, answer))];
    said.extend(others.iter().map(|(side, view)| (*side, facts(view, answer))));
    let common = said.iter().map(|(_, facts)| facts.clone()).reduce(|one, other| &one & &other);
    let common = common.unwrap_or_default();
    for (_, facts) in &mut said {
        facts.retain(|fact| !common.contains(fact));
    }
    let sides: Vec<(Side, &BTreeSet<String>)> =
        said.iter().map(|(side, facts)| (*side, facts)).collect();
    match disagreement(&sides) {
        None => Ok(()),
        Some((side, detail)) => {
            let wrong = match side {
                Side::Scan => Wrong::Usage,
                Side::FullRescan => Wrong::FullRescan,
                Side::Rust => Wrong::RustOracle,
                Side::Python => Wrong::PythonOracle,
            };
            Err(Error::Wrong { wrong, detail })
        }
    }
}
