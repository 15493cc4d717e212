//! What a history keeps of the runs of one commit, and of a step that somebody explained.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::record::{self, ArmKey, Record, Status};
use crate::stats::Interval;
use crate::summary::RatioSummary;
use crate::units::figures;
use crate::verdict::Gate;
use crate::{Summary, append, export, hdr};

/// Name of the format of an entry.
pub const SCHEMA: &str = "tracerig.history";
/// Version of that format. It is described in `schema/history-v1.schema.json` of this crate.
pub const VERSION: u64 = 1;
/// Name of the format of an explained step.
pub const BLESSING_SCHEMA: &str = "tracerig.blessing";
/// Version of that format. It is described in `schema/blessing-v1.schema.json` of this crate.
pub const BLESSING_VERSION: u64 = 1;

/// Characters of a name, a subject or a reason in a history.
pub const MOST_TEXT: usize = 2_000;
/// Runs of an entry, arms of a run, and counters of an arm.
pub const MOST_PARTS: usize = 1_000;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Its hash, in full.
    pub revision: String,
    /// The hash of its first parent; `None` for the first commit.
    pub parent: Option<String>,
    /// When it was committed, RFC 3339 in UTC, to the second.
    pub committed: String,
    /// The first line of its message.
    pub subject: String,
}

/// Where runs were made, as far as figures depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Fingerprint of the machine: times are compared only where it is the same.
    pub fingerprint: String,
    /// Operating system, architecture and cores: counters are compared only where it is the same.
    pub platform: String,
}

/// The runs of one commit on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The commit.
    pub commit: Commit,
    /// The machine.
    pub place: Place,
    /// What the comparison of the commit amounted to; `None` if it is not known.
    pub gate: Option<Gate>,
    /// Its runs.
    pub runs: Vec<Run>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Scenario, recipe and condition: `relaunch/quick`.
    pub name: String,
    /// The id of the run.
    pub id: String,
    /// How it ended.
    pub status: Status,
    /// Digest of data, seed and plan. If it changes, counters may change without a change of the
    /// program.
    pub conditions: String,
    /// What was measured.
    pub arms: Vec<Arm>,
}

/// An arm of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name and state of the page cache: `warm-hot`.
    pub name: String,
    /// The exact counters that every launch reported alike.
    pub counters: BTreeMap<String, u64>,
    /// Its time as a multiple of that of the floor in the same run; `None` if either has no valid
    /// sample, and for the floor.
    pub of_floor: Option<Ratio>,
}

/// A ratio of times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The ratio.
    #[serde(serialize_with = "figures::serialize")]
    pub ratio: f64,
    /// The 99 % interval of that; `None` with too few pairs.
    pub interval: Option<Interval>,
    /// Rounds that it comes from.
    pub pairs: u64,
}

/// A step that somebody explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blessing {
    /// The series.
    pub series: String,
    /// The commit that made the step.
    pub revision: String,
    /// Why the step is as it should be.
    pub because: String,
    /// When it was explained, RFC 3339 in UTC.
    pub blessed: String,
}

impl Entry {
    /// The entry of `commit` with the figures of these records.
    ///
    /// # Errors
    /// In words: no record is given, two records are of the same run, or they are of several
    /// machines.
    pub fn of(commit: Commit, records: &[Record], gate: Option<Gate>) -> Result<Entry, String> {
        let Some(first) = records.first() else { return Err("no record is given".to_owned()) };
        let place = Place::of(first);
        if let Some(other) = records.iter().map(Place::of).find(|other| *other != place) {
            return Err(format!(
                "the records are of several machines ({}, {} and {}, {}); add those of one machine \
                 at a time",
                place.fingerprint, place.platform, other.fingerprint, other.platform
            ));
        }
        let runs: Vec<Run> = records.iter().map(Run::of).collect();
        let entry = Entry { commit, place, gate, runs };
        entry.contradiction().map_or(Ok(entry), Err)
    }

    /// What is wrong with the entry, in words; `None` if nothing is.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let Entry { commit, place, runs, .. } = self;
        if let Some(wrong) = commit.contradiction() {
            return Some(wrong);
        }
        // It is a part of the name of a file.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let print = &place.fingerprint;
        if print.is_empty() || print.len() > 64 || !print.chars().all(is_plain) {
            return Some(
                "the fingerprint of the machine is not 1 to 64 letters and digits".to_owned(),
            );
        }
        let mut texts = vec![&commit.subject, &place.platform];
        let mut names = BTreeSet::new();
        for run in runs {
            if !names.insert(&run.name) {
                return Some(format!("two records are of the run `{}`; add one of them", run.name));
            }
            texts.extend([&run.name, &run.id, &run.conditions]);
            let mut arms = BTreeSet::new();
            for arm in &run.arms {
                if !arms.insert(&arm.name) {
                    return Some(format!(
                        "the run `{}` has the arm `{}` twice",
                        run.name, arm.name
                    ));
                }
                texts.push(&arm.name);
                texts.extend(arm.counters.keys());
                if let Some(what) = arm.of_floor.and_then(Ratio::contradiction) {
                    return Some(format!(
                        "the ratio of `{}/{}` to the floor {what}",
                        run.name, arm.name
                    ));
                }
            }
        }
        let parts = |run: &Run| {
            run.arms.len() > MOST_PARTS
                || run.arms.iter().any(|arm| arm.counters.len() > MOST_PARTS)
        };
        if runs.len() > MOST_PARTS || runs.iter().any(parts) {
            return Some(format!(
                "it has more than {MOST_PARTS} runs, arms of a run or counters of an arm"
            ));
        }
        too_long(texts)
    }

    /// Whether the commit did not pass: a wrong answer, a failed process, or a regression.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let bad = |run: &Run| matches!(run.status, Status::Failed | Status::Mismatch);
        self.gate.is_some_and(|gate| gate >= Gate::Regression) || self.runs.iter().any(bad)
    }

    /// The name of its file; `nth` counts entries of one commit and machine from 1.
    #[must_use]
    pub fn file_name(&self, nth: usize) -> String {
        let name = format!("{}-{}", self.commit.revision, self.place.fingerprint);
        if nth > 1 { format!("{name}.{nth}.json") } else { format!("{name}.json") }
    }
}

impl Commit {
    fn contradiction(&self) -> Option<String> {
        let hashes = [Some(&self.revision), self.parent.as_ref()];
        if let Some(wrong) = hashes.into_iter().flatten().find(|hash| !is_revision(hash)) {
            return Some(format!("`{wrong}` is not the full hash of a commit"));
        }
        (!is_time(&self.committed))
            .then(|| "the time of the commit is not RFC 3339 in UTC".to_owned())
    }
}

impl Place {
    fn of(record: &Record) -> Place {
        let record::Machine { os, arch, fingerprint, .. } = &record.machine;
        let platform = format!("{os} {arch}, {}", crate::words::plural(record.cores(), "core"));
        Place { fingerprint: fingerprint.clone(), platform }
    }
}

impl Run {
    fn of(record: &Record) -> Run {
        let Record { id, seed, plan, dataset, outcome, .. } = record;
        let conditions = format!(
            "{:?}",
            (
                &dataset.rows_digest,
                &dataset.file_digest,
                dataset.scale.to_bits(),
                seed,
                plan.appended_rows,
                &plan.append,
                plan.command.as_ref().map(|command| &command.files),
                record.cores(),
            )
        );
        Run {
            name: export::run(record),
            id: id.clone(),
            status: outcome.status,
            conditions: record::digest(conditions.as_bytes()),
            arms: arms(record),
        }
    }
}

fn arms(record: &Record) -> Vec<Arm> {
    let exact = |(name, counter): (&String, &_)| Some((name.clone(), export::fixed(counter)?));
    let keys: Vec<ArmKey> = record.plan.arms.iter().map(record::ArmPlan::key).collect();
    if record.plan.append.is_some() {
        let summary = append::Summary::of(record);
        let arm = |key: &ArmKey| {
            let arm = summary.arm(&key.name);
            let of_floor = arm.and_then(|arm| arm.of_bare.as_ref()).map(|of| Ratio::of(&of.p50));
            let counters = arm.map(|arm| arm.counters.iter().filter_map(exact).collect());
            Arm { name: hdr::tag(key), counters: counters.unwrap_or_default(), of_floor }
        };
        return keys.iter().map(arm).collect();
    }
    let summary = Summary::of(record);
    let arm = |key: &ArmKey| {
        let arm = summary.arm(key);
        let counters = arm.map(|arm| arm.counters.iter().filter_map(exact).collect());
        let of_floor = arm.and_then(|arm| arm.of_floor.as_ref()).map(Ratio::of);
        Arm { name: hdr::tag(key), counters: counters.unwrap_or_default(), of_floor }
    };
    keys.iter().map(arm).collect()
}

impl Ratio {
    fn of(summary: &RatioSummary) -> Ratio {
        Ratio { ratio: summary.ratio, interval: summary.interval, pairs: summary.pairs }
    }

    fn contradiction(self) -> Option<&'static str> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(self.ratio) {
            return Some("is not above 0");
        }
        let holds =
            |Interval { low, high }: Interval| positive(low) && positive(high) && low <= high;
        (!self.interval.is_none_or(holds)).then_some("has an interval without sense")
    }
}

impl Blessing {
    /// What is wrong with it, in words; `None` if nothing is.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        if !is_revision(&self.revision) {
            return Some(format!("`{}` is not the full hash of a commit", self.revision));
        }
        if self.because.trim().is_empty() {
            return Some("it does not say why".to_owned());
        }
        too_long([&self.series, &self.because, &self.blessed])
    }

    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        let digest = record::digest(self.series.as_bytes());
        let short: String = digest.chars().skip("sha256:".len()).take(16).collect();
        format!("blessed-{}-{short}.json", self.revision)
    }
}

fn too_long<'a>(texts: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let long = texts.into_iter().any(|text| text.chars().count() > MOST_TEXT);
    long.then(|| format!("a text in it has more than {MOST_TEXT} characters"))
}

/// Whether it is a hash as git writes it, SHA-1 or SHA-256.
fn is_revision(text: &str) -> bool {
    let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    matches!(text.len(), 40 | 64) && text.bytes().all(is_digit)
}

/// Whether it reads `2026-11-30T12:00:00Z`: then the order of texts is that of times.
fn is_time(text: &str) -> bool {
    let pattern = b"dddd-dd-ddTdd:dd:ddZ";
    let fits =
        |(have, want): (u8, &u8)| if *want == b'd' { have.is_ascii_digit() } else { have == *want };
    text.len() == pattern.len() && text.bytes().zip(pattern).all(fits)
}
