//! The trace scan and the archive refresh as others published them: the baselines of tracerig.
//!
//! ```no_run
//! use std::path::Path;
//! use std::time::Duration;
//! use tracerig_scanner::Window;
//!
//! let database = Path::new("logs_2.sqlite");
//! let limit = Duration::from_secs(5);
//! let scan = tracerig_published::trace::scan(database, Window::default(), limit)?;
//! println!("{} turns", scan.turns.len());
//! # Ok::<(), tracerig_scanner::ScanError>(())
//! ```

pub mod archive;
pub mod history;
pub mod trace;
