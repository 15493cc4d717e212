//! Homes of Codex: archived threads, segments, compressed histories, names, and files that are
//! skipped.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

const THREAD: &str = "01a00000-0000-7000-8000-000000000000";
const FORK: &str = "01a00001-0000-7000-8000-000000000000";
const DAY: &str = "sessions/2026/11/29";

fn put(home: &Path, folder: &str, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    std::fs::create_dir_all(home.join(folder)).unwrap();
    let path = home.join(folder).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn name(thread: &str) -> String {
    format!("rollout-2026-11-29T10-00-00-{thread}.jsonl")
}

/// A history as in the small cases: its first line with `more`, a model, a count of tokens.
fn small(thread: &str, more: &str, total: u32) -> String {
    let line = |kind: &str, payload: &str| {
        format!(
            "{{\"timestamp\": \"2026-11-29T10:00:00.000Z\", \"type\": \"{kind}\", \"payload\": \
             {payload}}}\n"
        )
    };
    line("session_meta", &format!("{{\"id\": \"{thread}\"{more}}}"))
        + &line("turn_context", "{\"model\": \"m\"}")
        + &line(
            "event_msg",
            &format!(
                "{{\"type\": \"token_count\", \"info\": {{\"total_token_usage\": \
                 {{\"total_tokens\": {total}}}}}}}"
            ),
        )
}

fn listed(program: &Program, home: &Path, more: &[&str]) -> Vec<Value> {
    let arguments = [&["threads", "list", text(home), "--format", "json"], more].concat();
    program.json(&arguments)["threads"].as_array().unwrap().clone()
}

#[track_caller]
fn verified(program: &Program, home: &Path, told: &str) {
    ended(&program.run(&["threads", "rebuild", text(home)]), 0);
    let ran = program.run(&["threads", "verify", text(home)]);
    ended(&ran, 0);
    assert_eq!((ran.out.trim_end(), ran.err.as_str()), (told, ""));
}

#[test]
fn the_small_cases_m3_m4_and_m5_are_right() {
    let program = Program::new();
    let m3 = program.path("m3");
    put(&m3, DAY, &name(THREAD), small(THREAD, "", 100));
    let base = format!(
        ", \"history_mode\": \"paginated\", \"history_base\": {{\"thread_id\": \"{THREAD}\", \
         \"end_ordinal_exclusive\": 3, \"end_byte_offset\": 9}}"
    );
    put(&m3, DAY, &name(&format!("{THREAD}_{FORK}")), small(THREAD, &base, 150));
    verified(
        &program,
        &m3,
        "1 of 1 threads are equal to the replay of their histories; 2 files read",
    );
    let threads = listed(&program, &m3, &[]);
    assert_eq!((threads.len(), &threads[0]["tokens_used"]), (1, &json!(150)));
    assert_eq!(threads[0]["updated_at"], "2026-11-29T10:00:00.000Z");
    let shown = program.json(&["threads", "show", text(&m3), THREAD, "--format", "json"]);
    assert_eq!(shown["history"]["records"], 6);

    let m4 = program.path("m4");
    let compressed = compress_to_vec(small(THREAD, "", 100).as_bytes(), CompressionLevel::Fastest);
    put(&m4, DAY, &format!("{}.zst", name(THREAD)), compressed);
    verified(
        &program,
        &m4,
        "1 of 1 threads are equal to the replay of their histories; 1 file read",
    );
    assert_eq!(listed(&program, &m4, &[])[0]["tokens_used"], 100);
    let shown = program.json(&["threads", "show", text(&m4), THREAD, "--format", "json"]);
    assert_eq!(shown["history"]["records"], 3);

    let m5 = program.path("m5");
    put(&m5, "archived_sessions", &name(THREAD), small(THREAD, "", 100));
    verified(
        &program,
        &m5,
        "1 of 1 threads are equal to the replay of their histories; 1 file read",
    );
    assert_eq!(listed(&program, &m5, &[]), [json!(null); 0]);
    let archived = listed(&program, &m5, &["--archived"]);
    assert_eq!((archived.len(), &archived[0]["id"]), (1, &json!(THREAD)));
    assert_eq!(archived[0]["archived_at"], archived[0]["updated_at"]);
}

#[test]
fn verify_compares_every_file_of_every_real_home() {
    for codex in Codex::ALL {
        let program = Program::new();
        let home = program.path(codex.name());
        codex.write(&home).unwrap();
        ended(&program.run(&["threads", "rebuild", text(&home)]), 0);
        let told = program.json(&["threads", "verify", text(&home), "--format", "json"]);
        let mut folders = vec![home.clone()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                files += u64::from(path.to_string_lossy().contains("rollout-"));
                folders.extend(path.is_dir().then_some(path));
            }
        }
        assert_eq!(told["files"], files, "{}", codex.name());
        assert_eq!(told["equal"], told["threads"], "{}", codex.name());
        assert_eq!(
            (&told["skipped"], &told["failures"]),
            (&json!([]), &json!([])),
            "{}",
            codex.name()
        );
    }
}

#[test]
fn a_fork_is_shown_with_its_parent_and_a_named_thread_with_its_name() {
    let program = Program::new();
    let home = program.path("home");
    put(&home, DAY, &name(THREAD), small(THREAD, "", 100));
    put(&home, DAY, &name(FORK), small(FORK, &format!(", \"forked_from_id\": \"{THREAD}\""), 100));
    put(
        &home,
        "",
        "session_index.jsonl",
        format!(
            "{{\"id\":\"{FORK}\",\"thread_name\":\"A given \
             name\",\"updated_at\":\"2026-11-29T19:56:26Z\"}}\n"
        ),
    );
    let shown = program.json(&["threads", "show", text(&home), FORK, "--format", "json"]);
    assert_eq!(shown["thread"]["forked_from"], THREAD);
    let ran = program.run(&["threads", "show", text(&home), FORK]);
    ended(&ran, 0);
    assert!(ran.out.contains(&format!("forked_from         {THREAD}\n")), "{}", ran.out);
    assert!(ran.out.contains("title               A given name\n"), "{}", ran.out);
    for thread in listed(&program, &home, &[]) {
        let parent = if thread["id"] == FORK { json!(THREAD) } else { Value::Null };
        assert_eq!(thread["forked_from"], parent);
    }
}

#[test]
fn what_is_skipped_is_one_line_for_each_reason_and_never_equal() {
    let program = Program::new();
    let home = program.path("home");
    put(&home, DAY, &name(THREAD), small(THREAD, "", 100));
    // Rollouts of 2025.
    for number in 1..4 {
        let thread = format!("01a0000{number}-0000-7000-8000-000000000000");
        let content = format!(
            "{{\"id\":\"{thread}\",\"timestamp\":\"2025-05-07T17:24:21.597Z\",\
            \"instructions\":null}}\n\
             {{\"record_type\":\"state\"}}\n\
             {{\"role\":\"user\",\"content\":[]}}\n"
        );
        put(&home, "sessions/2025/05/07", &name(&thread), content);
    }
    let old = put(&home, "sessions", "rollout-2025-04-20-0b5f.json", "{}");
    for verb in ["list", "rebuild", "verify"] {
        let ran = program.run(&["threads", verb, text(&home)]);
        ended(&ran, 0);
        let told: Vec<&str> = ran.err.lines().collect();
        assert_eq!(told.len(), 2, "{}", ran.err);
        assert_eq!(
            told[0],
            format!(
                "tracerig: warning: 1 file skipped (not named as a history): {}",
                old.display()
            )
        );
        assert!(
            told[1].starts_with(
                "tracerig: warning: 3 files skipped (written in 2025, no types on its lines): such \
                 as "
            ),
            "{}",
            told[1]
        );
        if verb == "verify" {
            assert!(
                ran.out.contains("1 of 4 threads") && ran.out.contains("4 files were skipped"),
                "{}",
                ran.out
            );
        }
    }
    let told = program.json(&["threads", "verify", text(&home), "--format", "json"]);
    assert_eq!(told["skipped"][1]["reason"], "untyped");
    assert_eq!(told["skipped"][1]["files"], 3);

    // Each kind of damage is reported once, and changes the exit code.
    for number in 5..8 {
        let name = name(&format!("01a0000{number}-0000-7000-8000-000000000000"));
        put(&home, DAY, &format!("{name}.zst"), "no zstd");
    }
    for verb in ["list", "rebuild", "verify"] {
        let ran = program.run(&["threads", verb, text(&home)]);
        ended(&ran, 1);
        assert!(
            ran.err.contains("the compressed data is damaged")
                && ran.err.contains("; 2 more like this"),
            "{}",
            ran.err
        );
        if verb == "verify" {
            assert!(ran.out.contains("3 histories were not compared"), "{}", ran.out);
        }
    }
}
