//! A history on a branch: read and written through git's plumbing, past the index and the work
//! tree.

use std::collections::BTreeSet;
use std::path::Path;

use tracerig_reports::Error;
use tracerig_reports::history::{Files, LARGEST_ENTRY};

use super::HistoryError;
use crate::git::{GitError, answer, git};

const REPOSITORY: &str = "Run it inside the git repository whose history it is";
const NAME: &str = "Give the branch a name that git allows";

/// Others may add entries meanwhile.
const TRIES: u32 = 20;

/// Bytes that git is asked for at once.
const AT_ONCE: u64 = 32 << 20;

/// Files of a branch that are looked at to see whether it has a history.
const LOOKED_AT: usize = 16;

/// A file of the branch.
struct Item {
    is_file: bool,
    object: String,
    bytes: u64,
    name: String,
}

/// All files of the branch.
pub(super) fn read(repository: &Path, name: &str) -> Result<Files, HistoryError> {
    let Some(commit) = tip(repository, name)? else {
        return Err(HistoryError::Missing(format!("branch {name}")));
    };
    let mut files = Files::default();
    let place = Path::new(name);
    let mut wanted = Vec::new();
    for item in items(repository, &commit)? {
        let path = place.join(&item.name);
        if item.is_file && !files.skips(&path) {
            if item.bytes > LARGEST_ENTRY.bytes() {
                return Err(Error::TooLarge { path, limit: LARGEST_ENTRY }.into());
            }
            wanted.push((path, item));
        } else if !item.is_file {
            files.skipped.push(path);
        }
    }
    let mut rest = wanted.as_slice();
    while !rest.is_empty() {
        let mut sum = 0;
        let fits = |(_, item): &&(_, Item)| {
            sum += item.bytes;
            sum <= AT_ONCE
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (now, later) = rest.split_at(count);
        let asked: String = now.iter().map(|(_, item)| format!("{}\n", item.object)).collect();
        let said = answer(repository, &["cat-file", "--batch"], asked.as_bytes(), REPOSITORY)?;
        let mut said = said.as_slice();
        for (path, item) in now {
            files.add(path, object(&mut said, item)?)?;
        }
        rest = later;
    }
    Ok(files)
}

/// The next object that `cat-file --batch` gives: a line with name, kind and size, the bytes, a
/// line feed.
fn object<'a>(said: &mut &'a [u8], item: &Item) -> Result<&'a [u8], HistoryError> {
    let head = format!("{} blob {}\n", item.object, item.bytes);
    let size = usize::try_from(item.bytes).unwrap_or(usize::MAX);
    let found = said.strip_prefix(head.as_bytes()).and_then(|rest| {
        let bytes = rest.get(..size)?;
        *said = rest.get(size + 1..)?;
        Some(bytes)
    });
    found.ok_or_else(|| {
        let what = format!("git cat-file of {}", item.name);
        let (said, remedy) =
            ("the object is missing".to_owned(), "Check the repository with `git fsck`");
        GitError::Failed { what, said, remedy }.into()
    })
}

/// The names of its files; none if there is no such branch.
pub(super) fn names(repository: &Path, name: &str) -> Result<BTreeSet<String>, HistoryError> {
    let Some(commit) = tip(repository, name)? else { return Ok(BTreeSet::new()) };
    Ok(items(repository, &commit)?.into_iter().map(|item| item.name).collect())
}

/// Adds a file to the branch, as a commit of its own; the first one has no parent.
pub(super) fn write(
    repository: &Path,
    name: &str,
    (file, bytes): (&str, &[u8]),
    message: &str,
) -> Result<(), HistoryError> {
    let reference = format!("refs/heads/{name}");
    git(repository, &["check-ref-format", &reference], NAME)?;
    let trees = git(repository, &["worktree", "list", "--porcelain"], REPOSITORY)?;
    if trees.lines().any(|line| line.strip_prefix("branch ") == Some(&reference)) {
        let what = "is checked out, and a history is written past the work tree".to_owned();
        return Err(HistoryError::NotHistory { name: name.to_owned(), what });
    }
    let blob = git_with(repository, &["hash-object", "-w", "--stdin"], bytes)?;
    let identity = identity(repository);
    for attempt in 1.. {
        let old = own_tip(repository, name)?;
        let base = match &old {
            Some(own) => Some(own.clone()),
            None => tip(repository, name)?,
        };
        let items = base.as_ref().map_or(Ok(Vec::new()), |base| items(repository, base))?;
        if let Some(folder) = items.iter().find(|item| !item.is_file) {
            let what = format!("has the folder {}, so it is not one of a history", folder.name);
            return Err(HistoryError::NotHistory { name: name.to_owned(), what });
        }
        if !items.is_empty() && !is_history(repository, &items)? {
            let what = "has files, none of which is one of a history".to_owned();
            return Err(HistoryError::NotHistory { name: name.to_owned(), what });
        }
        if items.iter().any(|item| item.name == file) {
            let (place, what) = (format!("branch {name}"), format!("the file {file}"));
            return Err(HistoryError::Exists { place, what, remedy: "look at it with `git show`" });
        }
        let list = ["ls-tree", "-z", "--full-tree"];
        let mut list = match &base {
            Some(base) => {
                answer(repository, &[&list[..], &[base.as_str()]].concat(), b"", REPOSITORY)?
            }
            None => Vec::new(),
        };
        list.extend(format!("100644 blob {blob}\t{file}\0").into_bytes());
        let tree = git_with(repository, &["mktree", "-z"], &list)?;
        let mut arguments: Vec<&str> = identity.to_vec();
        arguments.extend(["commit-tree", &tree, "-m", message]);
        arguments.extend(base.as_deref().into_iter().flat_map(|base| ["-p", base]));
        let commit = git(repository, &arguments, REPOSITORY)?;
        // Only from the commit that was read: what somebody else added meanwhile stays.
        let nothing = "0".repeat(commit.len());
        let expected = old.as_deref().unwrap_or(&nothing);
        let moved = git(repository, &["update-ref", &reference, &commit, expected], REPOSITORY);
        match moved {
            Err(GitError::Failed { .. })
                if attempt < TRIES && own_tip(repository, name)? != old => {}
            moved => return moved.map(drop).map_err(Into::into),
        }
    }
    Ok(())
}

/// Whether one of the first files that may be entries is one.
fn is_history(repository: &Path, items: &[Item]) -> Result<bool, HistoryError> {
    let mut files = Files::default();
    for item in items.iter().filter(|item| item.bytes <= LARGEST_ENTRY.bytes()).take(LOOKED_AT) {
        let path = Path::new(&item.name);
        if files.skips(path) {
            continue;
        }
        let bytes = answer(repository, &["cat-file", "blob", &item.object], b"", REPOSITORY)?;
        if files.add(path, &bytes).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn git_with(repository: &Path, arguments: &[&str], input: &[u8]) -> Result<String, GitError> {
    let said = answer(repository, arguments, input, REPOSITORY)?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// Settings that name a committer where git has none, as on a machine that only runs jobs.
fn identity(repository: &Path) -> &'static [&'static str] {
    if git(repository, &["var", "GIT_COMMITTER_IDENT"], "").is_ok() {
        return &[];
    }
    &["-c", "user.name=tracerig", "-c", "user.email=tracerig@localhost"]
}

/// The newest commit of the branch here; `None` if there is no such branch.
fn own_tip(repository: &Path, name: &str) -> Result<Option<String>, HistoryError> {
    resolved(repository, &format!("refs/heads/{name}"))
}

/// The same, or that of the branch as it was fetched.
fn tip(repository: &Path, name: &str) -> Result<Option<String>, HistoryError> {
    for reference in [
        format!("refs/heads/{name}"),
        format!("refs/remotes/origin/{name}"),
        format!("refs/remotes/{name}"),
    ] {
        if let Some(commit) = resolved(repository, &reference)? {
            return Ok(Some(commit));
        }
    }
    Ok(None)
}

fn resolved(repository: &Path, reference: &str) -> Result<Option<String>, HistoryError> {
    // Outside of a repository every question has the same answer.
    git(repository, &["rev-parse", "--git-dir"], REPOSITORY)?;
    let commit = format!("{reference}^{{commit}}");
    match git(repository, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit], "") {
        Ok(commit) => Ok(Some(commit)),
        Err(GitError::Failed { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn items(repository: &Path, commit: &str) -> Result<Vec<Item>, HistoryError> {
    let said =
        answer(repository, &["ls-tree", "-z", "-l", "--full-tree", commit], b"", REPOSITORY)?;
    let lines = said.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    Ok(lines.filter_map(|line| item(&String::from_utf8_lossy(line))).collect())
}

/// `MODE KIND OBJECT SIZE<tab>NAME`
fn item(line: &str) -> Option<Item> {
    let (head, name) = line.split_once('\t')?;
    let mut words = head.split_whitespace();
    let (mode, kind, object, bytes) = (words.next()?, words.next()?, words.next()?, words.next()?);
    Some(Item {
        is_file: kind == "blob" && mode != "120000",
        object: object.to_owned(),
        bytes: bytes.parse().unwrap_or(0),
        name: name.to_owned(),
    })
}
