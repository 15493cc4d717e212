//! Samples of launches that are invented.

use tracerig_reports::record::{Cache, Launch};

use super::*;
use crate::finished::not_started;

#[test]
fn every_round_has_every_arm_once_in_an_order_of_the_seed() {
    let arms = ["floor", "full", "warm"].map(|name| ArmKey::new(name, Cache::Hot));
    let order = |seed| {
        let take = |_: usize, at: u64, of: u64| {
            assert!(at < of && of == 24);
            Ok::<_, ()>((vec![not_started()], SampleState::Valid))
        };
        let (samples, interrupted) = interleaved(&arms, 8, seed, take, |_| ()).unwrap();
        assert!(!interrupted);
        let rounds: Vec<Vec<String>> = samples
            .chunks(3)
            .map(|round| round.iter().map(|sample| sample.arm.clone()).collect())
            .collect();
        for (number, round) in samples.chunks(3).enumerate() {
            assert!(round.iter().all(|sample| sample.round == number as u64));
            assert!(arms.iter().all(|arm| round.iter().any(|sample| sample.arm == arm.name)));
        }
        rounds
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    assert!(order(1).windows(2).any(|rounds| rounds[0] != rounds[1]), "not block by block");
}

#[test]
fn what_is_left_out_is_taken_again_up_to_twice_the_plan() {
    let arms = ["quiet", "noisy", "never", "broken"].map(|name| ArmKey::new(name, Cache::Hot));
    let mut noise = 0;
    let take = |arm: usize, at: u64, of: u64| {
        assert!(at < of);
        noise += u64::from(arm == 1);
        let excluded = || SampleState::Excluded { reason: "it read from the device".to_owned() };
        let state = match arm {
            1 if noise % 3 == 0 => excluded(),
            2 => excluded(),
            3 => SampleState::Failed { error: "it crashed".to_owned() },
            _ => SampleState::Valid,
        };
        Ok::<_, ()>((vec![not_started()], state))
    };
    let mut heard = Vec::new();
    let (samples, _) = interleaved(&arms, 6, 7, take, |sample| heard.push(sample.clone())).unwrap();
    assert_eq!(samples, heard);
    let of = |arm: &str| samples.iter().filter(|sample| sample.arm == arm).count();
    let valid = samples.iter().filter(|sample| sample.arm == "noisy" && sample.is_valid()).count();
    // What fails is a result, and is not taken again.
    let counts = ["quiet", "noisy", "never", "broken"].map(of);
    assert_eq!((counts, valid), ([6, 8, 12, 6], 6));
}

#[test]
fn a_sample_ends_with_the_first_launch_that_does_not_count() {
    let mut left = 2;
    let (launches, state) = repeated(5, || {
        left -= 1;
        let state = if left == 0 {
            SampleState::Failed { error: "it crashed".to_owned() }
        } else {
            SampleState::Valid
        };
        Ok::<_, ()>((vec![not_started()], state))
    })
    .unwrap();
    assert_eq!(launches.len(), 2);
    assert!(matches!(state, SampleState::Failed { .. }));
}

#[test]
fn launches_are_as_many_as_take_long_enough() {
    let take = |nanoseconds| {
        let launch = Launch { wall: Duration::from_nanos(nanoseconds), ..not_started() };
        Ok::<_, ()>((vec![launch], SampleState::Valid))
    };
    let count = |at_once, nanoseconds| {
        launches_for(Duration::from_nanos(100), at_once, || take(nanoseconds))
    };
    assert_eq!(
        (count(1, 100), count(1, 30), count(2, 40), count(1, 1)),
        (Ok(1), Ok(4), Ok(4), Ok(100))
    );
    assert_eq!(count(1, 0), Ok(100), "at most");
}
