//! Making a failing history smaller, as long as it fails in the same way.

use super::Failure;
use super::line::{LineSpec, Says};
use super::op::{Case, Dates, Mode, Op};

/// The smallest case that removing operations and lines from `case` leads to and that still fails like `failure`, and how it fails.
/// `run` executes a case.
pub fn shrink(case: Case, failure: Failure, run: impl Fn(&Case) -> Result<(), Failure>) -> (Case, Failure) {
    let mut best = (case, failure);
    // What comes after the failure has no part in it.
    best.0.ops.truncate(best.1.op + 1);
    loop {
        let smaller = candidates(&best.0).find_map(|case| {
            let failure = run(&case).err()?;
            (failure.kind() == best.1.kind()).then_some((case, failure))
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Cases that are a step smaller than `case`, those that lose most first.
fn candidates(case: &Case) -> impl Iterator<Item = Case> + '_ {
    let count = case.ops.len();
    let chunks = std::iter::successors(Some(count / 2), |size| (*size > 1).then_some(size / 2));
    let without = chunks.filter(|size| *size > 0).flat_map(move |size| {
        (0..count).step_by(size).map(move |at| {
            let mut ops = case.ops.clone();
            ops.drain(at..(at + size).min(count));
            Case { ops, ..case.clone() }
        })
    });
    let simpler = (0..count).flat_map(move |at| {
        simpler(&case.ops[at]).into_iter().map(move |op| {
            let mut ops = case.ops.clone();
            ops[at] = op;
            Case { ops, ..case.clone() }
        })
    });
    let unasked = case.python.then(|| Case { python: false, ..case.clone() });
    let alone = (case.threads != 1).then(|| Case { threads: 1, ..case.clone() });
    let usual = (case.dates != Dates::Ticks).then(|| Case { dates: Dates::Ticks, ..case.clone() });
    unasked.into_iter().chain(alone).chain(usual).chain(without).chain(simpler)
}

/// Operations that are a step simpler than `op`.
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

/// Without one of the lines, unless it is the only one, or with one that is simpler.
fn fewer(lines: &[LineSpec]) -> Vec<Vec<LineSpec>> {
    let changed = |at: usize, line: Option<LineSpec>| {
        let mut lines = lines.to_vec();
        lines.splice(at..=at, line);
        lines
    };
    let without = (0..if lines.len() > 1 { lines.len() } else { 0 }).map(|at| changed(at, None));
    let now = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.at != 0)
        .map(|(at, line)| changed(at, Some(LineSpec { at: 0, ..line.clone() })));
    let usual = lines.iter().enumerate().filter_map(|(at, line)| match &line.says {
        Says::Count(count) if count.form != super::Form::Usual => {
            let says = Says::Count(super::Count { form: super::Form::Usual, ..*count });
            Some(changed(at, Some(LineSpec { says, ..line.clone() })))
        }
        _ => None,
    });
    without.chain(now).chain(usual).collect()
}
