//! Memos that are damaged: of a trace scan, of an archive, and the database of threads. What is
//! answered beside one is what is answered without.
//!
//! The first byte chooses the file, the second what is done to it; the rest is the damage.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tracerig_scanner::archive::{self, Archive, ArchiveError, Refresh};
use tracerig_scanner::{Ablation, Ablations, MemoPlace, Options, Request, Scanner, Turns};
use tracerig_store::schema;
use tracerig_store::threads::{ListQuery, Rows, Sessions, SweepOptions, rebuild, verify};

use super::patch::patched;
use super::{place, scene};
use tracerig_differential::archive::Answer;
use tracerig_oracle::archive::View;

/// A rollout of a few lines, and one that continues it.
const ROLLOUT: &str = include_str!("rollout.jsonl");

const IDS: [&str; 2] =
    ["01a00000-0000-7000-8000-000000000000", "01a00001-0000-7000-8000-000000000000"];

/// Sound files, and what is right.
struct Scene {
    _folder: TempDir,
    database: PathBuf,
    memo: PathBuf,
    sound_memo: Vec<u8>,
    turns: Turns,
    home: PathBuf,
    shards: PathBuf,
    /// The files of the archive's memo.
    sound_shards: Vec<(PathBuf, Vec<u8>)>,
    view: View,
    rows: PathBuf,
    sound_rows: Vec<u8>,
}

static SCENE: LazyLock<Mutex<Scene>> = LazyLock::new(|| Mutex::new(Scene::new()));

pub(super) fn run(input: &[u8]) {
    let &[file, how, ref damage @ ..] = input else { return };
    let scene = SCENE.lock().unwrap_or_else(PoisonError::into_inner);
    // What replaces the file as it is, or changes it; and whether the checksum is looked at.
    let damaged =
        |sound: &[u8]| if how & 1 == 0 { patched(sound, damage) } else { damage.to_vec() };
    let is_checked = how & 2 == 0;
    match file % 4 {
        0 => scene.trace(&damaged(&scene.sound_memo), is_checked),
        3 => scene.threads(&damaged(&scene.sound_rows)),
        _ => {
            let (path, sound) =
                &scene.sound_shards[usize::from(file / 4) % scene.sound_shards.len()];
            scene.archive(path, &damaged(sound), is_checked);
        }
    }
}

impl Scene {
    fn new() -> Self {
        let folder = place::new();
        let at = |name: &str| folder.path().join(name);
        let (database, memo) = (at(schema::FILE_NAME), at("memo"));
        fs::write(&database, scene::database()).expect("a database");
        let (home, shards, rows) = (at("home"), at("shards"), at("rows.sqlite"));
        let days = ["sessions/2026/11/29", "sessions/2026/11/30"].map(|day| home.join(day));
        for (id, day) in IDS.into_iter().zip(days) {
            fs::create_dir_all(&day).expect("a folder of a day");
            let rollout = day.join(format!("rollout-2026-11-29T10-00-00-{id}.jsonl"));
            fs::write(rollout, ROLLOUT.replace(IDS[0], id)).expect("a rollout");
        }
        // Of one thread, and archived: what comes of comparing the two is a part of the memo.
        let archived = home.join("archived_sessions");
        fs::create_dir_all(&archived).expect("a folder of archived sessions");
        let copy = archived.join(format!("rollout-2026-11-29T10-00-00-{}.jsonl", IDS[0]));
        fs::write(
            copy,
            &ROLLOUT[..ROLLOUT.find("\n{\"timestamp\":\"2026-11-29T10:20").map_or(0, |at| at + 1)],
        )
        .expect("a copy of a rollout");
        let mut scene = Self {
            database,
            memo,
            home,
            shards,
            rows,
            sound_memo: Vec::new(),
            turns: Turns::new(),
            sound_shards: Vec::new(),
            view: View::default(),
            sound_rows: Vec::new(),
            _folder: folder,
        };
        let scan = Scanner::new(&scene.database, Options::default()).scan(&Request::default());
        scene.turns = scan.expect("the database is scanned").turns;
        assert!(scene.turns.len() > 3, "the database says something");
        scene.scan(Ablations::NONE).expect("a memo is written");
        scene.sound_memo = fs::read(&scene.memo).expect("a memo");
        scene.view =
            archive_view(&scene.home, None, archive::Ablations::NONE).expect("a home is refreshed");
        archive_view(&scene.home, Some(&scene.shards), archive::Ablations::NONE)
            .expect("a memo is written");
        let mut files: Vec<PathBuf> = entries(&scene.shards);
        files.retain(|path| fs::metadata(path).is_ok_and(|found| found.len() > 0));
        files.sort();
        scene.sound_shards = files
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).expect("a shard")))
            .collect();
        assert!(scene.sound_shards.len() > 2, "{:?}", scene.sound_shards);
        let (sessions, options) = (Sessions::of(&scene.home), SweepOptions::default());
        rebuild(&sessions, &scene.rows, &options, &mut |_| ControlFlow::Continue(()))
            .expect("rows");
        scene.sound_rows = fs::read(&scene.rows).expect("rows");
        scene
    }

    fn scan(&self, ablations: Ablations) -> Result<Turns, tracerig_scanner::ScanError> {
        let options =
            Options { memo: MemoPlace::File(self.memo.clone()), ablations, ..Options::default() };
        Scanner::new(&self.database, options).scan(&Request::default()).map(|scan| scan.turns)
    }

    fn trace(&self, damaged: &[u8], is_checked: bool) {
        // What a launch before left there.
        let _ = fs::remove_file(&self.memo);
        fs::write(&self.memo, damaged).expect("a damaged memo");
        if !is_checked {
            // Anyone who writes a right checksum may write what he likes; it must not do harm.
            let _ = self.scan(Ablations::NONE.with(Ablation::ArtifactChecksum));
            return;
        }
        for launch in ["first", "second"] {
            match self.scan(Ablations::NONE) {
                Ok(turns) => {
                    assert_eq!(turns, self.turns, "the {launch} launch beside a damaged memo");
                }
                Err(error) => panic!("the {launch} launch beside a damaged memo: {error}"),
            }
        }
    }

    fn archive(&self, path: &Path, damaged: &[u8], is_checked: bool) {
        let _ = fs::remove_dir_all(&self.shards);
        fs::create_dir(&self.shards).expect("a folder for the memo");
        for (sound, bytes) in &self.sound_shards {
            fs::write(sound, if sound == path { damaged } else { bytes }).expect("a shard");
        }
        if !is_checked {
            let ablations = archive::Ablations::NONE
                .with(archive::Ablation::MemoChecksum)
                .with(archive::Ablation::ShardChecksum);
            // Its sums may contradict each other.
            let _ = refreshed(&self.home, Some(&self.shards), ablations);
            return;
        }
        for _ in 0..2 {
            match archive_view(&self.home, Some(&self.shards), archive::Ablations::NONE) {
                Ok(view) => {
                    assert!(
                        view == self.view,
                        "{view:?} beside a damaged memo, {:?} without",
                        self.view
                    );
                }
                // It looks like somebody else's, and stays.
                Err(ArchiveError::NoMemo { path }) => assert!(path.exists(), "{}", path.display()),
                Err(error) => panic!("beside a damaged memo: {error}"),
            }
        }
    }

    fn threads(&self, damaged: &[u8]) {
        for path in ["rows.sqlite-wal", "rows.sqlite-shm", "rows.sqlite-journal"] {
            let _ = fs::remove_file(self.rows.with_file_name(path));
        }
        fs::write(&self.rows, damaged).expect("damaged rows");
        if let Ok(rows) = Rows::open(&self.rows, Duration::ZERO) {
            let _ = rows.list(&ListQuery::default());
            for id in IDS {
                let _ = rows.read(id.parse().expect("an id"));
            }
        }
        let (sessions, options) = (
            Sessions::of(&self.home),
            SweepOptions { jobs: NonZeroUsize::MIN, ..SweepOptions::default() },
        );
        let on = &mut |_| ControlFlow::Continue(());
        let _ = verify(&sessions, &self.rows, &options, on);
        // A rebuild says what is wrong, or the rows are right afterwards.
        if rebuild(&sessions, &self.rows, &options, on).is_ok_and(|built| built.failures.is_empty())
            && let Ok(verified) = verify(&sessions, &self.rows, &options, on)
        {
            assert!(verified.is_equal(), "{verified:?}");
        }
    }
}

/// What was used in a home.
fn archive_view(
    home: &Path,
    memo: Option<&Path>,
    ablations: archive::Ablations,
) -> Result<View, ArchiveError> {
    let refresh = refreshed(home, memo, ablations)?;
    let answer = Answer::of(&refresh, 0, true).unwrap_or_else(|error| panic!("{error}"));
    Ok(answer.view().clone())
}

fn refreshed(
    home: &Path,
    memo: Option<&Path>,
    ablations: archive::Ablations,
) -> Result<Refresh, ArchiveError> {
    let options = archive::Options {
        memo: memo.map(Path::to_owned),
        threads: NonZeroUsize::MIN,
        clock: super::later(),
        ablations,
        ..archive::Options::default()
    };
    let request = archive::Request { sessions: true, ..archive::Request::default() };
    Archive::new(home, options).refresh(&request)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}
