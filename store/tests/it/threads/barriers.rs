//! What barriers wait for, and what they do not.

use tracerig_store::threads::{Column, Error, Item, MetadataUpdate, Mode, Value};

use super::controlled::{Controlled, tokens, touch};

#[test]
fn a_flush_does_not_wait_for_an_append_accepted_after_it() {
    for mode in [Mode::Async, Mode::AsyncPerThread] {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        let first = test.calls.next();
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| thread.flush());
            test.barriers.next();
            thread.append(&[tokens(2)]).unwrap();
            first.succeed();
            // The second projection is in flight, and stays there.
            let second = test.calls.next();
            flush.join().unwrap().unwrap();
            second.succeed();
        });
    }
}

#[test]
fn a_flush_waits_for_everything_accepted_before_it() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    thread.append(&[tokens(2)]).unwrap();
    std::thread::scope(|scope| {
        let flush = scope.spawn(|| thread.flush());
        test.barriers.next();
        first.succeed();
        let second = test.calls.next();
        assert!(!flush.is_finished());
        second.succeed();
        flush.join().unwrap().unwrap();
    });
}

#[test]
fn a_flush_with_nothing_accepted_does_nothing() {
    for mode in Mode::ALL {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.flush().unwrap();
        thread.append(&[]).unwrap();
        thread.append_and_flush(&[]).unwrap();
        assert!(test.calls.none());
        assert!(!test.folder.path().join("sessions/2026").exists());
    }
}

#[test]
fn created_facts_wait_for_the_first_append_unless_persisted() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.flush().unwrap();
    assert!(test.calls.none());
    std::thread::scope(|scope| {
        let persist = scope.spawn(|| thread.persist());
        let call = test.calls.next();
        assert!(call.patch().is_complete());
        call.succeed();
        persist.join().unwrap().unwrap();
    });
    // Nothing is left to persist.
    thread.persist().unwrap();
    assert!(test.calls.none());
}

#[test]
fn resumed_facts_wait_for_the_first_append_unless_persisted() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(7)]).unwrap();
    test.calls.next().succeed();
    thread.shutdown().unwrap();
    let id = thread.id();

    let resumed = test.store.resume(id).unwrap();
    resumed.flush().unwrap();
    assert!(test.calls.none());
    resumed.append(&[touch()]).unwrap();
    let call = test.calls.next();
    assert!(call.patch().is_complete());
    assert_eq!(call.patch().get(Column::TokensUsed), Some(&Value::Integer(7)));
    call.succeed();
    resumed.shutdown().unwrap();

    let again = test.store.resume(id).unwrap();
    std::thread::scope(|scope| {
        let persist = scope.spawn(|| again.persist());
        let call = test.calls.next();
        assert!(call.patch().is_complete());
        call.succeed();
        persist.join().unwrap().unwrap();
    });
}

#[test]
fn a_resumed_thread_that_is_only_shut_down_writes_nothing() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(7)]).unwrap();
    test.calls.next().succeed();
    thread.shutdown().unwrap();
    test.store.resume(thread.id()).unwrap().shutdown().unwrap();
    assert!(test.calls.none());
}

#[test]
fn an_update_comes_after_what_was_pending_and_in_one_projection_with_it() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    thread.append(&[Item::user_message("derived").unwrap(), tokens(2)]).unwrap();
    let update =
        MetadataUpdate { title: Some(Some("explicit".into())), ..MetadataUpdate::default() };
    std::thread::scope(|scope| {
        let updated = scope.spawn(|| thread.update_metadata(&update));
        test.barriers.next();
        first.succeed();
        let second = test.calls.next();
        assert_eq!(second.patch().get(Column::Title), Some(&Value::Text("explicit".into())));
        assert_eq!(second.patch().get(Column::Preview), Some(&Value::Text("derived".into())));
        assert_eq!(second.patch().get(Column::TokensUsed), Some(&Value::Integer(2)));
        second.succeed();
        // The projector of this test writes no row.
        assert!(matches!(updated.join().unwrap(), Err(Error::Unknown { .. })));
    });
}

#[test]
fn shutdown_waits_for_the_projection_in_flight_and_then_makes_the_last_one() {
    for mode in [Mode::Async, Mode::AsyncPerThread] {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        let first = test.calls.next();
        thread.append(&[tokens(2)]).unwrap();
        std::thread::scope(|scope| {
            let shutdown = scope.spawn(|| thread.shutdown());
            test.barriers.next();
            assert!(test.calls.none());
            // Closed for appends at once, in use until the end.
            assert!(matches!(thread.append(&[tokens(3)]), Err(Error::Closed { .. })));
            assert!(matches!(test.store.resume(thread.id()), Err(Error::InUse { .. })));
            first.succeed();
            let second = test.calls.next();
            assert!(!shutdown.is_finished());
            second.succeed();
            shutdown.join().unwrap().unwrap();
        });
        thread.shutdown().unwrap();
        thread.flush().unwrap();
        assert!(test.calls.none());
        drop(test.store.resume(thread.id()).unwrap());
    }
}

#[test]
fn discard_waits_for_the_projection_in_flight_and_makes_no_other() {
    for mode in [Mode::Async, Mode::AsyncPerThread] {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        let first = test.calls.next();
        thread.append(&[tokens(2)]).unwrap();
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| thread.flush());
            test.barriers.next();
            let discards = [scope.spawn(|| thread.discard()), scope.spawn(|| thread.discard())];
            // A barrier that waits is reported at once.
            assert!(matches!(flush.join().unwrap(), Err(Error::Discarded { .. })));
            assert!(discards.iter().all(|discard| !discard.is_finished()));
            assert!(test.calls.none());
            first.succeed();
            for discard in discards {
                discard.join().unwrap();
            }
        });
        thread.discard();
        assert!(test.calls.none());
        assert!(matches!(thread.append(&[tokens(3)]), Err(Error::Discarded { .. })));
        assert!(matches!(thread.flush(), Err(Error::Discarded { .. })));
        assert!(matches!(thread.persist(), Err(Error::Discarded { .. })));
        assert!(matches!(thread.shutdown(), Err(Error::Discarded { .. })));
        drop(test.store.resume(thread.id()).unwrap());
    }
}
