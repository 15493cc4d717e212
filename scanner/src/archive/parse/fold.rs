//! What the lines of one rollout add up to, line by line, so that it can go on where it stopped.

use serde::{Deserialize, Serialize};

use super::kind::Known;
use super::line::{Defect, Line, Meta, Says};
use super::tokens::{Since, Tokens};

/// Broken lines that are remembered with their numbers; more are only counted.
pub(crate) const BROKEN_KEPT: usize = 32;

/// Seconds of a quarter of an hour. Every time zone in use today begins its days at one.
pub(crate) const QUARTER: i64 = 15 * 60;

/// The service tier that something was used at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// The turn, its place among the names of the rollout; only where the tier is unknown, for somebody else may know it.
    pub(crate) turn: Option<u32>,
    pub(crate) tokens: Tokens,
    pub(crate) events: u64,
}

/// What the first lines of a rollout, so many as were read, add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rollout {
    /// Lines read.
    pub(crate) lines: u64,
    /// Of the first line that says which session it is.
    pub(crate) meta: Option<Meta>,
    /// Models and turns.
    pub(crate) names: Vec<String>,
    /// What was used, in the order of its first use.
    pub(crate) buckets: Vec<Bucket>,
    /// The times of the first and the last line that matters, in milliseconds of Unix time: the least and the greatest.
    pub(crate) span: Option<(i64, i64)>,
    /// Lines of kinds that no known version writes.
    pub(crate) unknown: u64,
    /// The first broken lines, by number from 1.
    pub(crate) broken: Vec<(u64, Defect)>,
    /// All broken lines.
    pub(crate) broken_lines: u64,
    /// The last cumulative count.
    total: Option<Tokens>,
    model: Option<u32>,
    turn: Option<u32>,
    tier: Tier,
}

impl Rollout {
    /// Takes the next line, understood.
    pub(crate) fn take(&mut self, line: Result<Line, Defect>) {
        self.lines += 1;
        match line {
            Ok(Line::Skipped(Known::Yes)) => {}
            Ok(Line::Skipped(Known::No)) => self.unknown += 1,
            Ok(Line::Says(at, says)) => self.says(at, says),
            Err(defect) => {
                self.broken_lines += 1;
                if self.broken.len() < BROKEN_KEPT {
                    self.broken.push((self.lines, defect));
                }
            }
        }
    }

    /// The name at this place.
    pub(crate) fn name(&self, place: Option<u32>) -> Option<&str> {
        self.names.get(usize::try_from(place?).ok()?).map(String::as_str)
    }

    fn says(&mut self, at: i64, says: Says) {
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        match says {
            Says::Session(meta) => drop(self.meta.get_or_insert(meta)),
            Says::Turn { turn, model } => {
                if let Some(turn) = turn {
                    self.turn = Some(self.place_of(turn));
                }
                if let Some(model) = model {
                    self.model = Some(self.place_of(model));
                }
            }
            // Settings are written whole, and whoever sets no tier gets the standard one.
            Says::Settings { tier } => self.tier = Tier::named(tier.as_deref()),
            Says::Served { tier: Some(tier) } => self.tier = Tier::named(Some(&tier)),
            Says::Served { tier: None } | Says::Nothing => {}
            Says::Used { total, last } => {
                if let Some(used) = self.used(total, last) {
                    self.add(at, used);
                }
            }
        }
    }

    /// What a count adds, if it adds anything.
    fn used(&mut self, total: Option<Tokens>, last: Option<Tokens>) -> Option<Tokens> {
        let Some(total) = total else { return last };
        match total.since(self.total.replace(total).unwrap_or_default()) {
            Since::Rose(tokens) => Some(tokens),
            Since::Same => None,
            Since::Fell => last,
        }
    }

    fn add(&mut self, at: i64, used: Tokens) {
        let turn = if self.tier == Tier::Unknown { self.turn } else { None };
        let key = (at.div_euclid(1000 * QUARTER), self.model, self.tier, turn);
        let same = |bucket: &&mut Bucket| (bucket.quarter, bucket.model, bucket.tier, bucket.turn) == key;
        // What goes on was used last.
        if let Some(bucket) = self.buckets.iter_mut().rev().find(same) {
            bucket.tokens = bucket.tokens.plus(used);
            bucket.events += 1;
        } else {
            let (quarter, model, tier, turn) = key;
            self.buckets.push(Bucket { quarter, model, tier, turn, tokens: used, events: 1 });
        }
    }

    fn place_of(&mut self, name: String) -> u32 {
        let place = self.names.iter().rposition(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::kind;
    use super::super::line::from_slice;
    use super::*;

    fn rollout(events: &[&str]) -> Rollout {
        let mut rollout = Rollout::default();
        for event in events {
            let line = format!(r#"{{"timestamp":"2026-11-20T20:37:24.062Z",{event}}}"#);
            rollout.take(from_slice(line.as_bytes(), kind(line.as_bytes())));
        }
        rollout
    }

    fn count(total: &str, last: &str) -> String {
        let tokens = |tokens: &str| {
            if tokens.is_empty() { "null".into() } else { format!("{{\"input_tokens\":{tokens}}}") }
        };
        format!(
            r#""type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{},"last_token_usage":{}}}}}"#,
            tokens(total),
            tokens(last)
        )
    }

    fn inputs(rollout: &Rollout) -> Vec<(Option<&str>, Tier, u64, u64)> {
        let of =
            |bucket: &Bucket| (rollout.name(bucket.model), bucket.tier, bucket.tokens.input, bucket.events);
        rollout.buckets.iter().map(of).collect()
    }

    #[test]
    fn totals_rise_repeat_and_fall() {
        let lines = [
            count("10", "10"),
            count("10", "10"),
            count("15", "4"),
            count("3", "2"),
            count("", "7"),
            count("4", "1"),
        ];
        let rollout = rollout(&lines.each_ref().map(String::as_str));
        // 10, nothing, 5, began anew with 2, 7 without a total, and 1 since the last total.
        assert_eq!(inputs(&rollout), [(None, Tier::Unknown, 10 + 5 + 2 + 7 + 1, 5)]);
    }

    #[test]
    fn models_turns_and_tiers_hold_from_where_they_stand() {
        let settings = |tier: &str| {
            format!(
                r#""type":"event_msg","payload":{{"type":"thread_settings_applied","thread_settings":{{{tier}}}}}"#
            )
        };
        let (fast, none) = (settings(r#""service_tier":"fast""#), settings(""));
        let (one, two, three, four) = (count("1", ""), count("2", ""), count("3", ""), count("4", ""));
        let served = r#""type":"token_usage_record","payload":{"service_tier":"priority"}"#;
        let rollout = rollout(&[
            r#""type":"event_msg","payload":{"type":"task_started","turn_id":"t1"}"#,
            r#""type":"turn_context","payload":{"turn_id":"t1","model":"m1"}"#,
            &one,
            &fast,
            &two,
            &none,
            r#""type":"turn_context","payload":{"model":"m2"}"#,
            &three,
            served,
            &four,
        ]);
        let found = inputs(&rollout);
        assert_eq!(
            found,
            [
                (Some("m1"), Tier::Unknown, 1, 1),
                (Some("m1"), Tier::Priority, 1, 1),
                (Some("m2"), Tier::Standard, 1, 1),
                (Some("m2"), Tier::Priority, 1, 1)
            ]
        );
        let turns: Vec<_> = rollout.buckets.iter().map(|bucket| rollout.name(bucket.turn)).collect();
        assert_eq!(turns, [Some("t1"), None, None, None]);
    }

    #[test]
    fn the_first_line_about_the_session_counts_and_broken_ones_are_numbered() {
        let meta = |id: &str| format!(r#""type":"session_meta","payload":{{"id":"{id}"}}"#);
        let rollout = rollout(&[
            &meta("a"),
            "rubbish",
            &meta("b"),
            r#""type":"hologram""#,
            r#""type":"turn_context","#,
        ]);
        assert_eq!(rollout.meta.and_then(|meta| meta.id).as_deref(), Some("a"));
        assert_eq!((rollout.lines, rollout.unknown, rollout.broken_lines), (5, 1, 2));
        assert_eq!(rollout.broken, [(2, Defect::NoType), (5, Defect::NotJson)]);
    }
}
