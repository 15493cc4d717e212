//! The samples in the order taken, each beside its arm's median: a machine that drifts shows as a
//! slope or a step.

use super::axis::{Frame, Scale, at, below, beside};
use super::{Caption, WIDTH, figure};
use crate::html::markup::Markup;
use crate::stats;

const HEIGHT: f64 = 300.0;
/// How far from the median is shown: beyond it a dot is at the edge, as a triangle.
const SHOWN: (f64, f64) = (-20.0, 40.0);

/// A sample.
pub(in crate::html) struct Dot {
    pub(in crate::html) class: String,
    /// Position in the run, from 0.
    pub(in crate::html) order: u64,
    /// Its time as a multiple of its arm's median.
    pub(in crate::html) ratio: f64,
    /// Whether it counts.
    pub(in crate::html) valid: bool,
    pub(in crate::html) told: String,
}

/// The figure; nothing where there is no sample.
pub(in crate::html) fn order(
    out: &mut Markup,
    caption: &Caption<'_>,
    legend: &[(String, String)],
    dots: &[Dot],
) {
    let Some(last) = dots.iter().map(|dot| dot.order).max() else { return };
    // Colours that represent two arms represent none; which arm a dot is of is reported where it is
    // pointed at.
    let is_told = legend.len() <= super::COLOURS;
    let legend = if is_told { legend } else { &[] };
    let frame = Frame { left: 80.0, right: WIDTH - 12.0, top: 18.0, bottom: HEIGHT - 48.0 };
    let orders = Scale::Linear { low: 0.0, high: (last as f64).max(1.0) };
    let parts = Scale::Linear { low: SHOWN.0, high: SHOWN.1 };
    figure(out, caption, HEIGHT, legend, |out| {
        let marks: Vec<(f64, String)> = orders
            .ticks()
            .into_iter()
            .map(|tick| (orders.part(tick), format!("{tick:.0}")))
            .collect();
        below(out, frame, &marks, "sample, in the order taken");
        let told =
            |tick: f64| if tick == 0.0 { "median".to_owned() } else { format!("{tick:+.0} %") };
        let marks: Vec<(f64, String)> =
            parts.ticks().into_iter().map(|tick| (parts.part(tick), told(tick))).collect();
        beside(out, frame, &marks);
        for dot in dots {
            mark(out, frame.x(orders.part(dot.order as f64)), frame, parts, dot, is_told);
        }
        let points: Vec<String> = trend(dots)
            .into_iter()
            .map(|(order, ratio)| {
                format!(
                    "{},{}",
                    at(frame.x(orders.part(order))),
                    at(frame.y(parts.part((ratio - 1.0) * 100.0)))
                )
            })
            .collect();
        if points.len() > 1 {
            out.empty("polyline", &[("class", &"trend"), ("points", &points.join(" "))]);
        }
    });
}

fn mark(out: &mut Markup, x: f64, frame: Frame, parts: Scale, dot: &Dot, is_told: bool) {
    let part = (dot.ratio - 1.0) * 100.0;
    let y = frame.y(parts.part(part));
    let class = format!(
        "{} {}",
        if dot.valid { "dot" } else { "void" },
        if is_told { &dot.class } else { "c7" }
    );
    if part > SHOWN.1 || part < SHOWN.0 {
        let tip = y + if part > 0.0 { -7.0 } else { 7.0 };
        let points =
            format!("{},{} {},{} {},{}", at(x), at(tip), at(x - 4.0), at(y), at(x + 4.0), at(y));
        out.element("polygon", &[("class", &class), ("points", &points)], |out| {
            out.leaf("title", &[], &dot.told);
        });
    } else {
        out.element(
            "circle",
            &[("class", &class), ("cx", &at(x)), ("cy", &at(y)), ("r", &"3")],
            |out| {
                out.leaf("title", &[], &dot.told);
            },
        );
    }
}

/// The median of the valid samples around each place: about a tenth of the run, and no less than
/// nine.
fn trend(dots: &[Dot]) -> Vec<(f64, f64)> {
    let mut valid: Vec<(f64, f64)> =
        dots.iter().filter(|dot| dot.valid).map(|dot| (dot.order as f64, dot.ratio)).collect();
    valid.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let width = (valid.len() / 10).max(9);
    valid
        .windows(width)
        .filter_map(|window| {
            let ratios: Vec<f64> = window.iter().map(|(_, ratio)| *ratio).collect();
            Some((window[width / 2].0, stats::median(&ratios)?))
        })
        .collect()
}
