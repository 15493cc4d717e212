//! When projections are made, what they carry, and how appends coalesce into them.

use std::time::Duration;

use tracerig_store::threads::{Column, LiveThread, Mode, Value};
use tracing_subscriber::layer::SubscriberExt;

use super::controlled::{Controlled, tokens, touch};

const BOTH_WORKERS: [Mode; 2] = [Mode::Async, Mode::AsyncPerThread];

#[test]
fn four_appends_while_projections_are_in_flight_give_three_updates() {
    for mode in BOTH_WORKERS {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        let first = test.calls.next();
        assert_eq!(first.patch().get(Column::TokensUsed), Some(&Value::Integer(1)));
        thread.append(&[tokens(2)]).unwrap();
        thread.append(&[tokens(3)]).unwrap();
        first.succeed();
        let second = test.calls.next();
        assert_eq!(second.patch().get(Column::TokensUsed), Some(&Value::Integer(3)));
        thread.append(&[tokens(4)]).unwrap();
        second.succeed();
        let third = test.calls.next();
        assert_eq!(third.patch().get(Column::TokensUsed), Some(&Value::Integer(4)));
        third.succeed();
        thread.flush().unwrap();
        assert!(test.calls.none());
    }
}

#[test]
fn the_first_projection_brings_the_whole_row_and_later_ones_what_changed() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    assert!(first.patch().is_complete());
    assert!(first.patch().get(Column::RolloutPath).is_some());
    assert!(first.patch().get(Column::CreatedAtMs).is_some());
    first.succeed();
    thread.flush().unwrap();
    thread.append(&[tokens(2)]).unwrap();
    let second = test.calls.next();
    assert!(!second.patch().is_complete());
    let columns: Vec<Column> = second.patch().iter().map(|(column, _)| column).collect();
    assert_eq!(columns, [Column::UpdatedAtMs, Column::TokensUsed, Column::HistoryBytes]);
    second.succeed();
}

#[test]
fn one_worker_projects_every_dirty_thread_together() {
    let test = Controlled::new(Mode::Async);
    let threads: Vec<_> = (0..5).map(|_| test.thread()).collect();
    threads[0].append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    for thread in &threads {
        thread.append(&[tokens(2)]).unwrap();
    }
    first.succeed();
    let second = test.calls.next();
    let mut ids: Vec<_> = second.batch.iter().map(|(id, _)| *id).collect();
    let mut expected: Vec<_> = threads.iter().map(LiveThread::id).collect();
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    second.succeed();
}

#[test]
fn a_touch_waits_and_a_barrier_does_not_let_it() {
    for mode in BOTH_WORKERS {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        test.calls.next().succeed();
        thread.flush().unwrap();
        thread.append(&[touch()]).unwrap();
        // It would be projected now if it were no touch: this append comes after it in the same
        // queue.
        let other = test.thread();
        other.append(&[tokens(1)]).unwrap();
        let call = test.calls.next();
        assert_eq!(call.batch.len(), 1, "{:?}", call.batch);
        assert_eq!(call.batch[0].0, other.id());
        call.succeed();
        // A barrier.
        let flushed = thread.clone();
        std::thread::scope(|scope| {
            let flush = scope.spawn(move || flushed.flush());
            let call = test.calls.next();
            assert!(call.patch().is_touch());
            call.succeed();
            flush.join().unwrap().unwrap();
        });
    }
}

#[test]
fn a_touch_is_projected_when_its_time_has_come() {
    for mode in BOTH_WORKERS {
        let test = Controlled::new(mode);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        test.calls.next().succeed();
        thread.flush().unwrap();
        thread.append(&[touch()]).unwrap();
        test.clock.advance(Duration::from_millis(4_999));
        thread.append(&[touch()]).unwrap();
        // It is not with what the worker projects after it.
        let other = test.thread();
        other.append(&[tokens(1)]).unwrap();
        let call = test.calls.next();
        assert_eq!((call.batch.len(), call.batch[0].0), (1, other.id()));
        call.succeed();
        test.clock.advance(Duration::from_millis(1));
        let call = test.calls.next();
        assert!(call.patch().is_touch());
        call.succeed();
        // The first touch after a long rest does not wait.
        thread.flush().unwrap();
        test.clock.advance(Duration::from_secs(60));
        thread.append(&[touch()]).unwrap();
        test.calls.next().succeed();
    }
}

#[test]
fn a_change_takes_a_waiting_touch_along() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    test.calls.next().succeed();
    thread.flush().unwrap();
    thread.append(&[touch()]).unwrap();
    thread.append(&[tokens(2)]).unwrap();
    let call = test.calls.next();
    assert_eq!(call.patch().get(Column::TokensUsed), Some(&Value::Integer(2)));
    call.succeed();
    thread.flush().unwrap();
    test.clock.advance(Duration::from_secs(60));
    assert!(test.calls.none());
}

#[test]
fn a_synchronous_append_is_in_the_row_when_it_returns() {
    for mode in [Mode::Sync, Mode::SyncReadback] {
        let test = Controlled::new(mode);
        let thread = test.thread();
        std::thread::scope(|scope| {
            let appending = scope.spawn(|| thread.append(&[touch()]));
            let call = test.calls.next();
            assert!(!appending.is_finished());
            call.succeed();
            appending.join().unwrap().unwrap();
        });
        assert!(test.calls.none());
    }
}

#[test]
fn dropping_the_store_projects_what_is_pending() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    test.calls.next().succeed();
    thread.flush().unwrap();
    thread.append(&[touch()]).unwrap();
    let Controlled { store, calls, .. } = test;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            drop(thread);
            drop(store);
        });
        let call = calls.next();
        assert!(call.patch().is_touch());
        call.succeed();
    });
}

#[test]
fn a_projection_has_a_span_below_that_of_the_earliest_append_in_it() {
    let recorded = spans::Recorder::default();
    // Threads of execution that are started below do not inherit a scoped subscriber, so it is that
    // of the process.
    let subscriber = tracing_subscriber::registry().with(recorded.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    thread.append(&[tokens(2)]).unwrap();
    thread.append(&[tokens(3)]).unwrap();
    first.succeed();
    test.calls.next().succeed();
    thread.flush().unwrap();
    let of = |name: &'static str| recorded.of_thread(name, &thread.id().to_string());
    let (appends, projections) = (of("append"), of("project"));
    assert_eq!(appends.len(), 3);
    let parents: Vec<_> = projections.iter().map(|span| span.parent.clone()).collect();
    assert_eq!(parents, [Some(appends[0].id.clone()), Some(appends[1].id.clone())]);
}

/// A layer that remembers which span is below which.
mod spans {
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};

    use tracing::Subscriber;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id};
    use tracing_subscriber::layer::{Context, Layer};
    use tracing_subscriber::registry::LookupSpan;

    #[derive(Debug, Clone)]
    pub(super) struct Span {
        pub(super) id: Id,
        pub(super) parent: Option<Id>,
        name: &'static str,
        thread: String,
    }

    #[derive(Debug, Clone, Default)]
    pub(super) struct Recorder(Arc<Mutex<Vec<Span>>>);

    impl Recorder {
        pub(super) fn of_thread(&self, name: &str, thread: &str) -> Vec<Span> {
            let spans = self.0.lock().unwrap();
            spans
                .iter()
                .filter(|span| span.name == name && span.thread == thread)
                .cloned()
                .collect()
        }
    }

    struct ThreadField(String);

    impl Visit for ThreadField {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            if field.name() == "thread" {
                self.0 = format!("{value:?}");
            }
        }
    }

    impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
        fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
            let mut thread = ThreadField(String::new());
            attributes.record(&mut thread);
            let parent = context.span(id).and_then(|span| span.parent()).map(|parent| parent.id());
            let name = attributes.metadata().name();
            self.0.lock().unwrap().push(Span { id: id.clone(), parent, name, thread: thread.0 });
        }
    }
}
