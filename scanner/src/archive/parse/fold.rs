//! What the lines of one rollout add up to, line by line, so that it can go on where it stopped.

use serde::{Deserialize, Serialize};

use super::kind::{Known, time};
use super::line::{Defect, Line, Meta, Record, Said, Says};
use super::lineage::{Asked, Lineage, Whose, is_own};
use super::rules::Rules;
use super::seen::Seen;
use super::tokens::{Counts, Since, Tokens};

/// Broken lines that are remembered with their numbers; more are only counted.
pub(crate) const BROKEN_KEPT: usize = 32;

/// Turns and models of a file, and bytes of their names. Each new one is compared with all before
/// it.
pub(crate) const MOST_NAMES: usize = 20_000;
pub(crate) const MOST_NAMES_BYTES: usize = 8 << 20;

/// Sums of a file: one for each turn, model, tier and quarter-hour that was used together.
pub(crate) const MOST_SUMS: usize = 20_000;

/// Seconds of a quarter of an hour. Every time zone in use today begins its days at one.
pub(crate) const QUARTER: i64 = 15 * 60;

/// The service tier that something was used at.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The rollout names another tier than priority, or settings without one.
    Standard,
    /// `priority`, or `fast`, its other name.
    Priority,
    /// The rollout does not say.
    #[default]
    Unknown,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Priority, Self::Unknown];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Priority => "priority",
            Self::Unknown => "unknown",
        }
    }

    fn named(name: Option<&str>) -> Self {
        match name {
            Some("priority" | "fast") => Self::Priority,
            _ => Self::Standard,
        }
    }
}

/// What was used in one quarter of an hour, by one model at one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// Quarters of an hour since 1970.
    pub(crate) quarter: i64,
    /// Its place among the names of the rollout.
    pub(crate) model: Option<u32>,
    pub(crate) tier: Tier,
    /// The turn, its place among the names of the rollout; only where the tier is unknown, for
    /// somebody else may know it.
    pub(crate) turn: Option<u32>,
    pub(crate) tokens: Tokens,
    pub(crate) events: u64,
}

/// What the first lines of a rollout, so many as were read, add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rollout {
    /// The id of its session that the name of its file says: whoever keeps it keeps that name, too.
    #[serde(skip)]
    pub(crate) named: String,
    /// Lines read.
    pub(crate) lines: u64,
    /// Of the first line that says which session it is.
    pub(crate) meta: Option<Meta>,
    /// Models and turns.
    pub(crate) names: Vec<String>,
    /// What was used, in the order of its first use.
    pub(crate) buckets: Vec<Bucket>,
    /// The times of the first and the last line that matters, in milliseconds of Unix time: the
    /// least and the greatest.
    pub(crate) span: Option<(i64, i64)>,
    /// Lines of kinds that no known version writes.
    pub(crate) unknown: u64,
    /// The first broken lines, by number from 1.
    pub(crate) broken: Vec<(u64, Defect)>,
    /// All broken lines.
    pub(crate) broken_lines: u64,
    /// Whether it begins with an object without a type: it is of 2025, and nothing in it is looked
    /// at but what later versions write.
    pub(crate) is_untyped: bool,
    /// Whether something counts nothing only because the time of its lines suggests that it was
    /// copied.
    pub(crate) is_inferred: bool,
    /// The last cumulative count.
    total: Option<Counts>,
    model: Option<u32>,
    turn: Option<u32>,
    tier: Tier,
    lineage: Lineage,
    /// Whether responses were recorded.
    has_records: bool,
    responses: Seen,
    /// Whether the line that is being taken went beyond a limit.
    #[serde(skip)]
    is_beyond: bool,
}

impl Rollout {
    /// One whose name says that it is of the session `id`.
    pub(crate) fn named(id: &str) -> Self {
        Self { named: id.to_owned(), ..Self::default() }
    }

    /// The id of its session: what the first line about it says, else what its name does.
    pub(crate) fn id(&self) -> &str {
        self.meta.as_ref().and_then(|meta| meta.id.as_deref()).unwrap_or(&self.named)
    }

    /// Takes the next line, which begins with `start`, understood.
    pub(crate) fn take(&mut self, line: Result<Line<'_>, Defect>, start: &[u8], rules: &Rules) {
        self.lines += 1;
        if self.lineage.is_timed() {
            let at = if let Ok(Line::Says(said)) = &line { Some(said.at) } else { time(start) };
            at.into_iter().for_each(|at| self.lineage.line_at(at));
        }
        match line {
            Ok(Line::Skipped(Known::Yes)) => {}
            Ok(Line::Skipped(Known::No)) => self.unknown += u64::from(!self.is_untyped),
            Ok(Line::Untyped) if self.lines == 1 || self.is_untyped => self.is_untyped = true,
            Ok(Line::Untyped) => self.is_broken(Defect::NoType),
            Ok(Line::Says(said)) => {
                let Said { at, says, defect } = said;
                self.says(at, says, rules);
                let beyond = std::mem::take(&mut self.is_beyond).then_some(Defect::TooMany);
                defect.or(beyond).into_iter().for_each(|defect| self.is_broken(defect));
            }
            Err(defect) => self.is_broken(defect),
        }
    }

    fn is_broken(&mut self, defect: Defect) {
        self.broken_lines += 1;
        if self.broken.len() < BROKEN_KEPT {
            self.broken.push((self.lines, defect));
        }
    }

    /// The name at this place.
    pub(crate) fn name(&self, place: Option<u32>) -> Option<&str> {
        self.names.get(usize::try_from(place?).ok()?).map(String::as_str)
    }

    fn says(&mut self, at: i64, says: Says<'_>, rules: &Rules) {
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        match says {
            Says::Session(meta) => self.session(at, meta),
            Says::Turn { turn, model } => {
                if let Some(turn) = turn {
                    self.lineage.has_own_turn =
                        self.lineage.has_own_turn || is_own(turn, self.id());
                    self.turn = self.place_of(turn);
                }
                if let Some(model) = model {
                    self.model = if model.is_empty() { None } else { self.place_of(model) };
                }
            }
            // Settings are written whole, and whoever sets no tier gets the standard one.
            Says::Settings { tier } => self.tier = Tier::named(tier),
            Says::Record(record) => self.record(at, record, rules),
            Says::Used { .. } if self.has_records && rules.records_end_counts => {}
            Says::Used { ordinal, total, last } => {
                if let Some(used) = self.used(ordinal, total, last, rules) {
                    self.add(at, self.turn, used);
                }
            }
            Says::Nothing => {}
        }
    }

    /// The first line about a session is the file's own; a copied history brings that of its
    /// parent.
    fn session(&mut self, at: i64, meta: Meta) {
        if self.meta.is_none() {
            self.meta = Some(meta);
        } else if meta.id.is_some_and(|id| id != self.id()) {
            self.lineage.parent(at);
        }
    }

    fn record(&mut self, at: i64, record: Record<'_>, rules: &Rules) {
        let Record { thread, turn, response, usage, tier } = record;
        if let Some(tier) = tier {
            self.tier = Tier::named(Some(tier));
        }
        if !rules.records {
            return;
        }
        self.has_records = true;
        if thread != Some(self.id()) && rules.own_thread {
            return;
        }
        let is_new = response.is_none_or(|response| self.responses.insert(response));
        if let Some(usage) = usage.filter(|_| is_new || !rules.once) {
            let turn = match turn {
                Some(turn) => self.place_of(turn),
                None => self.turn,
            };
            self.add(at, turn, usage.tokens());
        }
    }

    /// What a count adds, if it adds anything.
    fn used(
        &mut self,
        ordinal: Option<u64>,
        total: Option<Counts>,
        last: Option<Counts>,
        rules: &Rules,
    ) -> Option<Tokens> {
        let before = self.total;
        self.total = total.or(before);
        let meta = self.meta.as_ref();
        let version = meta.and_then(|meta| meta.version.as_deref());
        let origin = meta.map(|meta| &meta.origin);
        let (thread, turn) = (self.id(), self.name(self.turn));
        let whose = self.lineage.of(&Asked { thread, turn, version, origin, ordinal }, rules);
        let goes_on = origin.is_some_and(|origin| origin.is_fork || origin.has_base);
        self.is_inferred |= whose == Whose::ParentsItSeems;
        if whose != Whose::Own {
            return None;
        }
        let Some(total) = total else { return last.map(Counts::tokens) };
        let since = before.map(|before| total.since(before, rules.missing_kinds));
        match (since, last) {
            (Some(Since::Same), _) if rules.repetition => None,
            (_, Some(last)) if rules.last_used => Some(last.tokens()),
            (None, _) => (!goes_on || !rules.first_of_fork).then(|| total.tokens()),
            (Some(Since::Same), _) => Some(Tokens::default()),
            (Some(Since::Rose(tokens)), _) => Some(tokens),
            (Some(Since::Fell), Some(last)) => Some(last.tokens()),
            (Some(Since::Fell), None) => rules.fallen.then(|| total.tokens()),
        }
    }

    fn add(&mut self, at: i64, turn: Option<u32>, used: Tokens) {
        let turn = turn.filter(|_| self.tier == Tier::Unknown);
        let key = (at.div_euclid(1000 * QUARTER), self.model, self.tier, turn);
        let same =
            |bucket: &&mut Bucket| (bucket.quarter, bucket.model, bucket.tier, bucket.turn) == key;
        // What goes on was used last.
        if let Some(bucket) = self.buckets.iter_mut().rev().find(same) {
            bucket.tokens = bucket.tokens.plus(used);
            bucket.events += 1;
        } else if self.buckets.len() == MOST_SUMS {
            self.is_beyond = true;
        } else {
            let (quarter, model, tier, turn) = key;
            self.buckets.push(Bucket { quarter, model, tier, turn, tokens: used, events: 1 });
        }
    }

    /// The place of a name; `None` for a new one beyond the limits.
    fn place_of(&mut self, name: &str) -> Option<u32> {
        let known = self.names.iter().rposition(|known| *known == name);
        let place = known.or_else(|| {
            let is_full =
                self.names.len() == MOST_NAMES || self.name_bytes() + name.len() > MOST_NAMES_BYTES;
            self.is_beyond |= is_full;
            (!is_full).then(|| {
                self.names.push(name.to_owned());
                self.names.len() - 1
            })
        });
        place.and_then(|place| u32::try_from(place).ok())
    }

    /// Bytes of all names. They are counted only where they could be too many.
    fn name_bytes(&self) -> usize {
        if self.names.len() < MOST_NAMES_BYTES / super::json::LONGEST {
            return 0;
        }
        self.names.iter().map(String::len).sum()
    }
}

#[cfg(test)]
#[path = "../fold_tests.rs"]
mod tests;
