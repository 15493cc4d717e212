//! The figures by hand, the renderings as kept.

use super::*;
use crate::fixture::append::{closed, open};
use crate::fixture::assert_golden;
use crate::render;

#[test]
fn runs_read_as_kept() {
    assert_golden("append-closed.txt", &render::terminal(&closed()));
    assert_golden("append-open.txt", &render::terminal(&open()));
    assert_golden("append-report.md", &render::markdown(&open()));
    assert_golden("append-summary.json", &render::json(&closed()).unwrap());
}
