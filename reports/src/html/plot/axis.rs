//! Where a value is in a plot, and the marks at its edges.

use crate::html::markup::Markup;

/// The area of a plot within its picture, in units of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    pub(super) fn x(&self, part: f64) -> f64 {
        self.left + part * (self.right - self.left)
    }

    pub(super) fn y(&self, part: f64) -> f64 {
        self.bottom - part * (self.bottom - self.top)
    }
}

/// How values are laid out between two ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scale {
    Linear { low: f64, high: f64 },
    Log { low: f64, high: f64 },
}

impl Scale {
    /// A logarithmic scale that holds every one of the values, which must be above 0, with some
    /// room. Without values any will do.
    pub(super) fn log(values: impl Iterator<Item = f64>) -> Scale {
        let (low, high) = ends(values.filter(|value| *value > 0.0)).unwrap_or((1.0, 10.0));
        Scale::Log { low: low / 1.15, high: (high * 1.15).max(low * 2.0) }
    }

    /// The part of the way from the lower end to the upper one, never outside of them.
    pub(super) fn part(&self, value: f64) -> f64 {
        let part = match *self {
            Scale::Linear { low, high } => (value - low) / (high - low),
            Scale::Log { low, high } => (value.max(low) / low).ln() / (high / low).ln(),
        };
        part.clamp(0.0, 1.0)
    }

    /// Round values to mark.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match *self {
            Scale::Linear { low, high } => {
                let step = round_step((high - low) / 5.0);
                let first = (low / step).ceil() as i64;
                let last = (high / step).floor() as i64;
                (first..=last).map(|at| at as f64 * step).collect()
            }
            Scale::Log { low, high } => {
                let decades = (high / low).log10();
                let within: &[f64] = if decades <= 2.2 {
                    &[1.0, 2.0, 5.0]
                } else if decades <= 3.5 {
                    &[1.0, 3.0]
                } else {
                    &[1.0]
                };
                let exponents = low.log10().floor() as i32..=high.log10().ceil() as i32;
                exponents
                    .flat_map(|exponent| {
                        within.iter().map(move |digit| digit * 10f64.powi(exponent))
                    })
                    .filter(|tick| (low..=high).contains(tick))
                    .collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, about as large as `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.max(1e-9).log10().floor());
    let digit = step / power;
    let round = if digit < 1.5 {
        1.0
    } else if digit < 3.5 {
        2.0
    } else if digit < 7.5 {
        5.0
    } else {
        10.0
    };
    round * power
}

/// The lowest and the highest value; `None` without values.
pub(super) fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| {
        Some(
            ends.map_or((value, value), |(low, high): (f64, f64)| {
                (low.min(value), high.max(value))
            }),
        )
    })
}

/// A number as coordinates are written.
pub(super) fn at(value: f64) -> String {
    format!("{value:.1}")
}

/// Width of a character on a telephone, where letters are largest, in units of the picture.
const LETTER: f64 = 10.5;

/// Marks below the plot, each with a line through it, and what they are. A mark that would be on
/// the one before is a line only.
pub(super) fn below(out: &mut Markup, frame: Frame, marks: &[(f64, String)], title: &str) {
    let mut free = f64::NEG_INFINITY;
    for (part, text) in marks {
        let x = frame.x(*part);
        out.empty(
            "line",
            &[
                ("class", &"grid"),
                ("x1", &at(x)),
                ("x2", &at(x)),
                ("y1", &at(frame.top)),
                ("y2", &at(frame.bottom)),
            ],
        );
        let half = text.chars().count() as f64 * LETTER / 2.0;
        if text.is_empty() || x - half < free {
            continue;
        }
        free = x + half + LETTER;
        out.leaf(
            "text",
            &[
                ("class", &"tick"),
                ("x", &at(x)),
                ("y", &at(frame.bottom + 19.0)),
                ("text-anchor", &"middle"),
            ],
            text,
        );
    }
    let middle = (frame.left + frame.right) / 2.0;
    out.leaf(
        "text",
        &[
            ("class", &"axis"),
            ("x", &at(middle)),
            ("y", &at(frame.bottom + 40.0)),
            ("text-anchor", &"middle"),
        ],
        title,
    );
}

/// Marks left of the plot, each with a line through it.
pub(super) fn beside(out: &mut Markup, frame: Frame, marks: &[(f64, String)]) {
    for (part, text) in marks {
        let y = frame.y(*part);
        out.empty(
            "line",
            &[
                ("class", &"grid"),
                ("x1", &at(frame.left)),
                ("x2", &at(frame.right)),
                ("y1", &at(y)),
                ("y2", &at(y)),
            ],
        );
        out.leaf(
            "text",
            &[
                ("class", &"tick"),
                ("x", &at(frame.left - 7.0)),
                ("y", &at(y + 4.5)),
                ("text-anchor", &"end"),
            ],
            text,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_order_and_inside() {
        for scale in [Scale::Linear { low: -20.0, high: 40.0 }, Scale::log([1e3, 2e9].into_iter())]
        {
            let parts: Vec<f64> =
                [-1e12, 0.0, 1e3, 1e6, 1e12].map(|value| scale.part(value)).to_vec();
            assert!(
                parts.is_sorted() && parts.iter().all(|part| (0.0..=1.0).contains(part)),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(
            Scale::Linear { low: -21.0, high: 41.0 }.ticks(),
            [-20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0]
        );
        assert_eq!(Scale::Log { low: 0.9, high: 30.0 }.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(Scale::Log { low: 9e2, high: 9e6 }.ticks(), [1e3, 1e4, 1e5, 1e6]);
        for scale in [Scale::log(std::iter::empty()), Scale::log([5.0].into_iter())] {
            assert!((1..8).contains(&scale.ticks().len()), "{scale:?}");
        }
    }
}
