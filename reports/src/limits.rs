//! What limits the figures of a run: everything a reader who distrusts them would ask.

use std::collections::BTreeSet;

use crate::ByteSize;
use crate::record::{ArmKey, Cache, CounterClass, Launch, Process, Record};
use crate::stats::FEWEST_PAIRS;
use crate::summary::{ArmSummary, CounterSummary, FLOOR, PUBLISHED, RatioSummary, Summary};
use crate::units;
use crate::words::{self, Precision};

/// What limits the figures: everything a reader who distrusts them would ask.
pub(crate) fn limits(record: &Record, summary: &Summary) -> Vec<String> {
    let mut said = build_and_machine(record);
    for arm in &summary.arms {
        let is_faulty = arm.candidate.as_ref().is_some_and(|candidate| candidate.is_faulty);
        if arm.sample_time.is_none() && !is_faulty {
            said.push(format!("{} has no valid sample, so it has no figures.", words::arm_of(arm)));
        }
        // Which of two simultaneous launches finds more is a matter of luck.
        if arm.modes.len() > 1 && arm.process != Process::Paired {
            said.push(format!(
                "{} did not always run in the same mode: {}.",
                words::arm_of(arm),
                words::modes(&arm.modes)
            ));
        }
    }
    said.extend(of_candidates(record, &|label| {
        let mut its = summary.arms.iter().filter(|arm| arm.engine == label);
        its.any(|arm| arm.candidate.as_ref().is_some_and(|candidate| candidate.is_faulty))
    }));
    said.extend(short_samples(record, summary));
    said.extend(few_pairs(summary));
    said.extend(
        [FLOOR, PUBLISHED]
            .map(|baseline| without_baseline(summary, baseline))
            .into_iter()
            .flatten(),
    );
    let few = |arm: &ArmSummary| arm.sample_time.as_ref().is_some_and(|times| times.n <= 20);
    if summary.arms.iter().any(few) {
        said.push(
            "With 20 samples or fewer, p95 lies between the two slowest samples and says little \
             about the tail."
                .to_owned(),
        );
    }
    said.extend(varying(summary));
    said.extend(summary.arms.iter().filter_map(no_process_of_its_own));
    said
}

/// What the figures of candidates are, and whose times are withheld.
pub(crate) fn of_candidates(record: &Record, is_faulty: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut said = Vec::new();
    for candidate in &record.plan.candidates {
        let label = candidate.label();
        if is_faulty(&label) {
            said.push(format!("{label} has a fault, so that none of its times is shown."));
        }
        said.push(format!(
            "{label}: started as {} (SHA-256 of the executable: {}). The candidate itself \
             claims its phases, modes and counters.",
            words::shell(&candidate.argv, usize::MAX).replace('\n', " "),
            candidate.sha256.as_deref().unwrap_or("unknown"),
        ));
    }
    if !record.plan.candidates.is_empty()
        && let Some(confines) = record.machine.confines_writes
    {
        said.push(if confines {
            "Candidates could write to their own folders only (Landlock).".to_owned()
        } else {
            "Candidates could write anywhere, because this kernel has no Landlock. A file that one \
             keeps elsewhere makes its launches faster than they are."
                .to_owned()
        });
    }
    said
}

/// What spoils every time of the run, whatever was run.
pub(crate) fn build_and_machine(record: &Record) -> Vec<String> {
    let mut said = Vec::new();
    if record.build.profile != "release" {
        said.push(format!(
            "Built with profile {:?}: its times say nothing about a release build.",
            record.build.profile
        ));
    }
    if record.build.dirty == Some(true) {
        said.push(
            "Built with uncommitted changes: the revision alone does not reproduce this build."
                .to_owned(),
        );
    }
    if let Some([one, ..]) =
        record.load_start.filter(|load| load[0] > record.machine.cores as f64 / 2.0)
    {
        said.push(format!(
            "The machine was busy before the run: load {one:.2} on {}.",
            words::plural(record.machine.cores, "core")
        ));
    }
    said
}

/// What the times of an arm mean whose launches are not one process after the other.
fn no_process_of_its_own(arm: &ArmSummary) -> Option<String> {
    let name = words::arm_of(arm);
    match arm.process {
        Process::Fresh => None,
        Process::Resident => Some(format!(
            "{name}: its times are those of a question to a long-lived process, and are compared \
             only with the time inside other processes. Its data, and so its work, differs at each \
             question."
        )),
        Process::Paired => Some(format!(
            "{name}: each of its launches ran at the same time as another one and a writer. Its \
             data, and so its work, differs at each launch."
        )),
    }
}

/// Samples whose launches together take less than the plan asks for: how many make one was found
/// from a slower launch.
fn short_samples(record: &Record, summary: &Summary) -> Option<String> {
    let wanted = record.plan.launches.at_least;
    let mut short = Vec::new();
    for arm in &summary.arms {
        let Some(times) = &arm.sample_time else { continue };
        let together =
            times.median.saturating_mul(u32::try_from(arm.launches_per_sample).unwrap_or(u32::MAX));
        if together < wanted {
            short.push(format!("{} {}", words::arm_of(arm), units::duration(together)));
        }
    }
    (!short.is_empty()).then(|| {
        format!(
            "Samples shorter than {}, so noisier: {}.",
            units::duration(wanted),
            short.join(", ")
        )
    })
}

fn few_pairs(summary: &Summary) -> Option<String> {
    let ratios =
        || summary.arms.iter().flat_map(|arm| [(arm, &arm.of_floor), (arm, &arm.of_published)]);
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
            "Ratios without an interval, which needs {FEWEST_PAIRS} common rounds: {}.",
            without.join(", ")
        )
    })
}

/// Exact counters repeat on the same input. Where they do not, either the input grew or the work
/// changed.
fn varying(summary: &Summary) -> Option<String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let same_data = summary.arms.iter().filter(|arm| arm.process == Process::Fresh);
    for (name, counter) in same_data.flat_map(|arm| &arm.counters) {
        if counter.class == CounterClass::Exact && counter.seen.is_some_and(|seen| seen.varies) {
            found.insert(name);
        }
    }
    let names: Vec<&str> = found.into_iter().collect();
    (!names.is_empty()).then(|| {
        format!(
            "Exact counters that differ between launches of an arm, because its data grew, its \
             work changed, or (rchar and syscr by one) the C library's allocator read a byte: {} \
             (the work table has the ranges).",
            names.join(", ")
        )
    })
}

/// Arms that cannot be compared with a baseline, because it was not run in their state of the
/// cache.
fn without_baseline(summary: &Summary, baseline: &str) -> Option<String> {
    let ran = |cache| summary.arm(&ArmKey::new(baseline, cache)).is_some();
    if !ran(Cache::Hot) && !ran(Cache::Cold) {
        return None;
    }
    let lacking: Vec<String> =
        summary.arms.iter().filter(|arm| !ran(arm.cache)).map(words::arm_of).collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "Not compared with {baseline}, which did not run with that cache state: {}.",
            lacking.join(", ")
        )
    })
}

/// What shows the state of the page cache, over all valid launches of a state.
pub(crate) fn cache_states(record: &Record) -> Vec<String> {
    let mut said = Vec::new();
    for cache in [Cache::Hot, Cache::Cold] {
        let valid =
            record.samples.iter().filter(|sample| sample.is_valid() && sample.cache == cache);
        let launches: Vec<&Launch> = valid.flat_map(|sample| &sample.launches).collect();
        if launches.is_empty() {
            continue;
        }
        let range = |value: fn(&Launch) -> Option<u64>, bytes| {
            let values = launches.iter().map(|launch| value(launch));
            let range = CounterSummary::of(CounterClass::Advisory, values);
            let text = words::amount(Some(&range), bytes, Precision::Short);
            if range.seen.is_none() { "an unknown number of".to_owned() } else { text }
        };
        let pages = range(|launch| launch.resident_pages_before, false);
        let read = match range(|launch| launch.device_read.map(ByteSize::bytes), true) {
            text if text.starts_with("an ") => format!("{text} bytes"),
            text => text,
        };
        said.push(format!(
            "{} with the cache {cache}: {pages} pages of the {} in memory before, {read} read from \
             the device.",
            words::launches(launches.len() as u64),
            if record.plan.command.is_some() { "files" } else { "database" },
        ));
        if cache == Cache::Cold {
            said.extend(cold_scans(record, &launches));
        }
    }
    said
}

/// What cold launches that examined every row read, beside what they could not help reading.
fn cold_scans(record: &Record, launches: &[&Launch]) -> Option<String> {
    // Not the rows of the dataset: an append may prune older rows, so that a whole scan examines
    // fewer. But a run without any whole scan must not take its largest for one.
    let examined = |launch: &Launch| launch.counter("rows_examined");
    let every =
        record.samples.iter().flat_map(|sample| &sample.launches).filter_map(examined).max()?;
    if every < record.dataset.rows / 2 {
        return None;
    }
    let whole = || launches.iter().filter(|launch| examined(launch) == Some(every));
    let least =
        whole().map(|launch| launch.device_read).collect::<Option<Vec<_>>>()?.into_iter().min()?;
    Some(format!(
        "The {} of these that examined every row read at least {least} each; the table has {}.",
        words::launches(whole().count() as u64),
        record.dataset.logs_bytes()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::flawless;

    fn limits_of(record: &Record) -> String {
        limits(record, &Summary::of(record)).join("\n")
    }

    #[test]
    fn a_build_or_machine_that_spoils_times_is_named() {
        let mut record = flawless();
        let before = limits_of(&record);
        assert!(
            !before.contains("profile")
                && !before.contains("busy")
                && !before.contains("uncommitted")
        );
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
        assert!(!limits_of(&record).contains("shorter than"));
        record.plan.launches.at_least = std::time::Duration::from_millis(27);
        assert!(
            limits_of(&record).contains("shorter than 27.0 ms, so noisier: floor (cache hot) 26."),
            "{}",
            limits_of(&record)
        );
    }

    #[test]
    fn the_least_read_of_a_cold_scan_is_what_counts() {
        let mut record = flawless();
        let cold = record.samples.iter_mut().filter(|sample| sample.cache == Cache::Cold);
        let mut scans =
            cold.filter(|sample| sample.arm != "warm").flat_map(|sample| &mut sample.launches);
        scans.next().unwrap().device_read = Some(ByteSize(246_500_000));
        let said = cache_states(&record).join("\n");
        assert!(
            said.contains("17 launches of these that examined every row read at least 246 MB each"),
            "{said}"
        );
    }

    #[test]
    fn a_run_without_a_whole_scan_claims_none() {
        let mut record = flawless();
        assert!(cache_states(&record).join("").contains("examined every row"));
        record.samples.retain(|sample| sample.arm == "warm");
        assert!(!cache_states(&record).join("").contains("examined every row"));
    }

    #[test]
    fn unproven_states_of_the_cache_are_not_claimed() {
        let mut record = flawless();
        for launch in record.samples.iter_mut().flat_map(|sample| &mut sample.launches) {
            launch.resident_pages_before = None;
            launch.device_read = None;
        }
        let said = cache_states(&record).join("\n");
        assert!(said.contains(": an unknown number of pages"), "{said}");
        assert!(said.contains("an unknown number of bytes read from the device"), "{said}");
        assert!(!said.contains("examined every row"), "{said}");
    }
}
