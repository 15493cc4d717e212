//! `tracerig diff threads` and `diff all` from outside: a store without a rule is found out,
//! shrunk, kept and replayed.

use crate::common::program::{Program, text};

#[test]
fn a_missing_rule_is_found_out_made_smaller_kept_and_replayed() {
    let program = Program::new();
    let report = program.diff_json("threads", &["--ablate", "recency", "--cases", "12"], 3);
    // What a row says is the same each time; whether a projection came in time is not.
    let all = report["found"].as_array().unwrap();
    let found =
        all.iter().find(|found| found["kind"] == "row").unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!((&report["subject"], &report["ablate"]), (&"threads".into(), &"recency".into()));
    assert!(found["operations"].as_u64().unwrap() <= 6 && found["mismatch"] == true, "{found:#}");
    let replay = found["replay"].as_str().unwrap();
    assert!(replay.starts_with("tracerig diff threads --ablate recency --replay "), "{replay}");
    let words: Vec<&str> = replay.split(' ').skip(1).collect();
    let ran = program.run(&words);
    assert_eq!(ran.code, Some(3), "{replay}\n{}{}", ran.out, ran.err);
    let ran = program.diff("threads", &["--replay", found["file"].as_str().unwrap()], 0);
    assert!(ran.out.contains("nothing wrong"), "{}", ran.out);
}

#[test]
fn all_is_one_report_of_all_with_the_worst_exit_code() {
    let program = Program::new();
    let (out, corpus) = (program.path("out.xml"), program.path("corpus"));
    for folder in ["trace", "threads", "archive"] {
        std::fs::create_dir_all(corpus.join(folder)).unwrap();
    }
    std::fs::write(corpus.join("threads/one.txt"), "mode sync\ncreate 1\nappend 1 user fix\n")
        .unwrap();
    let arguments = ["--cases", "12", "--corpus", text(&corpus), "--junit", text(&out)];
    let report = program.diff_json("all", &arguments, 0);
    for subject in ["trace", "threads", "archive"] {
        assert_eq!(report[subject]["random"], 4, "{subject}");
    }
    assert_eq!(report["threads"]["kept"].as_array().unwrap().len(), 1);
    let xml = std::fs::read_to_string(out).unwrap();
    for subject in ["trace", "threads", "archive"] {
        assert!(xml.contains(&format!("diff {subject}, seed 1")), "{xml}");
    }
    let ran = program.diff("all", &["--replay", text(&corpus.join("threads/one.txt"))], 2);
    assert!(ran.err.contains("diff threads --replay"), "{}", ran.err);
}

#[test]
fn what_is_no_history_is_said() {
    let program = Program::new();
    let broken = program.path("broken.txt");
    std::fs::write(&broken, "mode sync\nappend 1 nothing\n").unwrap();
    for (arguments, said) in
        [(["--replay", text(&broken)], "line 2"), (["--ablate", "everything"], "torn-tail")]
    {
        let ran = program.diff("threads", &arguments, 2);
        assert!(ran.err.contains(said), "{arguments:?}\n{}", ran.err);
    }
}
