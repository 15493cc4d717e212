//! Two executables compared, arm by arm: exact work first, then pairs of samples in random order.
//!
//! Both run on the same database in the same state, and every answer of both is verified. The verdicts are those of the reports; what is here
//! takes the samples (`rounds`), makes scenarios ready for both programs (`bench`), puts these side by side (`executables`), builds revisions
//! (`revision`), and shows what such comparisons find (`self_check`).

mod bench;
mod error;
mod executables;
mod revision;
mod rounds;
mod self_check;

use std::path::PathBuf;

use serde::Serialize;
use tracerig_reports::comparison::Program;
use tracerig_reports::record::{ArmKey, Metric as _, Record};
use tracerig_reports::verdict::{Metric, Rules};
use tracerig_reports::{Comparison, comparison};

pub use error::CompareError;
pub use revision::{Revision, build};
pub use self_check::{Checked, SelfCheck, self_check};

use crate::handicap::Planted;
use crate::plan::{Place, Run};
use crate::session::{Measured, Session};
use crate::{machine, relaunch};
use bench::Side;
use executables::Executables;
use rounds::Rounds;
