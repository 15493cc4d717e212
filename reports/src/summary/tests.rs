//! The figures of small records, worked out by hand.

use std::time::Duration;

use super::*;
use crate::ByteSize;
use crate::fixture;
use crate::record::*;
use crate::stats::Interval;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The record of the fixture with only these arms, and samples of one launch each that take these
/// milliseconds, a round each; 0 is a failed one.
fn record_of(arms: &[(&str, Cache, &[u64])]) -> Record {
    let mut record = fixture::record();
    let launch = record.samples[0].launches[0].clone();
    record.samples.clear();
    record.plan.arms.clear();
    for (name, cache, times) in arms {
        record.plan.arms.push(ArmPlan {
            name: (*name).to_owned(),
            cache: *cache,
            engine: "e".to_owned(),
            why: String::new(),
            process: Process::Fresh,
            launches_per_sample: 1,
        });
        for (round, &time) in times.iter().enumerate() {
            let state = if time == 0 {
                SampleState::Failed { error: "none".to_owned() }
            } else {
                SampleState::Valid
            };
            record.samples.push(Sample {
                order: record.samples.len() as u64,
                round: round as u64,
                arm: (*name).to_owned(),
                cache: *cache,
                launches: vec![Launch { wall: ms(time), verified: time > 0, ..launch.clone() }],
                state,
            });
        }
        record.plan.samples = times.len() as u64;
    }
    record.outcome = Outcome::of(&record.samples, false);
    assert_eq!(record.contradiction(), None);
    record
}

fn arm(record: &Record, name: &str, cache: Cache) -> ArmSummary {
    Summary::of(record).arm(&ArmKey::new(name, cache)).unwrap().clone()
}

#[test]
fn times_by_hand() {
    let record = record_of(&[("warm", Cache::Hot, &[4, 1, 3, 2, 5])]);
    let arm = arm(&record, "warm", Cache::Hot);
    let times = arm.sample_time.unwrap();
    assert_eq!((times.n, times.min, times.median, times.max), (5, ms(1), ms(3), ms(5)));
    // Rank 4 * 0.95 = 3.8 lies between 4 and 5 ms; the quartiles are 2 and 4 ms, so half lies in 2
    // of 3 ms.
    assert_eq!(times.p95, Duration::from_micros(4_800));
    assert!((times.spread - 2.0 / 3.0).abs() < 1e-12);
    // The fifth root of 120.
    assert_eq!(times.geometric_mean, Duration::from_nanos(2_605_171));
    assert_eq!((arm.launches, arm.of_floor, arm.of_published), (5, None, None));
}

#[test]
fn a_sample_of_many_launches_is_their_median_as_in_exports_and_comparisons() {
    let mut record = record_of(&[("warm", Cache::Hot, &[1, 2])]);
    for wall in [9, 3] {
        let mut next = record.samples[0].launches[0].clone();
        next.wall = ms(wall);
        record.samples[0].launches.push(next);
    }
    let arm = arm(&record, "warm", Cache::Hot);
    // Samples of 3 and 2 ms; launches of 1, 9, 3 and 2 ms.
    let median = arm.sample_time.as_ref().map(|times| times.median);
    assert_eq!(median, Some(Duration::from_micros(2_500)));
    assert_eq!(arm.launch_time.map(|times| (times.n, times.max)), Some((4, ms(9))));
    let exported: serde_json::Value =
        serde_json::from_str(&crate::export::bencher(std::slice::from_ref(&record)).unwrap())
            .unwrap();
    let exported = exported.as_object().unwrap().values().next().unwrap();
    assert_eq!(exported["latency"]["value"], 2_500_000.0);
    let compared = crate::comparison::ArmTimes::of(&record, &record);
    assert_eq!(compared[0].whole.base, median);
}

#[test]
fn what_is_not_valid_is_counted_and_nothing_else() {
    let mut record = record_of(&[("warm", Cache::Hot, &[1, 0, 3, 100, 1000])]);
    record.samples[3].state = SampleState::Excluded { reason: "read".to_owned() };
    record.samples[4].state = SampleState::Mismatch { detail: "wrong".to_owned() };
    record.outcome = Outcome::of(&record.samples, false);
    let summary = Summary::of(&record);
    let arm = &summary.arms[0];
    let SampleCounts { planned, valid, excluded, failed, mismatched } = arm.samples;
    assert_eq!((planned, valid, excluded, failed, mismatched), (5, 2, 1, 1, 1));
    assert_eq!(arm.samples.taken(), 5);
    assert_eq!(arm.sample_time.as_ref().map(|times| times.max), Some(ms(3)));
    assert_eq!(arm.launches, 2);
    let left: Vec<u64> = summary.left_out.iter().map(|left| left.order).collect();
    assert_eq!(left, [1, 3, 4]);
    assert!(!summary.answers.all_right());
}

#[test]
fn ratios_pair_within_rounds() {
    // Round by round 2, 2 and 4 times the floor; the medians alone would say 20 / 5.
    let record =
        record_of(&[("floor", Cache::Hot, &[5, 10, 5]), ("warm", Cache::Hot, &[10, 20, 20])]);
    let warm = arm(&record, "warm", Cache::Hot);
    let ratio = warm.of_floor.unwrap();
    assert_eq!((ratio.baseline, ratio.pairs, ratio.interval), ("floor", 3, None));
    assert!((ratio.ratio - 2.0).abs() < 1e-12);
    // Differences 5, 10 and 15 ms.
    assert_eq!(warm.beyond_floor_ns, Some(10_000_000));
    assert_eq!(arm(&record, "floor", Cache::Hot).of_floor, None);
}

#[test]
fn a_round_that_lacks_one_is_no_pair() {
    let record =
        record_of(&[("published", Cache::Hot, &[0, 10, 10]), ("warm", Cache::Hot, &[90, 20, 0])]);
    let ratio = arm(&record, "warm", Cache::Hot).of_published.unwrap();
    assert_eq!(ratio.pairs, 1);
    assert!((ratio.ratio - 2.0).abs() < 1e-12);
}

#[test]
fn without_a_common_round_the_medians_are_compared_and_it_is_said() {
    let record =
        record_of(&[("floor", Cache::Hot, &[4, 4, 0, 0]), ("warm", Cache::Hot, &[0, 0, 6, 10])]);
    let warm = arm(&record, "warm", Cache::Hot);
    let ratio = warm.of_floor.unwrap();
    assert_eq!((ratio.pairs, ratio.interval), (0, None));
    assert!((ratio.ratio - 2.0).abs() < 1e-12);
    assert_eq!(warm.beyond_floor_ns, None);
    let limits = crate::limits::limits(&record, &Summary::of(&record)).join("\n");
    assert!(
        limits.contains("warm (cache hot) to floor (no common round: ratio of the medians)"),
        "{limits}"
    );
}

#[test]
fn only_like_states_of_the_cache_are_compared() {
    let record = record_of(&[
        ("published", Cache::Hot, &[10, 10]),
        ("warm", Cache::Cold, &[20, 20]),
        ("cold", Cache::Hot, &[5, 5]),
    ]);
    assert_eq!(arm(&record, "warm", Cache::Cold).of_published, None);
    let ratio = arm(&record, "cold", Cache::Hot).of_published.unwrap().ratio;
    assert!((ratio - 0.5).abs() < 1e-12);
}

#[test]
fn the_floor_is_no_faster_way_to_an_answer() {
    let record = record_of(&[("published", Cache::Hot, &[10]), ("floor", Cache::Hot, &[1])]);
    assert_eq!(arm(&record, "floor", Cache::Hot).of_published, None);
    assert!(arm(&record, "published", Cache::Hot).of_floor.is_some());
}

#[test]
fn eight_rounds_give_an_interval() {
    let record = record_of(&[
        ("floor", Cache::Hot, &[1; 8]),
        ("warm", Cache::Hot, &[2, 2, 2, 2, 2, 2, 2, 3]),
    ]);
    let Interval { low, high } =
        arm(&record, "warm", Cache::Hot).of_floor.unwrap().interval.unwrap();
    // Of eight pairs the interval is the whole range.
    assert!((low - 2.0).abs() < 1e-9 && (high - 3.0).abs() < 1e-9, "{low} {high}");
}

#[test]
fn counters_say_whether_they_repeat() {
    let mut record = record_of(&[("warm", Cache::Hot, &[1, 2, 3])]);
    let set = |record: &mut Record, name: &str, values: [Option<Counter>; 3]| {
        for (sample, value) in record.samples.iter_mut().zip(values) {
            sample.launches[0].counters.extend(value.map(|value| (name.to_owned(), value)));
        }
    };
    let exact = |n| Some(Counter::exact(Some(n)));
    set(&mut record, "same", [exact(7), exact(7), exact(7)]);
    set(&mut record, "grows", [exact(9), exact(7), exact(8)]);
    set(&mut record, "part", [exact(7), None, Some(Counter::exact(None))]);
    set(&mut record, "mixed", [exact(7), Some(Counter::advisory(Some(7))), None]);
    set(&mut record, "none", [Some(Counter::exact(None)); 3]);
    let arm = arm(&record, "warm", Cache::Hot);
    let of = |name: &str| arm.counters[name];
    let seen = |min, median, max| Some(Seen { min, median, max, varies: min != max });
    assert_eq!((of("same").seen, of("same").unavailable_in), (seen(7, 7, 7), 0));
    assert_eq!(of("grows").seen, seen(7, 8, 9));
    assert_eq!((of("part").seen, of("part").unavailable_in), (seen(7, 7, 7), 2));
    assert_eq!((of("none").seen, of("none").unavailable_in), (None, 3));
    assert_eq!(
        ["same", "mixed"].map(|name| of(name).class),
        [CounterClass::Exact, CounterClass::Advisory]
    );
    let limits = crate::limits::limits(&record, &Summary::of(&record)).join("\n");
    // None of the others differs, though some launches lack some of them.
    assert!(limits.contains(": grows (the work table"), "{limits}");
}

#[test]
fn phases_and_the_rest_of_the_process_make_the_whole() {
    let mut record = record_of(&[("warm", Cache::Hot, &[10, 20, 30])]);
    let phase = |name: &str, time| Phase { name: name.to_owned(), elapsed: ms(time) };
    record.samples[0].launches[0].phases = vec![phase("open", 1), phase("scan", 2)];
    record.samples[1].launches[0].phases = vec![phase("open", 2), phase("scan", 8)];
    record.samples[2].launches[0].phases = vec![phase("open", 3), phase("check", 12)];
    let phases = arm(&record, "warm", Cache::Hot).phases;
    let found: Vec<(&str, Duration)> =
        phases.iter().map(|phase| (phase.name.as_str(), phase.median)).collect();
    assert_eq!(found, [("process", ms(10)), ("open", ms(2)), ("scan", ms(2)), ("check", ms(0))]);
    // 32, 6, 10 and 12 of 60 ms.
    let shares: Vec<u64> = phases.iter().map(|phase| (phase.share * 60.0).round() as u64).collect();
    assert_eq!(shares, [32, 6, 10, 12]);
}

#[test]
fn modes_are_counted_the_most_frequent_first() {
    let mut record = record_of(&[("warm", Cache::Hot, &[1, 2, 3])]);
    for (sample, mode) in record.samples.iter_mut().zip(["full", "incremental", "incremental"]) {
        sample.launches[0].mode = Some(mode.to_owned());
        sample.launches[0].reason =
            Some(if mode == "full" { "anchors" } else { "none" }.to_owned());
    }
    let arm = arm(&record, "warm", Cache::Hot);
    assert_eq!(crate::words::modes(&arm.modes), "incremental 2, full (anchors) 1");
    let limits = crate::limits::limits(&record, &Summary::of(&record)).join("\n");
    assert!(limits.contains("warm (cache hot) did not always run in the same mode"), "{limits}");
}

#[test]
fn a_figure_that_one_launch_lacks_is_not_the_median_of_the_others() {
    let mut record = record_of(&[("warm", Cache::Hot, &[1, 2, 3])]);
    record.samples[1].launches[0].user = None;
    record.samples[1].launches[0].peak_memory = None;
    record.samples[2].launches[0].peak_memory = Some(ByteSize(1));
    let used = arm(&record, "warm", Cache::Hot).resources;
    assert_eq!(used.processor, None);
    assert_eq!(
        (used.peak_memory_bytes.seen.map(|seen| seen.min), used.peak_memory_bytes.unavailable_in),
        (Some(1), 1)
    );
}

#[test]
fn the_same_record_gives_the_same_figures() {
    let record = fixture::record();
    let one = crate::json::summary(&record, &Summary::of(&record)).unwrap();
    assert_eq!(one, crate::json::summary(&record, &Summary::of(&record)).unwrap());
}

#[test]
fn a_process_that_lives_on_is_compared_with_the_time_inside_others_only() {
    let phases = |open, scan| {
        let phase = |name: &str, time| Phase { name: name.to_owned(), elapsed: ms(time) };
        vec![phase("open", open), phase("scan", scan)]
    };
    let mut record = record_of(&[
        ("floor", Cache::Hot, &[1, 1]),
        ("published", Cache::Hot, &[900, 900]),
        ("warm", Cache::Hot, &[10, 10]),
        ("live", Cache::Hot, &[4, 4]),
    ]);
    record.plan.arms[3].process = Process::Resident;
    for sample in &mut record.samples {
        let inside = match sample.arm.as_str() {
            "warm" => phases(2, 4),
            "live" => phases(1, 2),
            _ => Vec::new(),
        };
        sample.launches[0].phases = inside;
    }
    let live = arm(&record, "live", Cache::Hot);
    assert_eq!((&live.of_floor, live.beyond_floor_ns, &live.of_published), (&None, None, &None));
    // 3 of 6 ms, although 4 of 10 ms passed outside.
    let ratio = live.inside_of_warm.unwrap();
    assert_eq!((ratio.baseline, ratio.pairs), ("warm", 2));
    assert!((ratio.ratio - 0.5).abs() < 1e-12);
    assert_eq!(live.inside.map(|times| times.median), Some(ms(3)));
    assert_eq!(arm(&record, "floor", Cache::Hot).inside, None);

    let said = crate::remarks::answer(&record, &Summary::of(&record)).join("\n");
    assert!(
        said.contains(
            "takes 3.00 ms (median of 2 samples, page cache hot), 0.500x the time inside a warm"
        ),
        "{said}"
    );
    let limits = crate::limits::limits(&record, &Summary::of(&record)).join("\n");
    assert!(limits.contains("live (cache hot): its times are those of a question"), "{limits}");
    let table = crate::tables::inside(&Summary::of(&record)).markdown();
    assert!(table.contains("| live | hot | long-lived | 3.00 ms |"), "{table}");
    // Where every launch is a process, there is nothing to add.
    record.plan.arms[3].process = Process::Fresh;
    assert!(crate::tables::inside(&Summary::of(&record)).is_empty());
}
