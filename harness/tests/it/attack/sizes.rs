//! Sizes without measure: numbers at their extremes, names, lines and files beyond any use. Each is
//! taken, or refused with its limit; memory stays bounded, and what is left out is reported.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::common::program::{Program, Ran, text};

/// Values that no number of a recipe or plan takes, apart from seeds.
const EXTREMES: [&str; 8] = [
    "-1",
    "4611686018427387904",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "nan",
    "inf",
    "1e300",
];

/// Memory that a hostile file may take, in kB.
const MOST_MEMORY_KB: u64 = 200_000;

const THREAD: &str = "01a00000-0000-7000-8000-000000000000";

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// Runs a verb and expects that it refuses its arguments.
#[track_caller]
fn refused(program: &Program, arguments: &[&str], code: i32, told: &[&str]) {
    let ran = program.run(arguments);
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    for part in told {
        assert!(ran.err.contains(part), "{arguments:?}: `{part}` is not in {}", ran.err);
    }
    assert!(ran.err.len() < 2000, "a message for people: {} bytes", ran.err.len());
}

/// Puts each extreme into the place of each number of a TOML file, and expects that `arguments`
/// refuse it with its line.
fn each_number(program: &Program, original: &str, arguments: &[&str]) {
    let path = program.path("extreme.toml");
    let mut tried = 0;
    for (at, line) in original.lines().enumerate() {
        let Some((key, value)) = line.split_once(" = ") else { continue };
        let number = value.split('#').next().unwrap_or_default().trim();
        let is_list =
            number.starts_with('[') && number.contains(char::is_numeric) && !number.contains('"');
        if key.starts_with('#') || !(is_list || number.starts_with(|c: char| c.is_ascii_digit())) {
            continue;
        }
        for extreme in EXTREMES {
            if key == "seed" && extreme == EXTREMES[1] {
                continue;
            }
            let new = if is_list {
                format!("{key} = [0, 0, 0, 0, {extreme}]")
            } else {
                format!("{key} = {extreme}")
            };
            let lines = original.lines().enumerate();
            let text: String = lines.fold(String::new(), |text, (place, line)| {
                text + if place == at { &new } else { line } + "\n"
            });
            fs::write(&path, text).unwrap();
            // A number that fits no type is named by its line alone in lists of tables.
            let name = if key == "percent" { "" } else { key };
            refused(program, arguments, 2, &[&format!("extreme.toml, line {}: ", at + 1), name]);
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn rpt_toml_is_refused_with_file_line_and_limit() {
    let program = Program::new();
    let tiny = source("datasets/recipes/tiny.toml");
    fs::write(
        program.path("rpt.toml"),
        tiny.replace("rows_per_turn = 6", "rows_per_turn = 4611686018427387904"),
    )
    .unwrap();
    let line = 1 + tiny.lines().position(|line| line.starts_with("rows_per_turn")).unwrap();
    let place = format!("rpt.toml, line {line}: `facts.rows_per_turn` is 4611686018427387904");
    refused(&program, &["dataset", "build", "./rpt.toml"], 2, &[&place, "from 0 to 10000"]);
    refused(&program, &["run", "relaunch", "--recipe", "./rpt.toml"], 2, &[&place]);
}

#[test]
fn each_other_number_of_a_recipe_is_refused_at_its_extremes() {
    let program = Program::new();
    for recipe in ["tiny", "archive-tiny"] {
        let original = source(&format!("datasets/recipes/{recipe}.toml"));
        each_number(&program, &original, &["dataset", "build", "./extreme.toml"]);
    }
}

#[test]
fn numbers_that_only_together_are_too_large_are_refused() {
    let program = Program::new();
    let tiny = source("datasets/recipes/tiny.toml");
    let path = program.path("work.toml");
    for (from, to, told) in [
        ("rows_per_turn = 6", "rows_per_turn = 8_000\npruned_turns = 100", "the limit is 2000000"),
        ("completions = 10", "completions = 100000", "the limit is 2000000"),
        ("file_bytes = 8_388_608", "file_bytes = 1_099_511_627_776", "the limit is 262144"),
        ("weight = 240", "weight = 99_999_999", "sum of the weights"),
    ] {
        assert!(tiny.contains(from), "{from}");
        let tiny = if to.contains("pruned") {
            tiny.replace("pruned_turns = 1\n", "")
        } else {
            tiny.clone()
        };
        fs::write(&path, tiny.replacen(from, to, 1)).unwrap();
        refused(&program, &["dataset", "build", "./work.toml"], 2, &["work.toml, line ", told]);
    }
    refused(
        &program,
        &["dataset", "build", "codex-799mb", "--scale", "1000"],
        2,
        &["330000000 rows", "100000000"],
    );
    let archive =
        source("datasets/recipes/archive-tiny.toml").replace("sessions = 60", "sessions = 1");
    fs::write(&path, archive.replace("bytes = 3_000_000", "bytes = 300_000_000")).unwrap();
    refused(
        &program,
        &["dataset", "build", "./work.toml"],
        2,
        &["bytes in its largest session", "268435456"],
    );
}

#[test]
fn recipes_and_plans_that_are_long_or_deep_are_refused() {
    let program = Program::new();
    let path = program.path("odd.toml");
    let runs: [&[&str]; 2] =
        [&["dataset", "build", "./odd.toml"], &["run", "--plan", "./odd.toml"]];
    for arguments in runs {
        fs::write(&path, format!("name = \"{}\"\n", "n".repeat(5000))).unwrap();
        refused(
            &program,
            arguments,
            2,
            &["odd.toml, line 1: `name` has 5000 bytes; the limit is 4096"],
        );
        fs::write(&path, format!("\na = {}", "[".repeat(400_000))).unwrap();
        refused(&program, arguments, 2, &["odd.toml, line 2: "]);
        fs::write(&path, format!("{}a = 1", "a.".repeat(400_000))).unwrap();
        refused(&program, arguments, 2, &["odd.toml", "recursion limit"]);
        fs::write(&path, format!("\nruns = [{}]", "1,".repeat(1001))).unwrap();
        refused(&program, arguments, 2, &["line 2: `runs` has 1001 values; the limit is 1000"]);
        File::create(&path).unwrap().set_len(100 << 20).unwrap();
        let ran = program.run(arguments);
        assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
        assert!(ran.err.contains("odd.toml"), "{ran:?}");
    }
}

#[test]
fn each_number_of_a_plan_is_refused_at_its_extremes() {
    let program = Program::new();
    each_number(&program, &source("harness/plans/ci.toml"), &["run", "--plan", "./extreme.toml"]);
}

#[test]
fn numbers_of_the_command_line_are_refused_beyond_their_limits() {
    let program = Program::new();
    let largest = "18446744073709551615";
    let cases: [&[&str]; 21] = [
        &["run", "relaunch", "--samples", largest],
        &["run", "relaunch", "--samples", "10001"],
        &["run", "append", "--samples", "10001"],
        &["run", "refresh", "--samples", "10001"],
        &["run", "--plan", "quick", "--samples", "10001"],
        &["run", "append", "--threads", "4097"],
        &["run", "append", "--rate", "1000001"],
        &["run", "append", "--appends", "10000001"],
        &["run", "append", "--crash", "--kills", "10000001"],
        &["run", "relaunch", "--scale", "1000.1"],
        &["dataset", "build", "tiny", "--scale", "inf"],
        &["dataset", "build", "tiny", "--seed", "18446744073709551616"],
        &["compare", "--pairs", "10001"],
        &["compare", "--self-check", "--comparisons", "100001"],
        &["compare", "--margin", "nan"],
        &["diff", "trace", "--cases", "1000000000001"],
        &["diff", "trace", "--time", "999999999999d"],
        &["diff", "ablations", "--time", "367d"],
        &["diff", "threads", "--jobs", "1025"],
        &["scan", "--busy-timeout", "86401"],
        &["threads", "list", ".", "--limit", "100001"],
    ];
    for arguments in cases {
        refused(&program, arguments, 2, &[]);
    }
    // Moments at the ends of what they can be: nothing overflows, and a table of nothing is a
    // table.
    fs::create_dir_all(program.path("home/sessions")).unwrap();
    let moments = [
        "-9223372036854775808",
        "9223372036854775807",
        "-9999-01-01",
        "9999-12-31",
        "1e18",
        "99999999999999999999",
    ];
    for since in moments {
        for verb in ["usage", "scan"] {
            let (home, database) = (program.path("home"), program.path("none.sqlite"));
            let arguments: &[&str] = match verb {
                "usage" => &["usage", text(&home), "--no-memo", "--since", since],
                _ => &["scan", "--db", text(&database), "--no-memo", "--since", since],
            };
            let ran = program.run(arguments);
            assert!(
                matches!(ran.code, Some(0..=2)) && !ran.err.contains("panicked"),
                "{arguments:?}: {ran:?}"
            );
        }
    }
}

#[test]
fn histories_with_too_many_operations_or_digits_are_refused_with_their_line() {
    let program = Program::new();
    let path = program.path("history.txt");
    for (verb, first, operation) in [
        ("trace", "window since=9223372036854775807", "relaunch\n"),
        ("archive", "clock 9223372036854775807", "refresh\n"),
        ("threads", "clock 9223372036854775807", "flush 1\n"),
    ] {
        fs::write(&path, format!("# a history\n{first}\n{operation}")).unwrap();
        let arguments = ["diff", verb, "--replay", text(&path)];
        refused(&program, &arguments, 2, &["history.txt", "line 2", "12 digits"]);
        fs::write(&path, operation.repeat(100_001)).unwrap();
        refused(&program, &arguments, 2, &["line 100001", "100000 operations"]);
    }
    for first in ["connections 18446744073709551615", "tries 4294967295", "connections 65"] {
        fs::write(&path, format!("{first}\nrelaunch\n")).unwrap();
        refused(&program, &["diff", "trace", "--replay", text(&path)], 2, &["line 1"]);
    }
}

#[test]
fn documents_that_are_long_or_deep_are_typed_errors() {
    let program = Program::new();
    let path = program.path("record.json");
    let deep = format!(
        "{{\"schema\":\"tracerig.record\",\"version\":1,\"checksum\":\"\",\"record\":{}",
        "[".repeat(1 << 20)
    );
    let numbers = r#"{"schema":"tracerig.record","version":1e300,"checksum":"","record":{}}"#;
    for content in [deep.as_str(), numbers, "[[[[[[[[", "{\"version\":18446744073709551616}"] {
        fs::write(&path, content).unwrap();
        refused(&program, &["report", text(&path)], 1, &["record.json"]);
        refused(&program, &["compare", text(&path), text(&path)], 1, &["record.json"]);
    }
    File::create(&path).unwrap().set_len((1 << 30) + 1).unwrap();
    refused(&program, &["report", text(&path)], 1, &["record.json", "1.07 GB"]);
}

/// A home of Codex with one rollout.
struct Home {
    program: Program,
    rollout: PathBuf,
}

impl Home {
    fn new(suffix: &str) -> Self {
        let program = Program::new();
        let folder = program.path("home/sessions/2026/11/29");
        fs::create_dir_all(&folder).unwrap();
        let rollout = folder.join(format!("rollout-2026-11-29T10-00-00-{THREAD}.jsonl{suffix}"));
        Self { program, rollout }
    }

    fn write(&self, lines: &[&str]) {
        let mut file = BufWriter::new(File::create(&self.rollout).unwrap());
        lines.iter().for_each(|line| writeln!(file, "{line}").unwrap());
        file.flush().unwrap();
    }

    /// Runs a verb on the home and expects that it takes little memory.
    fn run(&self, verb: &[&str], more: &[&str], code: i32) -> Ran {
        let home = self.program.path("home");
        let arguments = [verb, &[text(&home)], more].concat();
        let mut child = self.program.command(&arguments);
        let out = File::create(self.program.path("out")).unwrap();
        let err = File::create(self.program.path("err")).unwrap();
        let mut child = child.stdout(Stdio::from(out)).stderr(Stdio::from(err)).spawn().unwrap();
        let mut peak = 0;
        let status = loop {
            peak = peak.max(memory_kb(child.id()).unwrap_or(0));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let read = |name: &str| fs::read_to_string(self.program.path(name)).unwrap();
        let ran = Ran { code: status.code(), out: read("out"), err: read("err") };
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}\n{}", ran.out, ran.err);
        assert!(peak < MOST_MEMORY_KB, "{arguments:?} took {peak} kB");
        assert!(
            ran.out.len() + ran.err.len() < 100_000,
            "{} bytes printed",
            ran.out.len() + ran.err.len()
        );
        ran
    }

    fn usage(&self, code: i32) -> (serde_json::Value, String) {
        let ran = self.run(&["usage"], &["--no-memo", "--format", "json", "--by", "model"], code);
        (serde_json::from_str(&ran.out).unwrap(), ran.err)
    }
}

/// The peak of a process's memory so far.
fn memory_kb(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn line(kind: &str, payload: &str) -> String {
    let at = "2026-11-29T10:00:00.000Z";
    format!(r#"{{"timestamp":"{at}","type":"{kind}","payload":{payload}}}"#)
}

fn meta(members: &str) -> String {
    line("session_meta", &format!(r#"{{"id":"{THREAD}"{members}}}"#))
}

fn turn(turn: &str, model: &str) -> String {
    line("turn_context", &format!(r#"{{"turn_id":"{turn}","model":"{model}"}}"#))
}

fn used(input: &str) -> String {
    let last = format!(r#"{{"input_tokens":{input},"output_tokens":5}}"#);
    let info = format!(r#"{{"last_token_usage":{last}}}"#);
    line("event_msg", &format!(r#"{{"type":"token_count","info":{info}}}"#))
}

#[test]
fn a_model_name_of_100_mb_is_capped_and_told_once() {
    let home = Home::new("");
    home.write(&[&meta(""), &turn("t", &"m".repeat(100_000_000)), &used("7"), &used("8")]);
    let (document, told) = home.usage(0);
    assert_eq!(told.matches("4 KiB").count(), 1, "{told}");
    let shown = document.to_string();
    assert!(shown.contains(&"m".repeat(4096)) && !shown.contains(&"m".repeat(4097)));
    assert!(shown.contains("15"), "both events count");
    // To list threads a line is held in memory, up to a limit.
    let ran = home.run(&["threads", "list"], &[], 0);
    assert!(ran.err.contains(":2: ") && ran.err.contains("left out"), "{}", ran.err);
}

#[test]
fn a_lone_surrogate_makes_its_field_absent_and_an_odd_count_is_told() {
    let home = Home::new("");
    let lines = [
        meta(r#","cwd":"/w\ud800","cli_version":"0.1.0""#),
        turn("t", r"m\udc00"),
        used("7"),
        used("-1"),
        used("1.5"),
        used("18446744073709551616"),
    ];
    home.write(&lines.each_ref().map(String::as_str));
    let (shown, told) = home.usage(0);
    let shown = shown.to_string();
    assert!(shown.contains("unknown") && !shown.contains("no JSON"), "{shown}");
    let odd = "3 lines have token counts that are negative, fractional or above 2^64 - 1";
    assert!(told.contains(odd), "{told}");
    assert!(told.contains(".jsonl:4"));
}

#[test]
fn sums_that_no_counter_holds_are_told() {
    let home = Home::new("");
    let most = "18446744073709551600";
    for (second, is_told) in [("1", false), (most, true)] {
        home.write(&[&meta(""), &used(most), &used(second)]);
        let (document, told) = home.usage(0);
        assert_eq!(told.contains("the most that is counted, and `input`"), is_told, "{told}");
        assert_eq!(document["warnings"].as_array().unwrap().len(), usize::from(is_told));
    }
}

#[test]
fn more_turns_than_are_told_apart_are_told_and_their_tokens_count() {
    let home = Home::new("");
    let mut lines = vec![meta("")];
    for number in 0..20_050 {
        lines.push(turn(&format!("01a00000-0001-7000-8000-{number:012}"), "m"));
    }
    lines.push(used("7"));
    home.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let (document, told) = home.usage(0);
    assert!(told.contains("too many turns, models or quarter-hours"), "{told}");
    assert!(document.to_string().contains("\"total\":12"), "{document}");
}

#[test]
fn what_a_small_compressed_file_becomes_takes_little_memory() {
    let home = Home::new(".zst");
    let pack = |log: u32| {
        let mut packed =
            zstd::stream::write::Encoder::new(File::create(&home.rollout).unwrap(), 1).unwrap();
        packed.window_log(log).unwrap();
        writeln!(packed, "{}\n{}\n{}", meta(""), turn("t", "m"), used("7")).unwrap();
        let piece = line("response_item", r#"{"type":"x"}"#);
        let mut piece = format!("{piece}\n").repeat(10_000).into_bytes();
        // One line of 200 MB is among them.
        for number in 0..300 {
            if number == 50 {
                piece.retain(|byte| *byte != b'\n');
            } else if number == 300 - 1 {
                packed.write_all(b"\n").unwrap();
            }
            packed.write_all(&piece).unwrap();
        }
        packed.finish().unwrap();
    };
    pack(25);
    assert!(fs::metadata(&home.rollout).unwrap().len() < 1 << 20);
    let (document, _) = home.usage(0);
    assert!(document.to_string().contains("\"total\":12"), "{document}");
    home.run(&["threads", "list"], &[], 0);
    // A file that asks for more memory than a reader gives is reported by both verbs, and leaves
    // their results incomplete.
    pack(26);
    let (_, told) = home.usage(1);
    assert!(told.contains("cannot be read") && told.contains(".zst"), "{told}");
    let ran = home.run(&["threads", "rebuild"], &[], 1);
    assert!(ran.err.contains(".zst"), "{}", ran.err);
}

#[test]
fn a_line_of_millions_of_values_takes_little_memory() {
    let home = Home::new("");
    let values = |values: &str| {
        let item = format!(r#"{{"type":"UserMessage","content":[{values}]}}"#);
        line("event_msg", &format!(r#"{{"type":"item_completed","item":{item}}}"#))
    };
    let many = values(&format!("{}0", "0,".repeat(10_000_000)));
    let deep = values(&"[".repeat(1_000_000));
    home.write(&[&meta(""), &turn("t", "m"), &used("7"), &many, &deep, &used("8")]);
    let (document, _) = home.usage(0);
    assert!(document.to_string().contains("\"total\":25"), "{document}");
    let ran = home.run(&["threads", "list"], &[], 0);
    assert!(ran.err.contains(":5: "), "{}", ran.err);
    home.run(&["threads", "show"], &[THREAD], 0);
}

#[test]
fn an_index_of_names_without_end_is_refused_and_broken_lines_are_told_once() {
    let home = Home::new("");
    home.write(&[&meta(""), &turn("t", "m"), &used("7")]);
    let index = home.program.path("home/session_index.jsonl");
    let mut names = String::new();
    for number in 0..17_000 {
        let name = "n".repeat(4096);
        writeln!(
            names,
            "{{\"id\":\"01a00000-0000-7000-8000-{number:012}\",\"thread_name\":\"{name}\"}}"
        )
        .unwrap();
    }
    fs::write(&index, names).unwrap();
    let ran = home.run(&["threads", "list"], &[], 1);
    assert!(
        ran.err.contains("session_index.jsonl") && ran.err.contains("the limit"),
        "{}",
        ran.err
    );
    fs::write(&index, "rubbish\n".repeat(5000)).unwrap();
    let ran = home.run(&["threads", "list"], &[], 0);
    assert_eq!(ran.err.matches("session_index.jsonl").count(), 1, "{}", ran.err);
    assert!(ran.err.contains("4,900 more lines"), "{}", ran.err);
}

#[test]
fn a_folder_of_the_cache_that_is_no_dataset_is_told() {
    let program = Program::new();
    let folder = program.cache().join("datasets/photos");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("manifest.json"), "{\"name\":1e400}").unwrap();
    let ran = program.run(&["dataset", "list"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("photos") && ran.err.contains("1 folder"), "{ran:?}");
}
