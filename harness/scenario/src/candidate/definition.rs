//! What a candidate is: a command, and what its author says of it in `tracerig-candidate.toml`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tracerig_protocol::Contract;
use tracerig_reports::record::CandidatePlan;
use tracerig_store::files::read_regular;

use super::words;

/// Bytes of a definition, at most.
const MOST_BYTES: u64 = 1 << 20;

/// The name of the file in an author's repository.
pub const FILE_NAME: &str = "tracerig-candidate.toml";

/// A candidate as its author defines it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Definition {
    /// A short name, for tables and options.
    pub name: String,
    /// Why anybody would look at it, in a sentence.
    #[serde(default)]
    pub why: String,
    /// Where it comes from.
    #[serde(default)]
    pub homepage: String,
    /// The program and its arguments. No shell reads them.
    pub argv: Vec<String>,
    /// A command that builds it, run once before it is started.
    #[serde(default)]
    pub build: Vec<String>,
    /// Environment variables that it gets beside those of the allow-list.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Contracts to check where none is named; empty: those that it says it offers.
    #[serde(default)]
    pub contracts: Vec<Contract>,
    /// Cases that are known to fail, with the beginning of their message.
    #[serde(default)]
    pub known_failures: BTreeMap<String, String>,
    /// The folder that it is started in, and that relative paths are relative to.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Files, name and text, of a candidate that ships with tracerig. It is started in a folder
    /// that holds them.
    #[serde(skip)]
    pub(super) files: Vec<(&'static str, &'static str)>,
}

/// Why there is no definition.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// The file cannot be read.
    #[error(
        "cannot read {}: {source}; name a file with --definition, or give the command after `--`",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no definition.
    #[error("{}: not a candidate: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        source: Box<toml::de::Error>,
    },
    /// It names nothing that could be started.
    #[error("{}: `argv` is empty; give the program and its arguments as an array", path.display())]
    NoCommand {
        /// The file.
        path: PathBuf,
    },
    /// A command cannot be split into words.
    #[error("{0}; quote words with spaces, or write a {FILE_NAME}")]
    Words(String),
}

impl Definition {
    /// A candidate that is just a command, started in the current folder.
    #[must_use]
    pub fn of_words(name: &str, argv: Vec<String>) -> Self {
        Self { name: name.to_owned(), argv, ..Self::default() }
    }

    /// A candidate as options name it: `NAME=COMMAND`, `NAME=@FILE` with the file of a definition,
    /// or the name of one that ships with tracerig.
    ///
    /// # Errors
    /// The command cannot be split, the file is no definition, or no such candidate ships with
    /// tracerig.
    pub fn named(text: &str) -> Result<Self, DefinitionError> {
        match text.split_once('=') {
            Some((name, command)) if !name.is_empty() => {
                if let Some(path) = command.strip_prefix('@') {
                    return Ok(Self { name: name.to_owned(), ..Self::read(Path::new(path))? });
                }
                let argv = words::split(command).map_err(DefinitionError::Words)?;
                Ok(Self::of_words(name, argv))
            }
            _ => super::shipped(text).map(super::Shipped::definition).ok_or_else(|| {
                let names: Vec<&str> = super::SHIPPED.iter().map(|shipped| shipped.name).collect();
                let known = names.join(", ");
                DefinitionError::Words(format!(
                    "`{text}` names no candidate: write NAME=COMMAND, NAME=@{FILE_NAME}, or one of \
                     {known}"
                ))
            }),
        }
    }

    /// A candidate as a record names it.
    #[must_use]
    pub fn of_plan(plan: &CandidatePlan) -> Self {
        let shipped = plan.ships.then(|| super::shipped(&plan.name)).flatten();
        let shipped = shipped.map(super::Shipped::definition);
        Self {
            name: plan.name.clone(),
            argv: plan.argv.clone(),
            env: plan.env.clone(),
            folder: PathBuf::from(&plan.folder),
            ..shipped.unwrap_or_default()
        }
    }

    /// Whether it ships with tracerig, which has its files.
    #[must_use]
    pub fn ships(&self) -> bool {
        !self.files.is_empty()
    }

    /// Reads the definition at `path`.
    ///
    /// # Errors
    /// It cannot be read, or is not a definition.
    pub fn read(path: &Path) -> Result<Self, DefinitionError> {
        let text = read_regular(path, MOST_BYTES)
            .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
            .map_err(|source| DefinitionError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// The same from the text of a file.
    ///
    /// # Errors
    /// It is not a definition.
    pub fn parse(text: &str, path: &Path) -> Result<Self, DefinitionError> {
        let named = || path.to_owned();
        let mut definition: Self = toml::from_str(text)
            .map_err(|source| DefinitionError::Parse { path: named(), source: source.into() })?;
        if definition.argv.first().is_none_or(String::is_empty) {
            return Err(DefinitionError::NoCommand { path: named() });
        }
        definition.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(definition)
    }

    /// The file that is started: as the command names it, relative to the folder, or found in PATH.
    /// What is not found is given as it is named, so that starting it tells why.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        let name = self.argv.first().map(String::as_str).unwrap_or_default();
        if name.contains('/') {
            let path = self.folder.join(name);
            return std::path::absolute(&path).unwrap_or(path);
        }
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file());
        found.unwrap_or_else(|| name.into())
    }

    /// The arguments of the program.
    pub(super) fn arguments(&self) -> impl Iterator<Item = OsString> + '_ {
        self.argv.iter().skip(1).map(Into::into)
    }

    /// The command as a shell would take it, for messages.
    #[must_use]
    pub fn command_line(&self) -> String {
        let is_plain =
            |character: char| character.is_ascii_alphanumeric() || "/._-+:@%=,".contains(character);
        let quoted = |word: &String| {
            if !word.is_empty() && word.chars().all(is_plain) {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        };
        self.argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_read_and_what_is_misspelt_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Definition::read(&path)
        };
        let text = "name = \"mine\"\n\
                    argv = [\"./scan\", \"a b\"]\n\
                    [known-failures]\n\"answers/nul\" = \"wrong\"\n";
        let definition = read(text).unwrap();
        assert_eq!(definition.program(), folder.path().join("./scan"));
        assert_eq!(definition.command_line(), "./scan 'a b'");
        assert_eq!(definition.known_failures["answers/nul"], "wrong");
        assert!(
            read("name = \"mine\"\nargv = []\n")
                .unwrap_err()
                .to_string()
                .contains("`argv` is empty")
        );
        let error =
            read("name = \"mine\"\nargv = [\"a\"]\nknown-failure = 1\n").unwrap_err().to_string();
        assert!(error.contains("known-failure"), "{error}");
        assert!(
            Definition::read(Path::new("/nonexistent"))
                .unwrap_err()
                .to_string()
                .contains("--definition")
        );
    }

    #[test]
    fn an_option_names_a_command_or_one_that_ships() {
        let definition = Definition::named("mine=python3 'my scanner.py'").unwrap();
        assert_eq!((definition.name.as_str(), definition.argv.len()), ("mine", 2));
        let python = Definition::named("python").unwrap();
        assert_eq!((python.name.as_str(), python.ships()), ("python", true));
        assert!(Definition::named("nobody").unwrap_err().to_string().contains("NAME=COMMAND"));
        assert!(Definition::named("mine=a 'b").is_err());
    }
}
