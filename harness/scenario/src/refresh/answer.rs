//! What a refresh answers: what was used on each day (UTC), by each model, at each tier; told by a
//! scanner or by a generator.

use std::collections::BTreeMap;

use base16ct::lower::encode_string;
use jiff::Span;
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use tracerig_datasets::archive::{Expected, UseClass, UsedTier, UsedTokens};
use tracerig_protocol::{UsageAnswer, UsageRow};
use tracerig_published::archive as published_archive;
use tracerig_scanner::archive::{Problem, Tier, Tokens, Usage, Used, What};

/// Quarters of an hour in a day.
const QUARTERS: i64 = 96;

/// Day since 1970, model, tier.
type Class = (i64, Option<String>, &'static str);

/// What was used in a class: input, cached input, cache write, output, reasoning and total tokens,
/// and events.
type Row = [u64; 7];

/// The answer of a refresh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer(BTreeMap<Class, Row>);

/// The first problem that makes a result wrong. An inferred one is expected where the oldest
/// versions forked: only the time of the lines shows what they copied.
#[must_use]
pub fn fault(problems: &[Problem]) -> Option<&Problem> {
    problems.iter().find(|problem| !matches!(problem.what, What::Inferred))
}

fn row(used: &UsedTokens) -> Row {
    let UsedTokens { input, cached_input, cache_write, output, reasoning, total, events } = *used;
    [input, cached_input, cache_write, output, reasoning, total, events]
}

impl Answer {
    /// Of what a scanner found.
    #[must_use]
    pub fn of_usage(usage: &Usage) -> Self {
        let row = |used: Used| {
            let Tokens { input, cached_input, cache_write, output, reasoning, total } = used.tokens;
            [input, cached_input, cache_write, output, reasoning, total, used.events]
        };
        // Names are copied once a class, not once a slot.
        let days =
            usage.by(|slot| Some((slot.quarter.div_euclid(QUARTERS), slot.model, slot.tier)));
        let class = |(day, model, tier): (i64, Option<&str>, Tier)| {
            (day, model.map(str::to_owned), tier.name())
        };
        Self(days.into_iter().map(|(found, used)| (class(found), row(used))).collect())
    }

    /// Of what a generator meant. Turns of which sessions do not say the tier, and of which
    /// `is_priority` knows it, used `of_turns` at the priority tier.
    #[must_use]
    pub fn of_expected(
        expected: &Expected,
        of_turns: &BTreeMap<String, Expected>,
        is_priority: impl Fn(&str) -> bool,
    ) -> Self {
        let mut answer = Self::default();
        for (class, used) in expected.iter() {
            answer.add((class.day, class.model.clone(), class.tier.name()), row(used));
        }
        let known =
            of_turns.iter().filter(|(turn, _)| is_priority(turn)).flat_map(|(_, used)| used.iter());
        for (class, used) in known {
            let UseClass { day, model, tier } = class;
            answer.add((*day, model.clone(), UsedTier::Priority.name()), row(used));
            let said = (*day, model.clone(), tier.name());
            let left = answer.0.entry(said.clone()).or_default();
            for (left, more) in left.iter_mut().zip(row(used)) {
                *left = left.saturating_sub(more);
            }
            if *left == Row::default() {
                answer.0.remove(&said);
            }
        }
        answer
    }

    fn add(&mut self, class: Class, row: Row) {
        let sum = self.0.entry(class).or_default();
        for (sum, more) in sum.iter_mut().zip(row) {
            *sum += more;
        }
    }

    /// Input, cached and output tokens by day and model, and nothing else: what published tools
    /// tell.
    #[must_use]
    pub fn as_published(&self) -> Self {
        let mut answer = Self::default();
        for ((day, model, _), [input, cached, _, output, ..]) in &self.0 {
            let mut row = Row::default();
            (row[0], row[1], row[3]) = (*input, *cached, *output);
            answer.add((*day, model.clone(), ""), row);
        }
        answer
    }

    /// Of what the published refresh found, in the form of [`Answer::as_published`].
    #[must_use]
    pub fn of_published(used: &published_archive::Used) -> Self {
        let mut answer = Self::default();
        for ((day, model), [input, cached, output]) in used {
            answer.add((*day, model.clone(), ""), [*input, *cached, 0, *output, 0, 0, 0]);
        }
        answer
    }

    /// In the words of the protocol.
    #[must_use]
    pub fn of_protocol(&self) -> UsageAnswer {
        let row = |((day, model, tier), row): (&Class, &Row)| {
            let [input, cached_input, cache_write, output, reasoning, total, _] = *row;
            UsageRow {
                day: Some(date(*day)),
                model: model.clone(),
                session: None,
                tier: Some((*tier).to_owned()),
                input,
                cached_input,
                cache_write,
                output,
                reasoning,
                total,
            }
        };
        UsageAnswer { rows: self.0.iter().map(row).collect(), ..UsageAnswer::default() }
    }

    /// Events in all classes.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.0.values().map(|row| row[6]).sum()
    }

    /// How many classes there are.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.0.len()
    }

    /// SHA-256 over its classes in their order.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for ((day, model, tier), row) in &self.0 {
            digest.update(day.to_le_bytes());
            for number in row {
                digest.update(number.to_le_bytes());
            }
            // A text that may hold anything is behind its length.
            for text in [Some(*tier), model.as_deref()] {
                digest.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
                digest.update(text.unwrap_or_default());
            }
        }
        format!("sha256:{}", encode_string(&digest.finalize()))
    }

    /// The first difference to what it should be, in words.
    #[must_use]
    pub fn difference(&self, expected: &Self) -> Option<String> {
        let classes = self.0.keys().chain(expected.0.keys());
        let differs = |class: &&Class| self.0.get(*class) != expected.0.get(*class);
        let class = classes.filter(differs).min()?;
        let (day, model, tier) = class;
        let told = |row: Option<&Row>| row.map_or("nothing".to_owned(), |row| format!("{row:?}"));
        Some(format!(
            "day {day} since 1970, model {}, tier {tier}: {} instead of {} (input, cached, cache \
             write, output, reasoning, total, events)",
            model.as_deref().unwrap_or("unknown"),
            told(self.0.get(class)),
            told(expected.0.get(class)),
        ))
    }
}

/// SHA-256 over the rows of an answer.
pub(super) fn digest_of(answer: &UsageAnswer) -> String {
    let mut digest = Sha256::new();
    for row in &answer.rows {
        // A text that may hold anything is behind its length.
        for text in [&row.day, &row.model, &row.tier] {
            digest.update(text.as_ref().map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            digest.update(text.as_deref().unwrap_or_default());
        }
        row.tokens().iter().for_each(|tokens| digest.update(tokens.to_le_bytes()));
    }
    format!("sha256:{}", encode_string(&digest.finalize()))
}

/// A day since 1970 as the protocol writes it.
fn date(day: i64) -> String {
    let span = Span::new().try_days(day).unwrap_or_default();
    Date::constant(1970, 1, 1).saturating_add(span).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: &[(i64, Option<&str>, &'static str, u64)]) -> Answer {
        let mut answer = Answer::default();
        for &(day, model, tier, input) in rows {
            answer.add((day, model.map(str::to_owned), tier), [input, 1, 2, 3, 4, 5, 1]);
        }
        answer
    }

    #[test]
    fn digests_and_differences_tell_answers_apart() {
        let all =
            [(1, Some("m"), "priority", 5), (1, None, "unknown", 7), (2, Some("m"), "standard", 1)];
        let one = answer(&all);
        assert_eq!((one.difference(&one), one.classes()), (None, 3));
        assert_eq!(one.digest(), answer(&[all[2], all[0], all[1]]).digest(), "whatever the order");
        let mut others = vec![answer(&all[..2]), answer(&[])];
        for at in 0..3 {
            let mut other = all;
            other[at].3 += 1;
            others.push(answer(&other));
        }
        for other in others {
            assert_ne!(other.digest(), one.digest());
            assert!(other.difference(&one).unwrap().contains("instead of"));
        }
    }

    #[test]
    fn what_published_tools_tell_has_no_tiers() {
        let one = answer(&[(1, Some("m"), "priority", 5), (1, Some("m"), "unknown", 7)]);
        let published = [((1, Some("m".to_owned())), [12, 2, 6])].into_iter().collect();
        assert_eq!(one.as_published(), Answer::of_published(&published));
    }
}
