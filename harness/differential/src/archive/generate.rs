//! Random histories: which operations come how often. Everything comes from the given generator.

use std::collections::BTreeMap;

use rand::{Rng, RngExt as _};

use super::arguments::{Fork, MemoOp, Mode, Place, Target};
use super::line::{Count, Form, LineSpec, Meta, OLD, PLAIN, Plain, RANDOM, Response, Says, Tier};
use super::op::{Case, Dates, Op};

/// Files of a history. Few, so that they are met in every state. The id of the last one says
/// nothing of time.
const FILES: [u8; 5] = [1, 2, 3, 4, RANDOM + 5];

/// Turns: of every session, and two that are older than some.
const TURNS: [u8; 5] = [1, 2, 3, OLD, OLD + 2];

/// Milliseconds after the minute: within what copying takes, and beyond.
const LATER: [u16; 8] = [0, 0, 0, 0, 40, 99, 100, 230];

/// Quarters of an hour by which days of some time zone begin before those of UTC.
const ZONES: [i16; 6] = [0, 60, -480, 345, 765, -570];

/// A history of `operations` operations.
pub fn generate(random: &mut impl Rng, operations: usize) -> Case {
    let mut generator = Generator { random, totals: BTreeMap::new() };
    let dates = generator.pick(&[
        Dates::Ticks,
        Dates::Ticks,
        Dates::Ticks,
        Dates::Ticks,
        Dates::Ticks,
        Dates::Coarse,
        Dates::Modified,
        Dates::System,
    ]);
    let threads = generator.pick(&[1, 1, 1, 3]);
    let mut ops = vec![Op::Create { file: 1, place: Place::Day(20), bare: false }];
    while ops.len() < operations {
        ops.extend(generator.ops());
    }
    ops.truncate(operations.saturating_sub(1));
    ops.push(Op::Refresh(Mode::Whole));
    Case { dates, threads, python: false, ops }
}

struct Generator<'r, R> {
    random: &'r mut R,
    /// The cumulative count of each file, were it only appended to.
    totals: BTreeMap<u8, u32>,
}

impl<R: Rng> Generator<'_, R> {
    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.random_range(0..all.len())]
    }

    fn is(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    fn file(&mut self) -> u8 {
        // Mostly the first, so that something comes together.
        if self.is(0.5) { 1 } else { self.pick(&FILES) }
    }

    fn other(&mut self) -> u8 {
        self.pick(&FILES[1..])
    }

    fn place(&mut self) -> Place {
        match self.random.random_range(0..10) {
            0..5 => Place::Day(20),
            5..7 => Place::Day(21),
            7..9 => Place::Archived,
            _ => Place::Outside,
        }
    }

    /// One operation, or a few that belong together.
    fn ops(&mut self) -> Vec<Op> {
        let file = self.file();
        match self.random.random_range(0..120) {
            0..27 => vec![self.refresh()],
            27..45 => vec![Op::Append(file, self.lines(file))],
            45..52 => {
                let (file, place) = (self.pick(&FILES), self.place());
                let bare = self.is(0.15);
                let lines = self.lines(file);
                vec![Op::Create { file, place, bare }, Op::Append(file, lines)]
            }
            52..60 => {
                vec![Op::Clock(self.pick(&[1, 3, 5, 15, 19, 20, 25, 25, 25, 50, 2500, -1000]))]
            }
            60..64 => {
                let (line, bytes) = (self.count(file), self.random.random_range(0..300));
                let mend = self.is(0.5).then_some(Op::Mend(file));
                std::iter::once(Op::Tear(file, line, bytes)).chain(mend).collect()
            }
            64 => vec![Op::Mend(file)],
            65 => vec![Op::Cut(file, self.pick(&[1, 7, 100, 400]))],
            66 => vec![Op::Truncate(file, self.random.random_range(0..4))],
            67 => vec![Op::Replace(file, self.lines(file))],
            68 => vec![Op::Overwrite(file, self.lines(file))],
            69..72 => vec![Op::Rewrite { file, back: self.is(0.7) }],
            72..74 => vec![Op::Move(file, self.place())],
            74..78 => {
                let lines = self.is(0.4).then(|| self.random.random_range(0..4));
                let place = if self.is(0.7) { Place::Archived } else { self.place() };
                vec![Op::Copy { from: file, to: self.other(), place, lines }]
            }
            78 => vec![Op::Link(file, self.other(), self.place())],
            79 => vec![Op::HardLink(file, self.other(), self.place())],
            80 => {
                let target = self.pick(&[
                    Target::Day(20),
                    Target::Outside,
                    Target::Outside,
                    Target::Circle,
                    Target::Nowhere,
                    Target::Itself,
                ]);
                vec![Op::LinkFolder(self.random.random_range(1..=2), target)]
            }
            81 => vec![Op::UnlinkFolder(self.random.random_range(1..=2))],
            82..84 => self.and_back(Op::Delete(file), Op::Restore(file)),
            84 => vec![Op::Restore(file)],
            85..88 => {
                let op = if self.is(0.7) { Op::Block(file) } else { Op::Folder(file) };
                self.and_back(op, Op::Unblock(file))
            }
            88 => self.and_back(Op::Permit(file, false), Op::Permit(file, true)),
            89..91 => self.and_back(Op::PermitDay(20, false), Op::PermitDay(20, true)),
            91..93 => {
                let archived = self.is(0.5);
                let root = |present| Op::Root { archived, present };
                self.and_back(root(false), root(true))
            }
            93..96 => vec![Op::Memo(self.pick(&MemoOp::ALL).1)],
            96..98 => vec![Op::Zone(self.pick(&ZONES))],
            98..100 => {
                let turns = TURNS.into_iter().filter(|_| self.is(0.5)).collect();
                vec![Op::Priority(self.is(0.9).then_some(turns))]
            }
            100..106 => {
                let (to, place, how) = (self.other(), self.place(), self.pick(&Fork::ALL).1);
                vec![Op::Fork(file, to, place, how), Op::Append(to, self.lines(to))]
            }
            106..109 => {
                let (to, place) = (self.other(), self.place());
                vec![Op::Segment(file, to, place), Op::Append(to, self.lines(to))]
            }
            109..114 => self.and_back(Op::Compress(file), Op::Decompress(file)),
            114 => vec![Op::Decompress(file), Op::Append(file, self.lines(file))],
            115..117 => vec![Op::Pack(file, self.other())],
            117 => {
                let mut ops = vec![Op::Compress(file)];
                ops.extend(self.is(0.6).then(|| self.refresh()));
                ops.extend(self.and_back(Op::Damage(file), Op::Damage(file)));
                ops
            }
            _ => vec![Op::Migrate(file)],
        }
    }

    /// An operation, mostly with refreshes after it and then one that takes it back.
    fn and_back(&mut self, op: Op, back: Op) -> Vec<Op> {
        let mut ops = vec![op];
        if self.is(0.7) {
            ops.extend(
                (0..self.random.random_range(0..3)).map(|_| self.refresh()).collect::<Vec<_>>(),
            );
            ops.push(back);
        }
        ops
    }

    fn refresh(&mut self) -> Op {
        Op::Refresh(match self.random.random_range(0..20) {
            0..13 => Mode::Whole,
            13..17 => Mode::Brief,
            17..18 => Mode::Rescan,
            _ => Mode::Overtaken,
        })
    }

    fn lines(&mut self, file: u8) -> Vec<LineSpec> {
        (0..self.pick(&[1, 1, 1, 2, 3])).map(|_| self.line(file)).collect()
    }

    fn at(&mut self) -> i32 {
        self.pick(&[0, 0, 0, 0, 10, 60, -600, 1500])
    }

    fn count(&mut self, file: u8) -> LineSpec {
        let total = self.totals.entry(file).or_default();
        let last = self.random.random_range(1..60);
        *total = match self.random.random_range(0..10) {
            // Written again, or begun anew.
            0 => *total,
            1 => self.random.random_range(0..40),
            _ => *total + last,
        };
        let total = *total;
        let form = match self.random.random_range(0..40) {
            0 => Form::Silent,
            1 | 2 => Form::Late,
            3 => Form::Broken,
            4 if self.is(0.1) => Form::Long,
            5..9 => Form::Few,
            9 => Form::Mute,
            10 => Form::Odd,
            _ => Form::Usual,
        };
        let count = Count {
            total: (!self.is(0.08)).then_some(total),
            last: (!self.is(0.25)).then_some(last),
            form,
        };
        self.says(Says::Count(count))
    }

    fn says(&mut self, says: Says) -> LineSpec {
        let ordinal = self.is(0.1).then(|| self.random.random_range(0..8));
        LineSpec { says, ordinal, at: self.at(), later: self.pick(&LATER) }
    }

    fn meta(&mut self) -> Meta {
        let session = self.pick(&FILES);
        Meta {
            session,
            fork: self.is(0.3).then(|| self.pick(&FILES)),
            base: self.is(0.2),
            version: self.pick(&[169, 169, 130, 98]),
            begins: self.is(0.2).then(|| self.random.random_range(0..8)),
        }
    }

    fn response(&mut self, file: u8) -> Response {
        Response {
            session: if self.is(0.8) { file } else { self.pick(&FILES) },
            id: self.is(0.8).then(|| self.random.random_range(1..6)),
            turn: self.is(0.7).then(|| self.pick(&TURNS)),
            tier: self.is(0.2).then(|| self.pick(&[Tier::Priority, Tier::Flex])),
            used: (!self.is(0.1)).then(|| self.random.random_range(1..60)),
        }
    }

    fn line(&mut self, file: u8) -> LineSpec {
        let turn = self.pick(&TURNS);
        let tier = self.pick(&[Tier::Priority, Tier::Fast, Tier::Flex]);
        let says = match self.random.random_range(0..30) {
            0..15 => return self.count(file),
            15..19 => Says::Turn(turn, (!self.is(0.3)).then(|| self.random.random_range(1..=2))),
            19 => Says::Started(turn),
            20 => Says::Settings((!self.is(0.4)).then_some(tier)),
            21 => Says::NoSettings,
            22 => Says::Record(self.response(file)),
            23 => Says::NoCount,
            24 if self.is(0.5) => Says::Meta(self.meta()),
            _ => {
                let (_, plain) = self.pick(&PLAIN);
                // One long line in a while is enough.
                let is_long = matches!(plain, Plain::Long | Plain::Wide);
                Says::Plain(if is_long && self.is(0.9) { Plain::Item } else { plain })
            }
        };
        self.says(says)
    }
}
