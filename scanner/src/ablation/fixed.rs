//! The rules of a build without the feature `ablations`: each holds, and has no name.

/// Makes the enum `Ablation` and the set `Ablations`, which is always empty: so that the compiler
/// leaves out each place that asks for it.
macro_rules! rules {
    ($($variant:ident $name:literal $summary:literal)*) => {
        /// One rule, by what would go wrong without it.
        #[derive(Clone, Copy)]
        pub(crate) enum Ablation {
            $(#[doc = $summary] $variant,)*
        }

        /// Rules that are switched off: none.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Ablations;

        impl Ablations {
            /// Every rule holds.
            pub(crate) const NONE: Self = Self;

            /// Whether `ablation` is switched off.
            pub(crate) const fn has(self, _ablation: Ablation) -> bool {
                false
            }

            /// Whether every rule holds.
            pub(crate) const fn is_empty(self) -> bool {
                true
            }
        }
    };
}

pub(crate) use rules;
