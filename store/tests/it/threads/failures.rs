//! Projections that fail: what is kept, who is reported, and what comes after.

use tracerig_store::threads::{Column, Error, Mode, ProjectError, StoreOptions, Value};

use super::controlled::{Controlled, FailingDisk, Fault, failure, tokens};

const BOTH_WORKERS: [Mode; 2] = [Mode::Async, Mode::AsyncPerThread];

#[test]
fn a_superseded_failure_is_invisible_to_the_flush_that_waits() {
    for mode in BOTH_WORKERS {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        let first = test.calls.next();
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| thread.flush());
            test.barriers.next();
            thread.append(&[tokens(2)]).unwrap();
            first.fail();
            let merged = test.calls.next();
            assert!(!flush.is_finished());
            assert!(merged.patch().is_complete(), "what failed is merged into it");
            assert_eq!(merged.patch().get(Column::TokensUsed), Some(&Value::Integer(2)));
            merged.succeed();
            flush.join().unwrap().unwrap();
        });
    }
}

#[test]
fn a_lone_failure_is_retried_and_reported_by_the_next_two_barriers_in_turn() {
    for mode in BOTH_WORKERS {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        test.calls.next().fail();
        test.ended.next();
        for _ in 0..2 {
            std::thread::scope(|scope| {
                let flush = scope.spawn(|| thread.flush());
                test.calls.next().fail();
                let error = flush.join().unwrap().unwrap_err();
                assert!(matches!(error, Error::Projection { .. }), "{error}");
            });
            // Nobody tries again unasked.
            assert!(test.calls.none());
        }
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| thread.flush());
            let call = test.calls.next();
            assert!(call.patch().is_complete());
            call.succeed();
            flush.join().unwrap().unwrap();
        });
    }
}

#[test]
fn a_flush_that_waits_for_a_projection_in_flight_reports_its_lone_failure() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    std::thread::scope(|scope| {
        let flushed = thread.clone();
        let flush = scope.spawn(move || flushed.flush());
        test.barriers.next();
        first.fail();
        assert!(matches!(flush.join().unwrap(), Err(Error::Projection { .. })));
        // Dropping it tries once more.
        scope.spawn(|| drop(thread));
        test.calls.next().succeed();
    });
}

#[test]
fn a_flush_beside_a_writer_that_never_pauses_is_told_after_three_failures() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(0)]).unwrap();
    let mut call = test.calls.next();
    std::thread::scope(|scope| {
        let flush = scope.spawn(|| thread.flush());
        test.barriers.next();
        for round in 1..=3 {
            assert!(!flush.is_finished());
            thread.append(&[tokens(round)]).unwrap();
            call.fail();
            call = test.calls.next();
        }
        assert!(matches!(flush.join().unwrap(), Err(Error::Projection { .. })));
        call.succeed();
    });
}

#[test]
fn appends_are_not_failed_by_projections() {
    for mode in [Mode::Sync, Mode::SyncReadback] {
        let test = Controlled::new(mode);
        let thread = test.thread();
        std::thread::scope(|scope| {
            let appending = scope.spawn(|| thread.append(&[tokens(1)]));
            test.calls.next().fail();
            appending.join().unwrap().unwrap();
            let appending = scope.spawn(|| thread.append(&[tokens(2)]));
            let call = test.calls.next();
            assert!(call.patch().is_complete(), "what failed is merged into it");
            call.succeed();
            appending.join().unwrap().unwrap();
        });
    }
}

#[test]
fn an_append_after_a_failure_is_projected_with_what_failed() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    test.calls.next().fail();
    test.ended.next();
    thread.append(&[tokens(2)]).unwrap();
    let call = test.calls.next();
    assert!(call.patch().is_complete());
    call.succeed();
    thread.flush().unwrap();
}

#[test]
fn one_thread_that_fails_does_not_fail_the_others() {
    let test = Controlled::new(Mode::Async);
    let (good, bad) = (test.thread(), test.thread());
    good.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    good.append(&[tokens(2)]).unwrap();
    bad.append(&[tokens(2)]).unwrap();
    first.succeed();
    let second = test.calls.next();
    assert_eq!(second.batch.len(), 2);
    let outcome = |id| if id == bad.id() { Err(failure()) } else { Ok(()) };
    let outcomes = second.batch.iter().map(|(id, _)| outcome(*id)).collect();
    second.answer_each(outcomes);
    good.flush().unwrap();
    std::thread::scope(|scope| {
        let flush = scope.spawn(|| bad.flush());
        let retried = test.calls.next();
        assert_eq!(retried.batch.len(), 1);
        assert_eq!(retried.batch[0].0, bad.id());
        retried.succeed();
        flush.join().unwrap().unwrap();
    });
}

#[test]
fn a_row_that_vanished_is_brought_back_whole() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    test.calls.next().succeed();
    thread.flush().unwrap();
    std::thread::scope(|scope| {
        thread.append(&[tokens(2)]).unwrap();
        let call = test.calls.next();
        assert!(!call.patch().is_complete());
        call.answer(&Err(ProjectError::RowMissing { path: "rows".into(), thread: thread.id() }));
        let flush = scope.spawn(|| thread.flush());
        let whole = loop {
            let call = test.calls.next();
            if call.patch().is_complete() {
                break call;
            }
            // The flush came before the answer: its own attempt finds out.
            call.answer(&Err(ProjectError::RowMissing {
                path: "rows".into(),
                thread: thread.id(),
            }));
        };
        assert_eq!(whole.patch().get(Column::TokensUsed), Some(&Value::Integer(2)));
        assert!(whole.patch().get(Column::RolloutPath).is_some());
        whole.succeed();
        flush.join().unwrap().unwrap();
    });
}

#[test]
fn a_shutdown_reports_both_failures_and_closes_all_the_same() {
    let disk = FailingDisk::default();
    let options =
        StoreOptions { disk: std::sync::Arc::new(disk.clone()), ..StoreOptions::default() };
    let test = Controlled::with(options);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    disk.due([Fault::Sync]);
    std::thread::scope(|scope| {
        let shutdown = scope.spawn(|| thread.shutdown());
        test.barriers.next();
        first.fail();
        match shutdown.join().unwrap() {
            Err(Error::Shutdown(error)) => {
                assert!(error.projection.is_some());
                assert!(error.history.is_some());
                let text = error.to_string();
                assert!(text.contains("behind its history") && text.contains("rollout-"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    });
    assert!(disk.all_struck());
    drop(test.store.resume(thread.id()).unwrap());
}

#[test]
fn what_a_closed_writer_could_not_project_never_overtakes_the_next_one() {
    for mode in BOTH_WORKERS {
        let test = Controlled::new(mode);
        let first = test.thread();
        first.append(&[tokens(1)]).unwrap();
        let call = test.calls.next();
        std::thread::scope(|scope| {
            let shutdown = scope.spawn(|| first.shutdown());
            test.barriers.next();
            call.fail();
            assert!(matches!(shutdown.join().unwrap(), Err(Error::Shutdown(_))));
        });
        let next = test.store.resume(first.id()).unwrap();
        next.append(&[tokens(2)]).unwrap();
        test.calls.next().succeed();
        next.flush().unwrap();
        assert!(matches!(first.flush(), Err(Error::Closed { .. })));
        first.shutdown().unwrap_err();
        drop(first);
        assert!(test.calls.none());
    }
}

#[test]
fn a_dropped_writer_keeps_its_lock_until_its_last_projection_has_ended() {
    for mode in BOTH_WORKERS {
        let test = Controlled::new(mode);
        let thread = test.thread();
        let id = thread.id();
        thread.append(&[tokens(1)]).unwrap();
        let first = test.calls.next();
        thread.append(&[tokens(2)]).unwrap();
        std::thread::scope(|scope| {
            let dropping = scope.spawn(move || drop(thread));
            test.barriers.next();
            assert!(matches!(test.store.resume(id), Err(Error::InUse { .. })));
            first.succeed();
            let second = test.calls.next();
            assert!(matches!(test.store.resume(id), Err(Error::InUse { .. })));
            second.succeed();
            dropping.join().unwrap();
        });
        drop(test.store.resume(id).unwrap());
    }
}
