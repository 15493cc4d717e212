//! A folder in which the program runs as a user whom permissions bind, even if the tests run as the
//! superuser.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tracerig_differential::trace::RowSpec;
use tracerig_store::{LogOptions, OwnedRow, Retention, TraceLog, schema};

/// The user `nobody` of every Linux system; no account is needed for it.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A folder with the program, a folder for databases and one for memos.
pub(crate) struct Place {
    folder: TempDir,
}

/// What became of a scan.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    document: Option<Value>,
    pub(crate) err: String,
}

impl Ran {
    /// Mode and reason.
    pub(crate) fn way(&self) -> String {
        let scan = &self.document.as_ref().unwrap_or_else(|| panic!("{self:?}"))["scan"];
        format!("{} {}", scan["mode"].as_str().unwrap(), scan["reason"].as_str().unwrap())
    }

    /// The names of the turns found.
    pub(crate) fn turns(&self) -> Vec<&str> {
        let turns = &self.document.as_ref().unwrap_or_else(|| panic!("{self:?}"))["turns"];
        turns.as_object().unwrap().keys().map(String::as_str).collect()
    }

    pub(crate) fn warnings(&self) -> usize {
        self.err.matches("tracerig: warning: ").count()
    }

    /// Fails unless the scan succeeded in this way, with these turns, and with this many warnings.
    #[track_caller]
    pub(crate) fn is<const N: usize>(&self, way: &str, turns: [&str; N], warnings: usize) {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(
            (self.way().as_str(), self.turns(), self.warnings()),
            (way, turns.to_vec(), warnings),
            "{self:?}"
        );
    }

    /// Fails unless the scan was refused with a message that has these words, and with nothing like
    /// a result.
    #[track_caller]
    pub(crate) fn is_refused(&self, words: &[&str]) {
        assert_eq!((self.code, &self.document), (Some(1), &None), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no `{word}`: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        mode(place.folder.path(), 0o755);
        // The build's folder may be closed to others.
        let (built, program) = (env!("CARGO_BIN_EXE_tracerig"), place.path("tracerig"));
        if std::fs::hard_link(built, &program).is_err() {
            std::fs::copy(built, &program).unwrap();
        }
        for name in ["db", "memos"] {
            std::fs::create_dir(place.path(name)).unwrap();
            give(&place.path(name));
        }
        place
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.path("db").join(schema::FILE_NAME)
    }

    pub(crate) fn memo(&self) -> PathBuf {
        self.path("memos/memo")
    }

    /// A command that permissions bind.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        if is_root() {
            // This also drops every supplementary group.
            command.uid(NOBODY).gid(NOBODY);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("XDG_CACHE_HOME").env("TRACERIG_CACHE_DIR", self.path("cache"));
        command
    }

    /// Scans `db` with `memo` as a user whom permissions bind.
    pub(crate) fn scan_at(&self, db: &Path, memo: &Path) -> Ran {
        let mut command = self.command(self.path("tracerig"));
        command.args(["scan", "--format", "json", "--db"]).arg(db).arg("--memo").arg(memo);
        run(&mut command)
    }

    pub(crate) fn scan(&self) -> Ran {
        self.scan_at(&self.db(), &self.memo())
    }

    /// Scans in a process that cannot write a file beyond `blocks` of 512 bytes; what is beyond is
    /// an error to it, as on a full disk, or kills it.
    pub(crate) fn scan_limited(&self, blocks: u64, kills: bool) -> Ran {
        let trap = if kills { "" } else { "trap '' XFSZ; " };
        let mut command = self.command("/bin/sh");
        command.arg("-c").arg(format!("{trap}ulimit -f {blocks}; exec \"$@\"")).arg("sh");
        command
            .arg(self.path("tracerig"))
            .args(["scan", "--format", "json", "--db"])
            .arg(self.db());
        run(command.arg("--memo").arg(self.memo()))
    }

    /// Closes a file or a folder by its permissions, for as long as the value lives, and makes sure
    /// that it is closed to the scans of this place: nothing would be tested otherwise.
    pub(crate) fn close(&self, path: &Path, bits: u32) -> Closed {
        let closed = Closed { path: path.to_owned(), before: bits_of(path) };
        give(path);
        mode(path, bits);
        for (bit, test) in [(0o400, "-r"), (0o200, "-w"), (0o100, "-x")] {
            if bits & bit == 0 {
                let is_open = self.command("test").arg(test).arg(path).status().unwrap().success();
                assert!(!is_open, "permissions do not bind the child: {test} {}", path.display());
            }
        }
        closed
    }

    /// The names in a folder, in order.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// A file or folder whose permissions come back.
pub(crate) struct Closed {
    path: PathBuf,
    before: u32,
}

impl Drop for Closed {
    fn drop(&mut self) {
        // A scan may have replaced it, or the test removed it.
        let _ = std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(self.before));
    }
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Ran {
        code: output.status.code(),
        document: serde_json::from_slice(&output.stdout).ok(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn bits_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(crate) fn mode(path: &Path, bits: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
}

/// Makes `path` belong to whom the scans run as.
pub(crate) fn give(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// Makes `path` belong to a user other than whom the scans run as, if the tests may do that.
pub(crate) fn give_away(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY - 1), Some(NOBODY - 1)).unwrap();
    }
}

/// A writer of the database at `path`, which it creates if need be.
pub(crate) fn writer(path: &Path) -> TraceLog {
    let retention = Retention { rows: 1_000_000, bytes: i64::MAX };
    TraceLog::open_with(path, LogOptions { retention, ..LogOptions::default() }).unwrap()
}

/// Appends rows, separated by `|`, and makes the files belong to whom the scans run as.
pub(crate) fn append(log: &mut TraceLog, rows: &str) {
    let first = log.newest().unwrap().map_or(0, |(id, _)| id) + 1;
    let specs = rows.split('|').map(|row| row.parse::<RowSpec>().unwrap());
    let rows: Vec<OwnedRow> = (first..).zip(specs).map(|(serial, row)| row.build(serial)).collect();
    log.insert_batch(&rows.iter().map(OwnedRow::as_row).collect::<Vec<_>>()).unwrap();
    give_database(log.path());
}

/// Makes the files of a database belong to whom the scans run as.
pub(crate) fn give_database(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        if Path::new(&name).exists() {
            give(Path::new(&name));
        }
    }
}
