//! Where a history failed, and why: the same for histories of every sort, which differ in what can
//! go wrong.

use std::any::Any;
use std::fmt;
use std::io;

/// Why a history failed.
pub trait Why: fmt::Debug + fmt::Display + From<io::Error> {
    /// The name of the way in which it failed, in one word.
    fn kind(&self) -> &'static str;

    /// Whether what is tested went wrong, and not what tests it.
    fn is_mismatch(&self) -> bool;

    /// Whether every other history would fail as well, such as on a full disk.
    fn is_of_the_place(&self) -> bool;
}

/// Where a history failed, and why.
#[derive(Debug)]
pub struct Failure<E> {
    /// The operation, counted from 0.
    pub op: usize,
    /// Why.
    pub error: E,
}

impl<E: Why> Failure<E> {
    /// The name of the way in which it failed, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.error.kind()
    }

    /// Whether what is tested went wrong, and not what tests it.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        self.error.is_mismatch()
    }

    /// Whether every other history would fail as well, such as on a full disk.
    #[must_use]
    pub fn is_of_the_place(&self) -> bool {
        self.error.is_of_the_place()
    }
}

impl<E: Why> fmt::Display for Failure<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "operation {}: {}", self.op + 1, self.error)
    }
}

impl<E: Why> From<io::Error> for Failure<E> {
    /// What had no file to begin with failed at its first operation.
    fn from(error: io::Error) -> Self {
        Self { op: 0, error: error.into() }
    }
}

/// What somebody said who panicked.
pub(crate) fn said_by(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    said.unwrap_or("without a message").to_owned()
}
