//! What makes a history of a session archive simpler.

use super::arguments::Mode;
use super::line::{LineSpec, Says};
use super::op::{Case, Dates, Op};
use crate::shrinking::{Shrink, without_one};

impl Shrink for Case {
    type Op = Op;

    fn ops(&self) -> &[Op] {
        &self.ops
    }

    fn with_ops(&self, ops: Vec<Op>) -> Self {
        Self { ops, ..self.clone() }
    }

    fn simpler_circumstances(&self) -> Vec<Self> {
        let unasked = self.python.then(|| Self { python: false, ..self.clone() });
        let alone = (self.threads != 1).then(|| Self { threads: 1, ..self.clone() });
        let usual =
            (self.dates != Dates::Ticks).then(|| Self { dates: Dates::Ticks, ..self.clone() });
        [unasked, alone, usual].into_iter().flatten().collect()
    }

    fn simpler(op: &Op) -> Vec<Op> {
        let file = |op: fn(u8, Vec<LineSpec>) -> Op, file: u8, lines: &[LineSpec]| -> Vec<Op> {
            fewer(lines).into_iter().map(|lines| op(file, lines)).collect()
        };
        match op {
            Op::Create { file, place, bare: true } => {
                vec![Op::Create { file: *file, place: *place, bare: false }]
            }
            Op::Append(number, lines) => file(Op::Append, *number, lines),
            Op::Replace(number, lines) => file(Op::Replace, *number, lines),
            Op::Overwrite(number, lines) => file(Op::Overwrite, *number, lines),
            Op::Tear(number, line, _) => vec![Op::Append(*number, vec![line.clone()])],
            Op::Rewrite { file, back: true } => vec![Op::Rewrite { file: *file, back: false }],
            Op::Copy { from, to, place, lines: Some(_) } => {
                vec![Op::Copy { from: *from, to: *to, place: *place, lines: None }]
            }
            Op::Priority(Some(turns)) if turns.len() > 1 => {
                turns.iter().map(|turn| Op::Priority(Some(vec![*turn]))).collect()
            }
            Op::Refresh(mode) if *mode != Mode::Whole => vec![Op::Refresh(Mode::Whole)],
            _ => Vec::new(),
        }
    }
}

/// Without one of the lines, unless it is the only one, or with one that is simpler.
fn fewer(lines: &[LineSpec]) -> Vec<Vec<LineSpec>> {
    let changed = |at: usize, line: LineSpec| {
        let mut lines = lines.to_vec();
        lines[at] = line;
        lines
    };
    let now = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.at != 0 || line.later != 0)
        .map(|(at, line)| changed(at, LineSpec { at: 0, later: 0, ..line.clone() }));
    let usual = lines.iter().enumerate().filter_map(|(at, line)| match &line.says {
        Says::Count(count) if count.form != super::Form::Usual => {
            let says = Says::Count(super::Count { form: super::Form::Usual, ..*count });
            Some(changed(at, LineSpec { says, ..line.clone() }))
        }
        _ => None,
    });
    without_one(lines).chain(now).chain(usual).collect()
}
