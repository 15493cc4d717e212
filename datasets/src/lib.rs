//! Recipes, generators and the cache of synthetic trace databases.
//!
//! A [`Recipe`] describes a database. A [`Cache`] builds it once, with the trace log's own batch
//! insertion and retention, and returns the [`Dataset`]: a database file and a [`Manifest`] with
//! its digests and with what a scanner should find in it. [`workload::append`] makes a dataset grow
//! as its writers would.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use tracerig_datasets::{BuildOptions, Cache, Recipe};
//!
//! let recipe = Recipe::find("quick")?;
//! let options = BuildOptions { scale: 0.1, ..BuildOptions::default() };
//! let dataset = Cache::default()?.ensure(&recipe, &options, &mut |_| ControlFlow::Continue(()))?;
//! println!("{}: {} turns", dataset.database.display(), dataset.manifest.truth.turns.len());
//! # Ok::<(), tracerig_datasets::DatasetError>(())
//! ```
//!
//! The same recipe, seed, scale and [`GENERATOR_VERSION`] give the same file, byte for byte, on
//! every machine.

pub mod archive;
mod batch;
mod build;
mod cache;
mod conversation;
mod dialect;
mod dice;
mod digest;
mod error;
mod folder;
mod generate;
mod levels;
pub mod limits;
mod lock;
mod manifest;
mod mimic;
mod mix;
pub mod own;
mod place;
mod prose;
mod recipe;
mod rows;
mod shapes;
mod truth;
mod verify;
pub mod workload;

pub use cache::{BuildOptions, Cache, Dataset, Progress, Stage, build_into};
pub use conversation::{Conversation, ConversationError};
pub use error::{DatasetError, Result};
pub use levels::Levels;
pub use limits::MOST_SCALE;
pub use manifest::{Continuation, KindCount, MANIFEST_FILE, Manifest, Pages};
pub use mimic::mimic;
pub use place::cache_root;
pub use recipe::{Era, Recipe};
pub use truth::{Fact, Intent, Ran, TierForm, Truth, Turn};

/// Goes up whenever the generator writes other rows than before for the same recipe, seed and
/// scale, or another file.
pub const GENERATOR_VERSION: u32 = 3;

/// The environment variable that moves the cache.
pub const CACHE_VARIABLE: &str = "TRACERIG_CACHE_DIR";
