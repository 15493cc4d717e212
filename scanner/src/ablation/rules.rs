//! The enum of rules that can be switched off, and sets of them, made of one list: for scans of
//! traces and for the archive.

/// Makes the enum `Ablation` with its tables and the set `Ablations` of one list, so that they
/// cannot differ.
macro_rules! rules {
    ($($variant:ident $name:literal $summary:literal)*) => {
        /// One rule, by what goes wrong without it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Ablation {
            $(#[doc = $summary] $variant,)*
        }

        impl Ablation {
            /// Every rule that can be switched off, in the order in which the work comes to them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name on command lines and in files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What goes wrong without the rule, in a sentence.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }
        }

        impl std::fmt::Display for Ablation {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.name())
            }
        }

        impl std::str::FromStr for Ablation {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                let known = Self::ALL.into_iter().find(|ablation| ablation.name() == name);
                known.ok_or_else(|| {
                    format!(
                        "there is no rule `{name}` to switch off; the rules are {}",
                        Self::ALL.map(Self::name).join(", ")
                    )
                })
            }
        }

        /// Rules that are switched off: none, unless a test measures its own power.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct Ablations(u128);

        const _: () = assert!(Ablation::ALL.len() <= u128::BITS as usize, "a bit for each rule");

        impl Ablations {
            /// Every rule holds.
            pub const NONE: Self = Self(0);

            /// Whether `ablation` is switched off.
            #[must_use]
            pub const fn has(self, ablation: Ablation) -> bool {
                self.0 & 1 << ablation as u128 != 0
            }

            /// Whether every rule holds.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// These and one more.
            #[must_use]
            pub const fn with(self, ablation: Ablation) -> Self {
                Self(self.0 | 1 << ablation as u128)
            }

            /// Each of them.
            pub fn iter(self) -> impl Iterator<Item = Ablation> {
                Ablation::ALL.into_iter().filter(move |ablation| self.has(*ablation))
            }
        }

        impl FromIterator<Ablation> for Ablations {
            fn from_iter<I: IntoIterator<Item = Ablation>>(ablations: I) -> Self {
                ablations.into_iter().fold(Self::NONE, Self::with)
            }
        }

        #[cfg(test)]
        #[test]
        fn each_rule_has_a_name_and_a_bit_of_its_own() {
            for (place, ablation) in Ablation::ALL.into_iter().enumerate() {
                assert_eq!(ablation.name().parse::<Ablation>().unwrap(), ablation);
                let only = Ablations::NONE.with(ablation);
                assert!(only.iter().eq([ablation]) && !only.is_empty());
                assert!(Ablation::ALL[..place].iter().all(|other| other.name() != ablation.name()));
                let summary = ablation.summary();
                assert!(summary.ends_with('.') && summary.len() < 100, "{ablation}");
            }
            let all: Ablations = Ablation::ALL.into_iter().collect();
            assert!(all.iter().eq(Ablation::ALL) && Ablations::NONE.iter().next().is_none());
        }
    };
}

pub(crate) use rules;
