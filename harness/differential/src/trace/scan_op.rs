//! A scan, and what can happen while it runs.

use tracerig_scanner::Point;

use super::arguments::{ARTIFACT, ArtifactOp};
use super::data_op::DataOp;
use crate::words::{ByName, Flag, List, Name, Rest, Words, operations};

/// A scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanOp {
    /// Whether the scanner of the scan before is asked again. Else it is a new one, as in a new
    /// process.
    pub again: bool,
    /// Whether every row is to be examined.
    pub rescan: bool,
    /// What happens when the scan has reached a point, if it does.
    pub event: Option<Event>,
}

/// What happens while a scan runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Point,
    /// What.
    pub acts: Vec<Act>,
}

operations! {
    /// What can happen while a scan runs.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Act: "operation" {
        /// Something happens to the persisted memo.
        "artifact" Artifact(what: ArtifactOp = Name(ARTIFACT)),
        /// Another process dies at this point of such a scan, if its scan gets there.
        "another dies at" OtherDies(at: Point = ByName(&Point::ALL, Point::name)),
        /// Another process comes to write its memo, and waits until this scan has written its own.
        "another waits" OtherWaits,
        /// Another process scans the database with the same memo from beginning to end.
        "another" Other {
            /// Whether it examines every row.
            rescan: bool = Name(&[("rescan", true), ("scan", false)]),
        },
        /// The step fails.
        "fail" Fail,
        /// The caller cancels.
        "cancel" Cancel,
        /// Something happens to the database.
        "" Data(op: DataOp = Rest::NEW),
    }
}

/// A scan, and what happens while it runs.
pub(super) struct ScanWords;

impl ScanWords {
    const AGAIN: Name<bool> = Name(&[("again", true), ("relaunch", false)]);
    const RESCAN: Flag = Flag("rescan");
    const ACTS: List<Rest<Act>> = List("; ", Rest::NEW);
}

impl Words<ScanOp> for ScanWords {
    fn read(&self, rest: &mut &str) -> Result<ScanOp, String> {
        let again = Self::AGAIN.read(rest)?;
        let rescan = Self::RESCAN.read(rest)?;
        let event = rest.strip_prefix(',').map(|event| {
            *rest = "";
            let (point, acts) =
                event.split_once(':').ok_or("an event is `at POINT: what; what`")?;
            let name = point.trim().strip_prefix("at ").unwrap_or_default();
            let at = Point::ALL.into_iter().find(|point| point.name() == name);
            let at = at.ok_or_else(|| format!("`{name}` is no point of a scan"))?;
            Ok::<_, String>(Event { at, acts: Self::ACTS.whole(acts)? })
        });
        Ok(ScanOp { again, rescan, event: event.transpose()? })
    }

    fn write(&self, scan: &ScanOp, text: &mut String) {
        Self::AGAIN.write(&scan.again, text);
        Self::RESCAN.write(&scan.rescan, text);
        if let Some(event) = &scan.event {
            text.push_str(&format!(", at {}:", event.at.name()));
            Self::ACTS.write(&event.acts, text);
        }
    }
}
