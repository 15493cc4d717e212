//! Random histories: which operations come how often. Everything comes from the given generator.

use std::num::NonZeroUsize;
use std::time::Duration;

use rand::{Rng, RngExt as _};
use tracerig_oracle::Window;
use tracerig_scanner::Point;

use super::arguments::{ArtifactOp, By, Defect, Region, Victims, With};
use super::breach::{Breach, Part};
use super::data_op::DataOp;
use super::op::{Case, IdentityKind, Op, Profile};
use super::race_op::{Kill, Race, Racer, Writer};
use super::row::{EPOCH, RowKind, RowSpec};
use super::scan_op::{Act, Event, ScanOp};

/// Names of each sort to choose from. Few, so that they collide.
const TURNS: u8 = 6;
const THREADS: u8 = 3;
const PROCESSES: u8 = 2;
const MODELS: u8 = 3;

/// Connections of some histories.
const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Seconds that rows are on at first; later ones stand later.
const SECONDS: i64 = 60;

/// Like [`generate`], but every relaunch is a separate process, and some of them race.
pub fn generate_processes(random: &mut impl Rng, operations: usize) -> Case {
    let mut case = generate(random, operations, Profile::Contract);
    case.fresh = true;
    let is_blind = case.identity == IdentityKind::Blind;
    let mut generator = Generator { random, now: 3 * operations as i64 / 4, is_blind };
    // The last one stays a relaunch, and the first a full scan.
    let inner = 2..case.ops.len().saturating_sub(1);
    for op in case.ops.get_mut(inner).unwrap_or_default() {
        if generator.random.random_bool(0.15) {
            *op = Op::Race(generator.race());
        }
    }
    case
}

/// A history of `operations` operations, about a quarter of them scans, the last of them a
/// relaunch.
///
/// A hostile one holds one thing outside the contract, right before that relaunch: what follows a
/// wrong answer says nothing.
pub fn generate(random: &mut impl Rng, operations: usize, profile: Profile) -> Case {
    let identity = match random.random_range(0..5) {
        0..2 => IdentityKind::Birth,
        2..4 => IdentityKind::Inode,
        _ => IdentityKind::Blind,
    };
    let connections = if random.random_bool(0.3) { TWO } else { NonZeroUsize::MIN };
    let mut generator = Generator { random, now: 0, is_blind: identity == IdentityKind::Blind };
    let mut ops = vec![Op::Data(generator.append(8)), generator.scan(false)];
    let relaunch = || Op::Scan(ScanOp { again: false, rescan: false, event: None });
    let end = match profile {
        Profile::Contract => vec![relaunch()],
        // With a memo to be mistaken, the last rows in it.
        Profile::Hostile => {
            vec![relaunch(), Op::Data(DataOp::Outside(generator.breach())), relaunch()]
        }
    };
    while ops.len() + end.len() < operations {
        ops.push(generator.op());
    }
    ops.extend(end);
    let link = generator.random.random_bool(0.1);
    Case { profile, identity, connections, link, ops, ..Case::default() }
}

struct Generator<'r, R> {
    random: &'r mut R,
    /// About where the clock of the writers is.
    now: i64,
    /// Whether only rows tell one file from another.
    is_blind: bool,
}

impl<R: Rng> Generator<'_, R> {
    fn op(&mut self) -> Op {
        match self.random.random_range(0..100) {
            0..57 => Op::Data(self.data()),
            57..81 => self.scan(true),
            81..86 => Op::Artifact(self.artifact()),
            86..95 => Op::Window(self.window()),
            95 => Op::OtherMemo,
            _ => Op::Refused(self.pick(&[Defect::NoFile, Defect::NoTable, Defect::NoColumn])),
        }
    }

    fn data(&mut self) -> DataOp {
        match self.random.random_range(0..100) {
            0..48 => self.append(6),
            48..50 => self.append_turns(),
            50..55 => DataOp::Retention {
                rows: self.random.random_range(1..20),
                bytes: self.random.random_range(1..40) * 500,
            },
            55..60 => DataOp::PruneBefore(self.random.random_range(0..SECONDS) + self.now / 2),
            60..78 => DataOp::Delete(self.victims()),
            78..80 => DataOp::Vacuum,
            80..83 => DataOp::IncrementalVacuum(self.random.random_range(1..5)),
            83..86 => DataOp::Checkpoint,
            86..89 => DataOp::Close,
            89..92 => DataOp::Save,
            92..97 => {
                let all = [With::Empty, With::Copy, With::Saved];
                let with = self.pick(if self.is_blind { &all[..1] } else { &all });
                DataOp::Replace { by: self.pick(&[By::Rename, By::Unlink]), with }
            }
            97..98 => DataOp::PlainIds,
            _ => DataOp::ExtraColumn,
        }
    }

    fn breach(&mut self) -> Breach {
        let parts: Vec<Part> = Part::all().collect();
        match self.random.random_range(0..12) {
            0..7 => Breach::Change(self.pick(&parts), self.random.random_range(0..20)),
            7..9 => Breach::InsertBelow(self.row()),
            9 => Breach::Overwrite,
            10 => Breach::ReuseInode(self.pick(&[With::Copy, With::Saved])),
            _ => Breach::ClockBack(self.random.random_range(1..SECONDS)),
        }
    }

    fn append(&mut self, most: usize) -> DataOp {
        let rows = self.random.random_range(1..=most);
        self.now += 3;
        DataOp::Append((0..rows).map(|_| self.row()).collect())
    }

    /// Rows of as many turns as the coverage warning needs, none of which tells a tier.
    fn append_turns(&mut self) -> DataOp {
        let turns = self.random.random_range(9..12);
        let kinds = [RowKind::TurnTags, RowKind::TurnSession];
        let row = |turn| RowSpec { turn, kind: self.pick(&kinds), ..self.row() };
        DataOp::Append((0..turns).map(row).collect())
    }

    fn row(&mut self) -> RowSpec {
        let common = [
            RowKind::Request,
            RowKind::Completion,
            RowKind::SubmissionInherit,
            RowKind::SubmissionPriority,
            RowKind::TurnInputPriority,
            RowKind::SettingsPriority,
            RowKind::Tags,
            RowKind::TurnTags,
            RowKind::TurnTags,
            RowKind::TurnSession,
            RowKind::Noise,
        ];
        let all: Vec<RowKind> = RowKind::all().collect();
        let kind = if self.random.random_bool(0.5) { self.pick(&common) } else { self.pick(&all) };
        let random = &mut *self.random;
        let thread = random.random_bool(0.8).then(|| random.random_range(0..THREADS));
        RowSpec {
            kind,
            turn: random.random_range(0..TURNS),
            thread,
            in_column: thread.is_none() || random.random_bool(0.8),
            process: random.random_bool(0.8).then(|| random.random_range(0..PROCESSES)),
            model: random.random_bool(0.8).then(|| random.random_range(0..MODELS)),
            // Clocks of several writers: the order of times is not that of ids.
            at: self.now + random.random_range(0..SECONDS),
            long: random.random_bool(0.05),
        }
    }

    fn victims(&mut self) -> Victims {
        let count = self.random.random_range(1..6);
        match self.random.random_range(0..12) {
            0..3 => Victims::Newest(count),
            3..5 => Victims::Oldest(count * 2),
            5..8 => Victims::Every { step: count, from: self.random.random_range(0..count) },
            8 => Victims::Turn(self.random.random_range(0..TURNS)),
            9 => Victims::Marked,
            10 => Victims::Unmarked,
            _ => Victims::All,
        }
    }

    fn artifact(&mut self) -> ArtifactOp {
        let region = self.pick(&[
            Region::Magic,
            Region::Version,
            Region::Producer,
            Region::Stamp,
            Region::Checksum,
            Region::Payload,
        ]);
        self.pick(&[
            ArtifactOp::Remove,
            ArtifactOp::Save,
            ArtifactOp::Save,
            ArtifactOp::Restore,
            ArtifactOp::Restore,
            ArtifactOp::Truncate,
            ArtifactOp::Clear,
            ArtifactOp::Flip(region),
            ArtifactOp::Flip(region),
            ArtifactOp::Link,
            ArtifactOp::OtherParser,
            ArtifactOp::OtherVersion,
            ArtifactOp::OtherDatabase,
        ])
    }

    fn window(&mut self) -> Window {
        let since = self.random.random_range(0..SECONDS + self.now);
        let random = &mut *self.random;
        Window {
            since: random.random_bool(0.5).then_some(EPOCH + since),
            until: random.random_bool(0.4).then(|| EPOCH + since + random.random_range(0..SECONDS)),
        }
    }

    fn scan(&mut self, with_events: bool) -> Op {
        let event = (with_events && self.random.random_bool(0.35)).then(|| {
            let at = self.pick(&Point::ALL);
            // Others wait for the lock of the memo from there on, and so would this test.
            let locked = matches!(
                at,
                Point::PersistLocked
                    | Point::PersistHalfWritten
                    | Point::PersistWritten
                    | Point::Persisted
            );
            let count = self.random.random_range(1..3);
            let mut acts: Vec<Act> = (0..count).map(|_| self.act(locked)).collect();
            if acts.contains(&Act::OtherWaits) {
                acts = vec![Act::OtherWaits];
            }
            // Nothing happens after a failure or a cancellation at the same point.
            if let Some(end) = acts.iter().position(|act| matches!(act, Act::Fail | Act::Cancel)) {
                acts.truncate(end + 1);
            }
            Event { at, acts }
        });
        let again = self.random.random_bool(0.25);
        Op::Scan(ScanOp { again, rescan: self.random.random_bool(0.12), event })
    }

    fn act(&mut self, locked: bool) -> Act {
        match self.random.random_range(0..10) {
            0..4 => match self.data() {
                DataOp::Replace { .. } if self.is_blind => Act::Data(DataOp::Vacuum),
                op => Act::Data(op),
            },
            4..7 if !locked => Act::Other { rescan: self.random.random_bool(0.3) },
            7 if !locked && self.random.random_bool(0.8) => Act::Artifact(self.artifact()),
            7 if !locked => Act::OtherDies(self.pick(&Point::ALL)),
            4 if locked => Act::OtherWaits,
            8 => Act::Cancel,
            _ => Act::Fail,
        }
    }

    fn race(&mut self) -> Race {
        let scans = self.random.random_range(0..3);
        let scans: Vec<Racer> = (0..scans)
            .map(|_| {
                let rescan = self.random.random_bool(0.2);
                let from = self.pick(&[None, Some(Point::Scanned), Some(Point::PersistLocked)]);
                Racer { rescan, kill: self.kill(from) }
            })
            .collect();
        let writer = (scans.len() < 2 || self.random.random_bool(0.7)).then(|| {
            let count = self.random.random_range(1..5);
            let ops = (0..count).map(|_| self.writing()).collect();
            Writer { ops, kill: self.kill(None) }
        });
        Race { scans, writer }
    }

    /// About half are killed: at any time of what they do, which takes about a millisecond, or,
    /// after a point, in the time in which the memo is written.
    fn kill(&mut self, from: Option<Point>) -> Option<Kill> {
        let most = if from.is_some() { 150 } else { 1500 };
        let after = Duration::from_micros(self.random.random_range(0..most));
        self.random.random_bool(0.45).then_some(Kill { after, from })
    }

    fn writing(&mut self) -> DataOp {
        match self.random.random_range(0..10) {
            0..6 => self.append(6),
            6..8 => DataOp::Delete(self.victims()),
            8 => DataOp::PruneBefore(self.random.random_range(0..SECONDS) + self.now / 2),
            _ => self.pick(&[DataOp::Vacuum, DataOp::Checkpoint]),
        }
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.random.random_range(0..choices.len())].clone()
    }
}
