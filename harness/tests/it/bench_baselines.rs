//! What `cargo bench -- --baseline NAME` says where NAME was never saved, before anything is
//! measured.

#[path = "../../benches/common/baseline.rs"]
mod baseline;

use std::path::Path;

fn missing(folder: &Path, arguments: &[&str]) -> Option<String> {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    baseline::missing(&arguments, || folder.to_owned())
}

#[test]
fn a_baseline_that_no_benchmark_has_is_refused_with_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let none = missing(folder.path(), &["--bench", "--baseline", "before"]).unwrap();
    assert!(none.contains("there is none") && none.contains("--save-baseline before"), "{none}");
    assert!(missing(&folder.path().join("gone"), &["--bench", "--baseline", "before"]).is_some());

    // As criterion lays it out: one benchmark with a parameter, one without, and what it keeps
    // beside.
    for kept in [
        "memo/load/before",
        "memo/load/new",
        "list/50/5,000/other",
        "list/50/change",
        "report/mine",
    ] {
        let kept = folder.path().join(kept);
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::write(kept.join("estimates.json"), "{}").unwrap();
    }
    for refused in [
        &["--baseline", "after"][..],
        &["--baseline=after"],
        &["-b", "after"],
        &["-bafter"],
        &["memo", "--baseline", "after", "--noplot"],
        &["--load-baseline", "after", "--baseline", "before"],
        &["--baseline", "new"],
        &["--baseline", "mine"],
    ] {
        let said = missing(folder.path(), &[&["--bench"], refused].concat()).unwrap();
        let names = said.contains("there are before, other.")
            && said.contains(folder.path().to_str().unwrap());
        assert!(names && !said.contains('\n'), "{refused:?}: {said}");
    }
    for fine in [
        &["--bench", "--baseline", "before"][..],
        // One benchmark that has it is enough: a filter may ask for no other.
        &["--bench", "--baseline", "other", "memo"],
        &["--bench", "--baseline-lenient", "after"],
        &["--bench", "--save-baseline", "after"],
        &["--bench", "--save-baseline=after"],
        &["--bench"],
        // Nothing is compared in these.
        &["--baseline", "after"],
        &["--bench", "--test", "--baseline", "after"],
        &["--bench", "--list", "--baseline", "after"],
        &["--bench", "--profile-time", "1", "--baseline", "after"],
    ] {
        assert_eq!(missing(folder.path(), fine), None, "{fine:?}");
    }
}

#[test]
fn the_folder_is_where_criterion_keeps_its_own() {
    let folder = baseline::folder();
    match std::env::var_os("CRITERION_HOME") {
        Some(home) => assert_eq!(folder.as_os_str(), home),
        // Cargo says where that is when it runs a test, too.
        None => assert!(
            folder.ends_with("criterion") && folder.parent().unwrap().is_dir(),
            "{}",
            folder.display()
        ),
    }
}
