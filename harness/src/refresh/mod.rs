//! The refresh scenario.

mod answer;

pub use answer::{Answer, Told};
