//! Scheduling and verdicts without processes and clocks: a bench that makes its times up.

use std::collections::BTreeMap;
use std::time::Duration;

use tracerig_reports::record::{ArmPlan, Cache, Counter, Launch, Process};
use tracerig_reports::verdict::{Gate, Verdict, Work};

use super::*;
use crate::scenario::not_started;

/// Launches of 10 ms with a little noise; what is asked of it changes those of the new program.
struct Fake {
    arms: Vec<ArmPlan>,
    random: u64,
    asked: Vec<(Side, usize)>,
    /// How much longer the new program takes, by arm.
    slower: Vec<f64>,
    /// Rows more that it examines.
    more_rows: u64,
    /// The state of its samples.
    state: SampleState,
    /// Launches that others disturb before one is valid.
    disturbed: u64,
    /// How far launches scatter, as a part.
    scatter: f64,
    /// Launches after which none can be made.
    possible: usize,
    /// How many launches there had been each time both programs started afresh.
    renewed: Vec<usize>,
    /// How often they can.
    renewable: usize,
}

impl Fake {
    fn new(arms: &[&str]) -> Self {
        let plan = |name: &&str| ArmPlan {
            name: (*name).to_owned(),
            cache: Cache::Hot,
            engine: "fake".to_owned(),
            why: String::new(),
            process: Process::Fresh,
            launches_per_sample: 1,
        };
        Self {
            arms: arms.iter().map(plan).collect(),
            random: 1,
            asked: Vec::new(),
            slower: vec![0.0; arms.len()],
            more_rows: 0,
            state: SampleState::Valid,
            disturbed: 0,
            scatter: 0.01,
            possible: usize::MAX,
            renewed: Vec::new(),
            renewable: usize::MAX,
        }
    }
}

fn full() -> CompareError {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    CompareError::io("somewhere".as_ref(), "write it")(full)
}

impl Launched for Fake {
    fn arms(&self) -> &[ArmPlan] {
        &self.arms
    }

    fn calibrate(&mut self) -> Result<(), CompareError> {
        Ok(())
    }

    fn set_launches(&mut self, arm: usize, launches: u64) {
        self.arms[arm].launches_per_sample = launches;
    }

    fn renew(&mut self, _random: &mut ChaCha12Rng) -> Result<(), CompareError> {
        self.renewed.push(self.asked.len());
        if self.renewed.len() > self.renewable { Err(full()) } else { Ok(()) }
    }

    fn launch(&mut self, side: Side, arm: usize) -> Result<(Launch, SampleState), CompareError> {
        self.asked.push((side, arm));
        if self.asked.len() > self.possible {
            return Err(full());
        }
        // Numerical Recipes' generator: the noise must be the same each time.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let noise = (self.random >> 40) as f64 / (1u64 << 24) as f64 * self.scatter;
        let is_new = side == Side::New;
        let factor = 1.0 + noise + if is_new { self.slower[arm] } else { 0.0 };
        let rows = 200 + if is_new { self.more_rows } else { 0 };
        let launch = Launch {
            wall: Duration::from_millis(10).mul_f64(factor),
            counters: BTreeMap::from([("rows_examined".to_owned(), Counter::exact(Some(rows)))]),
            verified: true,
            ..not_started()
        };
        let state = if self.disturbed > 0 {
            self.disturbed -= 1;
            SampleState::Excluded { reason: "it read from the disk".to_owned() }
        } else if is_new {
            self.state.clone()
        } else {
            SampleState::Valid
        };
        Ok((launch, state))
    }
}

const PAIRS: u64 = 20;

fn compared(fake: &mut Fake, pairs: u64, seed: u64) -> Verdicts {
    let mut rounds = Rounds::new(fake, Metric::Launch, seed);
    rounds.run(pairs, &Rules::default(), &mut |_, _| ())
}

#[test]
fn each_round_gives_every_arm_its_turn_with_all_sides_next_to_one_another() {
    let mut fake = Fake::new(&["full", "warm", "unchanged"]);
    compared(&mut fake, PAIRS, 7);
    let work = 2 * 3;
    let asked = &fake.asked[work..];
    assert_eq!(asked.len() as u64, 3 * 3 * PAIRS, "nothing is unclear, so there is no second run");
    let (mut orders, mut sides) =
        (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for round in asked.chunks(9) {
        let turns: Vec<usize> = round.chunks(3).map(|turn| turn[0].1).collect();
        let mut sorted = turns.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2]);
        orders.insert(turns);
        for turn in round.chunks(3) {
            assert!(turn.iter().all(|(_, arm)| *arm == turn[0].1), "{turn:?}");
            let names: Vec<&str> = turn.iter().map(|(side, _)| side.name()).collect();
            assert!(Side::ALL.iter().all(|side| names.contains(&side.name())), "{names:?}");
            sides.insert(names);
        }
    }
    assert!(orders.len() > 3 && sides.len() == 6, "{orders:?} {sides:?}");

    let mut again = Fake::new(&["full", "warm", "unchanged"]);
    compared(&mut again, PAIRS, 7);
    assert_eq!(fake.asked, again.asked, "the seed decides the order");
    let mut other = Fake::new(&["full", "warm", "unchanged"]);
    compared(&mut other, PAIRS, 8);
    assert_ne!(fake.asked, other.asked);
}

#[test]
fn only_the_arm_that_changed_is_measured_a_second_time_and_called() {
    let mut fake = Fake::new(&["full", "warm"]);
    fake.slower[1] = 0.1;
    let verdicts = compared(&mut fake, PAIRS, 1);
    let turns = |arm| fake.asked.iter().filter(|(_, asked)| *asked == arm).count() as u64;
    assert_eq!((turns(0), turns(1)), (2 + 3 * PAIRS, 2 + 6 * PAIRS));
    let (work, first) = (2 * 2, 2 * 3 * PAIRS as usize);
    assert_eq!(fake.renewed, [work, work + first], "each run has copies of its own");
    assert_eq!(verdicts.arms[0].time, Some(Verdict::Same));
    assert_eq!(verdicts.arms[1].time, Some(Verdict::Slower));
    assert_eq!(verdicts.gate(), Gate::Regression);
}

#[test]
fn work_gates_from_one_sample_each_and_times_are_not_needed() {
    let mut fake = Fake::new(&["warm"]);
    assert_eq!(compared(&mut fake, 0, 1).gate(), Gate::Fine);
    fake.more_rows = 1;
    let verdicts = compared(&mut fake, 0, 1);
    assert_eq!((verdicts.arms[0].work, verdicts.arms[0].time), (Work::More, None));
    assert_eq!(verdicts.gate(), Gate::Regression);
    assert_eq!(fake.asked.len(), 4, "two comparisons of one sample a side");
}

#[test]
fn what_answers_wrongly_is_not_timed() {
    for (state, gate) in [
        (SampleState::Mismatch { detail: "a turn is missing".to_owned() }, Gate::Mismatch),
        (SampleState::Failed { error: "it crashed".to_owned() }, Gate::Failed),
    ] {
        let mut fake = Fake::new(&["warm"]);
        fake.state = state;
        assert_eq!(compared(&mut fake, PAIRS, 1).gate(), gate);
        assert_eq!(fake.asked.len(), 2);
    }
}

#[test]
fn a_sample_for_the_work_is_taken_again_when_others_disturbed_it() {
    let mut fake = Fake::new(&["warm"]);
    fake.disturbed = 3;
    assert_eq!(compared(&mut fake, 0, 1).gate(), Gate::Fine);
    assert_eq!(fake.asked.len(), 5);
}

#[test]
fn launches_of_a_turn_alternate() {
    let mut fake = Fake::new(&["warm"]);
    fake.arms[0].launches_per_sample = 4;
    let mut rounds = Rounds::new(&mut fake, Metric::Launch, 3);
    rounds.run(PAIRS, &Rules::default(), &mut |_, _| ());
    let lengths: Vec<usize> =
        rounds.samples.iter().flatten().map(|sample| sample.launches.len()).collect();
    assert!(lengths.iter().all(|length| *length == 4), "{lengths:?}");
    let asked = &fake.asked[2 * 4..];
    assert_eq!(asked.len() as u64, 3 * 4 * PAIRS);
    for beat in asked.chunks(3) {
        assert!(Side::ALL.iter().all(|side| beat.contains(&(*side, 0))), "{beat:?}");
    }
}

#[test]
fn what_was_disturbed_in_a_turn_is_launched_again_and_left_out() {
    let mut fake = Fake::new(&["warm"]);
    fake.arms[0].launches_per_sample = 4;
    let mut rounds = Rounds::new(&mut fake, Metric::Launch, 3);
    rounds.work(&mut |_, _| ());
    let before = rounds.taken.len();
    drop(rounds);
    fake.disturbed = 2;
    let mut rounds = Rounds::new(&mut fake, Metric::Launch, 3);
    rounds.times(&[0], 1, Set::First, &mut |_, _| ());
    let (mut valid, mut left_out) = (0, 0);
    for sample in rounds.samples.iter().flatten() {
        match sample.state {
            SampleState::Valid => {
                assert_eq!(sample.launches.len(), 4);
                valid += 1;
            }
            _ => {
                assert_eq!(sample.launches.len(), 1);
                left_out += 1;
            }
        }
    }
    // Both launches that were disturbed belong to one moment, and so does the third.
    assert_eq!((before, valid, left_out), (2, 3, 3));
    assert_eq!(rounds.taken.len(), 6);
    // Else the record would contradict itself.
    for samples in &rounds.samples {
        let turns: std::collections::BTreeSet<_> =
            samples.iter().map(|sample| sample.round).collect();
        assert_eq!(turns.len(), samples.len());
    }
}

#[test]
fn what_ends_it_early_leaves_the_pairs_there_are() {
    let mut fake = Fake::new(&["full", "warm"]);
    // The work of both arms, four turns, and a launch of the fifth.
    fake.possible = 2 * 2 + 4 * 3 + 1;
    let mut rounds = Rounds::new(&mut fake, Metric::Launch, 3);
    let verdicts = rounds.run(PAIRS, &Rules::default(), &mut |_, _| ());
    assert!(matches!(rounds.cut, Some(CompareError::Io { .. })));
    assert_eq!(rounds.samples.each_ref().map(Vec::len), [2 + 4, 4, 2 + 4]);
    assert_eq!((rounds.taken.len(), verdicts.gate()), (2 * 2 + 4 * 3, Gate::Inconclusive));
    assert_eq!(fake.asked.len(), fake.possible + 1, "nothing is launched after it");
    // No room for the programs of the second run.
    let mut fake = Fake::new(&["warm"]);
    (fake.slower[0], fake.renewable) = (0.1, 1);
    let mut rounds = Rounds::new(&mut fake, Metric::Launch, 3);
    let verdicts = rounds.run(PAIRS, &Rules::default(), &mut |_, _| ());
    assert!(matches!(rounds.cut, Some(CompareError::Io { .. })));
    assert_eq!((rounds.taken.len() as u64, verdicts.gate()), (2 + 3 * PAIRS, Gate::Inconclusive));
    // So early that an arm has nothing to compare.
    let mut fake = Fake::new(&["full", "warm"]);
    fake.possible = 3;
    let verdicts = compared(&mut fake, 0, 1);
    let work = verdicts.arms.iter().map(|arm| arm.work);
    assert_eq!(work.collect::<Vec<_>>(), [Work::Same, Work::Incomparable]);
    assert_eq!(verdicts.gate(), Gate::Inconclusive);
}

#[test]
fn a_machine_that_disturbs_everything_gives_no_pair() {
    let mut fake = Fake::new(&["warm"]);
    fake.arms[0].launches_per_sample = 2;
    fake.disturbed = 1_000;
    let mut rounds = Rounds::new(&mut fake, Metric::Launch, 3);
    rounds.times(&[0], 1, Set::First, &mut |_, _| ());
    assert!(rounds.samples.iter().flatten().all(|sample| !sample.is_valid()));
    assert_eq!(fake.asked.len(), 3 * 3, "two moments are made again, the third ends the samples");
    // The work is known, and the same; it is inconclusive about the time, and that is no pass.
    let mut fake = Fake::new(&["warm"]);
    fake.disturbed = u64::MAX;
    let verdicts = compared(&mut fake, PAIRS, 1);
    assert_eq!((verdicts.arms[0].work, verdicts.gate()), (Work::Same, Gate::Inconclusive));
}

/// The launches that make a sample of two arms, and what was asked to find that out.
fn settled(scatter: f64) -> (Vec<u64>, Vec<(Side, usize)>) {
    settled_after(1, scatter)
}

/// The same, with other noise.
fn settled_after(random: u64, scatter: f64) -> (Vec<u64>, Vec<(Side, usize)>) {
    let mut fake = Fake::new(&["full", "warm"]);
    (fake.random, fake.scatter) = (random, scatter);
    let rules = Rules::default();
    crate::compare::pilot::settle(&mut fake, Metric::Launch, PAIRS, &rules, 1, &mut || ()).unwrap();
    (fake.arms.iter().map(|arm| arm.launches_per_sample).collect(), fake.asked)
}

#[test]
fn launches_that_scatter_make_longer_samples() {
    assert_eq!(settled(0.01).0, [1, 1]);
    let noisy = settled(0.3).0;
    assert!(noisy.iter().all(|launches| (3..=50).contains(launches)), "{noisy:?}");
    // Half a second is the longest sample there is: launches take 10 ms and more here.
    assert!(settled(1e4).0.iter().all(|launches| *launches <= 50));
}

#[test]
fn how_far_launches_scatter_is_found_out_by_turns_and_from_many_unless_they_are_long() {
    let asked = settled(0.3).1;
    assert_eq!(asked.len(), 2 * 2 * 200);
    for (number, pair) in asked.chunks(2).enumerate() {
        assert!(pair.iter().all(|(_, arm)| *arm == number % 2), "arms take turns");
        assert!(pair.iter().any(|(side, _)| *side == Side::Base), "one of each side");
        assert!(pair.iter().any(|(side, _)| *side == Side::Again), "one of each side");
    }
    // Of about 60 ms: until they have taken long enough.
    let asked = settled(10.0).1.len();
    assert!((2 * 2 * 30..2 * 2 * 100).contains(&asked), "{asked}");
    // Of seconds: one makes a sample, and that is known at once.
    let (launches, asked) = settled(1e4);
    assert_eq!((launches, asked.len()), (vec![1, 1], 2 * 2 * 5));
}

#[test]
fn the_length_of_a_sample_is_no_matter_of_luck() {
    let launches: Vec<u64> = (1..=20).flat_map(|random| settled_after(random, 0.5).0).collect();
    let (least, most) = (launches.iter().min().unwrap(), launches.iter().max().unwrap());
    assert!(
        *most <= 2 * least,
        "one comparison has samples of {least} launches, another of {most}"
    );
}
