//! What a launch may write to, where the kernel can see to that.

use std::io;
use std::path::{Path, PathBuf};

use tracerig_protocol::{AppendAsked, Ask, LoadAsked, ScanAsked, UsageAsked, WirePath};

use crate::child::Child;
use crate::platform;
use crate::watch;

/// Has `start` start a process that may write to `folders` and where `ask` wants it to. The result
/// says whether the kernel refuses everything else.
///
/// A thread gives up the rights and starts it, so that its start takes no longer than any other.
pub(super) fn start(
    ask: &Ask,
    folders: &[PathBuf],
    start: impl FnOnce() -> io::Result<Child> + Send,
) -> io::Result<(io::Result<Child>, bool)> {
    let mut writable = folders.to_vec();
    writable.push("/dev/null".into());
    writable.extend(asked_for(ask));
    watch::begin()?;
    std::thread::scope(|scope| {
        let start = || {
            let confined = platform::confine(&writable);
            (start(), confined)
        };
        let started = std::thread::Builder::new().spawn_scoped(scope, start)?.join();
        started.map_err(|_| io::Error::other("the thread that starts candidates panicked"))
    })
}

/// The memo; the folder of a database, since SQLite makes its index of the log there; a store.
fn asked_for(ask: &Ask) -> Vec<PathBuf> {
    let of = |path: &WirePath| path.0.canonicalize().ok();
    match ask {
        Ask::Scan(ScanAsked { database, memo, .. }) => {
            let folder = of(database).and_then(|path| path.parent().map(Path::to_owned));
            memo.as_ref().and_then(of).into_iter().chain(folder).collect()
        }
        Ask::Usage(UsageAsked { memo, .. }) => memo.as_ref().and_then(of).into_iter().collect(),
        Ask::Append(AppendAsked { home, .. }) | Ask::Load(LoadAsked { home, .. }) => {
            of(home).into_iter().collect()
        }
        Ask::Hello { .. } | Ask::Idle => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::candidate::{Candidate, Definition};

    #[test]
    fn a_launch_writes_to_its_own_folders_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let (memo, home) = (folder.path().join("memo"), folder.path().join("home"));
        std::fs::create_dir_all(&memo).unwrap();
        std::fs::create_dir_all(&home).unwrap();
        let script = format!(
            "cd {}; echo x > memo/file; echo x > \"$HOME/file\"; echo x > \"$TMPDIR/file\"; echo x \
             > /dev/null; echo x > home/file; echo x > file",
            folder.path().display()
        );
        let ask = Ask::Usage(UsageAsked {
            home: WirePath(home),
            memo: Some(WirePath(memo)),
            database: None,
            zone_minutes: 0,
            priority: Vec::new(),
            force: false,
        });
        let words = ["sh", "-c", &script].map(str::to_owned).to_vec();
        let definition = Definition::of_words("test", words);
        let launch =
            Candidate::open(&definition, Duration::from_secs(60)).unwrap().launch(&ask).unwrap();
        let exists = |name: &str| folder.path().join(name).exists();
        assert!(exists("memo/file"));
        assert_eq!((exists("home/file"), exists("file")), (!launch.confined, !launch.confined));
        // This process may write as before.
        std::fs::write(folder.path().join("ours"), "x").unwrap();
    }
}
