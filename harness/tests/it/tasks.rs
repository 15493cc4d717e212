//! The ten tasks of `docs/tasks.md`: each command is there, in the help, and runs.

use std::path::Path;

use super::common::program::{Program, Ran, text};

/// The commands of the page.
fn commands() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tasks.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains("`tracerig "));
    rows.map(|row| row.split("`tracerig ").nth(1).unwrap().split('`').next().unwrap().to_owned())
        .collect()
}

#[test]
fn each_of_ten_tasks_runs() {
    let program = Program::new();
    let ran = |arguments: &[&str], codes: &[i32]| {
        let ran = program.run(arguments);
        assert!(ran.code.is_some_and(|code| codes.contains(&code)), "{arguments:?}: {ran:?}");
        ran
    };
    ran(&["dataset", "build", "tiny"], &[0]);
    let listed = program.json(&["dataset", "list", "--format", "json"]);
    let database = listed["datasets"][0]["database"].as_str().unwrap().to_owned();
    let home = program.path("home");
    std::fs::create_dir_all(home.join("sessions")).unwrap();
    // What every command of the page becomes on small data, and the codes it may end with: samples
    // can be excluded on a busy machine (5).
    let small = ["--samples", "1", "--arms", "floor,full:hot,warm:hot", "--seed", "1"];
    let commands = commands();
    assert_eq!(commands.len(), 10, "{commands:?}");
    for command in commands {
        let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        for word in &mut words {
            *word = match word.as_str() {
                "PATH" => database.clone(),
                "HOME" => text(&home).to_owned(),
                "OUT" => "out".to_owned(),
                "BEFORE" => "before".to_owned(),
                "PAGE" => "page".to_owned(),
                "10m" => "1s".to_owned(),
                other => other.to_owned(),
            };
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = match words.as_slice() {
            ["run", "relaunch"] => {
                let words = [&words[..], &["--recipe", "tiny", "--out", "out"], &small].concat();
                let first = ran(&words, &[0, 5]);
                ran(
                    &[&["run", "relaunch", "--recipe", "tiny", "--out", "before"][..], &small]
                        .concat(),
                    &[0, 5],
                );
                first
            }
            ["run", "relaunch", "--db", _] => {
                ran(&[&words[..], &["--out", "own"], &small].concat(), &[0, 5])
            }
            // Building a revision takes minutes: outside a repository the command is understood and
            // fails.
            ["compare", "--base-rev", _] => {
                let mut command = program.command(&words);
                let above = program.path("").parent().unwrap().to_owned();
                let done =
                    Ran::of(&command.env("GIT_CEILING_DIRECTORIES", above).output().unwrap());
                assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
                assert!(!done.err.contains("unexpected argument"), "{done:?}");
                continue;
            }
            ["compare", ..] => ran(&[&words[..], &["--counters-only"]].concat(), &[0, 5]),
            ["repro", ..] | ["report", ..] | ["scan", ..] | ["usage", ..] | ["threads", ..] => {
                ran(&words, &[0, 5])
            }
            ["diff", ..] => program.diff(words[1], &words[2..], 0),
            other => panic!("{other:?}"),
        };
        // The answer of a scan is a list of turns, however long.
        let is_list = words[0] == "scan";
        assert!(is_list || done.out.lines().count() <= 30, "{command}: too long\n{}", done.out);
        assert!(
            is_list
                || done.out.lines().all(|line| line.chars().count() <= 80 || line.contains('/')),
            "{}",
            done.out
        );
    }
    assert!(program.path("page").join("report.html").exists());
}

/// Every verb and its subcommands below `verb`, as the help names them.
fn verbs(program: &Program, verb: &str) -> Vec<String> {
    let words: Vec<&str> = verb.split_terminator(' ').chain(["--help"]).collect();
    let help = program.run(&words).out;
    let commands = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let names = commands
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help" && !name.starts_with('-'));
    let below = names.flat_map(|name| verbs(program, format!("{verb} {name}").trim()));
    [verb.to_owned()].into_iter().chain(below).collect()
}

#[test]
fn short_help_fits_a_screen_and_long_help_ends_with_examples() {
    let program = Program::new();
    let verbs = verbs(&program, "");
    assert!(verbs.len() > 35 && verbs.contains(&"dataset build".to_owned()), "{verbs:?}");
    for verb in &verbs {
        let help = |flag: &'static str| {
            let words: Vec<&str> = verb.split_terminator(' ').chain([flag]).collect();
            let ran = program.command(&words).env("COLUMNS", "80").output().unwrap();
            assert!(ran.status.success(), "{ran:?}");
            String::from_utf8(ran.stdout).unwrap()
        };
        let short = help("-h");
        assert!(short.lines().count() <= 45, "{verb} -h: {} lines\n{short}", short.lines().count());
        let long = help("--help");
        assert!(long.contains("Examples:\n  tracerig "), "{verb} --help has no example\n{long}");
        assert!(!short.contains("Examples:"), "{short}");
    }
}
