//! Executables of revisions: each built in a git work tree of its own, with a folder of build
//! products that all of them share.
//!
//! Below the target folder of cargo: `tracerig/compare/REVISION/tracerig` is what came of it and is
//! kept, `tracerig/compare/build` has what cargo built, so that the second revision need not
//! compile SQLite again. To cargo the trees of all revisions are one package there, and fresh is
//! what is younger than its sources: a tree is checked out after the last build, so its sources are
//! younger. The work tree's are not, and it is built in its own target folder. What was built says
//! of which revision it is, and must be right.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tracerig_store::files::open_lock;

use super::CompareError;
use crate::child::{Child, Streams};
use crate::git::{self, GitError, git};
use crate::platform::Exit;
use crate::watch::Limits;
use crate::{build, interrupt, protocol};

/// A build of everything takes minutes, on a slow machine.
const LONGEST_BUILD: Duration = Duration::from_secs(3 * 3600);

/// The time git gets to put something in order after a signal asked for the end.
const LONGEST_TIDYING: Duration = Duration::from_millis(300);

/// What is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A revision, in any of git's ways to name one.
    Revision(String),
    /// The work tree as it is, with what is not committed.
    WorkTree,
}

/// An executable that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// What the user calls it.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
}

/// Builds `source` in the clone around `folder`, wherever this program itself comes from, unless it
/// was built before. `tell` hears what is done.
///
/// # Errors
/// It is no repository, git does not know the revision, or cargo cannot build it.
pub fn build(
    source: &Source,
    folder: &Path,
    tell: &mut dyn FnMut(&str),
) -> Result<Built, CompareError> {
    let root = PathBuf::from(git(folder, &["rev-parse", "--show-toplevel"], NO_REPOSITORY)?);
    // Before anything is written into a repository of something else.
    let program =
        ["grep", "--quiet", "--fixed-strings", "name = \"tracerig\"", "--", "*Cargo.toml"];
    git(&root, &program, NO_REPOSITORY).map_err(|error| match error {
        GitError::Failed { remedy, .. } => CompareError::Build {
            what: format!("the repository {}", root.display()),
            said: "no Cargo.toml in it names a program `tracerig`".to_owned(),
            remedy,
        },
        error => error.into(),
    })?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let target = std::path::absolute(&target).map_err(CompareError::io(&target, "find it"))?;
    let place = target.join("tracerig").join("compare");
    std::fs::create_dir_all(&place).map_err(CompareError::io(&place, "create the folder"))?;
    let _turn = lock(&place.join("lock"))?;
    match source {
        Source::WorkTree => {
            let name = "work tree".to_owned();
            if let Some(path) = this_program(&root)? {
                tell("the work tree: this tracerig was built from it");
                return Ok(Built { name, path });
            }
            tell("building the work tree; what has changed is compiled, which may take minutes");
            let path = cargo(&root, &target, &place.join("work-tree"))?;
            Ok(Built { name, path })
        }
        Source::Revision(name) => {
            let commit = format!("{name}^{{commit}}");
            let known = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
            let revision = git(&root, &known, NO_REVISION)
                .map_err(|error| named(error, &format!("the revision `{name}`")))?;
            let path = place.join(&revision).join("tracerig");
            let is_of_it = || {
                protocol::ask(&path)
                    .map(|hello| hello.build.revision.as_deref() == Some(revision.as_str()))
            };
            if !matches!(is_of_it(), Ok(true)) {
                tell(&format!(
                    "building {name} ({}); it is compiled once and kept, which takes minutes",
                    &revision[..12.min(revision.len())]
                ));
                let tree = WorkTree::add(&root, &place, &revision)?;
                cargo(&tree.path, &place.join("build"), &place.join(&revision))?;
                if !is_of_it()? {
                    return Err(CompareError::Build {
                        what: format!("cargo build of {name}"),
                        said: "what was built says that it is of another revision".to_owned(),
                        remedy: "Remove the folder tracerig/compare in the target folder and try \
                                 again",
                    });
                }
            }
            Ok(Built { name: name.clone(), path })
        }
    }
}

/// The last tag before the work tree around `folder`: of a clean work tree at a tag, the one
/// before.
///
/// # Errors
/// It is no repository, or has no such tag.
pub fn last_tag(folder: &Path) -> Result<String, CompareError> {
    let head = git(folder, &["rev-parse", "--verify", "--quiet", "HEAD"], NO_REPOSITORY)
        .map_err(|error| named(error, "the revision HEAD"))?;
    let describe = |of: &str| git(folder, &["describe", "--tags", "--abbrev=0", of], NO_TAG);
    let no_tag = |error| match error {
        GitError::Failed { .. } => CompareError::Build {
            what: "the last release".to_owned(),
            said: "git knows no tag before the work tree".to_owned(),
            remedy: NO_TAG,
        },
        error => error.into(),
    };
    let tag = describe("HEAD").map_err(no_tag)?;
    let tagged =
        git(folder, &["rev-parse", "--verify", "--quiet", &format!("{tag}^{{commit}}")], NO_TAG)?;
    let status = ["status", "--porcelain", "--untracked-files=no"];
    if tagged == head && git(folder, &status, NO_REPOSITORY)?.is_empty() {
        return describe("HEAD^").map_err(no_tag);
    }
    Ok(tag)
}

const NO_TAG: &str = "Name a revision with --since REV; a shallow clone gets its tags with `git \
                      fetch --unshallow --tags`";

/// This program, if it is what a build of the work tree at `root` would make.
fn this_program(root: &Path) -> Result<Option<PathBuf>, CompareError> {
    let build = build::this();
    let head = git(root, &["rev-parse", "--verify", "--quiet", "HEAD"], NO_REVISION)?;
    let is_of_head = build.profile == "release"
        && build.dirty == Some(false)
        && build.revision.as_deref() == Some(head.as_str());
    if !is_of_head
        || !git(root, &["status", "--porcelain", "--untracked-files=no"], NO_REPOSITORY)?.is_empty()
    {
        return Ok(None);
    }
    Ok(std::env::current_exe().ok())
}

const NO_REPOSITORY: &str = "Run it inside the git repository of tracerig, or give executables \
                             with --base-bin and --new-bin";
const NO_REVISION: &str =
    "Give a commit, branch or tag that `git log` knows; a shallow clone may lack it";

/// Waits for the lock of the file at `path`: one build at a time, for they share a folder.
fn lock(path: &Path) -> Result<File, CompareError> {
    open_lock(path)
        .and_then(interrupt::lock)
        .map_err(CompareError::io(path, "lock it"))?
        .ok_or(CompareError::Interrupted)
}

/// A work tree of a revision; dropping it removes it.
struct WorkTree {
    root: PathBuf,
    path: PathBuf,
}

impl WorkTree {
    fn add(root: &Path, place: &Path, revision: &str) -> Result<Self, CompareError> {
        let tree = Self { root: root.to_owned(), path: place.join(revision).join("tree") };
        // What a killed build left.
        tree.remove();
        let add = [OsStr::new("worktree"), "add".as_ref(), "--detach".as_ref(), "--force".as_ref()];
        let arguments: Vec<&OsStr> =
            add.into_iter().chain([tree.path.as_os_str(), revision.as_ref()]).collect();
        git(root, &arguments, "Make room, or look at `git worktree list`")?;
        Ok(tree)
    }

    fn remove(&self) {
        let gone =
            [OsStr::new("worktree"), "remove".as_ref(), "--force".as_ref(), self.path.as_os_str()];
        let usual = git::limits().time;
        let time = if interrupt::requested() { Some(LONGEST_TIDYING) } else { usual };
        let limits = || Limits { time, tidies: true, ..Limits::default() };
        // It may be there without git's knowing it, and the other way round.
        let _ = git::run(&self.root, &gone, None, "", limits());
        // Whatever else is there is no work tree, and git says so.
        if self.path.join(".git").is_file() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
        let _ = git::run(&self.root, &["worktree", "prune"], None, "", limits());
    }
}

impl Drop for WorkTree {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Builds what lies at `tree`, as releases are built, with the target folder `build`, and puts the
/// executable into `folder`.
fn cargo(tree: &Path, build: &Path, folder: &Path) -> Result<PathBuf, CompareError> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let failed = |said: String| CompareError::Build {
        what: format!("cargo build of {}", tree.display()),
        said,
        remedy: "The output of cargo is above; build it by hand, and give the executable with \
                 --base-bin or --new-bin",
    };
    let mut command = Command::new(program);
    command
        .args(["build", "--release", "--locked", "--bin", "tracerig"])
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", build);
    let limits = Limits { time: Some(LONGEST_BUILD), ..Limits::default() };
    // Cargo's messages go to standard error; results alone go to standard output.
    let built = Child::start(&mut command, &Streams::Shown, limits).and_then(Child::finish);
    if interrupt::requested() {
        return Err(CompareError::Interrupted);
    }
    let (_, end) =
        built.map_err(|error| missing(&error).unwrap_or_else(|| failed(error.to_string())))?;
    match end.ended.exit {
        Exit::Code(0) if end.cut.is_none() => {}
        Exit::Code(code) if end.cut.is_none() => return Err(failed(format!("exit code {code}"))),
        _ => return Err(failed(end.fault().unwrap_or_default())),
    }
    std::fs::create_dir_all(folder).map_err(CompareError::io(folder, "create the folder"))?;
    let (from, new, path) =
        (build.join("release/tracerig"), folder.join("new"), folder.join("tracerig"));
    std::fs::copy(&from, &new)
        .and_then(|_| std::fs::rename(&new, &path))
        .map_err(CompareError::io(&path, "copy what was built to it"))?;
    Ok(path)
}

/// That cargo is not there, where that is what the system says.
fn missing(error: &std::io::Error) -> Option<CompareError> {
    (error.kind() == std::io::ErrorKind::NotFound).then(|| CompareError::Build {
        what: "cargo".to_owned(),
        said: "is not installed, or not in PATH".to_owned(),
        remedy: "Install it, or give executables with --base-bin and --new-bin",
    })
}

/// The same error of something that has a name.
fn named(error: GitError, what: &str) -> CompareError {
    match error {
        GitError::Failed { remedy, .. } => CompareError::Build {
            what: what.to_owned(),
            said: "git does not know it".to_owned(),
            remedy,
        },
        error => error.into(),
    }
}
