//! Making a failing history smaller, as long as it fails in the same way: the same for histories of
//! every sort.

use crate::failure::{Failure, Why};

/// A history that can be shrunk step by step.
pub trait Shrink: Clone {
    /// One operation of it.
    type Op: Clone;

    /// Its operations.
    fn ops(&self) -> &[Self::Op];

    /// The same history with these operations instead.
    fn with_ops(&self, ops: Vec<Self::Op>) -> Self;

    /// The same operations under circumstances that are a step simpler.
    fn simpler_circumstances(&self) -> Vec<Self>;

    /// Operations that are a step simpler than `op`.
    fn simpler(op: &Self::Op) -> Vec<Self::Op>;
}

/// The smallest history that such steps lead to from `case` and that still fails like `failure`,
/// and how it fails. `run` executes one.
pub(crate) fn shrink<C: Shrink, E: Why>(
    case: &C,
    failure: Failure<E>,
    run: impl Fn(&C) -> Result<(), Failure<E>>,
) -> (C, Failure<E>) {
    // What comes after the failure has no part in it.
    let until = case.ops().len().min(failure.op + 1);
    let mut best = (case.with_ops(case.ops()[..until].to_vec()), failure);
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

/// Histories that are a step smaller than `case`: those under simpler circumstances, then those
/// with fewer operations, beginning with those that lose most, then those with simpler ones.
fn candidates<C: Shrink>(case: &C) -> impl Iterator<Item = C> + '_ {
    let count = case.ops().len();
    let chunks = std::iter::successors(Some(count / 2), |size| (*size > 1).then_some(size / 2));
    let fewer = chunks.filter(|size| *size > 0).flat_map(move |size| {
        (0..count).step_by(size).map(move |at| {
            let mut ops = case.ops().to_vec();
            ops.drain(at..(at + size).min(count));
            case.with_ops(ops)
        })
    });
    let simpler = (0..count).flat_map(move |at| {
        C::simpler(&case.ops()[at]).into_iter().map(move |op| {
            let mut ops = case.ops().to_vec();
            ops[at] = op;
            case.with_ops(ops)
        })
    });
    case.simpler_circumstances().into_iter().chain(fewer).chain(simpler)
}

/// `items` without one of them, unless it is the only one.
pub(crate) fn without_one<T: Clone>(items: &[T]) -> impl Iterator<Item = Vec<T>> + '_ {
    let count = if items.len() > 1 { items.len() } else { 0 };
    (0..count).map(|without| {
        let mut items = items.to_vec();
        items.remove(without);
        items
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::{fmt, io};

    use super::*;

    /// Numbers, which may be shrunk.
    #[derive(Clone, Debug, PartialEq)]
    struct Numbers(Vec<u32>, bool);

    impl Shrink for Numbers {
        type Op = u32;

        fn ops(&self) -> &[u32] {
            &self.0
        }

        fn with_ops(&self, ops: Vec<u32>) -> Self {
            Self(ops, self.1)
        }

        fn simpler_circumstances(&self) -> Vec<Self> {
            self.1.then(|| Self(self.0.clone(), false)).into_iter().collect()
        }

        fn simpler(op: &u32) -> Vec<u32> {
            op.checked_sub(1).into_iter().collect()
        }
    }

    /// What a sum reached.
    #[derive(Debug, PartialEq)]
    enum Sum {
        Ten,
        /// With a 7 among the numbers.
        Seven,
    }

    impl fmt::Display for Sum {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.kind())
        }
    }

    impl From<io::Error> for Sum {
        fn from(error: io::Error) -> Self {
            unreachable!("there are no files: {error}")
        }
    }

    impl Why for Sum {
        fn kind(&self) -> &'static str {
            match self {
                Self::Ten => "ten",
                Self::Seven => "seven",
            }
        }

        fn is_mismatch(&self) -> bool {
            true
        }

        fn is_of_the_place(&self) -> bool {
            false
        }
    }

    /// Fails where the sum reaches 10; at a 7 in another way.
    fn run(numbers: &Numbers) -> Result<(), Failure<Sum>> {
        let mut sum = 0;
        for (op, number) in numbers.0.iter().enumerate() {
            sum += number;
            if *number == 7 {
                return Err(Failure { op, error: Sum::Seven });
            }
            if sum >= 10 {
                return Err(Failure { op, error: Sum::Ten });
            }
        }
        Ok(())
    }

    #[test]
    fn the_smallest_that_fails_in_the_same_way_is_left() {
        let case = Numbers(vec![1, 2, 3, 9, 4, 100], true);
        let failure = run(&case).unwrap_err();
        assert_eq!((failure.op, failure.kind()), (3, "ten"));
        let (small, failure) = shrink(&case, failure, run);
        // One operation less, or one by one less, sums to 9 or less.
        assert_eq!((small.0.iter().sum::<u32>(), small.1), (10, false));
        let again = run(&small).unwrap_err();
        assert_eq!((again.op, again.error), (failure.op, failure.error));
        // 8 does not become 7, which fails in another way.
        let (small, _) =
            shrink(&Numbers(vec![2, 8], false), Failure { op: 1, error: Sum::Ten }, run);
        assert_eq!(small, Numbers(vec![2, 8], false));
    }

    /// Everything that is tried to make `case` smaller, where nothing smaller fails.
    fn tried(case: &Numbers, op: usize) -> Vec<Numbers> {
        let tried = RefCell::new(Vec::new());
        shrink(case, Failure { op, error: Sum::Ten }, |case| {
            tried.borrow_mut().push(case.clone());
            Ok(())
        });
        tried.into_inner()
    }

    #[test]
    fn what_comes_after_the_failure_is_dropped_first() {
        assert_eq!(
            tried(&Numbers(vec![9, 1, 0, 2, 3], false), 1).first(),
            Some(&Numbers(vec![1], false))
        );
    }

    #[test]
    fn circumstances_come_first_then_halves_quarters_single_operations_and_simpler_ones() {
        let numbers = |numbers: &[u32]| Numbers(numbers.to_vec(), true);
        let all = tried(&numbers(&[0, 0, 1, 9]), 3);
        let due = [
            Numbers(vec![0, 0, 1, 9], false),
            numbers(&[1, 9]),
            numbers(&[0, 0]),
            numbers(&[0, 1, 9]),
            numbers(&[0, 1, 9]),
            numbers(&[0, 0, 9]),
            numbers(&[0, 0, 1]),
            numbers(&[0, 0, 0, 9]),
            numbers(&[0, 0, 1, 8]),
        ];
        assert_eq!(all, due);
    }

    #[test]
    fn a_history_of_one_operation_keeps_it() {
        assert_eq!(tried(&Numbers(vec![10, 10], false), 0), [Numbers(vec![9], false)]);
    }

    #[test]
    fn one_item_is_left_of_items() {
        assert_eq!(without_one(&[1, 2, 3]).collect::<Vec<_>>(), [[2, 3], [1, 3], [1, 2]]);
        assert_eq!(without_one(&[1]).count(), 0);
    }
}
