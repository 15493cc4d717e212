//! How versions of the Codex CLI log submissions: by which operation, and in which form they name
//! the tier.

use serde::{Deserialize, Serialize};

use crate::truth::TierForm;

/// A version by its way to log submissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Dialect {
    /// Input names no tier; what sets one does so by a variant of an enum.
    #[serde(rename = "0.120")]
    V0_120,
    /// Input that names a tier is a separate operation.
    #[serde(rename = "0.130")]
    V0_130,
    /// Input has settings, and commands set them, too.
    #[default]
    #[serde(rename = "0.145")]
    V0_145,
    /// The settings of an input are nested deeper, with other tiers behind them.
    #[serde(rename = "0.148")]
    V0_148,
    /// The same, and more.
    #[serde(rename = "0.155")]
    V0_155,
}

/// The shapes of submissions, and of what sets a tier without one.
pub(crate) const FACT_SHAPES: [&str; 8] = [
    "submission",
    "settings",
    "input-0.120",
    "override",
    "input-0.130",
    "context-input",
    "turn-input-0.148",
    "turn-input-0.155",
];

impl Dialect {
    /// The shape of a submission that says a tier so.
    pub(crate) fn submission(self, tier: TierForm) -> &'static str {
        match (self, tier) {
            (Self::V0_120, _) => "input-0.120",
            (Self::V0_130, TierForm::Inherit) => "input-0.130",
            (Self::V0_130, _) => "context-input",
            (Self::V0_145, _) => "submission",
            (Self::V0_148, _) => "turn-input-0.148",
            (Self::V0_155, _) => "turn-input-0.155",
        }
    }

    /// The shape of what sets a tier and starts no turn.
    pub(crate) fn settings(self) -> &'static str {
        if self == Self::V0_120 { "override" } else { "settings" }
    }

    /// Whether a tier can be set without a submission.
    pub(crate) fn has_settings(self) -> bool {
        self != Self::V0_130
    }

    /// Whether submissions can say a tier.
    pub(crate) fn submissions_say_tiers(self) -> bool {
        self != Self::V0_120
    }

    /// The form that a tier takes.
    pub(crate) fn form(self, tier: TierForm) -> TierForm {
        match (self, tier) {
            (Self::V0_120, TierForm::Priority) => TierForm::Fast,
            (Self::V0_120, TierForm::Default) => TierForm::Cleared,
            _ => tier,
        }
    }

    /// How a tier is in a Debug dump.
    pub(crate) fn dump(self, tier: TierForm) -> &'static str {
        match (self, self.form(tier)) {
            (_, TierForm::Inherit) => "None",
            (_, TierForm::Cleared) => "Some(None)",
            (Self::V0_120, TierForm::Fast) => "Some(Some(Fast))",
            (Self::V0_120, TierForm::Flex) => "Some(Some(Flex))",
            (_, TierForm::Priority) => "Some(Some(\"priority\"))",
            (_, TierForm::Fast) => "Some(Some(\"fast\"))",
            (_, TierForm::Default) => "Some(Some(\"default\"))",
            (_, TierForm::Flex) => "Some(Some(\"flex\"))",
        }
    }
}
