//! A process that has ended: what it answered, and what the operating system says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tracerig_reports::ByteSize;
use tracerig_reports::record::{Exit, Launch};

use crate::child;
use crate::platform::{self, Ended};
use crate::watch::Cut;

/// A process from its start to its end.
#[derive(Debug)]
pub struct Finished {
    /// From before it was started until its end was noticed.
    pub wall: Duration,
    /// What it wrote on standard output.
    pub stdout: Vec<u8>,
    /// The beginning of what it wrote on standard error.
    pub stderr: String,
    /// How it ended.
    pub ended: Ended,
    /// Why it was ended, if it did not end by itself.
    pub cut: Option<Cut>,
}

/// The launch of a process that could not be started: nothing is known of it.
#[must_use]
pub fn not_started() -> Launch {
    Launch {
        wall: Duration::ZERO,
        user: None,
        system: None,
        peak_memory: None,
        major_faults: None,
        device_read: None,
        resident_pages_before: None,
        exit: Exit::NotStarted,
        phases: Vec::new(),
        counters: BTreeMap::new(),
        histograms: BTreeMap::new(),
        mode: None,
        reason: None,
        turns: None,
        answer_digest: None,
        verified: false,
    }
}

/// A launch as far as the operating system knows it.
pub(crate) fn of_system(wall: Duration, ended: &Ended) -> Launch {
    Launch {
        wall,
        user: ended.user,
        system: ended.system,
        major_faults: ended.major_faults,
        device_read: ended.io.map(|io| ByteSize(io.device_read)),
        exit: match ended.exit {
            platform::Exit::Code(code) => Exit::Code(code),
            platform::Exit::Signal(signal) => Exit::Signal(signal),
        },
        ..not_started()
    }
}

impl Finished {
    /// The launch as far as the operating system knows it.
    pub(crate) fn launch(&self) -> Launch {
        of_system(self.wall, &self.ended)
    }

    /// What the process answered as JSON, or in words why that is not an answer.
    ///
    /// # Errors
    /// It was ended, it failed, it said nothing, or something else than expected.
    pub fn answer<T: DeserializeOwned>(&self) -> Result<T, String> {
        if let Some(error) = child::fault(&self.ended, self.cut, &self.stderr) {
            return Err(error);
        }
        if self.stdout.is_empty() {
            return Err("it ended well but answered nothing".to_owned());
        }
        serde_json::from_slice(&self.stdout)
            .map_err(|error| format!("its answer cannot be read: {error}"))
    }
}
