//! Where the time goes: a bar for each arm and state of the page cache, in parts, hot and cold of
//! one arm on one scale.

use super::axis::at;
use super::{Caption, WIDTH, figure};
use crate::html::markup::Markup;

const ROW: f64 = 30.0;
const LEFT: f64 = 172.0;
const RIGHT: f64 = WIDTH - 96.0;

/// The bar of an arm.
pub(in crate::html) struct Bar {
    pub(in crate::html) name: String,
    /// Bars of one group have one scale.
    pub(in crate::html) group: String,
    /// What it all takes, in words.
    pub(in crate::html) total: String,
    /// Parts by name, in nanoseconds.
    pub(in crate::html) parts: Vec<(String, f64)>,
}

impl Bar {
    fn sum(&self) -> f64 {
        self.parts.iter().map(|part| part.1).sum()
    }
}

/// The figure; nothing where there is no bar.
pub(in crate::html) fn bars(out: &mut Markup, caption: &Caption<'_>, bars: &[Bar]) {
    let bars: Vec<&Bar> = bars.iter().filter(|bar| bar.sum() > 0.0).collect();
    if bars.is_empty() {
        return;
    }
    // The bar with the most parts knows their order best.
    let mut fullest = bars.clone();
    fullest.sort_by_key(|bar| std::cmp::Reverse(bar.parts.len()));
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in fullest.iter().flat_map(|bar| &bar.parts) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let class = |name: &str| {
        format!("p{}", names.iter().position(|known| *known == name).unwrap_or(0) % super::COLOURS)
    };
    let legend: Vec<(String, String)> =
        names.iter().map(|name| (class(name), (*name).to_owned())).collect();
    figure(out, caption, ROW * bars.len() as f64 + 16.0, &legend, |out| {
        for (row, bar) in bars.iter().enumerate() {
            let longest = bars
                .iter()
                .filter(|other| other.group == bar.group)
                .map(|bar| bar.sum())
                .fold(0.0, f64::max);
            let y = 8.0 + ROW * row as f64;
            let text = y + ROW / 2.0 + 4.5;
            out.leaf(
                "text",
                &[
                    ("class", &"label"),
                    ("x", &at(LEFT - 10.0)),
                    ("y", &at(text)),
                    ("text-anchor", &"end"),
                ],
                &super::fitting(&bar.name),
            );
            let mut x = LEFT;
            for (name, time) in bar.parts.iter().filter(|part| part.1 > 0.0) {
                let width = time / longest * (RIGHT - LEFT);
                let attributes: [(&str, &dyn std::fmt::Display); 5] = [
                    ("class", &format!("part {}", class(name))),
                    ("x", &at(x)),
                    ("y", &at(y + 4.0)),
                    ("width", &format!("{width:.2}")),
                    ("height", &at(ROW - 8.0)),
                ];
                let told = format!("{name}: {:.1} %", time / bar.sum() * 100.0);
                out.element("rect", &attributes, |out| out.leaf("title", &[], &told));
                x += width;
            }
            out.leaf(
                "text",
                &[("class", &"label"), ("x", &at(x + 8.0)), ("y", &at(text))],
                &bar.total,
            );
        }
    });
}
