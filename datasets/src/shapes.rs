//! Shapes of rows: what each kind of row of an era says, read from `shapes/*.toml`, filled in for
//! one row at a time.

mod template;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use template::{Part, Template, Value};

use crate::dice::Dice;
use crate::error::{DatasetError, Result};
use crate::prose::Pools;
use crate::recipe::Era;

/// All shapes of an era.
#[derive(Debug)]
pub(crate) struct Shapes {
    pub(crate) version: String,
    pub(crate) models: Vec<[String; 2]>,
    pub(crate) all: Vec<Shape>,
}

/// One kind of row.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) level: String,
    pub(crate) target: String,
    pub(crate) module: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<i64>,
    /// It quotes a marker without being of the marker's kind.
    pub(crate) quotes: bool,
    templates: Vec<Template>,
}

/// The values that a row is filled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) thread: &'a str,
    pub(crate) turn: &'a str,
    pub(crate) model: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) effort: &'a str,
    pub(crate) cwd: &'a str,
    /// The tier as a member of a JSON object with a comma after it, or nothing.
    pub(crate) tier: &'a str,
    /// The tier in a Debug dump.
    pub(crate) dump: &'a str,
    /// The tier as a tag.
    pub(crate) tag: &'a str,
    /// Unix time in milliseconds.
    pub(crate) milliseconds: u64,
}

impl Default for Scene<'_> {
    fn default() -> Self {
        Self {
            thread: "",
            turn: "",
            model: "",
            answer: "",
            effort: "medium",
            cwd: "/home/dev/work",
            tier: "",
            dump: "None",
            tag: "unset",
            milliseconds: 0,
        }
    }
}

impl Shapes {
    /// The shapes of an era.
    pub(crate) fn of(era: Era) -> Result<&'static Self> {
        static V0_141: OnceLock<std::result::Result<Shapes, String>> = OnceLock::new();
        static V0_145: OnceLock<std::result::Result<Shapes, String>> = OnceLock::new();
        static V0_169: OnceLock<std::result::Result<Shapes, String>> = OnceLock::new();
        let (cell, version) = match era {
            Era::V0_141 => (&V0_141, "0.141.0"),
            // It logs submissions as 0.141 does; its transport rows are not in recipes of that era.
            Era::V0_145 => (&V0_145, "0.145.0"),
            Era::V0_169 => (&V0_169, "0.169.0"),
        };
        let shapes = cell.get_or_init(|| Self::parse(Self::source(era), version));
        shapes.as_ref().map_err(|detail| DatasetError::Recipe {
            place: format!("built-in shapes of {era}"),
            detail: format!("{detail}; this is a defect of the build"),
        })
    }

    /// The text that the shapes of an era are read from.
    pub(crate) fn source(era: Era) -> &'static str {
        match era {
            Era::V0_141 | Era::V0_145 => include_str!("../shapes/0.141.toml"),
            Era::V0_169 => include_str!("../shapes/0.169.toml"),
        }
    }

    /// The position of a shape in [`Shapes::all`].
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|shape| shape.name == name)
    }

    fn parse(source: &str, version: &str) -> std::result::Result<Self, String> {
        let file: ShapesFile = toml::from_str(source).map_err(|error| error.to_string())?;
        let compile = |shape: ShapeFile| {
            let scope =
                file.scopes.get(&shape.scope).ok_or(format!("no scope `{}`", shape.scope))?;
            let templates =
                shape.texts.iter().map(|text| Template::parse(&format!("{scope}{text}"), version));
            // The target is the module, except where events of several modules share a target.
            let module = shape.module.or_else(|| shape.file.as_ref().map(|_| shape.target.clone()));
            Ok(Shape {
                templates: templates.collect::<std::result::Result<_, String>>()?,
                name: shape.name,
                level: shape.level,
                target: shape.target,
                module,
                file: shape.file,
                line: shape.line,
                quotes: shape.quotes,
            })
        };
        let all =
            file.shape.into_iter().map(compile).collect::<std::result::Result<_, String>>()?;
        Ok(Self { version: version.to_owned(), models: file.models, all })
    }
}

impl Shape {
    /// Whether rows of it have any size.
    pub(crate) fn fills(&self) -> bool {
        self.templates.iter().any(|template| template.fills)
    }

    /// Whether its texts name a thread.
    pub(crate) fn names_thread(&self) -> bool {
        let thread = |part: &Part| matches!(part, Part::Value(Value::Thread));
        self.templates.iter().any(|template| template.parts.iter().any(thread))
    }

    /// Whether rows of it prove that the turn ran that they name.
    pub(crate) fn is_of_turn(&self) -> bool {
        let is_named = |pair: &[Part]| {
            matches!(pair, [Part::Literal(before), Part::Value(Value::Turn)]
                if before.trim_end_matches('"').ends_with("turn.id="))
        };
        matches!(self.target.as_str(), "feedback_tags" | "codex_core::session::turn")
            && self.templates.iter().all(|template| template.parts.windows(2).any(is_named))
    }

    /// Bytes of its shortest and longest text, but for what is filled in.
    pub(crate) fn fixed_bytes(&self) -> (u64, u64) {
        let sizes = || self.templates.iter().map(|template| template.fixed as u64);
        (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0))
    }

    /// Appends the text of a row of about `bytes` bytes, what is filled with prose or digits
    /// stretched by a factor. Texts without prose keep their own size. Returns how many bytes would
    /// have been filled without stretching.
    pub(crate) fn render(
        &self,
        scene: &Scene<'_>,
        bytes: usize,
        stretch: f64,
        pools: &Pools,
        dice: &mut Dice,
        out: &mut Vec<u8>,
    ) -> usize {
        let template = dice.pick(&self.templates);
        let unstretched = if template.fills { bytes.saturating_sub(template.fixed) } else { 0 };
        let fill = (unstretched as f64 * stretch) as usize;
        for part in &template.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Part::Prose(share) => pools.prose(dice, fill * share / 100, out),
                Part::Hex(share) => pools.hex(dice, fill * share / 100, out),
                Part::Value(value) => value.write(scene, pools, dice, out),
            }
        }
        unstretched
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapesFile {
    models: Vec<[String; 2]>,
    scopes: BTreeMap<String, String>,
    shape: Vec<ShapeFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeFile {
    name: String,
    level: String,
    target: String,
    module: Option<String>,
    file: Option<String>,
    line: Option<i64>,
    scope: String,
    texts: Vec<String>,
    #[serde(default)]
    quotes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_every_shape_is_valid_whatever_is_filled_in() {
        let (pools, mut dice) = (Pools::of(1), Dice::new(1, "test", 0));
        for era in [Era::V0_141, Era::V0_169] {
            let scene = Scene {
                model: "m",
                answer: "a",
                thread: "t",
                tier: "\"service_tier\":\"priority\",",
                ..Scene::default()
            };
            let mut objects = 0;
            for shape in Shapes::of(era).unwrap().all.iter().filter(|shape| !shape.quotes) {
                for bytes in [0, 2_000, 40_000] {
                    let mut out = Vec::new();
                    shape.render(&scene, bytes, 1.0, &pools, &mut dice, &mut out);
                    let text = String::from_utf8(out).unwrap();
                    let object = ["websocket event: ", "websocket request: ", "tags_json="]
                        .iter()
                        .find_map(|marker| text.split_once(marker));
                    if let Some((_, json)) = object {
                        objects += 1;
                        assert!(
                            serde_json::from_str::<serde_json::Value>(json).is_ok(),
                            "{}: {json}",
                            shape.name
                        );
                    }
                }
            }
            assert!(objects > 0);
        }
    }

    #[test]
    fn rows_come_out_as_large_as_asked() {
        let (pools, mut dice, mut out) = (Pools::of(1), Dice::new(1, "test", 0), Vec::new());
        let shapes = Shapes::of(Era::V0_141).unwrap();
        let completion = &shapes.all[shapes.find("completion").unwrap()];
        completion.render(&Scene::default(), 34_000, 1.0, &pools, &mut dice, &mut out);
        assert!((33_000..35_000).contains(&out.len()), "{}", out.len());
    }
}
