//! Pictures of a run as SVG within the page: their colours are the page's, so that they are dark
//! where it is.

mod axis;
mod bars;
mod changes;
mod curve;
mod density;
mod growth;
mod names;
mod order;
mod series;
mod strip;

pub(super) use bars::{Bar, bars};
pub(super) use changes::{Change, changes};
pub(super) use curve::{Curve, curve};
pub(super) use density::{Density, density};
pub(super) use growth::growth;
pub(super) use order::{Dot, order};
pub(super) use series::{Chart, Mark, Place, series};
pub(super) use strip::{Strip, strip};

use std::time::Duration;

use super::markup::Markup;
use crate::record::{ArmKey, Cache};
use crate::units;

/// Width of every picture, in its own units: small enough to be read on a telephone.
const WIDTH: f64 = 600.0;

/// Room for the names of lines, right of them.
const NAMES: f64 = 192.0;

/// Colours there are; more arms begin again.
const COLOURS: usize = 8;

/// How a picture is introduced.
pub(super) struct Caption<'a> {
    /// Unique within the page.
    pub(super) id: String,
    /// What it shows.
    pub(super) title: &'a str,
    /// How to read it.
    pub(super) how: &'a str,
}

/// Colour and line of each arm: one colour a name, dashed with a cold page cache.
pub(super) struct Palette(Vec<String>);

impl Palette {
    /// That of arms with these names, in this order.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Palette {
        let mut own: Vec<String> = Vec::new();
        for name in names {
            if !own.iter().any(|known| known == name) {
                own.push(name.to_owned());
            }
        }
        Palette(own)
    }

    /// The classes of an arm.
    pub(super) fn class(&self, arm: &ArmKey) -> String {
        let at = self.0.iter().position(|name| *name == arm.name).unwrap_or(0) % COLOURS;
        if arm.cache == Cache::Cold { format!("c{at} cold") } else { format!("c{at}") }
    }
}

/// What an arm is called where there is little room: `warm, hot`.
pub(super) fn short(arm: &ArmKey) -> String {
    if arm.cache == Cache::Any { arm.name.clone() } else { format!("{}, {}", arm.name, arm.cache) }
}

/// A name as it fits beside a plot: the middle of a long one is left out.
fn fitting(name: &str) -> String {
    crate::foreign::shortened(name, 16)
}

/// A figure of the page: the picture `draw` draws, `height` high, and below it what `legend` names.
fn figure(
    out: &mut Markup,
    caption: &Caption<'_>,
    height: f64,
    legend: &[(String, String)],
    draw: impl FnOnce(&mut Markup),
) {
    let (title, how) = (format!("{}-title", caption.id), format!("{}-how", caption.id));
    out.element("figure", &[("id", &caption.id)], |out| {
        out.element("figcaption", &[], |out| {
            out.leaf("strong", &[], caption.title);
            out.text(" ");
            out.text(caption.how);
        });
        let labelled = format!("{title} {how}");
        let area = format!("0 0 {WIDTH} {height}");
        let attributes: [(&str, &dyn std::fmt::Display); 4] = [
            ("xmlns", &"http://www.w3.org/2000/svg"),
            ("viewBox", &area),
            ("role", &"img"),
            ("aria-labelledby", &labelled),
        ];
        out.element("svg", &attributes, |out| {
            out.leaf("title", &[("id", &title)], caption.title);
            out.leaf("desc", &[("id", &how)], caption.how);
            draw(out);
        });
        if !legend.is_empty() {
            out.element("ul", &[("class", &"legend")], |out| {
                for (class, name) in legend {
                    out.element("li", &[], |out| {
                        out.leaf("span", &[("class", &format!("swatch {class}"))], "");
                        out.text(name);
                    });
                }
            });
        }
    });
}

/// A time in nanoseconds as a mark of an axis: `1 ms`, `500 us`.
fn time_mark(nanos: f64) -> String {
    let text = units::duration(Duration::from_nanos(nanos.round() as u64));
    let Some((figures, unit)) = text.split_once(' ') else { return text };
    // Marks are round: no decimals that say nothing.
    let short = if figures.contains('.') {
        figures.trim_end_matches('0').trim_end_matches('.')
    } else {
        figures
    };
    format!("{short} {unit}")
}
