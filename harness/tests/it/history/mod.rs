//! Histories of a scripted repository: what is added stays, steps are found where they were
//! planted.

mod comments;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tracerig_harness::history::read_commit;
use tracerig_reports::Record;
use tracerig_reports::history::Entry;
use tracerig_reports::record::{ArmPlan, Cache, Counter, Outcome, Sample};

use crate::common;
use crate::common::program::{Program, Ran, text};

const COMMITS: usize = 40;
const REPETITIONS: u64 = 20;
const ROWS: &str = "relaunch/tiny/warm-hot/rows_examined";
const OF_FLOOR: &str = "relaunch/tiny/warm-hot/of_floor";

/// A repository in the folder of a test.
struct Repository {
    program: Program,
    folder: PathBuf,
}

impl Repository {
    fn new() -> Self {
        let program = Program::new();
        let folder = program.path("repository");
        std::fs::create_dir(&folder).unwrap();
        let repository = Self { program, folder };
        repository.git(&["init", "-q", "-b", "main", "."]);
        repository
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = common::git(&self.folder, arguments).output().unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes an empty commit, and returns its hash.
    fn commit(&self, subject: &str) -> String {
        self.git(&["commit", "-q", "--allow-empty", "-m", subject]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program.command(&[&["history"], arguments].concat());
        command.current_dir(&self.folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    }

    fn history(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.history(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], code: i32, said: &str) {
        let ran = self.history(arguments);
        assert!(ran.code == Some(code) && ran.err.contains(said), "{arguments:?}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{ran:?}");
    }

    /// Writes a record of this revision.
    fn record(&self, name: &str, record: &Record) -> String {
        let path = self.program.path(name);
        record.write(&path).unwrap();
        text(&path).to_owned()
    }

    fn steps(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.done(&[&["show", "--format", "json"], arguments].concat());
        let shown: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(
            (&shown["schema"], &shown["version"]),
            (&"tracerig.history-report".into(), &1.into())
        );
        shown["steps"].as_array().unwrap().clone()
    }
}

/// A record of ten rounds of `floor` and `warm`: this many rows, and times that scatter around this
/// multiple of the floor's.
fn record(revision: &str, rows: u64, ratio: f64, random: &mut ChaCha8Rng) -> Record {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus/formats/records-1/relaunch-0.1.0.json");
    let mut record = Record::read(&kept).unwrap();
    let plan = record.plan.arms[0].clone();
    let sample = record.samples[0].clone();
    record.plan.samples = 10;
    record.plan.arms = vec![ArmPlan { name: "floor".to_owned(), ..plan.clone() }, plan];
    record.build.revision = Some(revision.to_owned());
    record.build.dirty = Some(false);
    let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    // A run as a whole is off by about 1 %, a round by 4 %.
    let of_run = 0.01 * normal();
    record.samples.clear();
    for round in 0..10 {
        for (arm, ratio) in [("floor", 1.0), ("warm", ratio * (1.0 + of_run))] {
            let mut sample =
                Sample { round, arm: arm.to_owned(), cache: Cache::Hot, ..sample.clone() };
            sample.order = record.samples.len() as u64;
            for launch in &mut sample.launches {
                launch.wall = Duration::from_secs_f64(0.002 * ratio * (0.04 * normal()).exp());
                launch.phases.clear();
                let rows = if arm == "warm" { rows } else { 0 };
                launch.counters.insert("rows_examined".to_owned(), Counter::exact(Some(rows)));
            }
            record.samples.push(sample);
        }
    }
    record.outcome = Outcome::of(&record.samples, false);
    record
}

/// The commits at which a row more is examined, and from which it is 6 % slower.
fn planted(repetition: u64) -> (usize, usize) {
    let nth = usize::try_from(repetition).unwrap();
    (3 + (nth * 7) % 34, 8 + (nth * 5) % 25)
}

fn of_commit(revision: &str, nth: usize, repetition: u64) -> Record {
    let (row, slower) = planted(repetition);
    let mut random = ChaCha8Rng::seed_from_u64(1_000 * repetition + nth as u64);
    let ratio = if nth >= slower { 1.9 * 1.06 } else { 1.9 };
    record(revision, 200 + u64::from(nth >= row), ratio, &mut random)
}

#[test]
fn a_row_more_and_a_slowdown_are_found_among_40_commits() {
    let repository = Repository::new();
    let revisions: Vec<String> =
        (0..COMMITS).map(|nth| repository.commit(&format!("commit {nth}"))).collect();
    let commits: Vec<_> = revisions
        .iter()
        .map(|revision| read_commit(&repository.folder, revision).unwrap())
        .collect();
    let mut false_steps = 0;
    for repetition in 0..REPETITIONS {
        let (row, slower) = planted(repetition);
        let folder = format!("history-{repetition}");
        for (nth, revision) in revisions.iter().enumerate() {
            let measured = of_commit(revision, nth, repetition);
            if repetition == 0 {
                let path = repository.record("record.json", &measured);
                repository.done(&["add", &path, "--folder", &folder]);
            } else {
                let entry = Entry::of(commits[nth].clone(), &[measured], None).unwrap();
                let path = repository.folder.join(&folder);
                std::fs::create_dir_all(&path).unwrap();
                std::fs::write(path.join(entry.file_name(1)), entry.to_json().unwrap()).unwrap();
            }
        }
        let mut found = BTreeMap::new();
        for step in repository.steps(&["--folder", &folder]) {
            let at = usize::try_from(step["at"].as_u64().unwrap()).unwrap();
            assert_eq!(step["revision"], revisions[at].as_str());
            match step["series"].as_str().unwrap() {
                ROWS => assert!(
                    step["since_parent"] == true && found.insert(ROWS, at).is_none(),
                    "{step}"
                ),
                OF_FLOOR if at.abs_diff(slower) <= 2 => drop(found.insert(OF_FLOOR, at)),
                _ => false_steps += 1,
            }
        }
        assert_eq!(found.get(ROWS), Some(&row), "repetition {repetition}");
        assert!(found.contains_key(OF_FLOOR), "repetition {repetition}: slower from {slower} on");
    }
    assert!(false_steps <= 1, "{false_steps} false steps");
    // What a person sees of it.
    let shown = repository.done(&["show", "--folder", "history-0", "--html", "page.html"]);
    assert!(shown.out.starts_with("2 steps in 40 commits. Newest: "), "{}", shown.out);
    assert!(shown.out.contains(ROWS) && shown.out.contains("200 to 201"));
    let lines: Vec<&str> = shown.out.lines().collect();
    assert!(
        lines.len() <= 30 && lines.iter().all(|line| line.chars().count() <= 80),
        "{}",
        shown.out
    );
    let page = std::fs::read_to_string(repository.folder.join("page.html")).unwrap();
    assert!(page.contains("2 steps in 40 commits") && page.contains("prefers-color-scheme: dark"));
    // Explained, it is no longer open.
    let (row, _) = planted(0);
    let short = &revisions[row][..12];
    let at = ["--folder", "history-0"];
    repository.done(
        &[&["bless", ROWS, short, "--because", "one row is checked twice"][..], &at].concat(),
    );
    let shown = repository.done(&[&["show", "--details"][..], &at].concat());
    assert!(
        shown.out.starts_with("2 steps in 40 commits, 1 explained.")
            && shown.out.contains("checked twice")
    );
    repository.refused(
        &[&["bless", ROWS, short, "--because", "no"][..], &at].concat(),
        1,
        "never replaced",
    );
}

#[test]
fn what_is_added_is_never_replaced() {
    let repository = Repository::new();
    let revision = repository.commit("first");
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let first = repository.record("record.json", &record(&revision, 200, 1.9, &mut random));
    repository.done(&["add", &first]);
    let folder = repository.folder.join(".tracerig/history");
    let files = || -> BTreeMap<PathBuf, Vec<u8>> {
        let paths = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    };
    let before = files();
    let other = repository.record("other.json", &record(&revision, 201, 1.9, &mut random));
    repository.refused(&["add", &other], 1, "--again");
    assert_eq!(files(), before);
    repository.done(&["add", &other, "--again"]);
    repository.done(&["add", &other, "--again"]);
    let after = files();
    assert!(after.len() == 3 && before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));
    let shown = repository.done(&["show"]);
    assert!(
        shown.out.contains("1 counter left out, because runs of one commit differ"),
        "{}",
        shown.out
    );
    // Nothing that was changed, cut off, or written by a later version is read.
    let path = before.keys().next().unwrap();
    let whole = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    for (text, said) in [
        (whole.replace("200", "199"), "was changed after it was written"),
        (whole[..whole.len() / 2].to_owned(), "is cut off"),
        (
            whole.replace("\"version\": 1", "\"version\": 2"),
            "has history version 2, this program reads version 1",
        ),
        ("{}".to_owned(), "is not a file of a history"),
        ("\0".to_owned(), "is not a file of a history"),
    ] {
        std::fs::write(path, text).unwrap();
        repository.refused(&["show"], 1, said);
        repository.refused(&["show"], 1, name);
    }
    std::fs::write(path, whole).unwrap();
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    assert!(repository.done(&["show"]).err.contains("1 file skipped"));
}

#[test]
fn a_branch_has_the_history_and_the_work_tree_stays_untouched() {
    let repository = Repository::new();
    let revisions: Vec<String> =
        (0..6).map(|nth| repository.commit(&format!("commit {nth}"))).collect();
    std::fs::write(repository.folder.join("mine"), "not committed").unwrap();
    repository.git(&["add", "mine"]);
    let status = repository.git(&["status", "--porcelain"]);
    let paths: Vec<String> = revisions
        .iter()
        .enumerate()
        .map(|(nth, revision)| {
            repository.record(&format!("{nth}.json"), &of_commit(revision, nth, 0))
        })
        .collect();
    // All at once: none is lost.
    let adding: Vec<_> = paths
        .iter()
        .map(|path| repository.command(&["add", path, "--branch", "runs"]).spawn().unwrap())
        .collect();
    for mut child in adding {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(repository.git(&["ls-tree", "--name-only", "runs"]).lines().count(), 6);
    assert_eq!(repository.git(&["rev-list", "--max-parents=0", "runs"]).lines().count(), 1);
    assert!(
        !repository.git(&["rev-list", "runs"]).contains(&revisions[0]),
        "it has no commit of the code"
    );
    assert_eq!(repository.git(&["status", "--porcelain"]), status);
    assert_eq!(repository.git(&["rev-parse", "HEAD"]), revisions[5]);
    repository.refused(&["add", &paths[0], "--branch", "runs"], 1, "--again");
    repository.done(&["add", &paths[0], "--branch", "runs", "--again"]);
    assert!(repository.done(&["show", "--branch", "runs"]).out.contains("in 6 commits"));
    repository.done(&["bless", ROWS, "HEAD~2", "--because", "why not", "--branch", "runs"]);
    assert_eq!(repository.git(&["ls-tree", "--name-only", "runs"]).lines().count(), 8);
    // A clone goes on from the branch that it fetched, and joins what both added.
    let clone = repository.program.path("clone");
    repository.git(&["clone", "-q", ".", text(&clone)]);
    let clone = Repository { program: Program::new(), folder: clone };
    clone.done(&["add", &paths[1], "--branch", "runs", "--again"]);
    repository.done(&["add", &paths[2], "--branch", "runs", "--again"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/push-history.sh");
    let pushed = Command::new("bash")
        .arg(script)
        .env("BRANCH", "runs")
        .current_dir(&clone.folder)
        .output()
        .unwrap();
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    assert_eq!(repository.git(&["ls-tree", "--name-only", "runs"]).lines().count(), 10);
    // What is no branch of a history stays as it is.
    repository.refused(&["add", &paths[0], "--branch", "main"], 1, "is checked out");
    repository.git(&["commit", "-q", "-m", "mine"]);
    repository.git(&["branch", "flat"]);
    repository.refused(&["add", &paths[0], "--branch", "flat"], 1, "none of which is one of");
    std::fs::create_dir(repository.folder.join("src")).unwrap();
    std::fs::write(repository.folder.join("src/a"), "code").unwrap();
    repository.git(&["add", "src"]);
    repository.git(&["commit", "-q", "-m", "code"]);
    repository.git(&["branch", "code"]);
    repository.refused(&["add", &paths[0], "--branch", "code"], 1, "has the folder src");
    for name in ["", "..", "-x", "a b", "--help", "x\u{1b}[2J", "refs/heads/../x"] {
        let argument = format!("--branch={name}");
        let ran = repository.history(&["add", &paths[0], &argument]);
        let is_allowed = name == "-x" || name == "--help";
        assert!(is_allowed || ran.code == Some(1), "{name}: {ran:?}");
        assert!(!ran.err.contains('\u{1b}'), "{ran:?}");
    }
    repository.refused(&["show", "--branch", "none"], 1, "there is no history at branch none");
}

#[test]
fn wrong_arguments_are_refused_and_say_what_to_do() {
    let repository = Repository::new();
    let evil = "x\u{1b}]0;t\u{7}<script>$(touch pwned)`touch pwned`";
    let revision = repository.commit(evil);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let good = record(&revision, 200, 1.9, &mut random);
    let path = repository.record("record.json", &good);
    repository.refused(&["show"], 1, "there is no history at .tracerig/history");
    let added = repository.done(&["add", &path]);
    assert!(!added.out.contains('\u{1b}'), "{added:?}");
    for arguments in [&["show"][..], &["show", "--details"], &["show", "--format", "json"]] {
        assert!(!repository.done(arguments).out.contains('\u{1b}'));
    }
    repository.done(&["show", "--html", "page.html"]);
    let page = std::fs::read_to_string(repository.folder.join("page.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
    assert!(!repository.folder.join("pwned").exists());
    let changed = |change: &dyn Fn(&mut Record)| {
        let mut record = good.clone();
        change(&mut record);
        repository.record("changed.json", &record)
    };
    let dirty = changed(&|record| record.build.dirty = Some(true));
    repository.refused(&["add", &dirty], 2, "uncommitted changes; name its commit with --rev");
    repository.done(&["add", &dirty, "--rev", "HEAD", "--again"]);
    let unknown = changed(&|record| record.build.revision = None);
    repository.refused(&["add", &unknown], 2, "--rev");
    let foreign = changed(&|record| record.build.revision = Some("1".repeat(40)));
    repository.refused(&["add", &foreign], 1, "git does not know it");
    for name in ["--all", "-n1", "HEAD; touch pwned", "$(touch pwned)", ""] {
        let rev = format!("--rev={name}");
        let ran = repository.history(&["add", &path, &rev, "--again"]);
        assert!(ran.code.is_some_and(|code| code == 1 || code == 2), "{name}: {ran:?}");
    }
    let two = changed(&|record| record.machine.fingerprint = "../../up".to_owned());
    repository.refused(&["add", &two, "--again"], 2, "fingerprint");
    repository.refused(&["add", &path, &path, "--again"], 2, "two records are of the run");
    repository.refused(&["add", "nowhere"], 1, "nowhere");
    let why = ["--because", "x"];
    repository.refused(
        &[&["bless", "no/such", "HEAD"][..], &why].concat(),
        2,
        "has no series `no/such`; it has relaunch/",
    );
    repository.refused(&[&["bless", ROWS, "no-such"][..], &why].concat(), 1, "no-such");
    repository.refused(&["bless", ROWS, "HEAD", "--because", " "], 2, "does not say why");
    repository.refused(
        &["bless", ROWS, "HEAD", "--because", &"x".repeat(3_000)],
        2,
        "more than 2000 characters",
    );
    let second = repository.commit("second");
    repository.refused(&[&["bless", ROWS, &second][..], &why].concat(), 2, "has no entry");
    for margin in ["0", "-1", "100", "x"] {
        let argument = format!("--margin={margin}");
        repository.refused(&["show", &argument], 2, "percentage");
    }
    repository.refused(&["show", "--last", "0"], 2, "--last");
    // Outside a repository.
    let mut command = repository.program.command(&["history", "add", &path]);
    let above = repository.program.path("").parent().unwrap().to_owned();
    let ran = Ran::of(&command.env("GIT_CEILING_DIRECTORIES", above).output().unwrap());
    assert!(ran.code == Some(1) && ran.err.contains("inside the git repository"), "{ran:?}");
}
