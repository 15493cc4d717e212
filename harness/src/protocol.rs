//! What a worker of another build must understand: every executable tells its protocol and its
//! build when it is asked.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracerig_reports::record::{Build, Plan};

use crate::build;
use crate::scenario::Program;
use crate::scenario::worker::PROTOCOL;

/// The hidden subcommand that answers with a [`Hello`].
pub const SUBCOMMAND: &str = "__hello";

/// The oldest version that is understood. It asks relaunches and refreshes in the same words, and
/// appends in others.
pub const OLDEST: u64 = 2;

/// An executable that does not answer within this time is not a tracerig.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an executable says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its name: `tracerig`.
    pub name: String,
    /// The version of its worker protocol.
    pub protocol: u64,
    /// What it was built from, and how.
    pub build: Build,
}

impl Hello {
    /// Whether its workers understand what the arms of `plan` are asked.
    #[must_use]
    pub const fn understands(&self, plan: &Plan) -> bool {
        self.protocol == PROTOCOL || plan.append.is_none()
    }

    /// The error of one at `path` whose workers do not.
    pub(crate) fn other(self, path: &Path) -> ProtocolError {
        ProtocolError::OtherProtocol {
            path: path.to_owned(),
            version: self.build.version,
            found: self.protocol,
        }
    }
}

/// Why an executable cannot be compared. Every message names its path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// It cannot be started, or does not say what it is.
    #[error(
        "{}: is not a tracerig executable ({said}); give one that `cargo build --release` made \
         of a revision with `tracerig compare`",
        path.display()
    )]
    Unknown {
        /// The executable.
        path: PathBuf,
        /// What it said, or why it could not be started.
        said: String,
    },
    /// It speaks another version.
    #[error(
        "{}: tracerig {version} speaks worker protocol {found}, this one {PROTOCOL}; compare the \
         two with a tracerig that speaks both, or compare a record of each",
        path.display()
    )]
    OtherProtocol {
        /// The executable.
        path: PathBuf,
        /// The version of its program.
        version: String,
        /// The version of its protocol.
        found: u64,
    },
}

/// What this executable is.
#[must_use]
pub fn hello() -> Hello {
    Hello { name: "tracerig".to_owned(), protocol: PROTOCOL, build: build::this() }
}

/// Says what this executable is, as one line of JSON.
#[must_use]
pub fn say() -> ExitCode {
    let said = serde_json::to_vec(&hello()).map_err(std::io::Error::other).and_then(|mut line| {
        line.push(b'\n');
        std::io::stdout().write_all(&line)
    });
    if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Asks the executable at `path` what it is, and refuses one whose workers would not understand
/// this one's requests.
///
/// # Errors
/// See [`ProtocolError`].
pub fn ask(path: &Path) -> Result<Hello, ProtocolError> {
    let unknown = |said: String| ProtocolError::Unknown { path: path.to_owned(), said };
    let finished = Program::with_start(path, PATIENCE)
        .and_then(|mut program| program.finished(&[SUBCOMMAND.into()]))
        .map_err(|error| unknown(error.to_string()))?;
    // Only the first line of what it said: an older one prints how it is used.
    let hello: Hello = finished
        .answer()
        .map_err(|error| unknown(error.lines().next().unwrap_or_default().to_owned()))?;
    if hello.name != "tracerig" {
        return Err(unknown(format!("it is {}", hello.name)));
    }
    if (OLDEST..=PROTOCOL).contains(&hello.protocol) { Ok(hello) } else { Err(hello.other(path)) }
}
