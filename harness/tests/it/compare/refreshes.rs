//! Refreshes are compared and repeated like relaunches.

use super::*;

/// The arm whose work is compared.
const WARM: [&str; 4] = ["--recipe", "archive-tiny", "--arms", "warm"];

/// A program that has lost its memo of the archive at each refresh: its answer is right, and it
/// reads every rollout.
fn forgetful(program: &Program) -> PathBuf {
    let path = program.path("forgetful");
    let script = r#"
if [ "$1" = __worker ] && [ "$2" = scanner ]; then
    read -r request
    case $request in *'"database":"'*'"home":"'* | *'"home":"'*'"database":"'*)
        after=${request#*\"memo\":\"} memo=${after%%\"*}
        rm -rf "$memo/usage"
    esac
    printf '%s\n' "$request" | REAL __worker "$2"
    exit $?
fi
exec REAL "$@"
"#;
    write_executable(&path, &format!("#!/bin/sh{}", script.replace("REAL", &format!("'{REAL}'"))));
    path
}

#[test]
fn a_refresh_that_reads_more_is_a_regression_and_a_repetition_has_the_launches_of_its_record() {
    let program = Program::new();
    let forgetful = forgetful(&program);
    let against = |new: &str, out: &str| {
        let out = program.path(out);
        let files = ["--base-bin", REAL, "--new-bin", new, "--counters-only", "--out", text(&out)];
        (compare(&program, &[&files[..], &WARM].concat()), out)
    };
    let (same, out) = against(REAL, "same");
    assert_eq!(same.code, Some(0), "{same:?}");
    for name in ["base", "again", "new"] {
        Record::read(&out.join("refresh").join(name).with_extension("json")).unwrap();
    }
    let (more, _) = against(text(&forgetful), "more");
    assert_eq!(more.code, Some(4), "{more:?}");
    assert!(more.out.contains("files_read") && more.out.contains("session_bytes"), "{}", more.out);

    let found = compare(
        &program,
        &[&["--self-check", "--comparisons", "1", "--handicap", "rows=1"][..], &WARM].concat(),
    );
    assert_eq!(found.code, Some(0), "{found:?}");

    // Samples of another length than this machine would find out.
    let run = program.path("run");
    let arms = "floor,warm,unchanged";
    let made = ["run", "refresh", "--recipe", "archive-tiny", "--samples", "1", "--arms", arms];
    let made = program.run(&[&made[..], &["--out", text(&run)]].concat());
    assert!(matches!(made.code, Some(0 | 5)), "{made:?}");
    let mut record = Record::read(&run.join("record.json")).unwrap();
    for arm in &mut record.plan.arms {
        arm.launches_per_sample += 1;
    }
    let path = program.path("record.json");
    record.write(&path).unwrap();
    let out = program.path("again");
    let again = program.run(&["repro", text(&path), "--counters-only", "--out", text(&out)]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.out.contains("work counters: equal"), "{}", again.out);
    let repeated = Record::read(&out.join("record.json")).unwrap();
    assert_eq!((repeated.seed, &repeated.plan), (record.seed, &record.plan));
    let whole = repeated.samples.iter().filter(|sample| sample.is_valid());
    for sample in whole {
        let planned = record.plan.arm(&sample.key()).unwrap().launches_per_sample;
        assert_eq!(sample.launches.len() as u64, planned, "{}", sample.arm);
    }
    // Reading more than the arm's files is wrong where nothing is compared.
    let wrong = program.run(&["repro", text(&path), "--counters-only", "--bin", text(&forgetful)]);
    assert_eq!(wrong.code, Some(3), "{wrong:?}");
}
