//! The comment on a pull request: made, updated, or left out, by `ci/comment.sh` with a gh that
//! writes down what it is asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::program::{Program, Ran, text};

const HEAD: &str = "0123456789012345678901234567890123456789";

/// Answers from the files `pulls` and `comments`, and appends its arguments and the body to
/// `asked`.
const GH: &str = r#"#!/usr/bin/env bash
{ printf '%s ' "$@"; echo; } >> asked
for word in "$@"; do case $word in body=@*) cat "${word#body=@}" > body ;; esac; done
case "$*" in
    *"-X GET"*/pulls*) cat pulls ;;
    *--paginate*) cat comments ;;
    *) echo '{"id": 1}' ;;
esac
"#;

struct Forge {
    program: Program,
}

impl Forge {
    fn new() -> Self {
        let program = Program::new();
        let gh = program.path("bin/gh");
        std::fs::create_dir(program.path("bin")).unwrap();
        std::fs::write(&gh, GH).unwrap();
        Command::new("chmod").arg("+x").arg(&gh).status().unwrap();
        let forge = Self { program };
        forge.has("7\n", "");
        forge
    }

    /// The pull requests with this head, and the comments with the marker.
    fn has(&self, pulls: &str, comments: &str) {
        std::fs::write(self.program.path("pulls"), pulls).unwrap();
        std::fs::write(self.program.path("comments"), comments).unwrap();
        let _ = std::fs::remove_file(self.program.path("asked"));
    }

    fn run(&self, script: &str, body: &str, more: &[(&str, &str)]) -> (Ran, String) {
        let comment = self.program.path("comment.md");
        std::fs::write(&comment, body).unwrap();
        let path =
            format!("{}:{}", text(&self.program.path("bin")), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command
            .arg(scripts().join(script))
            .arg(&comment)
            .current_dir(self.program.path(""))
            .env("PATH", path)
            .env("GH_REPO", "o/r")
            .env("HEAD_SHA", HEAD)
            .env("HEAD_OWNER", "somebody")
            .env("HEAD_BRANCH", "$(touch pwned);`touch pwned`")
            .envs(more.iter().copied());
        let ran = Ran::of(&command.output().unwrap());
        (ran, std::fs::read_to_string(self.program.path("asked")).unwrap_or_default())
    }

    fn comment(&self, state: &str) -> (Ran, String) {
        self.run("comment.sh", &body(state), &[("RUN_URL", "https://example.org/run/1")])
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci")
}

fn body(state: &str) -> String {
    format!("<!-- tracerig: comparison revision={HEAD} state={state} -->\n**{state}**\n")
}

#[test]
fn one_comment_is_made_updated_and_left_out() {
    let forge = Forge::new();
    for state in ["regression", "inconclusive", "better", "failed", "mismatch", "incomplete"] {
        forge.has("7\n", "");
        let (ran, asked) = forge.comment(state);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(asked.contains("api -X POST repos/o/r/issues/7/comments -F body=@"), "{asked}");
    }
    let posted = std::fs::read_to_string(forge.program.path("body")).unwrap();
    assert!(
        posted.ends_with("[Full report and raw samples](https://example.org/run/1)\n"),
        "{posted}"
    );
    // All is the same: nothing is said.
    forge.has("7\n", "");
    let (ran, asked) = forge.comment("same");
    assert!(ran.code == Some(0) && !asked.contains("POST") && !asked.contains("PATCH"), "{asked}");
    // But what was said before is not true any more.
    for state in ["same", "regression"] {
        forge.has("7\n", "4711\n4712\n");
        let (ran, asked) = forge.comment(state);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(
            asked.contains("api -X PATCH repos/o/r/issues/comments/4711 ")
                && !asked.contains("POST"),
            "{asked}"
        );
    }
    // A newer push, or a pull request that is closed.
    forge.has("", "4711\n");
    let (ran, asked) = forge.comment("regression");
    assert!(ran.code == Some(0) && ran.out.contains("a newer one was pushed"), "{ran:?}");
    assert!(!asked.contains("PATCH") && !asked.contains("POST"), "{asked}");
    forge.has("7\n", "");
    let (ran, asked) = forge.run("comment.sh", &body("regression"), &[("DRY_RUN", "1")]);
    assert!(
        ran.out.contains("would call: gh api -X POST") && !asked.contains("POST"),
        "{ran:?} {asked}"
    );
    assert!(!forge.program.path("pwned").exists());
}

#[test]
fn what_is_not_a_comment_about_the_head_is_not_posted() {
    let forge = Forge::new();
    let other = body("regression").replace(HEAD, &"f".repeat(40));
    let bodies =
        ["", "text\n", "<!-- tracerig: comparison revision=unknown state=same -->\n", &other];
    for body in bodies {
        for script in ["comment.sh", "check.sh"] {
            let (ran, asked) = forge.run(script, body, &[]);
            assert!(ran.code == Some(1) && asked.is_empty(), "{body}: {ran:?} {asked}");
        }
    }
    let (ran, asked) = forge.run("comment.sh", &body("same"), &[("AUTHOR", "\" or true or \"")]);
    assert!(ran.code == Some(1) && asked.is_empty(), "{ran:?} {asked}");
}

#[test]
fn inconclusive_is_a_neutral_check_and_not_a_success() {
    let forge = Forge::new();
    for (state, conclusion) in [
        ("same", "success"),
        ("better", "success"),
        ("inconclusive", "neutral"),
        ("incomplete", "neutral"),
        ("regression", "failure"),
        ("mismatch", "failure"),
    ] {
        forge.has("7\n", "");
        let (ran, asked) = forge.run("check.sh", &body(state), &[]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(
            asked.contains(&format!("-f conclusion={conclusion} ")) && asked.contains(HEAD),
            "{asked}"
        );
    }
}

#[test]
fn a_kept_comparison_becomes_a_comment_that_the_script_takes() {
    let forge = Forge::new();
    let kept = scripts().join("../corpus/formats/records-1/comparison-0.1.0.json");
    let shown = |format: &str, more: &[&str]| {
        forge.program.run(&[&["report", text(&kept), "--format", format], more].concat())
    };
    let comment = shown("comment", &["--revision", HEAD]);
    assert_eq!(comment.code, Some(0), "{comment:?}");
    let first = comment.out.lines().next().unwrap();
    assert!(
        first.starts_with(&format!("<!-- tracerig: comparison revision={HEAD} state=")),
        "{first}"
    );
    let (ran, _) = forge.run("comment.sh", &comment.out, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let summary = shown("step-summary", &[]);
    assert!(summary.code == Some(0) && summary.out.len() < 1 << 20, "{summary:?}");
    assert!(!summary.out.contains("<!-- tracerig"), "{}", summary.out);
    let record = scripts().join("../corpus/formats/records-1/relaunch-0.1.0.json");
    let refused = forge.program.run(&["report", text(&record), "--format", "comment"]);
    assert!(
        refused.code == Some(2) && refused.err.contains("a comment is about comparisons"),
        "{refused:?}"
    );
}

#[test]
fn the_workflows_keep_the_rules() {
    let checked = Command::new("bash").arg(scripts().join("workflows.sh")).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
