//! Locks of the cache: one for those who build or remove a dataset, one for those who use it.
//!
//! Of each dataset there are two lock files. `.lock-NAME` is held by anyone who changes what is
//! there. `.used-NAME` is shared by all who use the dataset; anyone who takes it away must have it
//! alone, and asks for it with the first lock held.

use std::fs::{File, TryLockError};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracerig_store::files::open_lock;

use crate::cache::{Progress, Stage};
use crate::error::{DatasetError, Result};

/// How often a waiting process looks whether the other one is done.
const POLL: Duration = Duration::from_millis(50);

/// A lock that is held. The system frees it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that is being started holds a copy of it
        // until it runs.
        let _ = self.0.unlock();
    }
}

/// Keeps a dataset of a cache from being taken away as long as it lives. Two of them are always
/// equal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold {
    /// None for a dataset in no cache.
    _lock: Option<Arc<Lock>>,
}

impl PartialEq for Hold {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug, Clone, Copy)]
enum Sharing {
    Shared,
    Alone,
}

/// Takes a lock, or tells that somebody has it.
fn try_take(path: &Path, sharing: Sharing) -> Result<Option<Lock>> {
    let file = open_lock(path).map_err(DatasetError::io(path, "open the lock"))?;
    let taken = match sharing {
        Sharing::Shared => file.try_lock_shared(),
        Sharing::Alone => file.try_lock(),
    };
    match taken {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(DatasetError::io(path, "lock")(error)),
    }
}

/// Takes a lock, waiting for it as long as the callback agrees.
fn take(
    path: &Path,
    sharing: Sharing,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Lock> {
    loop {
        if let Some(lock) = try_take(path, sharing)? {
            return Ok(lock);
        }
        if progress(Progress { stage: Stage::Waiting, done: 0, total: 0 }).is_break() {
            return Err(DatasetError::Cancelled);
        }
        std::thread::sleep(POLL);
    }
}

/// The lock files of a dataset.
#[derive(Debug)]
pub(crate) struct Locks {
    change: PathBuf,
    used: PathBuf,
}

impl Locks {
    /// Those of the dataset `name` in a cache's folder, which exists.
    pub(crate) fn of(cache: &Path, name: &str) -> Self {
        Self {
            change: cache.join(format!(".lock-{name}")),
            used: cache.join(format!(".used-{name}")),
        }
    }

    /// Waits for the right to change what is there.
    pub(crate) fn change(
        &self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Lock> {
        take(&self.change, Sharing::Alone, progress)
    }

    /// Waits until anyone who takes the dataset away is done, and keeps others from it.
    pub(crate) fn hold(
        &self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Hold> {
        take(&self.used, Sharing::Shared, progress).map(|lock| Hold { _lock: Some(Arc::new(lock)) })
    }

    /// Waits until nobody uses the dataset. To be asked for by anyone who may change it.
    pub(crate) fn alone(
        &self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Lock> {
        take(&self.used, Sharing::Alone, progress)
    }

    /// The same without waiting: `None` when somebody uses it.
    pub(crate) fn try_alone(&self) -> Result<Option<Lock>> {
        try_take(&self.used, Sharing::Alone)
    }
}
