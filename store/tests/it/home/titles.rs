//! Names that users gave to threads.

use tracerig_store::threads::{Item, MetadataUpdate};

use super::*;

const INDEX: &str = "session_index.jsonl";

fn named(thread: &str, title: &str) -> String {
    format!(
        "{{\"id\":\"{thread}\",\"thread_name\":\"{title}\",\
        \"updated_at\":\"2026-11-29T19:56:26.073263833Z\"}}\n"
    )
}

#[test]
fn the_last_name_in_the_index_beats_a_derived_title() {
    let home = Home::new();
    home.write(DAY, &name(THREAD), history(THREAD));
    home.write(DAY, &name(OTHER), history(OTHER));
    home.write("", INDEX, named(THREAD, "first") + &named(THREAD, "given"));
    assert_eq!(home.rebuilt(THREAD).title.as_deref(), Some("given"));
    assert_eq!(home.row(OTHER).unwrap().title.as_deref(), Some("do it"));
    assert_eq!(home.row(THREAD).unwrap().preview.as_deref(), Some("do it"));

    // A new name changes no history; a repair sees it anyway.
    home.write(
        "",
        INDEX,
        named(THREAD, "given") + &named(OTHER, "other") + &named(THREAD, "again"),
    );
    assert_eq!(home.repair().written, 2);
    assert_eq!(home.row(THREAD).unwrap().title.as_deref(), Some("again"));
    home.all_equal();
}

#[test]
fn a_writer_keeps_the_name_and_an_explicit_title_in_the_history_beats_it() {
    let home = Home::new();
    home.write(DAY, &name(THREAD), meta(0, THREAD, ""));
    home.write("", INDEX, named(THREAD, "given"));
    let live = home.store().resume(id(THREAD)).unwrap();
    live.append_and_flush(&[Item::user_message("a message").unwrap()]).unwrap();
    assert_eq!(home.row(THREAD).unwrap().title.as_deref(), Some("given"));
    home.all_equal();
    let update =
        MetadataUpdate { title: Some(Some("explicit".to_owned())), ..MetadataUpdate::default() };
    assert_eq!(live.update_metadata(&update).unwrap().title.as_deref(), Some("explicit"));
    live.shutdown().unwrap();
    home.all_equal();
}

#[test]
fn lines_of_the_index_that_say_nothing_are_told() {
    let home = Home::new();
    home.write(DAY, &name(THREAD), history(THREAD));
    let index = home.write("", INDEX, named(THREAD, "given") + "{}\n");
    let done = home.rebuild();
    assert_eq!((done.flaws.problem_count, &done.flaws.problems[0].path), (1, &index));
    assert_eq!(home.verify().flaws.problem_count, 1);
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    assert_eq!(home.rebuild().failures.len(), 1);
    assert_eq!(home.verify().failures.len(), 1);
}
