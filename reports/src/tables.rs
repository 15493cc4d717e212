//! The tables that every renderer shows, made from the summary.

use crate::ByteSize;
use crate::layout::Table;
use crate::record::{ArmPlan, CounterClass, Process, Record};
use crate::summary::{
    ArmSummary, CandidateSummary, CounterSummary, FLOOR, PUBLISHED, RatioSummary, Summary, WARM,
};
use crate::units;
use crate::words::{self, NOTHING, Precision, or_nothing};

/// Counters in the order of their importance; any other follows by name.
const ORDER: [&str; 15] = [
    "rows_examined",
    "rows_checked",
    "body_bytes",
    "facts",
    "vm_steps",
    "files",
    "files_read",
    "session_bytes",
    "metadata_calls",
    "folders",
    "shards_read",
    "shards_written",
    "rchar",
    "syscr",
    "artifact_bytes",
];

fn keys(arm: &ArmSummary) -> Vec<String> {
    vec![arm.name.clone(), arm.cache.to_string()]
}

/// What a launch of each arm costs.
pub(crate) fn times(summary: &Summary) -> Table {
    let has_candidates = summary.arms.iter().any(|arm| arm.candidate.is_some());
    let mut titles =
        vec!["arm", "cache", "median", "p95", "spread", "vs floor", "vs published", "valid"];
    if has_candidates {
        titles.splice(5..5, ["beyond idle"]);
        titles.push("verified");
    }
    let mut table = Table::new(2, titles).words("vs published").words("verified");
    for arm in &summary.arms {
        let times = arm.sample_time.as_ref();
        let counts = arm.samples;
        let mut row = keys(arm);
        row.extend([
            or_nothing(times, |times| units::duration(times.median)),
            or_nothing(times, |times| units::duration(times.p95)),
            or_nothing(times, |times| words::percent(times.spread)),
            baseline_or(arm, FLOOR, arm.of_floor.as_ref(), |ratio| times_as_long(ratio.ratio)),
            baseline_or(arm, PUBLISHED, arm.of_published.as_ref(), words::versus),
            match arm.launches_per_sample {
                0 | 1 => format!("{}/{}", counts.valid, counts.planned),
                several => format!("{}/{} x{several}", counts.valid, counts.planned),
            },
        ]);
        if has_candidates {
            let candidate = arm.candidate.as_ref();
            let beyond = candidate.and_then(|candidate| candidate.beyond_idle_ns);
            let beyond = or_nothing(beyond, |nanos| units::signed_duration(nanos as f64));
            row.insert(5, beyond);
            row.push(or_nothing(candidate, verified));
        }
        table.row(row);
    }
    table
}

/// `120/120`, or `wrong 3 (117/120)`: the faults of a candidate's arm, and its right answers.
pub(crate) fn verified(candidate: &CandidateSummary) -> String {
    let right = format!("{}/{}", candidate.verified, candidate.launches);
    let faults: Vec<String> =
        candidate.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if faults.is_empty() { right } else { format!("{} ({right})", faults.join(", ")) }
}

/// The same without spread and counts, for a terminal.
pub(crate) fn times_in_short(summary: &Summary) -> Table {
    let has_candidates = summary.arms.iter().any(|arm| arm.candidate.is_some());
    let kept = match has_candidates {
        true => ["arm", "cache", "median", "beyond idle", "vs floor", "vs published", "verified"]
            .as_slice(),
        false => &["arm", "cache", "median", "p95", "vs floor", "vs published"],
    };
    times(summary).only(kept).without_empty_columns()
}

/// `1.92x`.
pub(crate) fn times_as_long(ratio: f64) -> String {
    format!("{}x", units::ratio(ratio))
}

fn baseline_or(
    arm: &ArmSummary,
    baseline: &str,
    ratio: Option<&RatioSummary>,
    text: impl FnOnce(&RatioSummary) -> String,
) -> String {
    if arm.name == baseline { "(base)".to_owned() } else { or_nothing(ratio, text) }
}

/// What the arms are, and why each is there.
pub(crate) fn arms(record: &Record) -> Table {
    let mut table =
        Table::new(2, ["arm", "cache", "engine", "process", "launches per sample", "why"])
            .words("engine")
            .words("process")
            .words("why");
    for ArmPlan { name, cache, engine, why, process, launches_per_sample } in &record.plan.arms {
        let launches = launches_per_sample.to_string();
        let process = words::process(*process).to_owned();
        table.row(vec![
            name.clone(),
            cache.to_string(),
            engine.clone(),
            process,
            launches,
            why.clone(),
        ]);
    }
    table
}

/// How sure the ratios are.
pub(crate) fn ratios(summary: &Summary) -> Table {
    let titles = ["arm", "cache", "beyond floor", "vs floor", "faster than published", "rounds"];
    let mut table = Table::new(2, titles);
    for arm in &summary.arms {
        if arm.of_floor.is_none() && arm.of_published.is_none() {
            continue;
        }
        let slower = |ratio: &RatioSummary| if ratio.ratio < 1.0 { "" } else { " slower" };
        let mut row = keys(arm);
        let pairs =
            [&arm.of_floor, &arm.of_published].map(|ratio| ratio.as_ref().map(|ratio| ratio.pairs));
        row.extend([
            or_nothing(arm.beyond_floor_ns, |nanos| units::signed_duration(nanos as f64)),
            or_nothing(arm.of_floor.as_ref().and_then(|ratio| ratio.interval), words::interval),
            or_nothing(arm.of_published.as_ref(), |ratio| {
                or_nothing(words::versus_interval(ratio), |text| text + slower(ratio))
            }),
            match pairs {
                [Some(one), Some(other)] if one != other => format!("{one}, {other}"),
                [one, other] => or_nothing(one.or(other), |pairs| pairs.to_string()),
            },
        ]);
        table.row(row);
    }
    table.without_empty_columns()
}

/// Times of single launches, without averaging.
pub(crate) fn launches(summary: &Summary) -> Table {
    let titles = ["arm", "cache", "launches", "min", "median", "p95", "p99", "max"];
    let mut table = Table::new(2, titles);
    for arm in &summary.arms {
        let Some(times) = &arm.launch_time else { continue };
        let mut row = keys(arm);
        row.push(times.n.to_string());
        row.extend([times.min, times.median, times.p95, times.p99, times.max].map(units::duration));
        table.row(row);
    }
    table
}

/// Mode, turns and exact work counters of each arm, byte sizes shortened, and the peak memory
/// beside them.
pub(crate) fn work_in_short(summary: &Summary) -> Table {
    work(summary, Precision::Short, &counters(summary, CounterClass::Exact), true)
}

/// Mode, turns and exact work counters of each arm, in full.
pub(crate) fn exact_work(summary: &Summary) -> Table {
    work(summary, Precision::Full, &counters(summary, CounterClass::Exact), false)
}

/// The advisory counters.
pub(crate) fn advisory_work(summary: &Summary) -> Table {
    let names = counters(summary, CounterClass::Advisory);
    let mut table = Table::new(2, ["arm", "cache"].into_iter().chain(names.iter().copied()));
    for arm in
        summary.arms.iter().filter(|arm| names.iter().any(|name| arm.counters.contains_key(*name)))
    {
        let mut row = keys(arm);
        row.extend(names.iter().map(|name| counter(arm, name, Precision::Full)));
        table.row(row);
    }
    table
}

/// The names of the counters that some launch reports, the most important first. A counter that one
/// arm calls advisory is advisory.
fn counters(summary: &Summary, class: CounterClass) -> Vec<&str> {
    let all = || summary.arms.iter().flat_map(|arm| &arm.counters);
    let ours =
        || summary.arms.iter().filter(|arm| arm.candidate.is_none()).flat_map(|arm| &arm.counters);
    let mut found: Vec<&str> = Vec::new();
    for (name, counter) in all() {
        // What a candidate reads says nothing of what our own arms repeat.
        let is_ours = ours().any(|(other, _)| other == name);
        let is_advisory = |(other, own): (&String, &CounterSummary)| {
            other == name && own.class == CounterClass::Advisory
        };
        let advisory = if is_ours { ours().any(is_advisory) } else { all().any(is_advisory) };
        let own = if advisory { CounterClass::Advisory } else { CounterClass::Exact };
        if own == class && counter.seen.is_some() && !found.contains(&name.as_str()) {
            found.push(name);
        }
    }
    let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    found.sort_by_key(|name| (rank(name), *name));
    found
}

/// The counters that no launch of any arm reports.
pub(crate) fn unavailable(summary: &Summary) -> Vec<&str> {
    let all = || summary.arms.iter().flat_map(|arm| &arm.counters);
    let mut found: Vec<&str> = all()
        .filter(|(_, counter)| counter.unavailable_in > 0)
        .map(|(name, _)| name.as_str())
        .collect();
    found.retain(|name| all().all(|(other, counter)| other != name || counter.seen.is_none()));
    found.sort_unstable();
    found.dedup();
    found
}

fn counter(arm: &ArmSummary, name: &str, precision: Precision) -> String {
    words::amount(arm.counters.get(name), words::is_bytes(name), precision)
}

fn work(summary: &Summary, precision: Precision, names: &[&str], memory: bool) -> Table {
    // Short figures carry their unit, so their title need not.
    let title = |name: &&str| {
        let short = name.strip_prefix("rows_").or(name.strip_suffix("_bytes")).unwrap_or(name);
        let name = if precision == Precision::Short { short } else { name };
        name.replace('_', " ").replace("vm ", "VM ")
    };
    let mut titles: Vec<String> = ["arm", "cache", "mode", "turns"].map(str::to_owned).to_vec();
    titles.extend(names.iter().map(title));
    titles.extend(memory.then(|| "peak memory".to_owned()));
    let mut table = Table::new(2, titles).words("mode");
    for arm in &summary.arms {
        let mut row = keys(arm);
        row.push(words::modes(&arm.modes));
        row.push(words::amount(arm.turns.as_ref(), false, precision));
        row.extend(names.iter().map(|name| counter(arm, name, precision)));
        if memory {
            let most = arm.resources.peak_memory_bytes.seen.map(|seen| ByteSize(seen.max));
            row.push(most.map_or_else(|| "unavailable".to_owned(), |most| most.to_string()));
        }
        table.row(row);
    }
    table.without_empty_columns()
}

/// What launches took from the machine, and what shows the state of the cache.
pub(crate) fn resources(summary: &Summary, precision: Precision) -> Table {
    let titles =
        ["arm", "cache", "processor", "peak memory", "read from device", "faults", "pages before"];
    let mut table = Table::new(2, titles);
    for arm in &summary.arms {
        let used = &arm.resources;
        let mut row = keys(arm);
        row.extend([
            or_nothing(used.processor, units::duration),
            words::amount(Some(&used.peak_memory_bytes), true, precision),
            words::amount(Some(&used.device_read_bytes), true, precision),
            words::amount(Some(&used.major_faults), false, precision),
            words::amount(Some(&used.resident_pages_before), false, precision),
        ]);
        table.row(row);
    }
    table.without_empty_columns()
}

/// Time inside the process of each arm that says where its time goes, beside that of `warm`; empty
/// without an arm with a long-lived process, for which there is no other time to compare.
pub(crate) fn inside(summary: &Summary) -> Table {
    let mut table = Table::new(
        2,
        ["arm", "cache", "process", "median", "p95", "spread", "vs warm", "interval"],
    )
    .words("process");
    let lives_on = |arm: &ArmSummary| arm.process == Process::Resident;
    if !summary.arms.iter().any(lives_on) {
        return table;
    }
    for arm in summary.arms.iter().filter(|arm| arm.name != FLOOR) {
        let Some(times) = &arm.inside else { continue };
        let mut row = keys(arm);
        row.extend([
            words::process(arm.process).to_owned(),
            units::duration(times.median),
            units::duration(times.p95),
            words::percent(times.spread),
            baseline_or(arm, WARM, arm.inside_of_warm.as_ref(), |ratio| times_as_long(ratio.ratio)),
            or_nothing(
                arm.inside_of_warm.as_ref().and_then(|ratio| ratio.interval),
                words::interval,
            ),
        ]);
        table.row(row);
    }
    table
}

/// Where the time of a launch goes, for the arms whose engine reports phases; `shares` adds the
/// part of the whole.
pub(crate) fn phases(summary: &Summary, shares: bool) -> Table {
    // The arm with the most phases knows the order of the work best; those of the others are among
    // its own, or follow.
    let mut arms: Vec<&ArmSummary> = summary.arms.iter().collect();
    arms.sort_by_key(|arm| std::cmp::Reverse(arm.phases.len()));
    let mut names: Vec<&str> = Vec::new();
    for phase in arms.iter().flat_map(|arm| &arm.phases) {
        if !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    let mut table = Table::new(2, ["arm", "cache"].into_iter().chain(names.iter().copied()));
    for arm in summary.arms.iter().filter(|arm| !arm.phases.is_empty()) {
        let mut row = keys(arm);
        for name in &names {
            let phase = arm.phases.iter().find(|phase| phase.name == *name);
            row.push(phase.map_or_else(
                || NOTHING.to_owned(),
                |phase| {
                    let median = units::duration(phase.median);
                    if shares {
                        format!("{median} ({})", words::percent(phase.share))
                    } else {
                        median
                    }
                },
            ));
        }
        table.row(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::record;

    #[test]
    fn the_peak_memory_shown_is_the_highest() {
        let mut record = record();
        let floor = record.samples.iter().position(|sample| sample.arm == "floor").unwrap();
        record.samples[floor].launches[0].peak_memory = Some(ByteSize(77_000_000));
        assert!(work_in_short(&Summary::of(&record)).markdown().contains("| 77.0 MB |"));
    }

    #[test]
    fn a_counter_that_one_arm_calls_advisory_is_advisory_in_all() {
        let mut record = record();
        for sample in record.samples.iter_mut().filter(|sample| sample.arm == "warm") {
            for launch in &mut sample.launches {
                launch
                    .counters
                    .insert("syscr".to_owned(), crate::record::Counter::advisory(Some(1)));
            }
        }
        let summary = Summary::of(&record);
        assert!(!exact_work(&summary).markdown().contains("syscr"));
        assert!(advisory_work(&summary).markdown().contains("syscr"));
    }

    #[test]
    fn a_counter_nobody_reports_is_named_and_has_no_column() {
        let summary = Summary::of(&record());
        assert_eq!(unavailable(&summary), ["fsyncs"]);
        assert!(!exact_work(&summary).markdown().contains("fsyncs"));
    }
}
