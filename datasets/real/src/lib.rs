//! Homes written by the real Codex CLI, kept compressed in the repository, unpacked into a folder
//! on demand.
//!
//! `datasets/real/README.md` says where they come from. They are for tests: what a scanner must
//! find in them is known from the server's own record of the requests it received
//! ([`Codex::requests`]), not from any scanner.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ruzstd::decoding::StreamingDecoder;
use tar::Archive;

/// The trace database of a home.
const LOGS: &str = "logs_2.sqlite";
/// The server's record, which was no part of the home.
const REQUESTS: &str = "requests.jsonl";

/// A home of the Codex CLI, by the version that wrote it.
#[derive(Clone, Copy)]
pub struct Codex {
    name: &'static str,
    /// A tar archive of the home and the server's record, compressed.
    pack: &'static [u8],
    threads: &'static str,
    tokens: u64,
    turns: Option<(&'static str, &'static str)>,
}

/// A home that has a trace database: then it also says what must be found in it.
macro_rules! logged {
    ($name:literal, $tokens:literal) => {
        Codex {
            turns: Some((
                include_str!(concat!("../", $name, ".turns.json")),
                include_str!(concat!("../", $name, ".published.json")),
            )),
            threads: include_str!(concat!("../", $name, ".threads.jsonl")),
            ..unlogged!($name, $tokens)
        }
    };
}

macro_rules! unlogged {
    ($name:literal, $tokens:literal) => {
        Codex {
            name: $name,
            pack: include_bytes!(concat!("../", $name, ".tar.zst")),
            threads: "",
            tokens: $tokens,
            turns: None,
        }
    };
}

/// Why a home could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum RealError {
    /// The compressed copy is damaged.
    #[error(
        "the copy of {name} in this build is damaged: {source}; restore datasets/real from version \
         control"
    )]
    Damaged {
        /// The home.
        name: &'static str,
        /// What the decoder said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}; check the folder and the room on its disk")]
    Write {
        /// Where it should have been.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Codex {
    /// 0.60.1, the terminal interface: totals that begin again, a fork that does not name its
    /// parent.
    pub const V0_60_1: Self = unlogged!("codex-tui-0.60.1", 46_431);
    /// 0.98.0: forks without turn ids, sub-agents.
    pub const V0_98_0: Self = unlogged!("codex-0.98.0", 369_957);
    /// A thread of 0.98.0, forked by 0.171.0.
    pub const MIXED: Self = unlogged!("codex-mix-0.98.0-0.171.0", 152_872);
    /// 0.120.0: tiers as an enum, requests over SSE.
    pub const V0_120_0: Self = logged!("codex-tier-0.120.0", 139_305);
    /// 0.128.0: tiers as an enum, requests over a websocket.
    pub const V0_128_0: Self = logged!("codex-tws-0.128.0", 150_582);
    /// 0.130.0: forks that copy their history, sub-agents, archived threads.
    pub const V0_130_0: Self = logged!("codex-0.130.0", 796_840);
    /// 0.141.0: requests, completions and submissions are in the log.
    pub const V0_141_0: Self = logged!("codex-0.141.0", 1_515_291);
    /// 0.155.1: submissions of one operation are, and no tags.
    pub const V0_155_1: Self = logged!("codex-0.155.1", 863_920);
    /// 0.169.0: only tags rows are.
    pub const V0_169_0: Self = logged!("codex-0.169.0", 915_109);
    /// 0.171.0: the same; forks that copy nothing, segments, compaction, archived threads.
    pub const V0_171_0: Self = logged!("codex-0.171.0", 920_568);

    /// Every home there is, oldest first.
    pub const ALL: [Self; 10] = [
        Self::V0_60_1,
        Self::V0_98_0,
        Self::MIXED,
        Self::V0_120_0,
        Self::V0_128_0,
        Self::V0_130_0,
        Self::V0_141_0,
        Self::V0_155_1,
        Self::V0_169_0,
        Self::V0_171_0,
    ];

    /// The name of the home, which holds the version of Codex.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The version as Codex prints it, the last one where there are several.
    #[must_use]
    pub fn version(self) -> &'static str {
        self.name.rsplit('-').next().unwrap_or_default()
    }

    /// Whether there is a trace database: before 0.117 there was none.
    #[must_use]
    pub fn has_logs(self) -> bool {
        self.turns.is_some()
    }

    /// The tokens of the responses that the server gave to all threads with a rollout. The servers
    /// of 0.141.0 and 0.169.0 recorded none: there it is the sum of Codex's own rows.
    #[must_use]
    pub fn tokens(self) -> u64 {
        self.tokens
    }

    /// Writes the home into `folder`: sessions, archived sessions, their index and the trace
    /// database, as far as it has them.
    ///
    /// # Errors
    /// The copy is damaged, or a file cannot be written.
    pub fn write(self, folder: &Path) -> Result<(), RealError> {
        self.unpack(folder, |name| name != Path::new(REQUESTS))
    }

    /// Writes the trace database into `folder` as `logs_2.sqlite` and gives its path. It needs no
    /// `-wal`.
    ///
    /// # Errors
    /// As [`Codex::write`].
    pub fn write_logs(self, folder: &Path) -> Result<PathBuf, RealError> {
        self.unpack(folder, |name| name == Path::new(LOGS))?;
        Ok(folder.join(LOGS))
    }

    /// Writes the histories of all threads below `folder`, as `sessions/YYYY/MM/DD/rollout-*.jsonl`
    /// and `archived_sessions/rollout-*.jsonl`, and gives the path of `sessions`.
    ///
    /// # Errors
    /// As [`Codex::write`].
    pub fn write_sessions(self, folder: &Path) -> Result<PathBuf, RealError> {
        self.unpack(folder, |name| name != Path::new(LOGS) && name != Path::new(REQUESTS))?;
        Ok(folder.join("sessions"))
    }

    /// The rows of table `threads` that Codex itself wrote into its `state_5.sqlite`, where it had
    /// one: one JSON object a line, every column by its name, in the order of the ids.
    #[must_use]
    pub fn threads(self) -> &'static str {
        self.threads
    }

    /// The server's record of every request it received, one JSON object a line. From 0.155 on the
    /// lines with `kind` `usage` have the tokens of each response, of other homes some.
    ///
    /// # Errors
    /// The copy is damaged.
    pub fn requests(self) -> Result<String, RealError> {
        let mut text = String::new();
        self.each(|name, content| {
            if name == Path::new(REQUESTS) {
                content.read_to_string(&mut text).map_err(|source| self.damaged(source))?;
            }
            Ok(())
        })?;
        Ok(text)
    }

    /// What the rules of the scanner find in the whole trace database, as JSON written by
    /// `harness/oracle/scan.py`.
    #[must_use]
    pub fn expected(self) -> Option<&'static str> {
        self.turns.map(|(ours, _)| ours)
    }

    /// What the published rules find in it, from the same program.
    #[must_use]
    pub fn expected_published(self) -> Option<&'static str> {
        self.turns.map(|(_, published)| published)
    }

    /// Writes the files of the pack that are wanted.
    fn unpack(self, folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<(), RealError> {
        self.each(|name, content| {
            if !is_wanted(name) {
                return Ok(());
            }
            let path = folder.join(name);
            let mut write = || -> io::Result<()> {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                io::copy(content, &mut File::create(&path)?)?;
                Ok(())
            };
            write().map_err(|source| RealError::Write { path: path.clone(), source })
        })
    }

    /// Calls `each` with the name and content of each file of the pack.
    fn each(
        self,
        mut each: impl FnMut(&Path, &mut dyn Read) -> Result<(), RealError>,
    ) -> Result<(), RealError> {
        let damaged = |source| self.damaged(source);
        let decoder =
            StreamingDecoder::new(self.pack).map_err(|error| damaged(io::Error::other(error)))?;
        for entry in Archive::new(decoder).entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let name = entry.path().map_err(damaged)?.into_owned();
            if entry.header().entry_type().is_file() {
                each(&name, &mut entry)?;
            }
        }
        Ok(())
    }

    fn damaged(self, source: io::Error) -> RealError {
        RealError::Damaged { name: self.name, source }
    }
}

impl PartialEq for Codex {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Codex {}

impl std::fmt::Debug for Codex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}
