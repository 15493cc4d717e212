//! Random histories: which operations come how often. Everything comes from the given generator.

use rand::{Rng, RngExt as _};
use tracerig_store::threads::{Durability, Mode, Order, Point};

use super::arguments::{Death, DiskCall, Foreign, Home, Update};
use super::item::{ItemSpec, Words};
use super::op::{Case, Op};

/// Threads of a history. Few, so that they are met in every state.
const THREADS: u8 = 3;

/// A history of `operations` operations.
pub fn generate(random: &mut impl Rng, operations: usize) -> Case {
    let mut generator = Generator { random, is_async: true, busy: false };
    let mode = generator.pick(&[
        Mode::Async,
        Mode::Async,
        Mode::AsyncPerThread,
        Mode::Sync,
        Mode::SyncReadback,
    ]);
    let durability = generator.durability();
    generator.is_async = mode.is_async();
    generator.busy = generator.random.random_bool(0.2);
    let patient = generator.busy && generator.random.random_bool(0.3);
    let mut ops = vec![Op::Create(1, generator.random.random_bool(0.7))];
    while ops.len() < operations {
        let op = generator.op();
        ops.push(op);
    }
    Case { mode, durability, patient, ops }
}

struct Generator<'r, R> {
    random: &'r mut R,
    is_async: bool,
    /// Whether other connections lock the database.
    busy: bool,
}

impl<R: Rng> Generator<'_, R> {
    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.random_range(0..all.len())]
    }

    fn durability(&mut self) -> Durability {
        self.pick(&[Durability::Buffered, Durability::Fsync])
    }

    fn thread(&mut self) -> u8 {
        // Mostly the first, so that something comes together.
        if self.random.random_bool(0.6) { 1 } else { self.random.random_range(1..=THREADS) }
    }

    fn op(&mut self) -> Op {
        let thread = self.thread();
        match self.random.random_range(0..100) {
            0..32 => Op::Append(thread, self.items()),
            32..37 => Op::AppendAndFlush(thread, self.items()),
            37..41 => Op::Together(thread, self.batches(3)),
            41..50 => {
                let meanwhile = if self.is_async && self.random.random_bool(0.5) {
                    self.batches(2)
                } else {
                    Vec::new()
                };
                Op::Flush(thread, meanwhile)
            }
            50..52 => Op::Persist(thread),
            52..57 => Op::Update(thread, self.change()),
            57..59 => Op::Shutdown(thread),
            59..61 => Op::Discard(thread),
            61..66 => Op::Resume(thread),
            66..70 => Op::Create(thread, self.random.random_bool(0.5)),
            70..75 => Op::Clock(self.pick(&[1, 2, 50, 50, 86_400_000, -1000])),
            75..80 => self.hold(),
            80..83 => Op::Refuse(thread, self.random.random_range(1..=3)),
            83..85 if self.busy => Op::Busy(self.random.random_range(1..=2)),
            83..86 => Op::DiskFails(
                self.pick(&[DiskCall::Write, DiskCall::Write, DiskCall::Sync]),
                self.random.random_range(1..=3),
            ),
            86..88 => Op::Foreign(
                thread,
                self.pick(&[Foreign::Record, Foreign::Rubbish, Foreign::Unended, Foreign::Torn]),
            ),
            88 if self.random.random_bool(0.4) => Op::Home(
                thread,
                self.pick(&[
                    Home::Restored,
                    Home::Restored,
                    Home::Archived,
                    Home::Compressed,
                    Home::Beside,
                    Home::Named,
                    Home::Segments,
                ]),
            ),
            88 => Op::RowLost(thread),
            89..90 => Op::Open(self.mode(), self.durability()),
            90..92 => Op::Kill(self.random.random_bool(0.2)),
            92..94 => {
                let death = match self.random.random_range(0..8) {
                    0..5 => Death::At(self.pick(&Point::ALL)),
                    _ => Death::Torn(self.random.random_range(0..400)),
                };
                Op::Dies(death)
            }
            94..96 => Op::Power(self.random.random_range(1..=8)),
            96..98 => Op::Rebuild { stale_only: self.random.random_bool(0.5) },
            98 if self.random.random_bool(0.2) => Op::Untyped,
            98 if self.random.random_bool(0.3) => Op::Idle,
            _ => Op::List {
                order: self.pick(&[Order::Created, Order::Updated, Order::Recency]),
                archived: self.random.random_bool(0.3),
                limit: self.random.random_range(1..=3),
            },
        }
    }

    fn mode(&mut self) -> Mode {
        let mode = self.pick(&Mode::ALL);
        self.is_async = mode.is_async();
        mode
    }

    fn hold(&mut self) -> Op {
        if self.is_async {
            match self.random.random_range(0..5) {
                0 | 1 => Op::Hold,
                2 | 3 => Op::Step,
                _ => Op::Release,
            }
        } else {
            Op::Append(1, self.items())
        }
    }

    fn batches(&mut self, most: usize) -> Vec<Vec<ItemSpec>> {
        (0..self.random.random_range(1..=most)).map(|_| self.filled()).collect()
    }

    /// Items, seldom none.
    fn items(&mut self) -> Vec<ItemSpec> {
        if self.random.random_bool(0.04) { Vec::new() } else { self.filled() }
    }

    fn filled(&mut self) -> Vec<ItemSpec> {
        (0..self.pick(&[1, 1, 1, 2, 3])).map(|_| self.item()).collect()
    }

    fn item(&mut self) -> ItemSpec {
        match self.random.random_range(0..20) {
            0..4 => ItemSpec::User(self.words(), self.random.random_bool(0.2)),
            4..6 => ItemSpec::Said(self.words(), self.random.random_bool(0.2)),
            6..8 => ItemSpec::Goal(self.words()),
            8..11 => ItemSpec::Tokens(Some(self.random.random_range(0..1000))),
            11 => ItemSpec::Tokens(None),
            12..14 => ItemSpec::Turn {
                model: self.random.random_range(1..=2),
                effort: self.pick(&[None, Some(1), Some(2)]),
                cwd: self.random.random_bool(0.5),
            },
            14 => ItemSpec::Started,
            15 => ItemSpec::Meta {
                nickname: self.pick(&[None, Some(1), Some(2)]),
                branch: self.pick(&[None, Some(1)]),
            },
            16 => ItemSpec::Parent,
            17 => ItemSpec::Delta,
            _ => ItemSpec::Touch,
        }
    }

    fn words(&mut self) -> Words {
        let (_, words) = self.pick(&Words::ALL);
        // One long text in a while is enough.
        if words == Words::Long && self.random.random_bool(0.7) { Words::Fix } else { words }
    }

    fn change(&mut self) -> Update {
        let mut update = Update::default();
        match self.random.random_range(0..6) {
            0 | 1 => update.title = Some(self.pick(&[None, Some(1), Some(2)])),
            2 => update.branch = Some(self.pick(&[None, Some(1), Some(2)])),
            3 => update.memory = Some(self.pick(&[None, Some(1)])),
            _ => update.archived = Some(self.random.random_bool(0.6)),
        }
        update
    }
}
