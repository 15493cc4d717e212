//! Notes what a record says about the build: revision, profile and compiler.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A commit or checkout moves this; changed sources make cargo build the crates anyway.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).exists()
    {
        println!("cargo::rerun-if-changed={log}");
    }
    for folder in [
        "../store",
        "../scanner",
        "../datasets",
        "../reports",
        ".",
        "differential",
        "oracle",
        "process",
        "published",
    ] {
        println!("cargo::rerun-if-changed={folder}/src");
    }
    let revision = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    let dirty =
        git(&["status", "--porcelain", "--untracked-files=no"]).map(|text| (!text.is_empty()).to_string());
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rustc = told(Command::new(rustc).arg("--version")).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TRACERIG_REVISION={revision}");
    println!("cargo::rustc-env=TRACERIG_DIRTY={}", dirty.unwrap_or_default());
    println!("cargo::rustc-env=TRACERIG_RUSTC={rustc}");
    println!("cargo::rustc-env=TRACERIG_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
}

fn git(arguments: &[&str]) -> Option<String> {
    told(Command::new("git").args(arguments))
}

fn told(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
