//! The names of lines beside their ends: nobody has to match colours with a legend, and who cannot
//! tell the colours apart need not.

use super::axis::{Frame, at};
use crate::html::markup::Markup;

/// Between two names, in units of the picture: as high as letters are on a telephone.
const STEP: f64 = 22.0;

/// Where a line ends.
pub(super) struct End<'a> {
    pub(super) class: &'a str,
    pub(super) name: &'a str,
    pub(super) at: (f64, f64),
}

/// How high a picture with so many lines must be for all of their names.
pub(super) fn height(lines: usize) -> f64 {
    (lines as f64 * STEP + 60.0).max(360.0)
}

/// Writes the names in a column right of the frame, each as near to the end of its line as the
/// others let it, and joined to it.
pub(super) fn beside(out: &mut Markup, frame: Frame, ends: &[End<'_>]) {
    let heights: Vec<f64> = ends.iter().map(|end| end.at.1).collect();
    for (end, y) in ends.iter().zip(apart(&heights, frame.top, frame.bottom)) {
        let (left, right) = (frame.right + 8.0, frame.right + 22.0);
        let (x, own) = end.at;
        out.empty(
            "line",
            &[
                ("class", &format!("leader {}", end.class)),
                ("x1", &at(x)),
                ("y1", &at(own)),
                ("x2", &at(left)),
                ("y2", &at(y)),
            ],
        );
        out.empty(
            "line",
            &[
                ("class", &format!("line {}", end.class)),
                ("x1", &at(left)),
                ("y1", &at(y)),
                ("x2", &at(right)),
                ("y2", &at(y)),
            ],
        );
        out.leaf(
            "text",
            &[("class", &"label"), ("x", &at(right + 4.0)), ("y", &at(y + 4.5))],
            &super::fitting(end.name),
        );
    }
}

/// Heights in the order of the wanted ones, none nearer to another than a step, from `top` to
/// `bottom` where that is enough for all.
fn apart(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&one, &other| wanted[one].total_cmp(&wanted[other]));
    let mut placed = wanted.to_vec();
    // Downwards as far as neighbours ask, then upwards again from the lower edge.
    let mut free = top;
    for &at in &order {
        placed[at] = placed[at].max(free);
        free = placed[at] + STEP;
    }
    let mut free = bottom;
    for &at in order.iter().rev() {
        placed[at] = placed[at].min(free);
        free = placed[at] - STEP;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_apart_inside_and_in_the_order_of_their_lines() {
        let wanted = [300.0, 20.0, 21.0, 299.0, 150.0, 22.0];
        let placed = apart(&wanted, 12.0, 312.0);
        for (one, &y) in placed.iter().enumerate() {
            assert!((12.0..=312.0).contains(&y), "{placed:?}");
            for other in 0..one {
                assert!((y - placed[other]).abs() >= STEP - 1e-9, "{placed:?}");
                assert_eq!(y < placed[other], wanted[one] < wanted[other], "{placed:?}");
            }
        }
        assert_eq!(placed[4], 150.0, "nothing is near");
        let many: Vec<f64> = (0..16).map(|_| 100.0).collect();
        let placed = apart(&many, 12.0, height(16) - 48.0);
        assert!(placed.iter().all(|y| *y >= 12.0 - 1e-9), "{placed:?}");
    }
}
