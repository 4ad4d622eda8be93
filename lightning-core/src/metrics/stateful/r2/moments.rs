//! Mean and variance of the targets, and the squared errors.

/// Number of samples, and sums over them for each output.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    pub(super) samples: f64,
    /// The mean of the targets.
    pub(super) mean: Vec<f64>,
    /// The sum of the squared distances of the targets from their mean.
    pub(super) spread: Vec<f64>,
    /// The sum of the squared errors.
    pub(super) residual: Vec<f64>,
}

impl Moments {
    /// Adds other samples, by the pairwise update of T. F. Chan, G. H. Golub, R. J. LeVeque,
    /// "Algorithms for computing the sample variance", 1983: sums of squares would lose the
    /// variance of targets far from 0.
    pub(super) fn add(&mut self, other: &Self) {
        let outputs = other.mean.len();
        if self.samples == 0.0 {
            *self = other.clone();
            return;
        }
        let all = self.samples + other.samples;
        if all == 0.0 || self.mean.len() != outputs {
            return;
        }
        let theirs = other.mean.iter().zip(&other.spread).zip(&other.residual);
        let own = self.mean.iter_mut().zip(&mut self.spread).zip(&mut self.residual);
        for (((mean, spread), residual), ((other_mean, other_spread), other_residual)) in own.zip(theirs) {
            let distance = other_mean - *mean;
            *spread += other_spread + distance * distance * self.samples * other.samples / all;
            *mean += distance * other.samples / all;
            *residual += other_residual;
        }
        self.samples = all;
    }

    /// Adds one row from the device: the number of samples, then for all outputs the first target,
    /// the mean distance from it, spreads and residuals.
    pub(super) fn add_row(&mut self, row: &[f64]) {
        let Some((samples, rest)) = row.split_first() else { return };
        let outputs = rest.len() / 4;
        let part = |index: usize| rest.iter().skip(index * outputs).take(outputs).copied();
        let mean = part(0).zip(part(1)).map(|(first, shift)| first + shift).collect();
        self.add(&Self { samples: *samples, mean, spread: part(2).collect(), residual: part(3).collect() });
    }
}
