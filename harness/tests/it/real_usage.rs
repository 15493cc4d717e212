//! Usage of the homes of the real Codex CLI against the server's record of every response, however
//! the files are kept; and the table of versions, which is made here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::Value;
use tracerig_real::Codex;
use tracerig_scanner::archive::{Archive, Options, Problem, Refresh, Request, What};
use tracerig_scanner::{MemoPlace, Scan, Scanner};

fn request() -> Request<'static> {
    Request { sessions: true, ..Request::default() }
}

fn refresh(home: &Path, memo: Option<&Path>) -> Refresh {
    let options = Options { memo: memo.map(Path::to_owned), ..Options::default() };
    let refresh = Archive::new(home, options).refresh(&request()).unwrap();
    let is_expected = |problem: &Problem| problem.what == What::Inferred;
    assert!(refresh.problems.iter().all(is_expected) && refresh.warnings.is_empty(), "{refresh:?}");
    refresh
}

/// Total tokens of each thread.
fn threads(refresh: &Refresh) -> BTreeMap<String, u64> {
    refresh.by_session().into_iter().map(|(id, used)| (id.to_owned(), used.tokens.total)).collect()
}

/// Total tokens of the responses that the server gave to each thread.
fn served(codex: Codex) -> BTreeMap<String, u64> {
    let mut served = BTreeMap::new();
    for line in codex.requests().unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        // The request that warms up a connection leaves nothing in a rollout.
        if line["kind"] == "usage" && line["what"] != "prewarm" {
            let thread = line["turn_metadata"]["thread_id"].as_str().or(line["sid"].as_str());
            let thread = thread.or(line["prompt_cache_key"].as_str()).unwrap();
            *served.entry(thread.to_owned()).or_default() +=
                line["usage"]["total_tokens"].as_u64().unwrap();
        }
    }
    served
}

fn rollouts(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { rollouts(&path) } else { vec![path] }).collect()
}

fn all_rollouts(home: &Path) -> Vec<PathBuf> {
    ["sessions", "archived_sessions"].iter().flat_map(|name| rollouts(&home.join(name))).collect()
}

fn compress(home: &Path) {
    for path in all_rollouts(home) {
        let content = std::fs::read(&path).unwrap();
        let compressed = compress_to_vec(&content[..], CompressionLevel::Fastest);
        std::fs::write(path.with_extension("jsonl.zst"), compressed).unwrap();
        std::fs::remove_file(path).unwrap();
    }
}

fn archive(home: &Path) {
    let archive = home.join("archived_sessions");
    std::fs::create_dir_all(&archive).unwrap();
    for path in rollouts(&home.join("sessions")) {
        std::fs::rename(&path, archive.join(path.file_name().unwrap())).unwrap();
    }
}

/// Something that happens to the files of a home.
type Change = fn(&Path);

/// What a home goes through, change by change.
const CHANGES: [(&str, &[Change]); 4] = [
    ("as written", &[]),
    ("compressed", &[compress]),
    ("archived", &[archive]),
    ("both", &[compress, archive]),
];

#[test]
fn every_thread_used_what_the_server_recorded_however_its_files_are_kept() {
    for codex in Codex::ALL {
        for (name, changes) in CHANGES {
            let folder = tempfile::tempdir().unwrap();
            let (home, memo) = (folder.path().join("home"), folder.path().join("memo"));
            codex.write(&home).unwrap();
            let before = refresh(&home, Some(&memo));
            changes.iter().for_each(|change| change(&home));
            let found = threads(&refresh(&home, None));
            assert_eq!(found.values().sum::<u64>(), codex.tokens(), "{codex:?}, {name}");
            let mut served = served(codex);
            served.retain(|thread, _| found.contains_key(thread));
            assert!(
                served.is_empty() || served == found,
                "{codex:?}, {name}: {served:?} {found:?}"
            );
            for _ in 0..2 {
                let with_memo = refresh(&home, Some(&memo));
                assert_eq!(threads(&with_memo), found, "{codex:?}, {name}");
                assert_eq!(with_memo.usage, before.usage, "{codex:?}, {name}");
            }
        }
    }
}

/// What one home shows in the table of versions.
struct Row {
    codex: Codex,
    logged: Option<Logged>,
    files: usize,
    threads: usize,
    inferred: usize,
    tokens: u64,
    served: Option<u64>,
    rows: usize,
}

struct Logged {
    scan: Scan,
    ran: usize,
    found: usize,
    phantoms: usize,
}

fn row(codex: Codex) -> Row {
    let folder = tempfile::tempdir().unwrap();
    codex.write(folder.path()).unwrap();
    let refresh = refresh(folder.path(), None);
    let threads = threads(&refresh);
    let served = served(codex);
    let recorded: u64 =
        served.iter().filter(|(id, _)| threads.contains_key(*id)).map(|(_, tokens)| tokens).sum();
    let logged = codex.has_logs().then(|| {
        let options = tracerig_scanner::Options { memo: MemoPlace::Disabled, ..Default::default() };
        let scanner = Scanner::new(folder.path().join("logs_2.sqlite"), options);
        let scan = scanner.scan(&tracerig_scanner::Request::default()).unwrap();
        let text = codex.requests().unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ran: BTreeSet<String> = lines
            .filter(|line| line["service_tier"] == "priority")
            .filter_map(|line| line["turn_metadata"]["turn_id"].as_str().map(str::to_owned))
            .filter(|turn| !turn.is_empty())
            .collect();
        let found = scan.turns.keys().filter(|turn| ran.contains(*turn)).count();
        Logged { ran: ran.len(), found, phantoms: scan.turns.len() - found, scan }
    });
    Row {
        codex,
        logged,
        files: all_rollouts(folder.path()).len(),
        threads: threads.len(),
        inferred: refresh.sessions.iter().filter(|session| session.is_inferred).count(),
        tokens: threads.values().sum(),
        served: (!served.is_empty()).then_some(recorded),
        rows: codex.threads().lines().count(),
    }
}

fn grouped(number: u64) -> String {
    tracerig_reports::units::count(number)
}

fn tables() -> String {
    let rows: Vec<Row> = Codex::ALL.into_iter().map(row).collect();
    let mut text = String::from(
        "| home | turns that ran | rows that tell a tier | priority turns that ran | found | false \
         |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in &rows {
        let Some(Logged { scan, ran, found, phantoms }) = &row.logged else { continue };
        let (turns, tell) = (scan.stats.turns_seen, scan.stats.tier_rows);
        writeln!(
            text,
            "| `{}` | {turns} | {tell} | {ran} | {found} | {phantoms} |",
            row.codex.name()
        )
        .unwrap();
    }
    text.push_str(
        "\n\
         | home | rollouts | threads | rows by Codex | inferred | tokens the server recorded | \
         tokens found |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in &rows {
        let served = row.served.map_or_else(|| "not recorded".to_owned(), grouped);
        let Row { codex, files, threads, rows, inferred, tokens, .. } = row;
        let (name, tokens) = (codex.name(), grouped(*tokens));
        let by_codex = if *rows == 0 { "none".to_owned() } else { rows.to_string() };
        writeln!(
            text,
            "| `{name}` | {files} | {threads} | {by_codex} | {inferred} | {served} | {tokens} |"
        )
        .unwrap();
    }
    text
}

/// With `TRACERIG_BLESS` set the document gets the tables: look at the difference then.
#[test]
fn the_table_of_versions_is_what_the_real_files_give() {
    const BEGIN: &str = "<!-- tables -->\n";
    const END: &str = "<!-- end of tables -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/codex-versions.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let tables = tables();
    if std::env::var_os("TRACERIG_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{tables}{END}{after}")).unwrap();
    } else {
        assert_eq!(found, tables, "docs/codex-versions.md: see how it says that it is made");
    }
}
