//! The result of a range test of learning rates.

use std::{fmt, path::Path};

use super::{lr::LrRange, plot};
use crate::{error::Result, os::files::write_atomic, report::RateTest, text::significant};

/// The result of [`Trainer::find_lr`](crate::Trainer::find_lr): the loss at each learning rate.
#[derive(Clone, Debug, PartialEq)]
pub struct LrFinder {
    pub(super) range: LrRange,
    pub(super) curve: Vec<(f64, f64)>,
    pub(super) batches: u64,
    pub(super) stopped_early: bool,
}

impl LrFinder {
    /// Returns the learning rates and the losses, in the order of the steps. A loss is the mean of all
    /// so far, with weights that fall by 0.98 with each step.
    pub fn curve(&self) -> &[(f64, f64)] {
        &self.curve
    }

    /// Returns the number of training batches of the test.
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// Returns whether the loss diverged, which ended the test.
    pub fn stopped_early(&self) -> bool {
        self.stopped_early
    }

    /// Returns the rate at which the loss falls most steeply, without the first 10 steps and the last;
    /// `None` if fewer than two finite losses are left.
    pub fn suggestion(&self) -> Option<f64> {
        self.suggestion_without(10, 1)
    }

    /// As [`suggestion`](Self::suggestion), without the first `begin` and the last `end` steps.
    ///
    /// The slope is that over the scale of the range: over the logarithm of the rate for
    /// [`LrRange::exponential`], over the rate for [`LrRange::linear`]. It is computed by finite
    /// differences of second order, as in `numpy.gradient`. PyTorch Lightning takes the slope over the
    /// rate in both cases, which favours the smallest rates of an exponential range.
    pub fn suggestion_without(&self, begin: usize, end: usize) -> Option<f64> {
        let last = self.curve.len().saturating_sub(end);
        let kept: Vec<(f64, f64)> =
            self.curve.get(begin..last)?.iter().copied().filter(|(_, loss)| loss.is_finite()).collect();
        if kept.len() < 2 {
            return None;
        }
        let scale = |rate: f64| if self.range.is_linear { rate } else { rate.ln() };
        let slopes = slopes(&kept.iter().map(|(rate, loss)| (scale(*rate), *loss)).collect::<Vec<_>>());
        let mut best: Option<(f64, f64)> = None;
        for ((rate, _), slope) in kept.iter().zip(slopes) {
            if best.is_none_or(|(_, lowest)| slope < lowest) {
                best = Some((*rate, slope));
            }
        }
        best.map(|(rate, _)| rate)
    }

    pub(super) fn for_report(&self) -> RateTest {
        RateTest { curve: self.curve.clone(), suggestion: self.suggestion(), is_log: !self.range.is_linear }
    }

    /// Returns a drawing of the curve as SVG, with the suggestion.
    pub fn plot(&self) -> String {
        plot::svg(&self.curve, self.suggestion(), !self.range.is_linear)
    }

    /// Writes the drawing to a file.
    ///
    /// # Errors
    /// If the file cannot be written, with its path.
    pub fn save_plot(&self, path: impl AsRef<Path>) -> Result<()> {
        let drawing = self.plot();
        write_atomic(path, |writer| std::io::Write::write_all(writer, drawing.as_bytes()))
    }
}

/// The slope at each point. Between two others it is that of the parabola through the three.
fn slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let count = points.len();
    let at = |index: usize| points.get(index).copied().unwrap_or((f64::NAN, f64::NAN));
    let secant = |a: (f64, f64), b: (f64, f64)| (b.1 - a.1) / (b.0 - a.0);
    (0..count)
        .map(|index| match index {
            0 => secant(at(0), at(1)),
            last if last + 1 == count => secant(at(last - 1), at(last)),
            middle => {
                let (before, here, after) = (at(middle - 1), at(middle), at(middle + 1));
                let (left, right) = (here.0 - before.0, after.0 - here.0);
                (left * left * after.1 + (right * right - left * left) * here.1 - right * right * before.1)
                    / (left * right * (left + right))
            }
        })
        .collect()
}

impl fmt::Display for LrFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.stopped_early { ", ended early: the loss diverged" } else { "" };
        writeln!(f, "learning rates tried: {}{end}", self.curve.len())?;
        match self.suggestion() {
            Some(lr) => write!(f, "suggested learning rate: {}", significant(lr, 4)),
            None => write!(f, "no suggestion: too few losses; try more steps, or more data"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finder(curve: &[(f64, f64)]) -> LrFinder {
        LrFinder { range: LrRange::linear(1.0, 6.0), curve: curve.to_vec(), batches: 0, stopped_early: false }
    }

    #[test]
    fn the_slope_is_over_the_scale_of_the_range() {
        let curve = [(1e-3, 1.0), (1e-2, 0.9), (1e-1, 0.2)];
        assert_eq!(finder(&curve).suggestion_without(0, 0), Some(1e-3));
        let exponential = LrFinder { range: LrRange::exponential(1e-3, 1e-1), ..finder(&curve) };
        assert_eq!(exponential.suggestion_without(0, 0), Some(1e-1));
    }

    /// The numbers are those of `numpy.gradient(losses, rates)`.
    #[test]
    fn slopes_of_numpy() {
        let points = [(1.0, 2.0), (2.0, 1.0), (4.0, 3.0), (8.0, 3.5)];
        let wanted = [-1.0, -0.333_333_333_333_333_3, 0.708_333_333_333_333_4, 0.125];
        for (slope, wanted) in slopes(&points).into_iter().zip(wanted) {
            assert!((slope - wanted).abs() < 1e-12, "{slope} {wanted}");
        }
    }

    #[test]
    fn the_steepest_descent_without_the_ends() {
        let curve = [(1.0, 9.0), (2.0, 1.0), (3.0, 0.9), (4.0, 0.5), (5.0, 0.45), (6.0, -9.0)];
        assert_eq!(finder(&curve).suggestion_without(1, 1), Some(3.0));
        assert_eq!(finder(&curve).suggestion_without(0, 0), Some(6.0));
        assert_eq!(finder(&curve).suggestion(), None);
        let broken = [(1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0)];
        assert_eq!(finder(&broken).suggestion_without(0, 0), Some(1.0));
        assert_eq!(finder(&broken).suggestion_without(0, 2), None);
    }

    #[test]
    fn rates_of_a_range() {
        let range = LrRange::exponential(1e-4, 1.0).steps(4);
        let rates: Vec<f64> = (0..4).map(|step| range.rate(step)).collect();
        for (rate, wanted) in rates.into_iter().zip([1e-4, 1e-2, 1e-1, 1.0]) {
            assert!((rate - wanted).abs() < 1e-12 * wanted, "{rate} {wanted}");
        }
        let linear = LrRange::linear(1.0, 5.0).steps(4);
        assert_eq!([0, 1, 2, 3].map(|step| linear.rate(step)), [1.0, 3.0, 4.0, 5.0]);
    }
}
