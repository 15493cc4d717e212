//! What is to be said about a run beside its tables: the answer, the samples left out, and what limits the figures.

use std::collections::{BTreeMap, BTreeSet};

use crate::ByteSize;
use crate::record::{ArmKey, Cache, CounterClass, Launch, Record, SampleState, Status};
use crate::stats::FEWEST_PAIRS;
use crate::summary::{ArmSummary, CounterSummary, FLOOR, LeftOut, PUBLISHED, RatioSummary, Summary};
use crate::units;
use crate::words::{self, Precision};

/// Name of the arm that starts with a memo and finds something new.
const WARM: &str = "warm";
/// Name of the arm that scans everything and keeps nothing.
const FULL: &str = "full";

/// What the run found, in sentences. Wrong answers come first: the time of a wrong answer is of no use.
pub(crate) fn answer(record: &Record, summary: &Summary) -> Vec<String> {
    let mut said = Vec::new();
    if summary.answers.mismatches > 0 {
        said.push(format!(
            "{} gave a WRONG ANSWER; no figure of this run is of use until that is explained.",
            words::plural(summary.answers.mismatches, "sample")
        ));
    }
    for cache in [Cache::Hot, Cache::Cold] {
        let relaunch = summary.arm(&ArmKey::new(WARM, cache));
        said.extend(relaunch.and_then(|arm| sentence(&relaunch_subject(record, cache), arm)));
    }
    for cache in [Cache::Hot, Cache::Cold] {
        let full = summary.arm(&ArmKey::new(FULL, cache));
        said.extend(
            full.and_then(|arm| sentence(&format!("Without a memo, cache {cache}, a full scan"), arm)),
        );
    }
    said.push(answers(summary));
    said
}

fn relaunch_subject(record: &Record, cache: Cache) -> String {
    format!(
        "With a memo, {} appended, cache {cache}, a relaunch",
        words::plural(record.plan.appended_rows, "row")
    )
}

/// `... takes 2.64 ms, 447x faster than published (445 to 449) and 1.91x the floor (1.90 to 1.92), +1.26 ms.`
fn sentence(subject: &str, arm: &ArmSummary) -> Option<String> {
    let times = arm.sample_time.as_ref()?;
    let mut text = format!(
        "{subject} takes {} (median of {})",
        units::duration(times.median),
        words::plural(times.n, "sample")
    );
    if let Some(published) = &arm.of_published {
        text += &format!(", {}", words::versus(published));
        text += if words::versus(published) == "no difference" { " from" } else { " than" };
        text += " the published query";
        let interval = words::versus_interval(published);
        text += &words::or_empty(interval, |ends| format!(" ({} interval {ends})", words::confidence()));
    }
    if let Some(floor) = &arm.of_floor {
        text += &format!(", {}x the floor", units::ratio(floor.ratio));
        text += &words::or_empty(floor.interval, |ends| format!(" ({})", words::interval(ends)));
    }
    if let Some(beyond) = arm.beyond_floor_ns {
        text += &format!(", {} beyond it", units::signed_duration(beyond as f64));
    }
    Some(text + ".")
}

/// How the answers compared.
pub(crate) fn answers(summary: &Summary) -> String {
    let answers = &summary.answers;
    if answers.all_right() {
        return format!(
            "Every answer is right: all {} were compared with an independently established answer and equal to it.",
            words::launches(answers.launches)
        );
    }
    if answers.launches == 0 {
        return "No launch was made, so nothing is proven.".to_owned();
    }
    format!(
        "{} of {} launches gave an answer equal to the independently established one; {} wrong, {} without an answer.",
        units::count(answers.verified),
        units::count(answers.launches),
        words::plural(answers.mismatches, "sample"),
        words::plural(answers.failures, "sample"),
    )
}

/// How many turns each engine finds, beside what the data is known to hold.
pub(crate) fn turns(record: &Record, summary: &Summary) -> Option<String> {
    let mut engines: BTreeMap<&str, Vec<CounterSummary>> = BTreeMap::new();
    for arm in &summary.arms {
        engines.entry(&arm.engine).or_default().extend(arm.turns);
    }
    let mut found = Vec::new();
    for (engine, turns) in engines {
        let seen = || turns.iter().filter_map(|turns| turns.seen);
        if let (Some(min), Some(max)) = (seen().map(|seen| seen.min).min(), seen().map(|seen| seen.max).max())
        {
            let range = if min == max {
                units::count(min)
            } else {
                format!("{}..{}", units::count(min), units::count(max))
            };
            found.push(format!("{engine} {range}"));
        }
    }
    if found.is_empty() {
        return None;
    }
    let known = record.dataset.truth.get("priority_turns");
    let known =
        known.map(|n| format!("; before any append the data holds {} by construction", units::count(*n)));
    Some(format!(
        "Turns found, each engine by its own rules: {}{}.",
        found.join(", "),
        known.unwrap_or_default()
    ))
}

/// A sample that is not in the statistics, and why.
pub(crate) fn left_out(left: &LeftOut) -> String {
    let what = match &left.state {
        SampleState::Valid => "valid".to_owned(),
        SampleState::Excluded { reason } => format!("excluded: {reason}"),
        SampleState::Failed { error } => format!("failed: {error}"),
        SampleState::Mismatch { detail } => format!("WRONG ANSWER: {detail}"),
    };
    format!("{}, round {} (sample {}): {what}", words::arm(&left.arm, left.cache), left.round, left.order)
}

/// How the run ended, in a sentence with its exit code.
pub(crate) fn end(record: &Record) -> String {
    let outcome = &record.outcome;
    let taken = record.samples.len() as u64;
    let planned = record.plan.samples * record.plan.arms.len() as u64;
    let how = match outcome.status {
        Status::Complete => "Complete".to_owned(),
        Status::Interrupted => "Cut short on request".to_owned(),
        Status::Failed => format!("Failed: {} without an answer", words::plural(outcome.failures, "sample")),
        Status::Mismatch => format!("Mismatch: {} wrong", words::plural(outcome.mismatches, "answer")),
    };
    format!(
        "{how}; {} of {} planned samples taken, {} left out; exit code {}.",
        units::count(taken),
        units::count(planned),
        units::count(outcome.excluded + outcome.failures + outcome.mismatches),
        outcome.exit_code
    )
}

/// What limits the figures: everything a reader who distrusts them would ask.
pub(crate) fn limits(record: &Record, summary: &Summary) -> Vec<String> {
    let mut said = Vec::new();
    if record.build.profile != "release" {
        said.push(format!(
            "Built with profile {:?}: times of such a build say nothing about a release build.",
            record.build.profile
        ));
    }
    if record.build.dirty == Some(true) {
        said.push(
            "Built from a source with uncommitted changes: the revision alone does not give this build."
                .to_owned(),
        );
    }
    if let Some([one, ..]) = record.load_start.filter(|load| load[0] > record.machine.cores as f64 / 2.0) {
        said.push(format!(
            "The machine was busy before the run: load {one:.2} on {}.",
            words::plural(record.machine.cores, "core")
        ));
    }
    for arm in &summary.arms {
        if arm.sample_time.is_none() {
            said.push(format!("{} has no valid sample, hence no figures.", words::arm_of(arm)));
        }
        if let Some(times) = &arm.sample_time {
            let wanted = record.plan.launches.at_least;
            let launches = u32::try_from(arm.launches_per_sample).unwrap_or(u32::MAX);
            let together = times.median.saturating_mul(launches);
            if together < wanted {
                said.push(format!(
                    "The launches of a sample of {} take {} together, less than the {} that keep noise down.",
                    words::arm_of(arm),
                    units::duration(together),
                    units::duration(wanted)
                ));
            }
        }
        if arm.modes.len() > 1 {
            said.push(format!(
                "{} did not always take the same mode: {}.",
                words::arm_of(arm),
                words::modes(&arm.modes)
            ));
        }
    }
    said.extend(few_pairs(summary));
    said.extend([FLOOR, PUBLISHED].map(|baseline| without_baseline(summary, baseline)).into_iter().flatten());
    let few = |arm: &ArmSummary| arm.sample_time.as_ref().is_some_and(|times| times.n <= 20);
    if summary.arms.iter().any(few) {
        said.push(
            "With 20 samples or fewer, p95 lies between the highest two: read it as the bad end, not as a tail."
                .to_owned(),
        );
    }
    said.extend(varying(summary));
    said
}

fn few_pairs(summary: &Summary) -> Option<String> {
    let ratios = || summary.arms.iter().flat_map(|arm| [(arm, &arm.of_floor), (arm, &arm.of_published)]);
    let lacking = |(arm, ratio): (&ArmSummary, &Option<RatioSummary>)| {
        let ratio = ratio.as_ref().filter(|ratio| ratio.interval.is_none())?;
        Some(format!(
            "{} to {} ({})",
            words::arm_of(arm),
            ratio.baseline,
            match ratio.pairs {
                0 => "no common round: ratio of the medians".to_owned(),
                pairs => words::plural(pairs, "round"),
            }
        ))
    };
    let without: Vec<String> = ratios().filter_map(lacking).collect();
    (!without.is_empty()).then(|| {
        format!(
            "Ratios without an interval, which takes {FEWEST_PAIRS} common rounds: {}.",
            without.join(", ")
        )
    })
}

/// Exact counters repeat on the same input. Where they do not, either the input grew or the work changed.
fn varying(summary: &Summary) -> Option<String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for (name, counter) in summary.arms.iter().flat_map(|arm| &arm.counters) {
        if counter.class == CounterClass::Exact && counter.seen.is_some_and(|seen| seen.varies) {
            found.insert(name);
        }
    }
    let names: Vec<&str> = found.into_iter().collect();
    (!names.is_empty()).then(|| {
        format!(
            "Exact counters that differ between launches of an arm, because its data grew or its work changed: {} (the \
             table of work has the ranges).",
            names.join(", ")
        )
    })
}

/// Arms that cannot be compared with a baseline, because it was not run in their state of the cache.
fn without_baseline(summary: &Summary, baseline: &str) -> Option<String> {
    let ran = |cache| summary.arm(&ArmKey::new(baseline, cache)).is_some();
    if !ran(Cache::Hot) && !ran(Cache::Cold) {
        return None;
    }
    let lacking: Vec<String> = summary.arms.iter().filter(|arm| !ran(arm.cache)).map(words::arm_of).collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "Not compared with {baseline}, which was not run in that state of the cache: {}.",
            lacking.join(", ")
        )
    })
}

/// Machine and build in a sentence.
pub(crate) fn setting(record: &Record) -> String {
    let (machine, build) = (&record.machine, &record.build);
    let load = |load: Option<[f64; 3]>| {
        load.map_or_else(|| "unavailable".to_owned(), |load| format!("{:.2}", load[0]))
    };
    format!(
        "{}, {}, {} memory, {} {}, {}; load {} before, {} after; tracerig {} ({}, {}), SQLite {}",
        machine.cpu.as_deref().unwrap_or("processor unknown"),
        words::plural(machine.cores, "core"),
        machine.memory_bytes.map_or_else(|| "unknown".to_owned(), |size| size.to_string()),
        machine.os,
        machine.kernel,
        machine.file_system.as_deref().unwrap_or("file system unknown"),
        load(record.load_start),
        load(record.load_end),
        build.version,
        build
            .revision
            .as_deref()
            .map_or("revision unknown", |revision| revision.get(..12).unwrap_or(revision)),
        build.profile,
        build.sqlite,
    )
}

/// What shows the state of the page cache, over all valid launches of a state.
pub(crate) fn cache_states(record: &Record) -> Vec<String> {
    let mut said = Vec::new();
    for cache in [Cache::Hot, Cache::Cold] {
        let valid = record.samples.iter().filter(|sample| sample.is_valid() && sample.cache == cache);
        let launches: Vec<&Launch> = valid.flat_map(|sample| &sample.launches).collect();
        if launches.is_empty() {
            continue;
        }
        let range = |value: fn(&Launch) -> Option<u64>, bytes| {
            let values = launches.iter().map(|launch| value(launch));
            let range = CounterSummary::of(CounterClass::Advisory, values);
            let text = words::amount(Some(&range), bytes, Precision::Short);
            if range.seen.is_none() { "an unavailable number of".to_owned() } else { text }
        };
        let pages = range(|launch| launch.resident_pages_before, false);
        let read = match range(|launch| launch.device_read.map(ByteSize::bytes), true) {
            text if text.starts_with("an ") => format!("{text} bytes"),
            text => text,
        };
        said.push(format!(
            "{} with the cache {cache} found {pages} pages of the database in memory and read {read} from the device.",
            words::launches(launches.len() as u64)
        ));
        if cache == Cache::Cold {
            said.extend(cold_scans(record, &launches));
        }
    }
    said
}

/// What cold launches that examined every row read, beside what they could not help reading.
fn cold_scans(record: &Record, launches: &[&Launch]) -> Option<String> {
    let rows = record.dataset.rows;
    let whole = || {
        launches
            .iter()
            .filter(|launch| launch.counter("rows_examined").is_some_and(|examined| examined >= rows))
    };
    let least = whole().map(|launch| launch.device_read).collect::<Option<Vec<_>>>()?.into_iter().min()?;
    Some(format!(
        "The {} among them that examined every row read at least {least} each; the pages of the rows are {}.",
        words::launches(whole().count() as u64),
        record.dataset.logs_bytes()
    ))
}

/// The command of the run with its seed, as a shell takes it.
pub(crate) fn again(record: &Record) -> String {
    let mut command = record.command.clone();
    if !command.iter().any(|word| word == "--seed" || word.starts_with("--seed=")) {
        command.extend(["--seed".to_owned(), record.seed.to_string()]);
    }
    words::shell(&command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::record;
    use crate::record::Outcome;

    /// The record of the fixture without the samples that are not valid.
    fn flawless() -> Record {
        let mut record = record();
        record.samples.retain(crate::record::Sample::is_valid);
        for (order, sample) in record.samples.iter_mut().enumerate() {
            sample.order = order as u64;
        }
        record.outcome = Outcome::of(&record.samples, false);
        assert_eq!(record.contradiction(), None);
        record
    }

    fn limits_of(record: &Record) -> String {
        limits(record, &Summary::of(record)).join("\n")
    }

    #[test]
    fn every_answer_is_right_only_if_every_launch_was_verified() {
        let mut record = flawless();
        assert!(answers(&Summary::of(&record)).starts_with("Every answer is right: all 439 launches "));
        // An excluded sample counts as well: its time is left out, its answer is not.
        record.samples[0].launches[0].verified = false;
        record.samples[0].state = SampleState::Excluded { reason: "busy".to_owned() };
        record.outcome = Outcome::of(&record.samples, false);
        assert!(answers(&Summary::of(&record)).starts_with("438 of 439 launches "));
    }

    #[test]
    fn a_build_or_machine_that_spoils_times_is_named() {
        let mut record = flawless();
        let before = limits_of(&record);
        assert!(!before.contains("profile") && !before.contains("busy") && !before.contains("uncommitted"));
        record.build.profile = "debug".to_owned();
        record.build.dirty = Some(true);
        record.load_start = Some([1.01, 0.0, 0.0]);
        let said = limits_of(&record);
        assert!(said.contains("Built with profile \"debug\""), "{said}");
        assert!(said.contains("uncommitted changes"), "{said}");
        assert!(said.contains("load 1.01 on 2 cores"), "{said}");
    }

    #[test]
    fn samples_shorter_than_the_plan_asks_for_are_named() {
        let mut record = flawless();
        assert!(!limits_of(&record).contains("less than the"));
        record.plan.launches.at_least = std::time::Duration::from_millis(27);
        assert!(limits_of(&record).contains("floor hot take 26."), "{}", limits_of(&record));
    }

    #[test]
    fn unproven_states_of_the_cache_are_not_claimed() {
        let mut record = flawless();
        for launch in record.samples.iter_mut().flat_map(|sample| &mut sample.launches) {
            launch.resident_pages_before = None;
            launch.device_read = None;
        }
        let said = cache_states(&record).join("\n");
        assert!(said.contains("found an unavailable number of pages"), "{said}");
        assert!(said.contains("read an unavailable number of bytes from the device"), "{said}");
        assert!(!said.contains("examined every row"), "{said}");
    }

    #[test]
    fn the_command_keeps_a_seed_it_has() {
        let mut record = flawless();
        record.command = ["tracerig", "run", "--seed", "7"].map(str::to_owned).to_vec();
        assert_eq!(again(&record), "tracerig run --seed 7");
        record.command = ["tracerig", "run", "--seed=7"].map(str::to_owned).to_vec();
        assert_eq!(again(&record), "tracerig run --seed=7");
        record.command.truncate(2);
        assert_eq!(again(&record), "tracerig run --seed 42");
    }
}
