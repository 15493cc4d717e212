//! Notes what a record says about the build (revision, profile and compiler), and links `tracerig`
//! so that it starts fast.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    link_to_start_fast();
    let Revision { name: revision, is_dirty: dirty } =
        published().or_else(in_clone).unwrap_or_default();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rustc = told(Command::new(rustc).arg("--version")).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TRACERIG_REVISION={revision}");
    println!(
        "cargo::rustc-env=TRACERIG_DIRTY={}",
        dirty.map(|is_dirty| is_dirty.to_string()).unwrap_or_default()
    );
    println!("cargo::rustc-env=TRACERIG_RUSTC={rustc}");
    println!("cargo::rustc-env=TRACERIG_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
}

/// What was built.
#[derive(Default)]
struct Revision {
    name: String,
    is_dirty: Option<bool>,
}

/// The revision that a published package was made of, which cargo writes beside its manifest. It
/// comes first: a package may lie in somebody's repository that is not of tracerig.
fn published() -> Option<Revision> {
    let text = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, after) = text.split_once("\"sha1\": \"")?;
    let (name, rest) = after.split_once('"')?;
    Some(Revision { name: name.to_owned(), is_dirty: Some(rest.contains("\"dirty\": true")) })
}

/// The revision of the clone around the package, if the package is a part of it.
fn in_clone() -> Option<Revision> {
    git(&["ls-files", "--error-unmatch", "Cargo.toml"])?;
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
        "protocol",
        "published",
        "scenario",
    ] {
        println!("cargo::rerun-if-changed={folder}/src");
    }
    let is_dirty =
        git(&["status", "--porcelain", "--untracked-files=no"]).map(|text| !text.is_empty());
    Some(Revision { name: git(&["rev-parse", "HEAD"])?, is_dirty })
}

fn git(arguments: &[&str]) -> Option<String> {
    told(Command::new("git").args(arguments))
}

fn told(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

/// Links `tracerig` at fixed addresses and, where the C library comes as archives, statically. Each
/// measured launch is a start of this program: without it the dynamic linker and thousands of
/// relocations are more than half of the floor.
///
/// Not with `-C target-feature=+crt-static`: a configuration file would ask for it on machines that
/// have no `libc.a`, too, and `cargo install --git` would not see the file.
fn link_to_start_fast() {
    let told = |name: &str| std::env::var(name).unwrap_or_default();
    let is_gnu = told("CARGO_CFG_TARGET_OS") == "linux" && told("CARGO_CFG_TARGET_ENV") == "gnu";
    let is_static =
        told("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "crt-static");
    if !is_gnu || is_static || told("HOST") != told("TARGET") {
        return;
    }
    let link = |argument: &str| println!("cargo::rustc-link-arg-bin=tracerig={argument}");
    link("-no-pie");
    let folder = Path::new(&told("OUT_DIR")).join("archives");
    if name_archives(&folder).is_some() {
        link(&format!("-L{}", folder.display()));
        link("-static");
    }
}

/// Fills `folder` with linker scripts in for the shared libraries that rustc asks for, each naming
/// an archive. `None` if an archive is missing.
fn name_archives(folder: &Path) -> Option<()> {
    std::fs::create_dir_all(folder).ok()?;
    let [c, m, unwind, gcc] =
        ["libc.a", "libm.a", "libgcc_eh.a", "libgcc.a"].map(|name| archive(name).ok_or(name));
    let system =
        format!("GROUP({} {} {})", c.ok()?.display(), unwind.ok()?.display(), gcc.ok()?.display());
    std::fs::write(folder.join("libm.so"), format!("GROUP({})", m.ok()?.display())).ok()?;
    for name in ["c", "gcc_s"] {
        std::fs::write(folder.join(format!("lib{name}.so")), &system).ok()?;
    }
    // Parts of the C library since glibc 2.34, and empty; before, separate archives.
    for name in ["util", "rt", "pthread", "dl"] {
        let archive = archive(&format!("lib{name}.a"))?;
        std::fs::write(
            folder.join(format!("lib{name}.so")),
            format!("GROUP({})", archive.display()),
        )
        .ok()?;
    }
    Some(())
}

/// The archive that the C compiler would link for `name`.
fn archive(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(told(Command::new("cc").arg(format!("-print-file-name={name}")))?);
    // The compiler repeats a name that it does not find.
    (path.is_absolute() && path.is_file()).then_some(path)
}
