//! Ends training when the loss spikes, or continues it without the batches.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Callback, CallbackContext, CallbackInfo};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::Direction,
    os::files::write_atomic,
    params::{StateReader, StateWriter},
    progress::{AnomalyKind, AnomalyNote, RollBack},
};

/// Ends training with an error when the loss spikes, and writes a list of batches to skip.
///
/// A loss is a spike if it is worse than the previous one and differs from the mean of the last
/// `window` losses by at least `atol` and by at least `rtol` times that mean. Either tolerance can
/// be turned off. A loss that is not finite is also a spike.
///
/// The indices of the batch and of the one before it, whose update may be the cause, are added to
/// `skip_batches.json`. They count training batches from 0 over the whole run.
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
/// let spikes = SpikeDetection::new()
///     .warmup(100)
///     .rtol(3.0)
///     .exclude_batches_path("runs/skip_batches.json");
/// let trainer = Net::trainer().callback(spikes);
/// # let _ = trainer;
/// ```
///
/// With [`roll_back`](Self::roll_back), the run continues from its last checkpoint before these
/// batches, and leaves them out.
///
/// It reads the loss of every batch, which synchronizes with the device at every step.
#[derive(Clone, Debug)]
pub struct SpikeDetection {
    direction: Direction,
    window: usize,
    warmup: u64,
    atol: Option<f64>,
    rtol: Option<f64>,
    path: PathBuf,
    finite_only: bool,
    /// The largest number of roll-backs of a run.
    roll_backs: u64,
    /// The last finite loss.
    last: f64,
    /// The losses that the mean is taken of.
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
            roll_backs: 0,
            last: 0.0,
            recent: VecDeque::new(),
            bad_batches: Vec::new(),
        }
    }
}

impl SpikeDetection {
    /// Detects losses that differ from the mean of the last 10 by at least twice that mean, from
    /// the second batch on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether smaller or larger losses are better. Default [`Direction::Minimize`].
    #[must_use]
    pub fn mode(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Sets the number of losses that the mean is taken of. Default 10.
    #[must_use]
    pub fn window(mut self, batches: usize) -> Self {
        self.window = batches;
        self
    }

    /// Sets the number of initial batches in which spikes are ignored. Default 1.
    #[must_use]
    pub fn warmup(mut self, batches: u64) -> Self {
        self.warmup = batches;
        self
    }

    /// Sets the minimum difference from the mean, in units of the loss; `None` turns it off.
    /// Default `None`.
    #[must_use]
    pub fn atol(mut self, tolerance: impl Into<Option<f64>>) -> Self {
        self.atol = tolerance.into();
        self
    }

    /// Sets the minimum difference from the mean as a fraction of the mean; `None` turns it off.
    /// Default 2.
    #[must_use]
    pub fn rtol(mut self, tolerance: impl Into<Option<f64>>) -> Self {
        self.rtol = tolerance.into();
        self
    }

    /// Sets the JSON file for the batches to skip, or the folder for `skip_batches.json`. Default:
    /// the current folder.
    #[must_use]
    pub fn exclude_batches_path(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let is_file = path.extension().is_some_and(|extension| extension == "json");
        self.path = if is_file { path } else { path.join(FILE) };
        self
    }

    /// Sets whether a loss that is not finite is a spike. If not, it is left out of the mean.
    /// Default `true`.
    #[must_use]
    pub fn finite_only(mut self, only: bool) -> Self {
        self.finite_only = only;
        self
    }

    /// Continues after a spike from the last checkpoint before the two batches, and leaves them out.
    /// If the only checkpoint is from between the two, it leaves out the second. This happens at
    /// most `times` times in a run; the next spike ends it with an error. The batches count in
    /// `skipped_batches` of the report, and a resumed run leaves them out too. The run must write
    /// checkpoints within its epochs, as `ModelCheckpoint::latest().every(Steps(100))` does.
    /// Default 0: the first spike ends the run.
    ///
    /// Values of the module that a checkpoint does not contain, such as those of
    /// `#[state(skip)]` fields, are not restored.
    #[must_use]
    pub fn roll_back(mut self, times: u64) -> Self {
        self.roll_backs = times;
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

    /// Whether the loss of a batch, counted from 0, is a spike. Other losses are added to the mean.
    fn observe(&mut self, batch: u64, loss: f64) -> bool {
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

    /// Adds a batch and the one before it, and those that the run leaves out, to the file.
    fn exclude(&mut self, batch: u64, left_out: &[u64]) -> Result<()> {
        if !left_out.is_empty() {
            // A roll-back has restored an earlier list.
            self.bad_batches.extend(left_out);
            self.bad_batches.sort_unstable();
        }
        self.bad_batches.extend([batch.saturating_sub(1), batch]);
        self.bad_batches.dedup();
        if let Some(folder) = self.path.parent().filter(|folder| *folder != Path::new("")) {
            fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
        }
        write_atomic(&self.path, |file| serde_json::to_writer_pretty(file, &self.bad_batches).map_err(io::Error::from))
    }
}

impl<M> Callback<M> for SpikeDetection {
    fn info(&self) -> CallbackInfo {
        CallbackInfo { judges_steps: true, ..CallbackInfo::default() }
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: String, help: &str| Err(Error::config(format!("`SpikeDetection`: {what}")).help(help));
        if self.window == 0 {
            return wrong("`window` must be at least 1, found 0".to_owned(), "write `.window(10)`");
        }
        if self.atol.is_none() && self.rtol.is_none() {
            // Without a tolerance, every loss that is not an improvement would be a spike.
            return wrong(
                "`atol` or `rtol` must be set, found `None` for both".to_owned(),
                "write `.rtol(2.0)` or `.atol(0.5)`",
            );
        }
        for (name, tolerance) in [("atol", self.atol), ("rtol", self.rtol)] {
            if let Some(found) = tolerance.filter(|tolerance| tolerance.is_nan() || *tolerance < 0.0) {
                return wrong(format!("`{name}` must be at least 0, found {found}"), "write a tolerance such as 2.0");
            }
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let Some(loss) = cx.loss()? else { return Ok(()) };
        // `batch_step` counts this batch already.
        let batch = cx.batch_step().saturating_sub(1);
        if !self.observe(batch, loss) {
            return Ok(());
        }
        let mean = self.mean();
        let progress = &mut *cx.view.progress;
        self.exclude(batch, &progress.left_out)?;
        let what = format!("the loss of training batch {batch} is {loss}, too far from the running mean {mean}");
        if progress.anomaly.is_none() {
            progress.anomaly = Some(AnomalyNote { kind: AnomalyKind::Spike, what: what.clone() });
        }
        if progress.roll_backs < self.roll_backs {
            let mut batches = vec![batch.saturating_sub(1), batch];
            // One before is left out already after an earlier roll-back.
            batches.retain(|index| !progress.left_out.contains(index));
            batches.dedup();
            progress.roll_back = Some(RollBack { batches, why: what, limit: self.roll_backs });
            return Ok(());
        }
        let after = match self.roll_backs {
            0 => String::new(),
            times => format!(", after {times} of at most {times} roll-backs"),
        };
        Err(Error::new(ErrorKind::Hook, format!("{what}{after}"))
            .help(format!("skip the batches listed in `{}`, or lower the learning rate", self.path.display())))
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

    /// The index of the first loss that is a spike.
    fn first_spike(mut detection: SpikeDetection, losses: &[f64]) -> Option<u64> {
        (0..).zip(losses).find(|(batch, loss)| detection.observe(*batch, **loss)).map(|(batch, _)| batch)
    }

    #[test]
    fn a_jump_beyond_both_tolerances_is_a_spike() {
        let steady = [1.0, 1.1, 0.9, 1.0];
        // The mean is 1, so a difference of 2 is twice the mean.
        let jump = |to: f64| [steady.as_slice(), &[to]].concat();
        assert_eq!(first_spike(SpikeDetection::new(), &jump(3.0)), Some(4));
        assert_eq!(first_spike(SpikeDetection::new(), &jump(2.9)), None);
        assert_eq!(first_spike(SpikeDetection::new().rtol(None).atol(0.5), &jump(1.6)), Some(4));
        assert_eq!(first_spike(SpikeDetection::new().rtol(None).atol(0.5), &jump(1.4)), None);
        assert_eq!(first_spike(SpikeDetection::new().atol(5.0), &jump(3.0)), None);
        // An improvement is not a spike, however large.
        assert_eq!(first_spike(SpikeDetection::new(), &jump(-50.0)), None);
        assert_eq!(first_spike(SpikeDetection::new().mode(Direction::Maximize), &jump(-50.0)), Some(4));
    }

    #[test]
    fn the_mean_is_that_of_the_window() {
        // A window of 2 holds only the two 1s: 4 is far away from them.
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
