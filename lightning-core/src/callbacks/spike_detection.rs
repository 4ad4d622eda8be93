//! Ends a run whose loss jumps.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Callback, CallbackContext};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::Direction,
    os::files::write_atomic,
    params::{StateReader, StateWriter},
};

/// Ends a run with an error when the training loss jumps, and notes which batches to leave out next time.
///
/// A loss is a spike when it is worse than the loss before it and differs from the mean of the last `window` losses by at least `atol`
/// and by at least `rtol` times that mean; either can be switched off. A loss that is not finite is a spike too.
/// The numbers of the batch and of the one before it, whose update may have been the cause, are added to the list in `skip_batches.json`.
/// They count training batches from 0 over the whole run.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::SpikeDetection, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
///
/// let spikes = SpikeDetection::new().warmup(100).rtol(3.0).exclude_batches_path("runs/skip_batches.json");
/// let trainer = Net::trainer().callback(spikes);
/// # let _ = trainer;
/// ```
///
/// It reads the loss of every batch: on a device other than the host each batch is then waited for.
#[derive(Clone, Debug)]
pub struct SpikeDetection {
    direction: Direction,
    window: usize,
    warmup: u64,
    atol: Option<f64>,
    rtol: Option<f64>,
    path: PathBuf,
    finite_only: bool,
    last: f64,
    recent: VecDeque<f64>,
    bad_batches: Vec<u64>,
}

const FILE: &str = "skip_batches.json";

impl Default for SpikeDetection {
    fn default() -> Self {
        Self {
            direction: Direction::Minimize,
            window: 10,
            warmup: 1,
            atol: None,
            rtol: Some(2.0),
            path: PathBuf::from(FILE),
            finite_only: true,
            last: 0.0,
            recent: VecDeque::new(),
            bad_batches: Vec::new(),
        }
    }
}

impl SpikeDetection {
    /// A jump away from the mean of 10 losses by twice that mean, from the second batch on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which way the loss gets better; smaller unless told.
    #[must_use]
    pub fn mode(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Over how many losses the mean is taken.
    #[must_use]
    pub fn window(mut self, batches: usize) -> Self {
        self.window = batches;
        self
    }

    /// The first batches, in which a loss may jump.
    #[must_use]
    pub fn warmup(mut self, batches: u64) -> Self {
        self.warmup = batches;
        self
    }

    /// The smallest difference from the mean that is a spike; none unless set.
    #[must_use]
    pub fn atol(mut self, tolerance: impl Into<Option<f64>>) -> Self {
        self.atol = tolerance.into();
        self
    }

    /// The same as a share of the mean; `None` switches it off.
    #[must_use]
    pub fn rtol(mut self, tolerance: impl Into<Option<f64>>) -> Self {
        self.rtol = tolerance.into();
        self
    }

    /// The file with the batches to leave out, or the folder for `skip_batches.json`; the current folder unless set.
    #[must_use]
    pub fn exclude_batches_path(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let is_file = path.extension().is_some_and(|extension| extension == "json");
        self.path = if is_file { path } else { path.join(FILE) };
        self
    }

    /// Whether a loss that is not finite is a spike (the default); otherwise it is left out of the mean.
    #[must_use]
    pub fn finite_only(mut self, only: bool) -> Self {
        self.finite_only = only;
        self
    }

    fn mean(&self) -> f64 {
        self.recent.iter().sum::<f64>() / self.recent.len() as f64
    }

    fn is_spike(&self, loss: f64) -> bool {
        if !loss.is_finite() && self.finite_only {
            return true;
        }
        let improves = match self.direction {
            Direction::Minimize => loss <= self.last,
            Direction::Maximize => loss >= self.last,
        };
        let difference = (loss - self.mean()).abs();
        let beyond = |tolerance: Option<f64>| tolerance.is_none_or(|tolerance| difference >= tolerance.abs());
        !improves && beyond(self.atol) && beyond(self.rtol.map(|share| share * self.mean()))
    }

    /// Whether the loss of a batch, counted from 0, is a spike; one that is not joins the mean.
    fn look(&mut self, batch: u64, loss: f64) -> bool {
        if batch >= self.warmup && self.is_spike(loss) {
            return true;
        }
        if loss.is_finite() {
            if self.recent.len() == self.window {
                self.recent.pop_front();
            }
            self.recent.push_back(loss);
            self.last = loss;
        }
        false
    }

    fn exclude(&mut self, batch: u64) -> Result<()> {
        self.bad_batches.extend([batch.saturating_sub(1), batch]);
        self.bad_batches.dedup();
        if let Some(folder) = self.path.parent().filter(|folder| *folder != Path::new("")) {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        }
        write_atomic(&self.path, |file| serde_json::to_writer_pretty(file, &self.bad_batches).map_err(io::Error::from))
    }
}

impl<M> Callback<M> for SpikeDetection {
    fn setup(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let wrong = |what: &str, help: &str| Err(Error::config(format!("`SpikeDetection`: {what}")).help(help));
        if self.window == 0 {
            return wrong("`window` is 0", "give at least one batch");
        }
        match (self.atol, self.rtol) {
            (None, None) => {
                wrong("`atol` and `rtol` are both off", "set one: every loss that is not better would be a spike")
            }
            (atol, rtol)
                if [atol, rtol].into_iter().flatten().any(|tolerance| tolerance.is_nan() || tolerance < 0.0) =>
            {
                wrong("a tolerance is negative or no number", "give tolerances of at least 0")
            }
            _ => Ok(()),
        }
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let Some(loss) = cx.loss()? else { return Ok(()) };
        // This batch is counted already.
        let batch = cx.batch_step().saturating_sub(1);
        if !self.look(batch, loss) {
            return Ok(());
        }
        let mean = self.mean();
        self.exclude(batch)?;
        Err(Error::new(
            ErrorKind::Hook,
            format!("the loss jumps to {loss} in training batch {batch}, from a mean of {mean} before"),
        )
        .help(format!("leave out the batches listed in `{}`, or lower the learning rate", self.path.display())))
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put_number("last", self.last);
        state.put("recent", &self.recent)?;
        state.put("bad_batches", &self.bad_batches)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get_number("last", &mut self.last)?;
        state.get("recent", &mut self.recent)?;
        while self.recent.len() > self.window {
            self.recent.pop_front();
        }
        state.get("bad_batches", &mut self.bad_batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the first loss that is a spike.
    fn first_spike(mut detection: SpikeDetection, losses: &[f64]) -> Option<u64> {
        (0..).zip(losses).find(|(batch, loss)| detection.look(*batch, **loss)).map(|(batch, _)| batch)
    }

    #[test]
    fn a_jump_beyond_both_tolerances_is_a_spike() {
        let steady = [1.0, 1.1, 0.9, 1.0];
        // The mean is 1: a difference of 2 is twice the mean.
        let jump = |to: f64| [steady.as_slice(), &[to]].concat();
        assert_eq!(first_spike(SpikeDetection::new(), &jump(3.0)), Some(4));
        assert_eq!(first_spike(SpikeDetection::new(), &jump(2.9)), None);
        assert_eq!(first_spike(SpikeDetection::new().rtol(None).atol(0.5), &jump(1.6)), Some(4));
        assert_eq!(first_spike(SpikeDetection::new().rtol(None).atol(0.5), &jump(1.4)), None);
        assert_eq!(first_spike(SpikeDetection::new().atol(5.0), &jump(3.0)), None);
        // Down is no spike, however far.
        assert_eq!(first_spike(SpikeDetection::new(), &jump(-50.0)), None);
        assert_eq!(first_spike(SpikeDetection::new().mode(Direction::Maximize), &jump(-50.0)), Some(4));
    }

    #[test]
    fn the_mean_is_that_of_the_window() {
        // Of ten 100s only the two 1s are left: 4 is far away from them.
        let losses: Vec<f64> = [100.0; 10].into_iter().chain([1.0, 1.0, 4.0]).collect();
        assert_eq!(first_spike(SpikeDetection::new().window(2), &losses), Some(12));
        assert_eq!(first_spike(SpikeDetection::new().window(10), &losses), None);
    }

    #[test]
    fn the_first_batches_may_jump() {
        let losses = [1.0, 50.0, 1.0, 400.0];
        assert_eq!(first_spike(SpikeDetection::new(), &losses), Some(1));
        assert_eq!(first_spike(SpikeDetection::new().warmup(2), &losses), Some(3));
    }

    #[test]
    fn a_loss_that_is_no_number_is_a_spike_unless_told_otherwise() {
        let losses = [1.0, f64::NAN, 1.0, f64::NEG_INFINITY, 1.0];
        assert_eq!(first_spike(SpikeDetection::new(), &losses), Some(1));
        assert_eq!(first_spike(SpikeDetection::new().finite_only(false), &losses), None);
        assert_eq!(first_spike(SpikeDetection::new().finite_only(false), &[1.0, 1.0, f64::INFINITY]), Some(2));
    }
}
