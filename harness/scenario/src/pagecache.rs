//! The state of the page cache before a launch: brought about, and proven.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use tracerig_reports::ByteSize;
use tracerig_reports::record::{Cache, Launch};

use super::ScenarioError;
use crate::{interrupt, platform};

/// The files that a launch reads, and whose pages count.
#[derive(Debug)]
pub(crate) struct PageCache {
    files: Vec<PathBuf>,
}

impl PageCache {
    pub(crate) fn of(files: Vec<PathBuf>) -> Self {
        Self { files }
    }

    /// Brings about `state`. Returns the pages in memory then, where the platform tells.
    pub(crate) fn bring(&self, state: Cache) -> Result<Option<u64>, ScenarioError> {
        let mut resident = Some(0);
        for path in &self.files {
            // The memo is not always there.
            let Ok(mut file) = File::open(path) else { continue };
            let now = match state {
                Cache::Cold => {
                    platform::evict(&file)
                        .map_err(ScenarioError::io(path, "drop it from the page cache"))?;
                    known(path, &file)?
                }
                Cache::Any => known(path, &file)?,
                Cache::Hot => {
                    let before = known(path, &file)?;
                    if before.is_some_and(|before| before.resident == before.pages) {
                        before
                    } else {
                        read_through(&mut file).map_err(ScenarioError::io(path, "read it"))?;
                        known(path, &file)?
                    }
                }
            };
            resident = resident.zip(now).map(|(sum, now)| sum + now.resident);
        }
        Ok(resident)
    }
}

/// Whether pages of files in `folder` can be dropped from the page cache: not where files live in
/// memory, and not on a platform that has no such call. Creates the folder if need be.
pub(super) fn can_be_cold(folder: &Path) -> Result<bool, ScenarioError> {
    let failed = |error| ScenarioError::io(folder, "try the page cache in it")(error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::tempfile_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut file, &[1; 1 << 16]).map_err(failed)?;
    platform::evict(&file).map_err(failed)?;
    Ok(platform::residency(&file).map_err(failed)?.is_some_and(|now| now.resident == 0))
}

/// Which condition of its arm the launch did not meet.
pub(super) fn unmet(cache: Cache, least: u64, launch: &Launch) -> Option<String> {
    let read = launch.device_read.map(ByteSize::bytes);
    match cache {
        Cache::Any => None,
        Cache::Hot => match read {
            // Where the platform does not tell, hot is what a file just read through is.
            None | Some(0) => None,
            Some(read) => {
                Some(format!("{read} bytes came from the device, although the page cache was hot"))
            }
        },
        Cache::Cold => {
            let (Some(resident), Some(read)) = (launch.resident_pages_before, read) else {
                return Some("this platform cannot prove a cold page cache".to_owned());
            };
            if resident > 0 {
                return Some(format!("{resident} pages could not be dropped from the page cache"));
            }
            (read < least).then(|| {
                format!(
                    "only {read} bytes came from the device, although {least} or more had to \
                         be read"
                )
            })
        }
    }
}

fn known(path: &Path, file: &File) -> Result<Option<platform::Residency>, ScenarioError> {
    platform::residency(file)
        .map_err(ScenarioError::io(path, "ask what of it is in the page cache"))
}

fn read_through(file: &mut File) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    while file.read(&mut buffer)? > 0 {
        interrupt::check()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", not(tracerig_portable)))]
    fn both_states_are_brought_about_and_told() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, vec![1; 10 * rustix::param::page_size()]).unwrap();
        let cache = PageCache::of(vec![path, folder.path().join("not there")]);
        assert_eq!(cache.bring(Cache::Cold).unwrap(), Some(0));
        assert_eq!(cache.bring(Cache::Hot).unwrap(), Some(10));
        assert_eq!(cache.bring(Cache::Cold).unwrap(), Some(0));
    }
}
