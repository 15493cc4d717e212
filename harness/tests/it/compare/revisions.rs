//! Revisions: built and compared in a repository of their own, and found by `git bisect`.

use std::path::{Path, PathBuf};

use super::{REAL, WORK, one_row_more, recorded, wrapper, write_executable};
use tracerig_reports::Record;

use crate::common;
use crate::common::program::{Program, Ran, text};

/// A repository of a program whose revisions are scripts; `bad` is the first that examines a row
/// too many.
fn history(folder: &Path, revisions: usize, bad: usize) -> impl Fn(&[&str]) -> String {
    let folder = folder.to_owned();
    let git = move |arguments: &[&str]| {
        let cache = folder.parent().unwrap().join("cache");
        let mut git = common::git(&folder, arguments);
        let output = git.env("TRACERIG_CACHE_DIR", cache).output().unwrap();
        let said =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(output.status.success(), "git {arguments:?}: {said}");
        said
    };
    git(&["init", "-q", "."]);
    for revision in 0..revisions {
        let edit = if revision >= bad { one_row_more() } else { ":".to_owned() };
        let script = format!("{}# revision {revision}\n", wrapper(&edit));
        write_executable(&git_path(&git, "tracerig"), &script);
        git(&["add", "tracerig"]);
        git(&["commit", "-q", "-m", &format!("revision {revision}")]);
    }
    git
}

fn git_path(git: &impl Fn(&[&str]) -> String, name: &str) -> PathBuf {
    PathBuf::from(git(&["rev-parse", "--show-toplevel"]).trim()).join(name)
}

#[test]
fn git_bisect_finds_a_planted_regression() {
    let program = Program::new();
    let record = recorded(&program, "run").join("record.json");
    let repository = program.path("repository");
    std::fs::create_dir(&repository).unwrap();
    let git = history(&repository, 7, 4);
    git(&["bisect", "start", "HEAD", "HEAD~6"]);
    let said = git(&[
        "bisect",
        "run",
        REAL,
        "repro",
        text(&record),
        "--bisect",
        "--counters-only",
        "--bin",
        "./tracerig",
    ]);
    assert!(said.contains("is the first bad commit") && said.contains("revision 4"), "{said}");
}

/// A program that hands everything to the real one.
const FORWARDING: &str = r#"
use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments[0] == "__hello" {
        let said = Command::new(REAL).arg("__hello").output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let (before, rest) = said.split_once("\"revision\":").unwrap();
        let rest = &rest[rest.find(",\"dirty\"").unwrap()..];
        print!("{before}\"revision\":\"{}\"{rest}", env!("REVISION"));
        return;
    }
    EDIT
    arguments.shrink_to_fit();
    panic!("{}", Command::new(REAL).args(&arguments).exec());
}
"#;

/// Its build script.
const BUILD: &str = r#"
fn main() {
    println!("cargo::rerun-if-changed=src");
    let told = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output().unwrap();
    println!("cargo::rustc-env=REVISION={}", String::from_utf8(told.stdout).unwrap());
}
"#;

#[test]
fn a_repository_of_something_else_is_refused_before_anything_is_written_into_it() {
    let program = Program::new();
    let repository = program.path("repository");
    std::fs::create_dir(&repository).unwrap();
    let git = history(&repository, 1, 1);
    let before = git(&["status", "--porcelain", "--ignored"]);
    let mut command = program.command(&[&["compare", "--base-rev", "HEAD"], &WORK[..]].concat());
    command.current_dir(&repository).env_remove("CARGO_TARGET_DIR");
    let ran = Ran::of(&command.output().unwrap());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("no Cargo.toml in it names a program `tracerig`"), "{}", ran.err);
    assert_eq!(git(&["status", "--porcelain", "--ignored"]), before);
}

#[test]
fn revisions_are_built_in_work_trees_of_their_own() {
    let program = Program::new();
    let repository = program.path("repository");
    std::fs::create_dir(&repository).unwrap();
    let git = history(&repository, 1, 1);
    // Says of which revision it is, and is the real one otherwise.
    let source =
        |edit: &str| FORWARDING.replace("REAL", &format!("{REAL:?}")).replace("EDIT", edit);
    std::fs::create_dir(repository.join("src")).unwrap();
    let manifest = "[package]\nname = \"tracerig\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                    [[bin]]\nname = \"tracerig\"\npath = \"src/main.rs\"\n\n[workspace]\n";
    std::fs::write(repository.join("Cargo.toml"), manifest).unwrap();
    let lock = "version = 4\n\n[[package]]\nname = \"tracerig\"\nversion = \"0.1.0\"\n";
    std::fs::write(repository.join("Cargo.lock"), lock).unwrap();
    std::fs::write(repository.join(".gitignore"), "/target\n/tracerig-out\n").unwrap();
    std::fs::write(repository.join("src/main.rs"), source("")).unwrap();
    std::fs::write(repository.join("build.rs"), BUILD).unwrap();
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "as it is"]);
    // Not committed: the work tree as it is is what is compared.
    let edit = r##"if arguments[0] == "__worker" && arguments[1] != "idle" {
        let more = r#"s/,"limit_ms"/,"handicap":{"rows":1}&/"#;
        let line = format!("sed '{more}' | '{}' __worker {}", REAL, arguments[1]);
        panic!("{}", Command::new("sh").args(["-c", &line]).exec());
    }"##;
    let edit = &edit.replace("REAL", &format!("{REAL:?}"));
    std::fs::write(repository.join("src/main.rs"), source(edit)).unwrap();

    let compare = |new: &[&str]| {
        let arguments =
            [&["compare", "--base-rev", "HEAD", "--counters-only"], new, &WORK].concat();
        let mut command = program.command(&arguments);
        command
            .current_dir(&repository)
            .env_remove("CARGO_TARGET_DIR")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        Ran::of(&command.output().unwrap())
    };
    let ran = compare(&[]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.out.contains("rows_examined"), "{}", ran.out);
    git(&["commit", "-q", "-a", "-m", "one row more"]);
    let committed = compare(&["--new-rev", "HEAD", "--out", "committed"]);
    assert_eq!(committed.code, Some(0), "both are the last commit: {committed:?}");
    assert_eq!(
        compare(&["--new-rev", "HEAD~1", "--out", "back"]).code,
        Some(0),
        "less work is no regression"
    );
    let same = compare(&["--new-rev", "HEAD~0", "--out", "same"]);
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(!same.err.contains("building"), "what was built is kept: {}", same.err);
    // The revision that made a record, and the work tree, on the data of the record.
    let run = recorded(&program, "run");
    let mut record = Record::read(&run.join("record.json")).unwrap();
    record.build.revision = Some(git(&["rev-parse", "HEAD~1"]).trim().to_owned());
    record.write(&run.join("record.json")).unwrap();
    let arguments = ["repro", text(&run), "--pairs", "--counters-only", "--out", "pairs"];
    let mut command = program.command(&arguments);
    command.current_dir(&repository).env_remove("CARGO_TARGET_DIR");
    let pairs = Ran::of(&command.output().unwrap());
    assert!(pairs.code == Some(4) && pairs.out.contains("rows_examined"), "{pairs:?}");
    release_reports(&program, &repository, &git);
    let unknown = compare(&["--new-rev", "no-such", "--out", "unknown"]);
    assert!(unknown.code == Some(1) && unknown.err.contains("no-such"), "{unknown:?}");
    assert_eq!(git(&["worktree", "list"]).lines().count(), 1, "no work tree is left behind");
}

const PLAN: &str = r#"
name = "mine"
why = "A test."
[compare]
pairs = 1
margin_percent = 2
budget_percent = 5
why = "A test."
[[run]]
name = "small"
scenario = "relaunch"
why = "A test."
recipe = "tiny"
samples = 1
why_samples = "A test."
arms = ["floor", "full", "warm"]
compare = ["full:hot", "warm:hot"]
[[run]]
name = "alone"
scenario = "relaunch"
why = "A test."
recipe = "tiny"
samples = 1
why_samples = "A test."
arms = ["warm:hot"]
"#;

const BUDGETS: &str = r#"[[machine]]
name = "elsewhere"
cpu = "a processor that nobody has"
cores = 3
arch = "x86_64"

[[counter]]
run = "mine/small"
arm = "warm:hot"
name = "rows_examined"
at-most = 0
why = "A test."

[[counter]]
run = "mine/small"
arm = "full:hot"
name = "rows_examined"
at-most = 1000000
why = "A test."

[[time]]
run = "mine/small"
arm = "full:hot"
machine = "elsewhere"
percentile = 50
at-most = "1 ns"
why = "A test."
"#;

/// The last commit, which examines a row more, against the tag before it. Both are built already.
fn release_reports(program: &Program, repository: &Path, git: &impl Fn(&[&str]) -> String) {
    let plan = program.path("plan.toml");
    std::fs::write(&plan, PLAN).unwrap();
    let budgets = program.path("b.toml");
    std::fs::write(&budgets, BUDGETS).unwrap();
    let report = |arguments: &[&str]| {
        let usual = ["release-report", "--counters-only", "--plan", text(&plan)];
        let mut command = program.command(&[&usual, arguments].concat());
        command
            .current_dir(repository)
            .env_remove("CARGO_TARGET_DIR")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        Ran::of(&command.output().unwrap())
    };
    let untagged = report(&["--out", "untagged"]);
    assert_eq!(untagged.code, Some(1), "{untagged:?}");
    assert!(
        untagged.err.contains("git knows no tag") && untagged.err.contains("--since"),
        "{}",
        untagged.err
    );

    git(&["tag", "v1", "HEAD~1"]);
    let worse = report(&["--out", "worse", "--budgets", text(&budgets)]);
    assert_eq!(worse.code, Some(4), "{worse:?}");
    let flat = worse.out.replace("\n  ", " ");
    assert!(flat.starts_with("Worse than v1: 2 of 2 arms do more work"), "{flat}");
    assert!(flat.contains("b.toml:11: MISSED: small/warm:hot, rows_examined"), "{flat}");
    assert!(flat.contains("b.toml, line 26): for the machine elsewhere"), "{flat}");
    assert!(flat.contains("Runs that are not compared between these versions: alone"), "{flat}");
    let out = repository.join("worse");
    let page = std::fs::read_to_string(out.join("release.html")).unwrap();
    assert!(page.contains("Worse than v1") && page.contains("--since v1"), "{page}");
    for file in
        ["release.md", "release.json", "comparison.json", "small/base.json", "small/new.json"]
    {
        assert!(out.join(file).is_file(), "{file}");
    }
    let again = report(&["--out", "worse"]);
    assert!(again.code == Some(1) && again.err.contains("is there already"), "{again:?}");

    // Of a clean work tree at a tag, the base is the tag before: as in the workflow of a release.
    git(&["tag", "v2"]);
    let tagged = report(&["--out", "tagged", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&tagged.out).unwrap();
    assert_eq!((&json["since"], &json["exit_code"]), (&"v1".into(), &4.into()));

    // A missed budget decides where nothing else does.
    let over = report(&["--since", "HEAD", "--out", "over", "--budgets", text(&budgets)]);
    assert_eq!(over.code, Some(4), "{over:?}");
    assert!(over.out.starts_with("Over budget: 1 of 2 budgets is missed"), "{}", over.out);
    let fine = report(&["--since", "HEAD", "--out", "fine"]);
    assert_eq!(fine.code, Some(0), "{fine:?}");
    std::fs::write(&budgets, BUDGETS.replace("full:hot", "ful:hot")).unwrap();
    let misspelt = report(&["--out", "misspelt", "--budgets", text(&budgets)]);
    assert_eq!(misspelt.code, Some(2), "{misspelt:?}");
    assert!(
        misspelt.err.contains("line 16: the run small has no arm `ful:hot`"),
        "{}",
        misspelt.err
    );
}
