//! The inputs that fuzzing begins with, made of what the repository has: homes of the real Codex
//! CLI, plans, recipes, histories.
//!
//! Made anew by `cargo test -p tracerig --test it fuzz_corpus -- --ignored`, where formats changed.
//! Found inputs, and what `cargo fuzz cmin` kept, are next to them and stay.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tracerig_real::Codex;
use tracerig_reports::Record;
use tracerig_reports::comparison::{Comparisons, Run, of_records};
use tracerig_reports::verdict::Rules;

use super::corpus;

/// Inputs by name.
type Seeds = BTreeMap<String, Vec<u8>>;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
#[ignore = "writes into the corpus"]
fn seeds() {
    for (target, seeds) in [
        ("row", rows()),
        ("text", texts()),
        ("record", records()),
        ("rollout", rollouts()),
        ("memo", memos()),
        ("database", databases()),
    ] {
        assert!(!seeds.is_empty(), "{target}");
        fs::create_dir_all(corpus(target)).unwrap();
        for (name, seed) in seeds {
            fs::write(corpus(target).join(name), seed).unwrap();
        }
    }
}

/// Of each home two rows of each target and operation, the shortest ones.
fn rows() -> Seeds {
    const TARGETS: [&str; 5] = [
        "codex_api::endpoint::responses_websocket",
        "codex_core::session::handlers",
        "codex_core::codex",
        "feedback_tags",
        "codex_core::session::turn",
    ];
    const MARKS: [&str; 10] = [
        "websocket request:",
        "response.completed",
        "op: UserInput ",
        "op: UserInputWithTurnContext",
        "op: UserTurn",
        "op: TurnInput",
        "op: ThreadSettings",
        "op: OverrideTurnContext",
        "tags_json=",
        "turn.id=",
    ];
    let mut seeds = Seeds::new();
    for codex in Codex::ALL.into_iter().filter(|codex| codex.has_logs()) {
        let folder = tempfile::tempdir().unwrap();
        let logs = Connection::open(codex.write_logs(folder.path()).unwrap()).unwrap();
        let mut rows = logs
            .prepare(
                "SELECT target, feedback_log_body FROM logs ORDER BY length(feedback_log_body), id",
            )
            .unwrap();
        let mut rows = rows.query([]).unwrap();
        let mut found: BTreeMap<(usize, usize), u32> = BTreeMap::new();
        while let Some(row) = rows.next().unwrap() {
            let (ValueRef::Text(target), ValueRef::Text(body)) =
                (row.get_ref(0).unwrap(), row.get_ref(1).unwrap())
            else {
                continue;
            };
            let Some(target) = TARGETS.iter().position(|known| known.as_bytes() == target) else {
                continue;
            };
            let text = String::from_utf8_lossy(body);
            let Some(mark) = MARKS.iter().position(|mark| text.contains(mark)) else { continue };
            let times = found.entry((target, mark)).or_default();
            if *times < 2 && body.len() < 6000 {
                *times += 1;
                let name = format!("{}-{target}-{mark}-{times}", codex.version());
                seeds.insert(name, [&[target as u8][..], body].concat());
            }
        }
    }
    seeds
}

/// Plans, recipes, histories, and the answers of processes.
fn texts() -> Seeds {
    let mut seeds = Seeds::new();
    let folders = [
        "harness/plans",
        "harness/scenario/plans",
        "datasets/recipes",
        "corpus/trace",
        "corpus/archive",
        "corpus/threads",
    ];
    for folder in folders {
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                seeds.insert(
                    format!("{}-{name}", folder.replace('/', "-")),
                    fs::read(path).unwrap(),
                );
            }
        }
    }
    let turn = r#"{"t":{"thread_id":"h","model":null,"timestamp":1}}"#;
    let scan = concat!(
        r#"{"mode":"full","reason":"absent","rows_examined":9,"rows_checked":0,"facts":2,"#,
        r#""completions":1,"unrecognised":0,"cursor":9,"db_bytes":4096,"artifact_bytes":300,"#,
        r#""elapsed_us":{"load":1,"open":2,"check":3,"scan":4,"persist":5}}"#
    );
    let trace = concat!(
        r#"{"turns":1,"digest":"sha256:00","cursor":9,"mode":"full","reason":"absent","#,
        r#""rows_examined":9,"persisted":true}"#
    );
    let build = concat!(
        r#"{"version":"0.1.0","revision":null,"dirty":null,"profile":"release","#,
        r#""rustc":"rustc 1.89.0","sqlite":"3.50.0"}"#
    );
    let worked = concat!(
        r#""body_bytes":10,"vm_steps":70,"persisted":true,"#,
        r#""engine_ns":5000,"peak_memory_bytes":1000000"#
    );
    let walked = concat!(
        r#""files":2,"bytes":10,"folders":3,"metadata_calls":2,"unchanged":1,"continued":1,"#,
        r#""parsed":0,"bytes_read":5,"shards_read":1,"shards_written":1,"#,
        r#""memo_bytes_written":70,"phases":[["walk",1000]],"peak_memory_bytes":null"#
    );
    let rows = r#""turn_rows":1,"turns_seen":1,"tier_rows":1"#;
    for (name, reply) in [
        (
            "reply-worker",
            format!(r#"{{"cursor":9,"answer":{{"turns":{turn},"scan":{scan}}},{worked}}}"#),
        ),
        (
            "reply-refresh",
            format!(r#"{{"answer":"sha256:00","classes":1,"trace":{trace},{walked}}}"#),
        ),
        ("reply-writer", r#"{"deleted":1,"appended":2,"ready":3,"elapsed_ns":4}"#.to_owned()),
        ("reply-hello", format!(r#"{{"name":"tracerig","protocol":1,"build":{build}}}"#)),
        ("reply-python", r#"{"name":"scan.py","version":"3.12"}"#.to_owned()),
        (
            "reply-oracle",
            format!(r#"{{"turns":{turn},"facts":2,"completions":1,"unrecognised":0,{rows}}}"#),
        ),
        ("cursor", "updated.1795215600000.01a1faad-9ba1-7b10-b548-adc1b617767a".to_owned()),
        ("time", "2026-11-29T10:00:00.000Z".to_owned()),
        (
            "name",
            "rollout-2026-11-29T10-00-00-01a00000-0000-7000-8000-000000000000.jsonl".to_owned(),
        ),
        ("handicap", "rows=1".to_owned()),
    ] {
        seeds.insert(name.to_owned(), reply.into_bytes());
    }
    seeds
}

/// The records that the reports are tested with, and what comparing one with itself gives.
fn records() -> Seeds {
    let mut seeds = Seeds::new();
    for name in ["record-v1.json", "record-append-v1.json"] {
        let path = Path::new(ROOT).join("reports/src/golden").join(name);
        let record = Record::read(&path).unwrap();
        let comparison =
            of_records(("base", &record), ("new", &record), &Rules::default(), Vec::new()).unwrap();
        let runs = vec![Run { name: "one".to_owned(), comparison }];
        let comparisons = Comparisons { exit_code: 0, interrupted: false, runs };
        seeds.insert(format!("comparison-of-{name}"), comparisons.to_json().unwrap().into_bytes());
        seeds.insert(name.to_owned(), fs::read(&path).unwrap());
    }
    for (name, kept) in [("history-v1.json", "entry.json"), ("blessing-v1.json", "blessing.json")] {
        let path = Path::new(ROOT).join("corpus/formats/history-1").join(kept);
        seeds.insert(name.to_owned(), fs::read(path).unwrap());
    }
    seeds
}

/// The beginnings of real rollouts, two of each home, without their long lines; and the small
/// cases.
fn rollouts() -> Seeds {
    const MOST: usize = 6000;
    let mut seeds = Seeds::new();
    for codex in Codex::ALL {
        let folder = tempfile::tempdir().unwrap();
        codex.write(folder.path()).unwrap();
        // Forks and segments are in files that follow one another.
        let mut pieces = Vec::new();
        for path in files(folder.path()) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let mut piece = String::new();
            for line in text.lines().filter(|line| line.len() < 1500) {
                if piece.len() + line.len() < MOST / 2 {
                    piece.push_str(line);
                    piece.push('\n');
                }
            }
            pieces.push(piece);
        }
        for (number, pair) in pieces.chunks(2).take(3).enumerate() {
            let text = pair.join("\n#second\n");
            let form = number as u8 * 2;
            seeds.insert(
                format!("{}-{number}", codex.name()),
                [&[form, 90, 170], text.as_bytes()].concat(),
            );
        }
    }
    let cases = Path::new(ROOT).join("harness/tests/it/cases/shapes");
    for case in ["m1", "m2", "m3", "m5"] {
        let texts: Vec<String> =
            files(&cases.join(case)).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        let form = if case == "m3" { 2 } else { 24 };
        seeds.insert(
            case.to_owned(),
            [&[form, 128, 200], texts.join("\n#second\n").as_bytes()].concat(),
        );
    }
    for path in files(&cases.join("m4")) {
        seeds.insert("m4".to_owned(), [&[1, 0, 0], &fs::read(path).unwrap()[..]].concat());
    }
    let names = "{\"id\":\"01a00000-0000-7000-8000-000000000000\",\"thread_name\":\"mine\"}\n";
    let first = files(&cases.join("m1"));
    let text = fs::read_to_string(&first[0]).unwrap();
    seeds.insert(
        "names".to_owned(),
        [&[0, 128, 200], format!("{text}\n#names\n{names}").as_bytes()].concat(),
    );
    seeds
}

/// One change of a byte, one cut and one piece in the wrong place, in each file.
fn memos() -> Seeds {
    let mut seeds = Seeds::new();
    for file in 0..16u8 {
        for how in [0, 2] {
            let damage = [4, 0, file, file.wrapping_mul(37), how];
            seeds.insert(format!("bit-{file}-{how}"), [&[file, how][..], &damage].concat());
        }
        seeds.insert(format!("cut-{file}"), vec![file, 0, 0, 0, 0, 80, 0]);
        seeds.insert(format!("piece-{file}"), vec![file, 2, 3, 0, 0, 90, 16]);
        seeds.insert(format!("other-{file}"), vec![file, 1, b't', b'r', b'i', b'g']);
    }
    seeds
}

/// Damage to headers, cells and pointers, and short histories.
fn databases() -> Seeds {
    let mut seeds = Seeds::new();
    for page in 0..16u32 {
        for (what, offset, with) in [
            ("type", 0, 5),
            ("cells", 3, 0),
            ("pointer", 8, 15),
            ("right", 11, 3),
            ("cell", 4000, 255),
        ] {
            let place = (page * 4096 + offset).to_be_bytes();
            seeds.insert(
                format!("{what}-{page}"),
                vec![page as u8 * 2, 5, place[1], place[2], place[3], with],
            );
        }
    }
    for seed in 0..16u8 {
        seeds.insert(format!("seed-{seed}"), [&[1u8][..], &u64::from(seed).to_be_bytes()].concat());
    }
    let mut histories: Vec<_> = ["corpus/trace", "corpus/trace/witnesses"]
        .iter()
        .flat_map(|folder| files(&Path::new(ROOT).join(folder)))
        .map(|path| (fs::read(&path).unwrap(), path))
        .collect();
    histories.sort_by_key(|(text, _)| text.len());
    for (text, path) in histories.into_iter().take(40) {
        seeds.insert(path.file_name().unwrap().to_string_lossy().into_owned(), text);
    }
    seeds
}

/// Every file below a folder, in order; of a home, its rollouts.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.retain(|path| {
        path.extension().is_some_and(|kind| kind == "jsonl" || kind == "zst" || kind == "txt")
    });
    found.sort();
    found
}
