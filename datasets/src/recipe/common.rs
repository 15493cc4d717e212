//! What recipes of either kind have in common: where their text is found, how it is read, and what
//! each must keep to.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{DatasetError, Result};
use crate::limits::{Checked, Limit, MOST_NAME_BYTES, MOST_RECIPE_BYTES, Wrong};

/// Names and texts of built-in recipes.
pub(crate) type Builtin = [(&'static str, &'static str)];

/// The text of a recipe file. What is not a file, and might have no end, is refused before it is
/// opened.
pub(crate) fn read(path: &Path) -> Result<String> {
    let refused = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    let text = || {
        if !std::fs::metadata(path)?.is_file() {
            return Err(refused("it is no file but a folder, a device or a pipe".to_owned()));
        }
        let mut text = String::new();
        let size = File::open(path)?.take(MOST_RECIPE_BYTES + 1).read_to_string(&mut text)?;
        if size as u64 > MOST_RECIPE_BYTES {
            Err(refused(format!("it has more than {MOST_RECIPE_BYTES} bytes")))
        } else {
            Ok(text)
        }
    };
    text().map_err(DatasetError::io(path, "read the recipe"))
}

/// The text of the recipe file that `name` is the path of; `None` for the name of a built-in
/// recipe.
pub(crate) fn text_of(name: &str) -> Result<Option<String>> {
    let is_path = name.ends_with(".toml") || name.contains(std::path::is_separator);
    is_path.then(|| read(Path::new(name))).transpose()
}

/// A recipe that contradicts itself: the key concerned, which of its values from 0, and what is
/// wrong.
pub(crate) struct Fault(pub(crate) &'static str, pub(crate) usize, pub(crate) String);

/// Reads a recipe of either kind and checks it. `place` names it in errors, `example` a recipe that
/// explains the keys.
pub(crate) fn parsed<T: DeserializeOwned>(
    text: &str,
    place: &str,
    example: &str,
    limits: &[Limit],
    check: impl FnOnce(&T) -> std::result::Result<(), Fault>,
) -> Result<T> {
    let failed = |wrong: Wrong| {
        let detail = format!("{}; {example} explains every key", wrong.detail);
        DatasetError::Recipe { place: wrong.place(place), detail }
    };
    let checked = Checked::new(text, limits).map_err(failed)?;
    let recipe = checked.read().map_err(failed)?;
    check(&recipe).map_err(|Fault(key, nth, detail)| {
        let Wrong { line, detail } = checked.wrong(key, nth, detail);
        DatasetError::Recipe { place: Wrong { line, detail: String::new() }.place(place), detail }
    })?;
    Ok(recipe)
}

/// The text of the built-in recipe `name`.
pub(crate) fn builtin_text(builtin: &Builtin, name: &str) -> Result<&'static str> {
    let names = || builtin.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
    let found = builtin.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    found.ok_or_else(|| DatasetError::UnknownRecipe { name: name.to_owned(), known: names() })
}

/// Fails with `otherwise`, which is about the value of `key`, unless something holds.
pub(crate) fn require(
    holds: bool,
    key: &'static str,
    otherwise: &str,
) -> std::result::Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault(key, 0, otherwise.to_owned())) }
}

/// Fails unless work of this size, in words, keeps to its limit.
pub(crate) fn within(
    amount: u128,
    most: u64,
    key: &'static str,
    what: &str,
) -> std::result::Result<(), Fault> {
    if amount <= u128::from(most) {
        return Ok(());
    }
    Err(Fault(key, 0, format!("{what}: {amount}; the limit is {most}")))
}

/// Fails unless a folder can have this name.
pub(crate) fn check_name(name: &str) -> std::result::Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    require(
        !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.'),
        "name",
        "`name` names a folder: use letters, digits, `-`, `_` and `.`",
    )?;
    within(name.len() as u128, MOST_NAME_BYTES as u64, "name", "bytes of `name`")
}

/// A number at a scale.
pub(crate) fn scaled(number: u64, scale: f64) -> u64 {
    // Both stay far below 2^53, where a float is exact.
    (number as f64 * scale).round() as u64
}

/// The error of a recipe that is too large at this scale.
pub(crate) fn too_large(
    recipe: &str,
    scale: f64,
    what: &str,
    amount: u64,
    most: u64,
) -> DatasetError {
    DatasetError::Recipe {
        place: format!("recipe `{recipe}`"),
        detail: format!(
            "scaled by {scale} it has {amount} {what}; the limit is {most}: use a smaller scale"
        ),
    }
}
