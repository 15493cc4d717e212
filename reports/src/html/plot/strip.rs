//! The distribution of each arm: every sample a dot beside the arm's median, the middle half a box.

use super::axis::{Frame, Scale, at, below};
use super::{Caption, WIDTH, figure};
use crate::html::markup::Markup;
use crate::stats;
use crate::words;

const ROW: f64 = 30.0;
/// How far from the median is shown: beyond it a dot is at the edge, as a triangle.
const SHOWN: (f64, f64) = (-20.0, 40.0);

/// The samples of an arm.
pub(in crate::html) struct Strip {
    pub(in crate::html) name: String,
    pub(in crate::html) class: String,
    /// Times in nanoseconds, in the order taken.
    pub(in crate::html) times: Vec<f64>,
}

/// The figure; nothing where no arm has a time.
pub(in crate::html) fn strip(out: &mut Markup, caption: &Caption<'_>, strips: &[Strip]) {
    let strips: Vec<&Strip> = strips.iter().filter(|strip| !strip.times.is_empty()).collect();
    if strips.is_empty() {
        return;
    }
    let height = ROW * strips.len() as f64 + 62.0;
    let frame = Frame { left: 172.0, right: WIDTH - 34.0, top: 10.0, bottom: height - 48.0 };
    let scale = Scale::Linear { low: SHOWN.0, high: SHOWN.1 };
    figure(out, caption, height, &[], |out| {
        let marks: Vec<(f64, String)> = scale
            .ticks()
            .into_iter()
            .map(|tick| {
                // On a telephone there is room for every second label.
                let label = match tick {
                    0.0 => "0 %".to_owned(),
                    tick if tick % 20.0 == 0.0 => format!("{tick:+.0} %"),
                    _ => String::new(),
                };
                (scale.part(tick), label)
            })
            .collect();
        below(out, frame, &marks, "relative to the arm's median");
        for (at_row, strip) in strips.iter().enumerate() {
            let y = frame.top + ROW * (at_row as f64 + 0.5);
            out.leaf(
                "text",
                &[
                    ("class", &"label"),
                    ("x", &at(frame.left - 12.0)),
                    ("y", &at(y + 4.5)),
                    ("text-anchor", &"end"),
                ],
                &super::fitting(&strip.name),
            );
            out.element("g", &[("class", &strip.class)], |out| row(out, frame, scale, y, strip));
        }
    });
}

fn row(out: &mut Markup, frame: Frame, scale: Scale, y: f64, strip: &Strip) {
    let Some(median) = stats::median(&strip.times) else { return };
    let beside = |time: f64| (time / median - 1.0) * 100.0;
    let x = |time: f64| frame.x(scale.part(beside(time)));
    let quartile = |q| stats::quantile(&strip.times, q).unwrap_or(median);
    let (low, high) = (x(quartile(0.25)), x(quartile(0.75)));
    out.empty(
        "rect",
        &[
            ("class", &"box"),
            ("x", &at(low)),
            ("y", &at(y - 9.0)),
            ("width", &at((high - low).max(1.0))),
            ("height", &at(18.0)),
        ],
    );
    out.empty(
        "line",
        &[
            ("class", &"median"),
            ("x1", &at(x(median))),
            ("x2", &at(x(median))),
            ("y1", &at(y - 9.0)),
            ("y2", &at(y + 9.0)),
        ],
    );
    for (at_sample, &time) in strip.times.iter().enumerate() {
        let part = beside(time);
        // Neighbours are set apart by their place in the run, which is as good as chance and
        // repeats.
        let apart = (at_sample * 5 % 9) as f64 - 4.0;
        let told = words::change(time / median);
        if part > SHOWN.1 || part < SHOWN.0 {
            let tip = x(time) + if part > 0.0 { 7.0 } else { -7.0 };
            let points = format!(
                "{},{} {},{} {},{}",
                at(tip),
                at(y),
                at(x(time)),
                at(y - 5.0),
                at(x(time)),
                at(y + 5.0)
            );
            out.element("polygon", &[("class", &"dot"), ("points", &points)], |out| {
                out.leaf("title", &[], &told);
            });
        } else {
            out.element(
                "circle",
                &[("class", &"dot"), ("cx", &at(x(time))), ("cy", &at(y + apart)), ("r", &"3")],
                |out| out.leaf("title", &[], &told),
            );
        }
    }
}
