//! What recipes of either kind have in common: where their text is found, how it is read, and what each must keep to.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{DatasetError, Result};

/// Names and texts of built-in recipes.
pub(crate) type Builtin = [(&'static str, &'static str)];

/// No recipe is larger: those that are built in have a few kB.
const LARGEST: u64 = 16 << 20;

/// The text of a recipe file. What is no file, and might have no end, is refused before it is opened.
pub(crate) fn read(path: &Path) -> Result<String> {
    let refused = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    let text = || {
        if !std::fs::metadata(path)?.is_file() {
            return Err(refused("it is no file but a folder, a device or a pipe".to_owned()));
        }
        let mut text = String::new();
        let size = File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
        if size as u64 > LARGEST {
            Err(refused(format!("it has more than {LARGEST} bytes")))
        } else {
            Ok(text)
        }
    };
    text().map_err(DatasetError::io(path, "read the recipe"))
}

/// The text of the recipe file that `name` is the path of; `None` for the name of a built-in recipe.
pub(crate) fn text_of(name: &str) -> Result<Option<String>> {
    let is_path = name.ends_with(".toml") || name.contains(std::path::is_separator);
    is_path.then(|| read(Path::new(name))).transpose()
}

/// Reads a recipe of either kind, unchecked. `place` names it in errors, `example` a recipe that explains the keys.
pub(crate) fn parsed<T: DeserializeOwned>(text: &str, place: &str, example: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        DatasetError::Recipe {
            place: line.map_or_else(|| place.to_owned(), |line| format!("{place}, line {line}")),
            detail: format!("{}; {example} explains every key", error.message()),
        }
    })
}

/// The text of the built-in recipe `name`.
pub(crate) fn builtin_text(builtin: &Builtin, name: &str) -> Result<&'static str> {
    let names = || builtin.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
    let found = builtin.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    found.ok_or_else(|| DatasetError::UnknownRecipe { name: name.to_owned(), known: names() })
}

/// Fails with `otherwise` unless something holds.
pub(crate) fn require(holds: bool, otherwise: &str) -> std::result::Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// Fails unless a folder can have this name.
pub(crate) fn check_name(name: &str) -> std::result::Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    require(
        !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.'),
        "`name` names a folder: use letters, digits, `-`, `_` and `.`",
    )
}

/// A number at a scale.
pub(crate) fn scaled(number: u64, scale: f64) -> u64 {
    // Both stay far below 2^53, where a float is exact.
    (number as f64 * scale).round() as u64
}
