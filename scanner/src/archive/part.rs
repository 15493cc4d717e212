//! What one shard contributes to the result of a refresh.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::ARCHIVED;
use super::name;
use super::parse::{Bucket, Rollout, Tier};
use super::priority::{OpenTurns, PriorityTurns};
use super::result::{Problem, Session, What};
use super::shard::{Body, Detail, Key, Record};
use super::sums::Sums;
use super::total::Total;
use super::usage::{Usage, Used};

/// The contribution of a shard.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) key: Key,
    /// In the order of names.
    pub(super) records: Vec<Record>,
    pub(super) sums: Sums,
    /// Whether turns in it may be known to a trace database.
    pub(super) joins: bool,
    /// The details, where the memo has them.
    pub(super) body: Option<Body>,
    /// The names of its files where no memo has them.
    pub(super) names: Vec<OsString>,
    /// Whether each file could not be read now; empty where all could.
    pub(super) stale: Vec<bool>,
    /// The sessions in it, if they were asked for.
    pub(super) sessions: Vec<Session>,
    pub(super) problems: Vec<Problem>,
}

impl Part {
    /// The places of the files that may hold turns that `priority` knows. Nobody else asks for
    /// these turns.
    pub(super) fn may_join(&mut self, priority: Option<&PriorityTurns>) -> Vec<usize> {
        let turns = std::mem::take(&mut self.sums.open_turns);
        let files = priority.map(|priority| turns.files(priority)).unwrap_or_default();
        self.joins = !files.is_empty();
        files
    }

    /// Whether its files are archived.
    pub(super) fn is_archived(&self) -> bool {
        self.key.folder.starts_with(ARCHIVED)
    }

    /// Its place among others: by bytes, since paths are compared name by name.
    pub(super) fn order(&self) -> (&OsStr, &str) {
        (self.key.folder.as_os_str(), &self.key.date)
    }

    /// Whether the file at this place could not be read now.
    pub(super) fn is_stale(&self, file: usize) -> bool {
        self.stale.get(file).is_some_and(|is_stale| *is_stale)
    }
}

/// What `rollouts`, of these places in their shard, used together. A turn that `priority` knows was
/// served at that tier, where the rollout does not say.
pub(super) fn sums<'a>(
    rollouts: impl Iterator<Item = (usize, &'a Rollout)>,
    priority: Option<&PriorityTurns>,
) -> Sums {
    let mut sums = Sums::default();
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut totals: HashMap<(i64, Option<u32>, Tier), Used> = HashMap::new();
    for (file, rollout) in rollouts {
        let found = &mut sums.found;
        found.unknown += rollout.unknown;
        found.broken += rollout.broken_lines;
        found.untyped += u64::from(rollout.is_untyped);
        found.inferred += u64::from(rollout.is_inferred);
        for bucket in &rollout.buckets {
            let model = rollout.name(bucket.model).map(|name| {
                *places.entry(name).or_insert_with(|| {
                    sums.models.push(name.to_owned());
                    u32::try_from(sums.models.len() - 1).unwrap_or(u32::MAX)
                })
            });
            let turn = rollout.name(bucket.turn);
            open.extend(turn.map(|turn| (turn, file)));
            let tier = tier(bucket.tier, turn, priority);
            let total = totals.entry((bucket.quarter, model, tier)).or_default();
            *total = total.plus(Used { tokens: bucket.tokens, events: bucket.events });
        }
    }
    sums.open_turns = OpenTurns::of(open.into_iter());
    let total = |((quarter, model, tier), used): (_, Used)| Total {
        quarter,
        model,
        tier,
        tokens: used.tokens,
        events: used.events,
    };
    sums.totals = totals.into_iter().map(total).collect();
    sums.totals.sort_unstable_by_key(order);
    sums
}

/// How totals are ordered: those of one model, tier and day stand together, and are added up
/// faster.
fn order(total: &Total) -> (Option<u32>, Tier, i64) {
    (total.model, total.tier, total.quarter)
}

/// `sums` where the turns that `priority` knows were served at that tier: all of these turns are in
/// `rollouts`, or in none. `None` where numbers have reached their end, and cannot be taken from
/// each other.
pub(super) fn joined<'a>(
    sums: &Sums,
    rollouts: impl Iterator<Item = &'a Rollout>,
    priority: &PriorityTurns,
) -> Option<Sums> {
    let mut sums = sums.clone();
    let mut moved = Vec::new();
    for rollout in rollouts {
        for bucket in &rollout.buckets {
            if tier(bucket.tier, rollout.name(bucket.turn), Some(priority)) == bucket.tier {
                continue;
            }
            let Bucket { quarter, tokens, events, .. } = *bucket;
            let model = take(&mut sums, rollout, bucket, bucket.tier)?;
            moved.push(Total { quarter, model, tier: Tier::Priority, tokens, events });
        }
    }
    sums.totals.retain(|total| total.events > 0);
    sums.totals.append(&mut moved);
    sums.totals.sort_by_key(order);
    sums.totals.dedup_by(|total, before| {
        let is_same = order(total) == order(before);
        if is_same {
            before.tokens = before.tokens.plus(total.tokens);
            before.events = before.events.saturating_add(total.events);
        }
        is_same
    });
    Some(sums)
}

/// `sums`, which were made with the same `priority`, without `rollouts`, which are in them. `None`
/// where numbers have reached their end, and cannot be taken from each other.
pub(super) fn without<'a>(
    sums: &Sums,
    rollouts: impl Iterator<Item = &'a Rollout>,
    priority: Option<&PriorityTurns>,
) -> Option<Sums> {
    let mut sums = sums.clone();
    for rollout in rollouts {
        for bucket in &rollout.buckets {
            let tier = tier(bucket.tier, rollout.name(bucket.turn), priority);
            take(&mut sums, rollout, bucket, tier)?;
        }
    }
    sums.totals.retain(|total| total.events > 0);
    Some(sums)
}

/// Takes what a rollout used at once, at this tier, out of `sums`. Gives the place of its model in
/// them.
fn take(sums: &mut Sums, rollout: &Rollout, bucket: &Bucket, tier: Tier) -> Option<Option<u32>> {
    let model = match rollout.name(bucket.model) {
        Some(name) => {
            Some(u32::try_from(sums.models.iter().position(|model| model == name)?).ok()?)
        }
        None => None,
    };
    let place = sums.totals.binary_search_by_key(&(model, tier, bucket.quarter), order).ok()?;
    let left = &mut sums.totals[place];
    if left.tokens.is_at_its_end() {
        return None;
    }
    left.tokens = left.tokens.minus(bucket.tokens);
    left.events = left.events.checked_sub(bucket.events)?;
    Some(model)
}

fn tier(said: Tier, turn: Option<&str>, priority: Option<&PriorityTurns>) -> Tier {
    match (said, turn, priority) {
        (Tier::Unknown, Some(turn), Some(priority)) if priority.contains(turn) => Tier::Priority,
        _ => said,
    }
}

/// The path of a rollout below the home.
pub(super) fn path(key: &Key, name: &OsStr) -> PathBuf {
    key.folder.join(name)
}

/// One rollout as a session.
pub(super) fn session(
    key: &Key,
    detail: &Detail,
    is_stale: bool,
    priority: Option<&PriorityTurns>,
) -> Session {
    let Detail { rollout, .. } = detail;
    let Sums { models, totals, .. } = sums(std::iter::once((0, rollout)), priority);
    let mut usage = Usage::default();
    usage.extend(&models, totals);
    let meta = rollout.meta.clone().unwrap_or_default();
    Session {
        id: rollout.id().to_owned(),
        segment: name::segment(detail.name()).map(str::to_owned),
        path: path(key, detail.name()),
        cwd: meta.cwd,
        version: meta.version,
        provider: meta.provider,
        span: rollout.span,
        usage,
        is_stale,
        is_inferred: rollout.is_inferred,
        counts: true,
    }
}

/// What is wrong with one rollout.
pub(super) fn problems(key: &Key, detail: &Detail) -> Vec<Problem> {
    let Rollout { broken, broken_lines, is_untyped, is_inferred, .. } = &detail.rollout;
    let problem = |what| Problem { path: path(key, detail.name()), what };
    let more = broken_lines - broken.len() as u64;
    let lines = broken.iter().map(|&(line, defect)| problem(What::Line { line, defect }));
    let more = (more > 0).then(|| problem(What::MoreLines(more)));
    let untyped = is_untyped.then(|| problem(What::Untyped));
    let inferred = is_inferred.then(|| problem(What::Inferred));
    lines.chain(more).chain(untyped).chain(inferred).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::parse::Tokens;

    /// A rollout of two turns that do not say their tier, in one quarter of an hour.
    fn rollout(name: &str, output: u64) -> Rollout {
        let bucket = |turn, events| Bucket {
            quarter: 7,
            model: Some(0),
            tier: Tier::Unknown,
            turn: Some(turn),
            tokens: Tokens { output, total: output, ..Tokens::default() },
            events,
        };
        let mut rollout = Rollout::default();
        rollout.names = ["model".to_owned(), format!("{name}-1"), format!("{name}-2")].into();
        rollout.buckets = vec![bucket(1, 1), bucket(2, 5)];
        rollout
    }

    fn usage(Sums { models, totals, .. }: Sums) -> Usage {
        let mut usage = Usage::default();
        usage.extend(&models, totals);
        usage
    }

    #[test]
    fn what_is_joined_afterwards_is_what_would_have_been_added_up() {
        let all = [rollout("a", 3), rollout("b", 4), rollout("c", 5)];
        let rollouts = || all.iter().enumerate();
        let before = sums(rollouts(), None);
        for known in
            [&["b-1"][..], &["a-1", "a-2", "b-1", "b-2", "c-1", "c-2"], &["a-2", "c-1", "x"], &[]]
        {
            let priority: PriorityTurns = known.iter().copied().collect();
            let files = before.open_turns.files(&priority);
            let after = joined(&before, files.iter().map(|&file| &all[file]), &priority).unwrap();
            let right = usage(sums(rollouts(), Some(&priority)));
            assert_eq!(usage(after), right, "{known:?}");
            assert_eq!(right == usage(before.clone()), known.is_empty());
        }
    }

    #[test]
    fn what_is_taken_out_is_what_would_not_have_been_added_up() {
        let all = [rollout("a", 3), rollout("b", 4), rollout("c", 5)];
        for known in [&["b-1"][..], &["a-1", "a-2", "b-1", "b-2", "c-1", "c-2"], &[]] {
            let priority: PriorityTurns = known.iter().copied().collect();
            for priority in [None, Some(&priority)] {
                let joined = |before| {
                    priority.map_or(Some(Sums::clone(&before)), |known| {
                        joined(&before, all.iter(), known)
                    })
                };
                for before in [
                    sums(all.iter().enumerate(), priority),
                    joined(sums(all.iter().enumerate(), None)).unwrap(),
                ] {
                    let after = without(&before, [&all[0], &all[2]].into_iter(), priority).unwrap();
                    assert_eq!(
                        usage(after),
                        usage(sums([(1, &all[1])].into_iter(), priority)),
                        "{known:?}"
                    );
                    let none = without(&before, all.iter(), priority).unwrap();
                    assert_eq!(usage(none), Usage::default());
                }
            }
        }
    }

    #[test]
    fn what_a_counter_could_not_hold_is_not_taken_apart() {
        let all = [rollout("a", u64::MAX), rollout("b", 4)];
        let before = sums(all.iter().enumerate(), None);
        let priority: PriorityTurns = ["b-1"].into_iter().collect();
        assert!(joined(&before, [&all[1]].into_iter(), &priority).is_none());
        assert!(without(&before, [&all[1]].into_iter(), None).is_none());
    }
}
