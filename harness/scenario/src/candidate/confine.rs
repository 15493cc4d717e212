//! What a launch may write to, where the kernel can see to that.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};

use tracerig_protocol::{AppendAsked, Ask, LoadAsked, ScanAsked, UsageAsked, WirePath};

use crate::platform;
use crate::watch;

/// A thread that may write only to the folders of a launch, like each process that it starts.
///
/// A thread cannot get a right back, so a launch with other folders needs a new thread. Otherwise
/// the thread is kept: starting and confining one takes about as long as the rest of the overhead
/// of a launch.
#[derive(Debug)]
pub(super) struct Starter {
    writable: Vec<(Identity, PathBuf)>,
    jobs: Sender<Job>,
}

/// Its argument: whether the kernel refuses writes elsewhere.
type Job = Box<dyn FnOnce(bool) + Send>;

/// Device and number of a file, which its rights belong to; `None` if it does not exist.
type Identity = Option<(u64, u64)>;

impl Starter {
    /// Returns `kept` if it may write to `folders` and to the places in `ask`, and a new thread
    /// otherwise. All processes of `kept` must have ended: our own workers end with the thread that
    /// started them.
    pub(super) fn of(kept: Option<Self>, ask: &Ask, folders: &[PathBuf]) -> io::Result<Self> {
        let null = PathBuf::from("/dev/null");
        let paths = folders.iter().cloned().chain([null]).chain(asked_for(ask));
        let writable: Vec<_> = paths.map(|path| (identity(&path), path)).collect();
        match kept {
            Some(kept) if kept.writable == writable => Ok(kept),
            _ => Self::new(writable),
        }
    }

    fn new(writable: Vec<(Identity, PathBuf)>) -> io::Result<Self> {
        watch::begin()?;
        let (jobs, to_do) = mpsc::channel::<Job>();
        let paths: Vec<PathBuf> = writable.iter().map(|(_, path)| path.clone()).collect();
        std::thread::Builder::new().spawn(move || {
            let confined = platform::confine(&paths);
            to_do.into_iter().for_each(|job| job(confined));
        })?;
        Ok(Self { writable, jobs })
    }

    /// Calls `start` in the thread. Also returns whether the kernel refuses writes elsewhere.
    pub(super) fn run<T: Send + 'static>(
        &self,
        start: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<(T, bool)> {
        let (tell, told) = mpsc::channel();
        let job = move |confined| {
            // The caller is waiting.
            let _ = tell.send((start(), confined));
        };
        let ended = |_| io::Error::other("the thread that starts candidates panicked");
        self.jobs.send(Box::new(job)).map_err(|_| ended(mpsc::RecvError))?;
        told.recv().map_err(ended)
    }
}

fn identity(path: &Path) -> Identity {
    let found = path.metadata().ok()?;
    Some((found.dev(), found.ino()))
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
        let ask = |memo: &Path| {
            Ask::Usage(UsageAsked {
                home: WirePath(home.clone()),
                memo: Some(WirePath(memo.to_owned())),
                database: None,
                zone_minutes: 0,
                priority: Vec::new(),
                force: false,
            })
        };
        let words = ["sh", "-c", &script].map(str::to_owned).to_vec();
        let definition = Definition::of_words("test", words);
        let mut candidate = Candidate::open(&definition, Duration::from_secs(60)).unwrap();
        let launch = candidate.launch(&ask(&memo)).unwrap();
        let exists = |name: &str| folder.path().join(name).exists();
        assert!(exists("memo/file"));
        assert_eq!((exists("home/file"), exists("file")), (!launch.confined, !launch.confined));
        // The folder of a memo may be made again between two launches, or be another one.
        std::fs::remove_dir_all(&memo).unwrap();
        std::fs::create_dir(&memo).unwrap();
        candidate.launch(&ask(&memo)).unwrap();
        assert!(exists("memo/file"));
        std::fs::remove_file(memo.join("file")).unwrap();
        candidate.launch(&ask(&home)).unwrap();
        assert_eq!((exists("home/file"), exists("memo/file")), (true, !launch.confined));
        // This process may write as before.
        std::fs::write(folder.path().join("ours"), "x").unwrap();
    }
}
