//! The rules that can be switched off: those of scanner and store with the feature `ablations`,
//! none without it.

#[cfg(feature = "ablations")]
pub use tracerig_scanner as trace;
#[cfg(feature = "ablations")]
pub use tracerig_scanner::archive;
#[cfg(feature = "ablations")]
pub use tracerig_store::threads;

/// How to get a build in which rules can be switched off.
#[cfg(not(feature = "ablations"))]
pub const REMEDY: &str = "this build cannot switch rules off; build one that can, with \
     `cargo run --release --features ablations -- diff ablations`";

#[cfg(not(feature = "ablations"))]
pub use self::{none as trace, none as archive, none as threads};

/// What represents the rules in a build that has no switches.
#[cfg(not(feature = "ablations"))]
pub mod none {
    use serde::{Deserialize, Serialize};

    /// A rule that can be switched off: there is none.
    #[derive(Clone, Copy, Debug)]
    pub enum Ablation {}

    impl Ablation {
        /// Its name.
        #[must_use]
        pub const fn name(self) -> &'static str {
            match self {}
        }
    }

    impl std::fmt::Display for Ablation {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str(self.name())
        }
    }

    impl std::str::FromStr for Ablation {
        type Err = &'static str;

        fn from_str(_: &str) -> Result<Self, &'static str> {
            Err(super::REMEDY)
        }
    }

    /// Rules that are switched off: none.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Ablations;

    impl Ablations {
        /// Every rule holds.
        pub const NONE: Self = Self;

        /// Whether every rule holds.
        #[must_use]
        pub const fn is_empty(self) -> bool {
            true
        }

        /// Each of them.
        pub fn iter(self) -> impl Iterator<Item = Ablation> {
            std::iter::empty()
        }
    }

    impl FromIterator<Ablation> for Ablations {
        fn from_iter<I: IntoIterator<Item = Ablation>>(_: I) -> Self {
            Self
        }
    }
}
