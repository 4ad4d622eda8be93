//! Cyclical rates.

use super::{
    StepCount, checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// How the height of a cycle changes from one to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Height {
    /// All cycles are equally high.
    Same,
    /// Each cycle is half as high as the one before.
    Halved,
    /// The height is multiplied by this number at each step.
    Decaying(f64),
}

/// A cyclical rate: linearly from `base_lr` up to `max_lr` and down again, over and over.
///
/// From "Cyclical Learning Rates for Training Neural Networks" (Smith, 2017). All cycles are
/// equally high unless [`triangular2`](Self::triangular2) or [`exp_range`](Self::exp_range) is
/// called.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::Cyclic};
///
/// let mut schedule = Cyclic::new(0.25, 1.0, 3).step_size_down(1).into_scheduler()?;
/// for expected in [0.25, 0.5, 0.75, 1.0, 0.25, 0.5] {
///     assert_eq!(schedule.lr(), expected);
///     schedule.step(None)?;
/// }
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch: `CyclicLR(optimizer, base_lr, max_lr, step_size_up, step_size_down, mode, gamma,
/// cycle_momentum=False)`; with [`momentum`](Self::momentum), `cycle_momentum=True`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cyclic {
    base_lr: f64,
    max_lr: f64,
    up: Steps,
    down: Option<Steps>,
    height: Height,
    momentum: Option<(f64, f64)>,
}

impl Cyclic {
    /// Creates a schedule that rises from `base_lr` to `max_lr` in `step_size_up` steps and falls
    /// back in equally many.
    pub fn new(base_lr: f64, max_lr: f64, step_size_up: impl StepCount) -> Self {
        Self { base_lr, max_lr, up: Steps::new(step_size_up), down: None, height: Height::Same, momentum: None }
    }

    /// Sets the number of steps from `max_lr` back to `base_lr`; `step_size_up` by default.
    #[must_use]
    pub fn step_size_down(mut self, steps: impl StepCount) -> Self {
        self.down = Some(Steps::new(steps));
        self
    }

    /// Makes each cycle half as high as the one before: PyTorch's `mode="triangular2"`.
    #[must_use]
    pub fn triangular2(mut self) -> Self {
        self.height = Height::Halved;
        self
    }

    /// Multiplies the height by `gamma` at each step: PyTorch's `mode="exp_range"`.
    #[must_use]
    pub fn exp_range(mut self, gamma: f64) -> Self {
        self.height = Height::Decaying(gamma);
        self
    }

    /// Also drives the momentum, or the first beta of Adam: `max` where the rate is lowest, `base`
    /// where it is highest.
    ///
    /// By default the optimizer keeps its own momentum; PyTorch's default is from 0.9 to 0.8.
    #[must_use]
    pub fn momentum(mut self, base: f64, max: f64) -> Self {
        self.momentum = Some((base, max));
        self
    }

    fn down(&self) -> Steps {
        self.down.unwrap_or(self.up)
    }

    /// Returns the height in the range of rates: 0 at `base_lr`, 1 at the top of the first cycle.
    fn elevation(&self, step: u64) -> f64 {
        let length = self.up.get().saturating_add(self.down().get());
        let (cycle, inside) = (step / length, step % length);
        let slope = if inside <= self.up.get() {
            inside as f64 / self.up.as_f64()
        } else {
            (length - inside) as f64 / self.down().as_f64()
        };
        let height = match self.height {
            Height::Same => 1.0,
            Height::Halved => (-(cycle as f64)).exp2(),
            Height::Decaying(gamma) => gamma.powf(step as f64),
        };
        slope * height
    }
}

curve::into_scheduler!(Cyclic);

impl Curve for Cyclic {
    const NAME: &'static str = "Cyclic";

    fn base_lr(&self) -> f64 {
        self.base_lr
    }

    fn lr(&self, step: u64) -> f64 {
        self.base_lr + (self.max_lr - self.base_lr) * self.elevation(step)
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        self.momentum.map(|(base, max)| max - (max - base) * self.elevation(step))
    }

    fn describe(&self) -> String {
        let Self { base_lr, max_lr, up, height, momentum, .. } = self;
        let height = match height {
            Height::Same => String::new(),
            Height::Halved => ", each cycle half as high".to_owned(),
            Height::Decaying(gamma) => format!(", the height times {gamma} each step"),
        };
        let momentum = match momentum {
            Some((base, max)) => format!(", momentum between {base} and {max}"),
            None => String::new(),
        };
        format!("cycles from {base_lr} up to {max_lr} in {up} steps and down in {}{height}{momentum}", self.down())
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "base_lr", self.base_lr, problems);
        checks::check_base(Self::NAME, "max_lr", self.max_lr, problems);
        if self.max_lr < self.base_lr {
            problems.add(
                format!("`Cyclic`: `max_lr` must be at least `base_lr` {:?}, found {:?}", self.base_lr, self.max_lr),
                "write the lower rate first",
            );
        }
        self.up.check_positive(Self::NAME, "step_size_up", problems);
        if let Some(down) = self.down {
            down.check_positive(Self::NAME, "step_size_down", problems);
        }
        if let Height::Decaying(gamma) = self.height {
            checks::check_factor(Self::NAME, "gamma", gamma, problems);
        }
        checks::check_momentum(Self::NAME, self.momentum, problems);
    }
}
