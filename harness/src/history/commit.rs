//! What a commit says of itself.

use std::path::Path;

use jiff::Timestamp;
use tracerig_reports::history::Commit;

use crate::git::{GitError, git};

const UNKNOWN: &str = "Run it inside the git repository, and give a commit, branch or tag that \
                       `git log` knows; a shallow clone may lack it";

/// Characters of a subject that are kept.
const MOST_SUBJECT: usize = 200;

/// The commit that git calls `name` in the repository around `folder`.
///
/// The object itself is read: a shallow clone would hide the parent of its oldest commit.
///
/// # Errors
/// It is not a repository, or git does not know the commit.
pub fn read(folder: &Path, name: &str) -> Result<Commit, GitError> {
    let asked = format!("{name}^{{commit}}");
    let revision =
        git(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &asked], UNKNOWN)
            .map_err(|error| match error {
                GitError::Failed { remedy, .. } => GitError::Failed {
                    what: format!("the commit `{name}`"),
                    said: "git does not know it".to_owned(),
                    remedy,
                },
                error => error,
            })?;
    let object = git(folder, &["cat-file", "commit", &revision], UNKNOWN)?;
    parse(&revision, &object).ok_or_else(|| GitError::Failed {
        what: format!("the commit `{name}`"),
        said: "it does not say when it was committed".to_owned(),
        remedy: "Check the repository with `git fsck`",
    })
}

fn parse(revision: &str, object: &str) -> Option<Commit> {
    let (head, message) = object.split_once("\n\n").unwrap_or((object, ""));
    let of = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    // `NAME <ADDRESS> SECONDS ZONE`
    let seconds = of("committer")?.rsplit(' ').nth(1)?.parse().ok()?;
    let committed = Timestamp::from_second(seconds).ok()?.to_string();
    let subject = message.lines().next().unwrap_or_default();
    Some(Commit {
        revision: revision.to_owned(),
        parent: of("parent").map(str::to_owned),
        committed,
        subject: subject.chars().take(MOST_SUBJECT).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_from_its_object() {
        let object = "tree 1\n\
                      parent 22\n\
                      parent 33\n\
                      author A <a> 5 +0100\n\
                      committer C D <c> 1796040000 -0200\n\
                      gpgsig x\n parent 44\n\n\
                      Subject\n\n\
                      parent 55\n";
        let found = parse("11", object).unwrap();
        assert_eq!((found.parent.as_deref(), found.subject.as_str()), (Some("22"), "Subject"));
        assert_eq!(found.committed, "2026-11-30T12:00:00Z");
        assert_eq!(parse("11", "tree 1\ncommitter C <c> 0 +0000\n").unwrap().parent, None);
        assert_eq!(parse("11", "tree 1\n\ncommitter C <c> 0 +0000"), None);
        assert_eq!(
            parse("11", &object.replace("Subject", &"x".repeat(999))).unwrap().subject.len(),
            200
        );
    }
}
