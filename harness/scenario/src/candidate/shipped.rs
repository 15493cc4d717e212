//! The candidates that ship with tracerig: scanners of this program, and scripts that are part of
//! it.

use super::definition::Definition;
use crate::engine;

/// A candidate that ships with tracerig.
#[derive(Debug)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Why it is there.
    pub why: &'static str,
    /// Where the program that it starts comes from.
    pub homepage: &'static str,
    /// What is started; nothing for a scanner of this program.
    argv: &'static [&'static str],
    /// Its files, which are written into the folder that it is started in.
    files: &'static [(&'static str, &'static str)],
}

const ADAPTER: (&str, &str) = ("adapter.py", include_str!("../../candidates/adapters/adapter.py"));

const CODEXBAR: &str = "https://github.com/steipete/CodexBar";

/// A scanner of this program.
const fn own(name: &'static str, why: &'static str, homepage: &'static str) -> Shipped {
    Shipped { name, why, homepage, argv: &[], files: &[] }
}

/// Every one.
pub const SHIPPED: [Shipped; 10] = [
    own("tracerig", "the scanner and the refresh of this program", ""),
    own(
        "published",
        "the query and the refresh as published, without a memo of the trace",
        CODEXBAR,
    ),
    own(
        "history/memory",
        "the published scanner of pull request 1404: its memo dies with the process",
        CODEXBAR,
    ),
    own(
        "history/persisted",
        "of pull request 1421: the memo is a file, and the inode proves it",
        CODEXBAR,
    ),
    own("history/one-anchor", "of pull request 3130: the last row proves the memo, too", CODEXBAR),
    own("history/four-anchors", "of pull request 3318: two of four rows prove the memo", CODEXBAR),
    Shipped {
        name: "python",
        why: "the independent oracle in Python, standard library alone: an example to copy",
        homepage: "",
        argv: &["python3", "candidate.py"],
        files: &[
            ("candidate.py", include_str!("../../candidates/python/candidate.py")),
            ("scan.py", tracerig_oracle::python::SCAN),
            ("store.py", include_str!("../../candidates/python/store.py")),
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
        files: &[
            ADAPTER,
            ("ccusage_codex.py", include_str!("../../candidates/adapters/ccusage_codex.py")),
        ],
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
        let argv = if self.argv.is_empty() {
            // Where the path of this program is not known, starting it tells why.
            let program = std::env::current_exe().unwrap_or_else(|_| "tracerig".into());
            let program = program.to_string_lossy().into_owned();
            let name = if self.name == "tracerig" { "scanner" } else { self.name };
            vec![program, engine::SUBCOMMAND.to_owned(), name.to_owned()]
        } else {
            self.argv.iter().map(|word| (*word).to_owned()).collect()
        };
        Definition {
            name: self.name.to_owned(),
            why: self.why.to_owned(),
            homepage: self.homepage.to_owned(),
            argv,
            files: self.files.to_vec(),
            ..Definition::default()
        }
    }
}
