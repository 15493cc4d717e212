//! Samples of a run are kept as they come, so that whatever ends it takes none of them away.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tracerig_reports::Record;
use tracerig_reports::record::{PARTIAL, Partial};

use super::output;
use crate::cli::shown::Shown;
use crate::scenario::Event;

/// What a run shows and keeps while it goes on.
pub(in crate::cli) struct Journal<'a> {
    shown: Shown,
    /// The folder of its results; nothing is kept without.
    folder: Option<&'a dyn Fn(&Record) -> PathBuf>,
    partial: Option<Partial>,
    samples: u64,
}

impl<'a> Journal<'a> {
    pub(in crate::cli) fn new(folder: Option<&'a dyn Fn(&Record) -> PathBuf>) -> Self {
        Self { shown: Shown::default(), folder, partial: None, samples: 0 }
    }

    pub(in crate::cli) fn event(&mut self, event: &Event<'_>) {
        let kept = match event {
            Event::Begun(record) => self.begin(record),
            Event::Taken(sample) => {
                self.samples += 1;
                self.partial
                    .as_mut()
                    .map_or(Ok(()), |partial| partial.add(sample).map_err(Into::into))
            }
            event => {
                self.shown.event(event);
                Ok(())
            }
        };
        if let Err(error) = kept {
            self.partial = None;
            output::say(&format!(
                "tracerig: samples are not kept as they come, only at the end of the run: {}",
                output::told(&error)
            ));
        }
    }

    fn begin(&mut self, record: &Record) -> anyhow::Result<()> {
        let Some(folder) = self.folder else { return Ok(()) };
        let folder = folder(record);
        create(&folder)?;
        self.partial = Some(Partial::begin(&folder, record)?);
        Ok(())
    }

    /// The run is over. One that went wrong leaves its samples, and says where.
    pub(in crate::cli) fn end<T, E>(mut self, done: Result<T, E>) -> Result<T, E> {
        self.shown.finish();
        if done.is_err()
            && self.samples > 0
            && let Some(partial) = &self.partial
        {
            let samples = output::counted(self.samples, "sample was", "samples were");
            let path = partial.path().display().to_string();
            // As a shell reads it: the line is to be copied.
            let path = shlex::try_quote(&path).unwrap_or_else(|_| path.as_str().into());
            output::say(&format!("{samples} taken before: tracerig report {path}"));
        }
        done
    }
}

/// Creates a folder of results.
pub(super) fn create(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be created", folder.display()))
}

/// Removes the samples kept as they came: the record has them now.
pub(super) fn settle(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(PARTIAL);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{}: cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}
