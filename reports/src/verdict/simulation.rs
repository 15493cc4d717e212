//! How often the rules err, by simulation: equal programs called different, and planted changes not
//! found.
//!
//! `cargo test -p tracerig-reports --lib verdict::simulation -- --nocapture` prints the rates.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

/// A machine as they are: the middle of its times scatters like a normal variable, some are late by
/// much more, and all of them drift together.
struct Machine {
    random: ChaCha8Rng,
    /// Scatter of the middle, as a part.
    core: f64,
    /// How often a time is late, and by how much on average.
    late: (f64, f64),
    /// How far the machine has drifted, and by how much it does from one time to the next.
    drifted: f64,
    drift: f64,
}

impl Machine {
    fn new(seed: u64, core: f64) -> Machine {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Machine { random, core, late: (0.1, 0.08), drifted: 0.0, drift: 0.004 }
    }

    fn uniform(&mut self) -> f64 {
        ((self.random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// The next time of a program that takes 100 ms where nothing disturbs it.
    fn time(&mut self, factor: f64) -> Duration {
        // It comes back, as temperature and neighbours do.
        self.drifted = 0.99 * self.drifted + self.drift * self.normal();
        let mut ln = self.drifted + self.core * self.normal();
        if self.uniform() < self.late.0 {
            ln -= self.late.1 * self.uniform().ln();
        }
        Duration::from_nanos((1e8 * factor * ln.exp()) as u64)
    }

    /// Two times, which of them comes first left to chance.
    fn pair(&mut self, factor: f64) -> Pair {
        if self.uniform() < 0.5 {
            let base = self.time(1.0);
            return Pair { base, new: self.time(factor) };
        }
        let new = self.time(factor);
        Pair { base: self.time(1.0), new }
    }

    /// The verdicts of a comparison as it is made: `pairs` of each kind, and the arms in question
    /// once more. `factors` has the time of the new program in each arm.
    fn compare(&mut self, factors: &[f64], pairs: usize, rules: &Rules) -> Verdicts {
        let name = |at: usize| ArmKey::new(format!("arm-{at}"), Cache::Hot);
        let mut arms: Vec<Measured> =
            (0..factors.len()).map(|at| Measured::new(name(at), Metric::Launch)).collect();
        for _ in 0..pairs {
            for (arm, factor) in arms.iter_mut().zip(factors) {
                arm.pair(Set::First, self.pair(*factor));
                arm.pair(Set::Itself, self.pair(1.0));
            }
        }
        let again = without_false_alarms(&arms, rules).again();
        for _ in 0..pairs {
            for (arm, factor) in
                arms.iter_mut().zip(factors).filter(|(arm, _)| again.contains(&arm.arm))
            {
                arm.pair(Set::Second, self.pair(*factor));
                arm.pair(Set::Itself, self.pair(1.0));
            }
        }
        without_false_alarms(&arms, rules)
    }
}

/// How often each verdict was given.
#[derive(Debug, Default)]
struct Rates {
    same: u64,
    slower: u64,
    faster: u64,
    inconclusive: u64,
    doubts: BTreeMap<String, u64>,
}

impl Rates {
    fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Same => &mut self.same,
            Verdict::Slower => &mut self.slower,
            Verdict::Faster => &mut self.faster,
            Verdict::Inconclusive { why } => {
                let name = format!("{why:?}").split(' ').next().unwrap_or_default().to_owned();
                *self.doubts.entry(name).or_default() += 1;
                &mut self.inconclusive
            }
        } += 1;
    }

    fn part(&self, of: u64) -> f64 {
        of as f64 / (self.same + self.slower + self.faster + self.inconclusive) as f64
    }
}

/// The verdicts of `comparisons` comparisons of one arm, which takes `factor` times as long.
fn rates(comparisons: u64, core: f64, factor: f64, pairs: usize) -> Rates {
    let mut rates = Rates::default();
    let mut machine = Machine::new(comparisons + pairs as u64, core);
    for _ in 0..comparisons {
        rates.add(machine.compare(&[factor], pairs, &Rules::default()).arms[0].time.unwrap());
    }
    println!("{factor} x, core {core}, {pairs} pairs: {rates:?}");
    rates
}

/// Coefficient of variation of 20,000 times.
fn variation(core: f64) -> f64 {
    let mut machine = Machine::new(3, core);
    let times: Vec<f64> = (0..20_000).map(|_| machine.time(1.0).as_secs_f64()).collect();
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let variance =
        times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (times.len() - 1) as f64;
    variance.sqrt() / mean
}

#[test]
fn the_machine_is_as_noisy_as_real_ones() {
    for core in [0.010, 0.015] {
        let found = variation(core);
        println!("core {core}: coefficient of variation {:.1} %", found * 100.0);
        assert!((0.03..0.06).contains(&found), "{core}: {found}");
    }
}

#[test]
fn equal_programs_are_not_called_different() {
    for core in [0.005, 0.010, 0.015, 0.03, 0.06] {
        let rates = rates(400, core, 1.0, 20);
        assert!(rates.part(rates.slower + rates.faster) <= 0.01, "{core}: {rates:?}");
        if core <= 0.015 {
            assert!(rates.part(rates.same) >= 0.95, "{core}: {rates:?}");
        }
    }
}

#[test]
fn a_change_of_five_percent_is_found() {
    for core in [0.005, 0.010, 0.015] {
        for factor in [1.05, 1.0 / 1.05] {
            let rates = rates(200, core, factor, 20);
            let right = if factor > 1.0 { rates.slower } else { rates.faster };
            assert!(rates.part(right) >= 0.95, "{core}, {factor}: {rates:?}");
        }
    }
}

#[test]
fn a_change_of_five_percent_is_never_called_same() {
    for core in [0.005, 0.015, 0.03, 0.06] {
        let rates = rates(200, core, 1.05, 20);
        assert!(rates.part(rates.same) <= 0.01, "{core}: {rates:?}");
    }
}

/// A change as large as the margin itself is the hardest case for a false alarm.
#[test]
fn a_change_of_the_margin_is_hardly_ever_called() {
    for core in [0.005, 0.015] {
        let rates = rates(500, core, 1.02, 20);
        assert!(rates.part(rates.slower + rates.faster) <= 0.01, "{core}: {rates:?}");
    }
}

/// Nine arms, as a plan has: no arm may be called, or only the one that is slower.
#[test]
fn many_arms_make_no_more_false_alarms() {
    let mut machine = Machine::new(9, 0.012);
    let (mut comparisons, mut alarms, mut found) = (0_u64, 0_u64, 0_u64);
    for _ in 0..100 {
        let mut factors = [1.0; 9];
        factors[4] = 1.05;
        let verdicts = machine.compare(&factors, 20, &Rules::default());
        let called =
            |at: usize| matches!(verdicts.arms[at].time, Some(Verdict::Slower | Verdict::Faster));
        comparisons += 1;
        alarms += u64::from((0..9).any(|at| at != 4 && called(at)));
        found += u64::from(verdicts.arms[4].time == Some(Verdict::Slower));
    }
    println!("nine arms: {found} of {comparisons} found, {alarms} with a false alarm");
    assert!(alarms <= 1 && found * 100 >= comparisons * 95);
}

/// The smallest change that a comparison says it would find is found about as often as it says.
#[test]
fn the_smallest_change_is_what_it_says() {
    for core in [0.005, 0.012] {
        let mut machine = Machine::new(17, core);
        let (mut found, mut sum) = (0_u64, 0.0);
        for _ in 0..150 {
            let noise = machine.compare(&[1.0], 20, &Rules::default()).arms[0].noise.unwrap();
            sum += noise.smallest_change;
            let verdicts = machine.compare(&[1.0 + noise.smallest_change], 20, &Rules::default());
            found += u64::from(verdicts.arms[0].time == Some(Verdict::Slower));
        }
        println!("core {core}: {:.1} % on average, found {found} of 150", sum / 1.5);
        assert!(found * 100 >= 150 * 86, "{core}: {found}");
    }
}

#[test]
fn samples_are_rarely_too_short() {
    let mut machine = Machine::new(12, 0.1);
    let mut between = |pairs: usize| -> Vec<f64> {
        let ratio = |Pair { base, new }: Pair| (new.as_secs_f64() / base.as_secs_f64()).ln();
        (0..pairs).map(|_| ratio(machine.pair(1.0))).collect()
    };
    let needed = |between: &[f64]| launches_needed(between, 20, 1, &Rules::default());
    // Of so many launches that chance has no part in it.
    let right = needed(&between(200_000));
    for launches in [30, 200] {
        let too_short = (0..1_000).filter(|_| needed(&between(launches)) < right).count();
        println!(
            "{launches} launches: {too_short} of 1,000 samples are shorter than {right} launches"
        );
        assert!((10..=70).contains(&too_short), "{too_short} of 1,000 with {launches} launches");
    }
}
