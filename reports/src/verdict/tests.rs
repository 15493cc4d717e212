//! What each part of a verdict does, case by case.

use std::time::Duration;

use super::*;
use crate::fixture;
use crate::record::{Counter, CounterClass, Launch, Sample, SampleState};

fn warm() -> Measured {
    Measured::new(ArmKey::new("warm", Cache::Hot), Metric::Launch)
}

fn sample() -> Sample {
    let of_warm = |sample: &Sample| sample.arm == "warm" && sample.cache == Cache::Hot;
    fixture::record().samples.into_iter().find(of_warm).unwrap()
}

/// The sample with this counter in every launch, or in the one named.
fn with(name: &str, counter: Counter, only: Option<usize>) -> Sample {
    let mut sample = sample();
    for (at, launch) in sample.launches.iter_mut().enumerate() {
        if only.is_none_or(|only| only == at) {
            launch.counters.insert(name.to_owned(), counter);
        }
    }
    sample
}

fn work_of(base: &Sample, new: &Sample) -> (Work, Gate) {
    let mut warm = warm();
    warm.work(base, true);
    warm.work(new, false);
    let verdicts = judge(&[warm], &Rules::default());
    assert_eq!(verdicts.arms[0].time, None);
    (verdicts.arms[0].work, verdicts.gate())
}

#[test]
fn one_row_more_in_one_launch_of_one_sample_is_a_regression() {
    let rows = sample().launches[0].counter("rows_examined").unwrap();
    let more = with("rows_examined", Counter::exact(Some(rows + 1)), Some(3));
    assert_eq!(work_of(&sample(), &sample()), (Work::Same, Gate::Fine));
    assert_eq!(work_of(&sample(), &more), (Work::More, Gate::Regression));
    // A base whose exact counter varies contradicts itself, and what stays within its range may
    // still do more.
    assert_eq!(work_of(&more, &sample()), (Work::Incomparable, Gate::Inconclusive));
    assert_eq!(work_of(&more, &more), (Work::Incomparable, Gate::Inconclusive));
    let less = with("rows_examined", Counter::exact(Some(rows - 1)), None);
    assert_eq!(work_of(&sample(), &less), (Work::Less, Gate::Fine));
    let mut mixed = less;
    mixed.launches[0].counters.insert("rows_checked".to_owned(), Counter::exact(Some(1 << 40)));
    assert_eq!(work_of(&sample(), &mixed).0, Work::More, "no saving pays for other work");
}

#[test]
fn one_read_of_one_byte_is_the_allocator_s_and_no_work() {
    // Bytes and calls more, in every launch or in the one named.
    let reading = |bytes: u64, calls: u64, only: Option<usize>| {
        let mut sample = sample();
        for (at, launch) in sample.launches.iter_mut().enumerate() {
            if only.is_none_or(|only| only == at) {
                for (name, more) in [("rchar", bytes), ("syscr", calls)] {
                    let amount = launch.counter(name).unwrap() + more;
                    launch.counters.insert(name.to_owned(), Counter::exact(Some(amount)));
                }
            }
        }
        sample
    };
    for only in [None, Some(2)] {
        let (more, as_ever) = (reading(1, 1, only), reading(0, 0, None));
        for (base, new) in [(&as_ever, &more), (&more, &as_ever), (&more, &more)] {
            assert_eq!(work_of(base, new), (Work::Same, Gate::Fine), "{only:?}");
        }
        for (bytes, calls) in [(0, 1), (1, 0), (2, 1), (1, 2), (2, 2), (4096, 1)] {
            let other = reading(bytes, calls, only);
            assert_eq!(
                work_of(&as_ever, &other),
                (Work::More, Gate::Regression),
                "{bytes} {calls} {only:?}"
            );
            // What the allocator read is no excuse for the rest.
            assert_eq!(
                work_of(&reading(1, 1, Some(0)), &other).0,
                Work::More,
                "{bytes} {calls} {only:?}"
            );
        }
    }
    // Where some launches call them advisory, all amounts are kept.
    let mut mixed = reading(1, 1, Some(2));
    for name in ["rchar", "syscr"] {
        mixed.launches[0].counters.get_mut(name).unwrap().class = CounterClass::Advisory;
    }
    let mut warm = warm();
    warm.work(&mixed, true);
    warm.work(&mixed, false);
    let verdicts = judge(&[warm], &Rules::default());
    let bytes = verdicts.arms[0].counters.iter().find(|c| c.name == "rchar").unwrap();
    assert_eq!(bytes.base.map(|amounts| amounts.high - amounts.low), Some(1));
}

#[test]
fn exact_work_counts_whatever_the_page_cache_held() {
    let left_out = |mut sample: Sample| {
        sample.state = SampleState::Excluded { reason: "read from the device".to_owned() };
        sample
    };
    let rows = sample().launches[0].counter("rows_examined").unwrap();
    let more = with("rows_examined", Counter::exact(Some(rows + 1)), None);
    assert_eq!(work_of(&sample(), &left_out(sample())), (Work::Same, Gate::Fine));
    assert_eq!(work_of(&sample(), &left_out(more)), (Work::More, Gate::Regression));
    let mut failed = sample();
    failed.state = SampleState::Failed { error: "gone".to_owned() };
    assert_ne!(work_of(&sample(), &failed).0, Work::Same);
}

#[test]
fn an_accepted_counter_does_not_gate() {
    let more = with("rows_examined", Counter::exact(Some(1 << 40)), None);
    let mut warm = warm();
    warm.work(&sample(), true);
    warm.work(&more, false);
    let rules = Rules { accepted: ["rows_examined".to_owned()].into(), ..Rules::default() };
    let verdicts = judge(&[warm], &rules);
    assert_eq!((verdicts.arms[0].work, verdicts.gate()), (Work::Same, Gate::Fine));
    let row = verdicts.arms[0].counters.iter().find(|c| c.name == "rows_examined").unwrap();
    assert!(row.accepted && row.change == WorkChange::More);
}

#[test]
fn unavailable_is_not_zero() {
    let gone = with("rows_examined", Counter::exact(None), None);
    assert_eq!(work_of(&sample(), &gone), (Work::Incomparable, Gate::Inconclusive));
    // One launch that lacks it leaves the range unknown.
    let once = with("rows_examined", Counter::exact(None), Some(0));
    assert_eq!(work_of(&sample(), &once).0, Work::Incomparable);
    // What the base lacks says nothing; the other counters decide.
    assert_eq!(work_of(&gone, &sample()), (Work::Same, Gate::Fine));
    assert_eq!(work_of(&gone, &gone), (Work::Same, Gate::Fine));
}

#[test]
fn advisory_counters_decide_nothing() {
    let rows = |n| with("cache_misses", Counter::advisory(Some(n)), None);
    assert_eq!(work_of(&rows(1), &rows(1_000)), (Work::Same, Gate::Fine));
    // A program cannot leave the gate by calling its counters advisory.
    let evading = with("rows_examined", Counter::advisory(Some(200)), None);
    assert_eq!(work_of(&sample(), &evading).0, Work::Incomparable);
    // One launch that calls it advisory makes it so for its program.
    let sometimes = with("rows_examined", Counter::advisory(Some(200)), Some(2));
    let more = with("rows_examined", Counter::exact(Some(500)), None);
    assert_eq!(work_of(&sometimes, &more), (Work::Same, Gate::Fine));
    let mut only_advisory = sample();
    for launch in &mut only_advisory.launches {
        launch.counters.values_mut().for_each(|counter| counter.class = CounterClass::Advisory);
    }
    assert_eq!(work_of(&only_advisory, &only_advisory), (Work::Advisory, Gate::Inconclusive));
}

/// Times of about a millisecond, `percent` slower, scattered by up to `scatter` thousandths without
/// chance.
fn add(measured: &mut Measured, set: Set, pairs: u64, percent: u64, scatter: u64) {
    for at in 0..pairs {
        let around = |n: u64| 1_000_000 + (n * 7_919 % 101) * scatter * 20;
        let (base, new) = (around(at), around(at * 3 + 5) * (100 + percent) / 100);
        measured
            .pair(set, Pair { base: Duration::from_nanos(base), new: Duration::from_nanos(new) });
    }
}

fn time_of(measured: Measured) -> Verdict {
    judge(&[measured], &Rules::default()).arms[0].time.unwrap()
}

fn doubt_of(measured: Measured) -> Doubt {
    match time_of(measured) {
        Verdict::Inconclusive { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_needs_its_second_run() {
    let mut arm = warm();
    add(&mut arm, Set::Itself, 20, 0, 5);
    add(&mut arm, Set::First, 20, 8, 5);
    let verdicts = judge(std::slice::from_ref(&arm), &Rules::default());
    assert_eq!(verdicts.again(), [arm.arm.clone()]);
    assert!(matches!(doubt_of(arm.clone()), Doubt::Unconfirmed { .. }));
    let mut confirmed = arm.clone();
    add(&mut confirmed, Set::Second, 20, 8, 5);
    let verdicts = judge(std::slice::from_ref(&confirmed), &Rules::default());
    assert_eq!((verdicts.arms[0].time, verdicts.gate()), (Some(Verdict::Slower), Gate::Regression));
    assert!(verdicts.again().is_empty());
    let mut refuted = arm.clone();
    add(&mut refuted, Set::Second, 20, 0, 5);
    assert!(matches!(doubt_of(refuted), Doubt::Contradicted { .. }));
    // Both together lie beyond the margin, since the first has so many more; the second still has
    // to show it.
    let mut outvoted = arm;
    add(&mut outvoted, Set::Second, 6, 0, 5);
    let verdicts = judge(std::slice::from_ref(&outvoted), &Rules::default());
    assert!(verdicts.arms[0].change.unwrap().interval.unwrap().low > 1.02);
    assert!(matches!(doubt_of(outvoted), Doubt::Contradicted { .. }));
}

#[test]
fn without_noise_known_nothing_is_fine() {
    let mut arm = warm();
    add(&mut arm, Set::First, 20, 0, 5);
    assert_eq!(doubt_of(arm.clone()), Doubt::NoSelfComparison);
    add(&mut arm, Set::Itself, 7, 0, 5);
    assert_eq!(doubt_of(arm.clone()), Doubt::NoSelfComparison, "seven pairs have no interval");
    add(&mut arm, Set::Itself, 13, 0, 5);
    assert_eq!(time_of(arm), Verdict::Same);
}

#[test]
fn noise_beyond_the_budget_is_never_fine() {
    let noisy = |percent| {
        let mut arm = warm();
        add(&mut arm, Set::Itself, 20, 0, 100);
        add(&mut arm, Set::First, 20, percent, 5);
        add(&mut arm, Set::Second, 20, percent, 5);
        arm
    };
    assert!(matches!(doubt_of(noisy(0)), Doubt::Noisy { .. }));
    assert!(matches!(doubt_of(noisy(5)), Doubt::Noisy { .. }));
    // A change beyond all that the base shows against itself is one in any noise.
    assert_eq!(time_of(noisy(300)), Verdict::Slower);
}

#[test]
fn a_base_that_differs_from_itself_calls_nothing() {
    let mut arm = warm();
    add(&mut arm, Set::Itself, 20, 4, 2);
    add(&mut arm, Set::First, 20, 8, 2);
    add(&mut arm, Set::Second, 20, 8, 2);
    assert!(matches!(doubt_of(arm), Doubt::Biased { .. }));
}

#[test]
fn few_pairs_and_wide_intervals_are_inconclusive() {
    let mut arm = warm();
    add(&mut arm, Set::Itself, 20, 0, 5);
    add(&mut arm, Set::First, 7, 0, 5);
    assert_eq!(doubt_of(arm.clone()), Doubt::TooFewPairs { have: 7, need: 8 });
    assert!(judge(std::slice::from_ref(&arm), &Rules::default()).again().is_empty());
    let mut wide = warm();
    add(&mut wide, Set::Itself, 20, 0, 5);
    add(&mut wide, Set::First, 20, 0, 100);
    assert!(matches!(doubt_of(wide), Doubt::Wide { .. } | Doubt::Margin { .. }));
}

#[test]
fn exchanging_the_programs_turns_the_verdict_round() {
    let arm = |percent| {
        let mut arm = warm();
        add(&mut arm, Set::Itself, 20, 0, 5);
        add(&mut arm, Set::First, 20, percent, 5);
        add(&mut arm, Set::Second, 20, percent, 5);
        arm
    };
    for percent in [0, 2, 3, 4, 8, 40] {
        let slower = arm(percent);
        let mut faster = slower.clone();
        for ratio in faster.first.iter_mut().chain(&mut faster.second) {
            *ratio = -*ratio;
        }
        let turned = match time_of(slower) {
            Verdict::Slower => Verdict::Faster,
            Verdict::Faster => Verdict::Slower,
            Verdict::Same => Verdict::Same,
            Verdict::Inconclusive { .. } => continue,
        };
        assert_eq!(time_of(faster), turned, "{percent} %");
    }
}

#[test]
fn samples_that_do_not_count_make_no_pair() {
    let mut excluded = sample();
    excluded.state = SampleState::Excluded { reason: "cold".into() };
    let mut arm = warm();
    arm.samples(Set::First, &sample(), &excluded);
    assert!(arm.first.is_empty() && arm.new.is_empty() && arm.base.is_empty());
    arm.samples(Set::First, &sample(), &sample());
    assert_eq!((arm.first.len(), arm.left_out.excluded), (1, 1));
    let mut wrong = sample();
    wrong.state = SampleState::Mismatch { detail: "one turn".into() };
    arm.samples(Set::Itself, &sample(), &wrong);
    assert_eq!(judge(&[arm], &Rules::default()).gate(), Gate::Mismatch);
}

#[test]
fn what_was_expected_and_not_measured_is_never_fine() {
    let expected = |times, base: &[Sample], new: &[Sample]| {
        let mut arm = warm();
        arm.expect(times);
        base.iter().for_each(|sample| arm.work(sample, true));
        new.iter().for_each(|sample| arm.work(sample, false));
        judge(&[arm], &Rules::default())
    };
    let one = [sample()];
    assert_eq!(expected(false, &one, &one).gate(), Gate::Fine);
    // All pairs were left out: the work is known and the time is not.
    let untimed = expected(true, &one, &one);
    assert_eq!((untimed.arms[0].work, untimed.gate()), (Work::Same, Gate::Inconclusive));
    assert_eq!(untimed.arms[0].change, None, "a ratio of nothing");
    assert!(untimed.again().is_empty());
    // A side without a sample, whichever it is: beside an arm that is fine, too.
    for (base, new) in [(&one[..], &[][..]), (&[], &one), (&[], &[])] {
        let verdicts = expected(false, base, new);
        assert_eq!(
            (verdicts.arms[0].work, verdicts.gate()),
            (Work::Incomparable, Gate::Inconclusive)
        );
    }
}

#[test]
fn one_slow_launch_of_a_sample_does_not_move_it() {
    let mut slow = sample();
    slow.launches[0].wall *= 50;
    let time = |sample| Metric::Launch.time(sample).unwrap().as_secs_f64();
    assert!((time(&slow) / time(&sample()) - 1.0).abs() < 0.01);
    let append = fixture::append::open();
    let measured = append.samples.iter().find(|sample| sample.is_valid()).unwrap();
    assert_eq!(Metric::of(&append.plan), Metric::AppendP50);
    let p50 = measured.launches[0].histograms["append"].quantile(0.5);
    assert_eq!(Metric::AppendP50.time(measured), Some(p50));
}

#[test]
fn the_gravest_arm_decides() {
    let codes = [Gate::Fine, Gate::Inconclusive, Gate::Regression, Gate::Failed, Gate::Mismatch]
        .map(Gate::exit_code);
    assert_eq!(codes, [0, 5, 4, 1, 3]);
    assert_eq!(judge(&[], &Rules::default()).gate(), Gate::Inconclusive);
    let mut fine = warm();
    add(&mut fine, Set::Itself, 20, 0, 5);
    let mut slow = fine.clone();
    add(&mut fine, Set::First, 20, 0, 5);
    add(&mut slow, Set::First, 20, 8, 5);
    add(&mut slow, Set::Second, 20, 8, 5);
    assert_eq!(judge(&[fine.clone(), slow], &Rules::default()).gate(), Gate::Regression);
    assert_eq!(judge(&[fine.clone()], &Rules::default()).gate(), Gate::Fine);
    assert_eq!(judge(&[fine, warm()], &Rules::default()).arms[1].time, None);
}

#[test]
fn false_alarms_are_counted_and_repeat() {
    let mut arm = warm();
    add(&mut arm, Set::Itself, 20, 0, 5);
    add(&mut arm, Set::First, 20, 0, 5);
    let noise = || judge(std::slice::from_ref(&arm), &Rules::default()).arms[0].noise.unwrap();
    assert_eq!((noise().resampled, noise().false_alarms), (1_000, 0));
    assert_eq!(noise(), noise());
    assert!(noise().smallest_change > 0.02, "{:?}", noise());
}

/// Twelve pairs can be as sure as one arm needs, and not as sure as forty need.
#[test]
fn many_arms_ask_for_more() {
    let arm = |name: usize, percent| {
        let mut arm = Measured::new(ArmKey::new(format!("arm-{name}"), Cache::Hot), Metric::Launch);
        add(&mut arm, Set::Itself, 20, 0, 1);
        add(&mut arm, Set::First, 6, percent, 1);
        add(&mut arm, Set::Second, 6, percent, 1);
        arm
    };
    assert_eq!(time_of(arm(0, 8)), Verdict::Slower);
    let arms: Vec<Measured> = (0..40).map(|at| arm(at, if at == 0 { 8 } else { 0 })).collect();
    let verdicts = judge(&arms, &Rules::default());
    assert!(matches!(
        verdicts.arms[0].time,
        Some(Verdict::Inconclusive { why: Doubt::Margin { .. } })
    ));
    assert_eq!(verdicts.arms[0].change.unwrap().corrected_interval, None);
    // So do as many in other runs of the same comparison, which are judged by themselves.
    let rules = Rules { beside: 39, ..Rules::default() };
    let beside = judge(&[arm(0, 8)], &rules);
    assert!(matches!(
        beside.arms[0].time,
        Some(Verdict::Inconclusive { why: Doubt::Margin { .. } })
    ));
    let confidence = |verdicts: &Verdicts| verdicts.arms[0].change.unwrap().corrected_confidence;
    assert_eq!(confidence(&beside), confidence(&verdicts));
    let noise = |rules| judge(&[arm(0, 8)], rules).arms[0].noise.unwrap().smallest_change;
    assert!(noise(&rules) > noise(&Rules::default()), "what can be found is larger, too");
}

#[test]
fn the_ratio_of_a_pair_is_that_of_its_launches_one_by_one() {
    // The machine halves its speed after two launches; the new program takes a tenth longer all the
    // time.
    let at = |factor: f64| -> Sample {
        let mut sample = sample();
        let launch = sample.launches[0].clone();
        sample.launches = [1.0, 1.0, 2.0, 2.0, 2.0]
            .map(|slow| Launch {
                wall: Duration::from_micros(1_000).mul_f64(slow * factor),
                ..launch.clone()
            })
            .into();
        sample
    };
    let mut turned = at(1.1);
    turned.launches.truncate(2);
    let mut measured = warm();
    for _ in 0..20 {
        measured.samples(Set::First, &at(1.0), &at(1.1));
        measured.samples(Set::Second, &at(1.0), &at(1.1));
        measured.itself(&at(1.0), &at(1.0));
    }
    let judged = judge(&[measured], &Rules::default());
    let change = judged.arms[0].change.unwrap();
    assert!((change.ratio - 1.1).abs() < 1e-6, "{}", change.ratio);
    // Where one has fewer launches there is nothing to put side by side but medians.
    let mut measured = warm();
    (0..20).for_each(|_| measured.samples(Set::First, &at(1.0), &turned));
    let change = judge(&[measured], &Rules::default()).arms[0].change.unwrap();
    assert!((change.ratio - 0.55).abs() < 1e-6, "{}", change.ratio);
}

#[test]
fn a_sample_needs_more_launches_where_they_scatter_more() {
    let needed = |scatter: f64, pairs| {
        let between: Vec<f64> = (0..30).map(|at| scatter * (f64::from(at) / 14.5 - 1.0)).collect();
        launches_needed(&between, pairs, 2, &Rules::default())
    };
    assert_eq!((needed(0.0, 20), needed(0.01, 20)), (1, 1));
    assert!(needed(0.1, 20) > needed(0.05, 20) && needed(0.1, 10) > needed(0.1, 20));
    assert_eq!(launches_needed(&[], 20, 2, &Rules::default()), 1);
    // A margin as wide as the budget leaves no room, and no number of launches is enough.
    let rules = Rules { margin: 0.05, ..Rules::default() };
    assert!(launches_needed(&[0.1, -0.1], 20, 1, &rules) > 1_000_000);
}
