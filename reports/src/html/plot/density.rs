//! The distribution of many times of each arm, as a histogram over a logarithmic axis.

use super::axis::{Frame, Scale, at, below};
use super::{Caption, WIDTH, figure, time_mark};
use crate::html::markup::Markup;
use crate::record::Histogram;

const ROW: f64 = 46.0;
/// Bins of the whole axis.
const BINS: usize = 110;

/// The times of an arm.
pub(in crate::html) struct Density {
    pub(in crate::html) name: String,
    pub(in crate::html) class: String,
    pub(in crate::html) times: Histogram,
}

/// The figure; nothing where no arm has a time.
pub(in crate::html) fn density(out: &mut Markup, caption: &Caption<'_>, arms: &[Density]) {
    let arms: Vec<&Density> = arms.iter().filter(|arm| !arm.times.is_empty()).collect();
    if arms.is_empty() {
        return;
    }
    let nanos = |arm: &Density, q| arm.times.quantile(q).as_nanos() as f64;
    let scale = Scale::log(arms.iter().flat_map(|arm| [nanos(arm, 0.0), nanos(arm, 1.0)]));
    let height = ROW * arms.len() as f64 + 62.0;
    let frame = Frame { left: 172.0, right: WIDTH - 26.0, top: 10.0, bottom: height - 48.0 };
    figure(out, caption, height, &[], |out| {
        let marks: Vec<(f64, String)> =
            scale.ticks().into_iter().map(|tick| (scale.part(tick), time_mark(tick))).collect();
        below(out, frame, &marks, "time");
        for (at_row, arm) in arms.iter().enumerate() {
            let base = frame.top + ROW * (at_row as f64 + 1.0);
            out.leaf(
                "text",
                &[
                    ("class", &"label"),
                    ("x", &at(frame.left - 10.0)),
                    ("y", &at(base - 8.0)),
                    ("text-anchor", &"end"),
                ],
                &super::fitting(&arm.name),
            );
            out.element("g", &[("class", &arm.class)], |out| row(out, frame, scale, base, arm));
        }
    });
}

fn row(out: &mut Markup, frame: Frame, scale: Scale, base: f64, arm: &Density) {
    let mut bins = [0_u64; BINS];
    for step in arm.times.counts().iter_recorded() {
        let part = scale.part(step.value_iterated_to() as f64);
        bins[((part * BINS as f64) as usize).min(BINS - 1)] += step.count_at_value();
    }
    let most = bins.iter().copied().max().unwrap_or(0).max(1) as f64;
    let mut points = vec![format!("{},{}", at(frame.left), at(base))];
    for (bin, count) in bins.iter().enumerate() {
        // The root, so that a tail of a thousandth can be seen.
        let y = base - (ROW - 10.0) * (*count as f64 / most).sqrt();
        let x = |bin: usize| at(frame.x(bin as f64 / BINS as f64));
        points.push(format!("{},{}", x(bin), at(y)));
        points.push(format!("{},{}", x(bin + 1), at(y)));
    }
    points.push(format!("{},{}", at(frame.right), at(base)));
    out.empty("polygon", &[("class", &"area"), ("points", &points.join(" "))]);
    for (q, name) in [(0.5, "p50"), (0.99, "p99")] {
        let time = arm.times.quantile(q);
        let x = frame.x(scale.part(time.as_nanos() as f64));
        out.element(
            "line",
            &[
                ("class", &"median"),
                ("x1", &at(x)),
                ("x2", &at(x)),
                ("y1", &at(base - ROW + 10.0)),
                ("y2", &at(base)),
            ],
            |out| out.leaf("title", &[], &format!("{name} {}", crate::units::duration(time))),
        );
    }
}
