//! `tracerig report` from outside: any record in every format, exports, and what is refused.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::common::program::{Program, Ran, text};
use serde_json::Value;

/// A record that comes with the source: nine arms on the recipe quick, or five on the recipe items.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/src/golden").join(name)
}

#[test]
fn every_format_goes_to_standard_output_or_into_a_folder() {
    let program = Program::new();
    let (relaunch, append) = (kept("record-v1.json"), kept("record-append-v1.json"));
    let records = [text(&relaunch), text(&append)];
    for (format, name, begins) in [
        ("terminal", "report.txt", "A relaunch with a memo takes "),
        ("markdown", "report.md", "# What does a relaunch cost?"),
        ("html", "report.html", "<!DOCTYPE html>"),
        ("json", "report.json", "["),
    ] {
        let arguments = [&["report"], &records[..], &["--format", format]].concat();
        let printed = program.run(&arguments);
        assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""), "{printed:?}");
        assert!(printed.out.starts_with(begins), "{}", printed.out);
        let written = program.run(&[&arguments[..], &["--out", "pages/here"]].concat());
        assert_eq!((written.code, written.out.as_str()), (Some(0), ""), "{written:?}");
        let kept = std::fs::read_to_string(program.path("pages/here").join(name)).unwrap();
        // By this the next text knows this one for ours.
        let mark = concat!("\nwritten by tracerig ", env!("CARGO_PKG_VERSION"), "\n");
        let text = if format == "terminal" { kept.strip_suffix(mark).unwrap() } else { &kept };
        assert_eq!(text, printed.out);
    }
    let one = program.json(&["report", records[0], "--format", "json"]);
    assert_eq!(one["schema"], "tracerig.summary");
}

#[test]
fn a_folder_stands_for_the_records_in_it() {
    let program = Program::new();
    let of = |folder: &str| {
        let folder = program.path(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(kept("record-v1.json"), folder.join("record.json")).unwrap();
    };
    of("run");
    of("ladder/scale-1");
    of("ladder/scale-2");
    of("plan/run/scale-1");
    for (folder, records) in [("ladder", 2), (".", 4)] {
        let found = program.json(&["report", folder, "--format", "json"]);
        assert_eq!(found.as_array().unwrap().len(), records, "{folder}");
    }
    assert_eq!(program.json(&["report", "run", "--format", "json"])["scenario"], "relaunch");
    std::fs::create_dir_all(program.path("other/folder")).unwrap();
    for (folder, why) in [
        ("other/folder", "killed before its first sample"),
        ("other", "no record.json, comparison.json, record.partial in it"),
    ] {
        let none = program.run(&["report", folder]);
        assert!(none.code == Some(1) && none.err.contains(why), "{none:?}");
    }
}

#[test]
fn what_was_made_from_records_is_passed_over_where_a_whole_folder_is_named() {
    let program = Program::new();
    let kept_record = program.path("record.json");
    std::fs::copy(kept("record-v1.json"), &kept_record).unwrap();
    for name in ["summary.txt", "report.md", "ladder.svg", "other.txt"] {
        std::fs::write(program.path(name), "plan quick: made from records\n").unwrap();
    }
    let found =
        program.run(&["report", "report.md", "record.json", "summary.txt", "--format", "json"]);
    assert_eq!(found.code, Some(0), "{found:?}");
    assert!(found.out.contains("tracerig.summary"), "{found:?}");
    let said: Vec<&str> = found.err.lines().collect();
    assert!(
        said.len() == 2
            && said[0].contains("report.md: skipped")
            && said[1].contains("summary.txt: skipped"),
        "{found:?}"
    );
    // Nothing else is passed over, and nothing at all is no report.
    let unknown = program.run(&["report", "record.json", "other.txt"]);
    assert!(
        unknown.code == Some(1) && unknown.err.contains("other.txt is not JSON"),
        "{unknown:?}"
    );
    let none = program.run(&["report", "summary.txt", "ladder.svg"]);
    assert!(
        none.code == Some(1) && none.out.is_empty() && none.err.contains("no record given"),
        "{none:?}"
    );
}

#[test]
fn exports_are_what_services_take() {
    let program = Program::new();
    let record = kept("record-v1.json");
    let bencher = program.json(&["report", text(&record), "--export", "bencher"]);
    assert!(bencher["relaunch/quick/warm-hot"]["latency"]["value"].is_number(), "{bencher}");
    let list = program.json(&["report", text(&record), "--export", "smaller-is-better"]);
    assert!(list.as_array().unwrap().iter().all(|entry| entry["unit"].is_string()), "{list}");
    let log = program.run(&["report", text(&record), "--export", "hdr"]);
    assert!(log.out.contains("Tag=warm-hot,"), "{}", log.out);
    let all = ["report", text(&record), "--export", "hdr,bencher,smaller-is-better"];
    let refused = program.run(&all);
    assert!(refused.code == Some(2) && refused.err.contains("give --out"), "{refused:?}");
    // And again: each takes the place of its predecessor.
    for _ in 0..2 {
        assert_eq!(program.run(&[&all[..], &["--out", "kept"]].concat()).code, Some(0));
    }
    for name in ["latencies.hdr", "bencher.json", "smaller-is-better.json"] {
        assert!(program.path("kept").join(name).exists(), "{name}");
    }
}

#[test]
fn what_is_no_whole_record_is_refused_with_its_path() {
    let program = Program::new();
    let whole = std::fs::read_to_string(kept("record-v1.json")).unwrap();
    for (name, content, said) in [
        ("cut", whole[..whole.len() / 2].to_owned(), "is cut off after"),
        (
            "edited",
            whole.replacen("\"seed\": 42", "\"seed\": 43", 1),
            "was changed after it was written",
        ),
        ("older", whole.replacen("\"version\": 1", "\"version\": 0", 1), "has record version 0"),
        ("newer", whole.replacen("\"version\": 1", "\"version\": 2", 1), "has record version 2"),
        ("other", "{\"schema\": \"x\"}".to_owned(), "is JSON but not a run record"),
    ] {
        std::fs::write(program.path(name), content).unwrap();
        let record = kept("record-v1.json");
        for arguments in [
            &["report", name, "--format", "html", "--out", "pages"][..],
            &["report", text(&record), name, "--export", "bencher"],
            &["repro", name],
            &["compare", text(&record), name],
            &["compare", "--save-baseline", "main", name],
        ] {
            let ran = program.run(arguments);
            assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
            assert!(ran.err.contains(said) && ran.err.contains(name), "{said}: {}", ran.err);
        }
        // To `git bisect run` it says nothing of the revision.
        assert_eq!(program.run(&["repro", name, "--bisect"]).code, Some(125), "{name}");
    }
    assert!(!program.path("pages").exists(), "nothing of it is shown");
    assert!(!program.path("target").exists(), "and nothing is kept");
    assert_eq!(program.run(&["report"]).code, Some(2));
    assert_eq!(program.run(&["report", "gone"]).code, Some(1));
}

/// What reads a file that the user names, however it is called.
fn readers(name: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["report", name],
        vec!["report", name, "--format", "html"],
        vec!["repro", name],
        vec!["compare", name, name],
        vec!["compare", "--save-baseline", "main", name],
        vec!["compare", "--base-bin", env!("CARGO_BIN_EXE_tracerig"), "--plan", name],
        vec!["compare", "--base-bin", env!("CARGO_BIN_EXE_tracerig"), "--recipe", name],
        vec!["run", "--plan", name],
        vec!["run", "relaunch", "--recipe", name],
        vec!["run", "refresh", "--recipe", name],
        vec!["dataset", "build", name],
        vec!["diff", "trace", "--replay", name],
        vec!["diff", "threads", "--replay", name],
        vec!["diff", "archive", "--replay", name],
    ]
}

#[test]
fn what_is_not_there_is_no_file_or_has_no_end_is_refused_by_name() {
    let program = Program::new();
    let made =
        std::process::Command::new("mkfifo").arg(program.path("pipe.toml")).status().unwrap();
    assert!(made.success());
    // It takes no room on the disk.
    std::fs::File::create(program.path("hole.toml")).unwrap().set_len(1 << 40).unwrap();
    for name in ["./nowhere.toml", "/dev/zero", "./pipe.toml", "./hole.toml"] {
        for arguments in readers(name) {
            let ran = program.run(&arguments);
            assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments:?}: {ran:?}");
            assert!(ran.err.contains(name), "{arguments:?}: {}", ran.err);
        }
    }
    // Words in a file that cannot be understood are bad usage, as those on the command line.
    std::fs::write(program.path("odd.toml"), "sailing = true\n").unwrap();
    let name = "./odd.toml";
    for arguments in readers(name)
        .into_iter()
        .filter(|arguments| arguments.contains(&"--recipe") || arguments[0] == "dataset")
    {
        let ran = program.run(&arguments);
        assert!(ran.code == Some(2) && ran.err.contains("sailing"), "{arguments:?}: {ran:?}");
    }
    let record = kept("record-v1.json");
    let ablations = ["report", text(&record), "--format", "html", "--ablations", "/dev/zero"];
    let ran = program.run(&ablations);
    assert!(ran.code == Some(1) && ran.err.contains("it is a device, not a file"), "{ran:?}");
    // A baseline is one of the files that are read.
    std::fs::create_dir_all(program.path("target/tracerig/baselines/main.json")).unwrap();
    let ran = program.run(&["compare", "--baseline", "main", text(&record)]);
    assert!(ran.code == Some(1) && ran.err.contains("a folder, not a file"), "{ran:?}");
}

#[test]
fn ablations_of_any_shape_become_a_table() {
    let program = Program::new();
    let record = kept("record-v1.json");
    let html = ["report", text(&record), "--format", "html", "--ablations", "ablations.json"];
    std::fs::write(
        program.path("ablations.json"),
        r#"{"x": [{"check": "anchors", "cost_ns": 1500}]}"#,
    )
    .unwrap();
    let page = program.run(&html);
    assert!(page.out.contains("anchors") && page.out.contains("1.50 us"), "{:?}", page.err);
    std::fs::write(program.path("ablations.json"), "not JSON").unwrap();
    let refused = program.run(&html);
    assert!(
        refused.code == Some(1) && refused.err.contains("ablations.json: not JSON"),
        "{refused:?}"
    );
    let nowhere = program.run(&["report", text(&record), "--ablations", "ablations.json"]);
    assert!(nowhere.code == Some(2) && nowhere.err.contains("--format html"), "{nowhere:?}");
}

#[test]
fn a_comparison_is_shown_in_every_format_and_refused_where_a_run_is_asked_for() {
    let program = Program::new();
    let record = kept("record-v1.json");
    let records = [text(&record), text(&record)];
    let compared =
        program.run(&[&["compare", "--counters-only", "--out", "compared"], &records[..]].concat());
    assert_eq!(compared.code, Some(0), "{compared:?}");
    for (format, begins, says) in [
        ("terminal", "FINE", "relaunch on quick"),
        ("markdown", "# relaunch on quick", "FINE"),
        ("html", "<!DOCTYPE html>", "FINE"),
        ("json", "{", "\"gate\": \"fine\""),
    ] {
        let shown = program.run(&["report", "compared", "--format", format]);
        assert_eq!(shown.code, Some(0), "{shown:?}");
        assert!(shown.out.starts_with(begins) && shown.out.contains(says), "{}", shown.out);
    }
    let file = "compared/comparison.json";
    let both = program.run(&["report", file, records[0], "--format", "html"]);
    assert!(both.out.contains("1 run and 1 comparison"), "{both:?}");
    assert_eq!(
        program.json(&["report", file, records[0], "--format", "json"]).as_array().unwrap().len(),
        2
    );

    let exported = program.run(&["report", file, "--export", "bencher"]);
    assert!(exported.code == Some(2) && exported.err.contains("record.json"), "{exported:?}");
    for arguments in [&["repro", file][..], &["compare", file, records[0]]] {
        let refused = program.run(arguments);
        assert!(refused.code == Some(1) && refused.err.contains("tracerig report"), "{refused:?}");
    }
    let whole = std::fs::read_to_string(program.path(file)).unwrap();
    std::fs::write(program.path(file), whole.replacen("\"exit_code\": 0", "\"exit_code\": 4", 1))
        .unwrap();
    let edited = program.run(&["report", "compared"]);
    assert!(
        edited.code == Some(1) && edited.err.contains("was changed after it was written"),
        "{edited:?}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let program = Program::new();
    let record = kept("record-v1.json");
    let mut command = program.command(&["report", text(&record), "--format", "html"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn figures_of_wrong_answers_are_not_exported() {
    let program = Program::new();
    let mut record = tracerig_reports::Record::read(&kept("record-v1.json")).unwrap();
    record.samples[0].state =
        tracerig_reports::record::SampleState::Mismatch { detail: "one turn less".to_owned() };
    record.outcome = tracerig_reports::record::Outcome::of(&record.samples, false);
    record.write(&program.path("wrong.json")).unwrap();
    let ran = program.run(&["report", "wrong.json", "--export", "bencher"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{ran:?}");
    let shown: Value = program.json(&["report", "wrong.json", "--format", "json"]);
    assert_eq!(shown["outcome"]["mismatches"], 1);
}

/// Runs the program after `script`, where no file may become larger than a few blocks.
#[cfg(unix)]
fn with_limit(program: &Program, script: &str, arguments: &[&str]) -> Ran {
    let mut shell = std::process::Command::new("sh");
    let command = format!("{script}; ulimit -f 8; exec \"$@\"");
    shell.args(["-c", &command, "sh", env!("CARGO_BIN_EXE_tracerig")]).args(arguments);
    Ran::of(&shell.current_dir(program.path("")).stdin(Stdio::null()).output().unwrap())
}

/// On a full disk.
const FULL: &str = "trap '' XFSZ";

#[cfg(unix)]
#[test]
fn a_result_that_cannot_be_kept_is_still_told() {
    let program = Program::new();
    let record = kept("record-v1.json");
    let compare = ["compare", text(&record), text(&record), "--counters-only", "--out", "compared"];
    let ran = with_limit(&program, FULL, &compare);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("FINE") && ran.err.contains("comparison.json"), "{ran:?}");
    assert_eq!(std::fs::read_dir(program.path("compared")).unwrap().count(), 0);
}

/// A disk that is full in the middle, or a kill there: no file may be larger than a few blocks, and
/// writing beyond that fails, or is the end of the process where nobody asked to hear of it.
#[cfg(unix)]
#[test]
fn a_full_disk_or_a_kill_leaves_the_report_that_was_there() {
    let program = Program::new();
    let folder = program.path("pages");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("report.html"), "<title>tracerig: before").unwrap();
    let left = || std::fs::read_dir(&folder).unwrap().count();
    let before = || std::fs::read_to_string(folder.join("report.html")).unwrap();
    let record = kept("record-v1.json");
    let page = ["report", text(&record), "--format", "html", "--out", "pages"];
    assert_eq!(with_limit(&program, FULL, &page).code, Some(1));
    assert_eq!(
        (before().as_str(), left()),
        ("<title>tracerig: before", 1),
        "nothing is left half-written"
    );
    assert_eq!(with_limit(&program, ":", &page).code, None, "a signal ends it");
    assert_eq!(before(), "<title>tracerig: before");
    // What a kill leaves is no report, and the next one is written anyway, and removes it.
    let ran = program.run(&page);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(before().starts_with("<!DOCTYPE html>"));
    assert_eq!(left(), 1);
}
