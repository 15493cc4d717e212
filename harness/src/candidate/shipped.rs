//! The candidates that ship with tracerig: scripts that are part of this program.

use super::definition::Definition;

/// A candidate that ships with tracerig.
#[derive(Debug)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Why it is there.
    pub why: &'static str,
    /// Where the program that it starts comes from.
    pub homepage: &'static str,
    argv: &'static [&'static str],
    /// Its files, which are written into the folder that it is started in.
    files: &'static [(&'static str, &'static str)],
}

const ADAPTER: (&str, &str) = ("adapter.py", include_str!("../../candidates/adapters/adapter.py"));

/// Every one.
pub const SHIPPED: [Shipped; 4] = [
    Shipped {
        name: "python",
        why: "the independent oracle in Python, standard library alone: an example to copy",
        homepage: "",
        argv: &["python3", "candidate.py"],
        files: &[
            ("candidate.py", include_str!("../../candidates/python/candidate.py")),
            ("scan.py", tracerig_oracle::python::SCAN),
            ("usage.py", tracerig_oracle::python::USAGE),
        ],
    },
    Shipped {
        name: "ccusage",
        why: "counts tokens by day and model (its own binary)",
        homepage: "https://github.com/ryoppippi/ccusage",
        argv: &["python3", "ccusage.py"],
        files: &[ADAPTER, ("ccusage.py", include_str!("../../candidates/adapters/ccusage.py"))],
    },
    Shipped {
        name: "ccusage-codex",
        why: "counts tokens by day and model (the npm package @ccusage/codex)",
        homepage: "https://github.com/ryoppippi/ccusage",
        argv: &["python3", "ccusage_codex.py"],
        files: &[ADAPTER, ("ccusage_codex.py", include_str!("../../candidates/adapters/ccusage_codex.py"))],
    },
    Shipped {
        name: "tokscale",
        why: "counts tokens by day and model",
        homepage: "https://github.com/junhoyeo/tokscale",
        argv: &["python3", "tokscale.py"],
        files: &[ADAPTER, ("tokscale.py", include_str!("../../candidates/adapters/tokscale.py"))],
    },
];

/// The one of this name.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|shipped| shipped.name == name)
}

impl Shipped {
    /// What is started.
    #[must_use]
    pub fn definition(&self) -> Definition {
        Definition {
            name: self.name.to_owned(),
            why: self.why.to_owned(),
            homepage: self.homepage.to_owned(),
            argv: self.argv.iter().map(|word| (*word).to_owned()).collect(),
            files: self.files.to_vec(),
            ..Definition::default()
        }
    }
}
