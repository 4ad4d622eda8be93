//! The one-cycle policy.

use super::{
    Annealing, StepCount, checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// The one-cycle policy: a rise to the highest rate and a fall to far below the first one.
///
/// By default the rate rises from `max_lr / 25` to `max_lr` in the first 30 % of the steps and then
/// falls to `max_lr / 250_000`. The steps are meant to be optimizer steps. After the last one the
/// rate stays at its lowest, where PyTorch raises an error. The
/// [`base_lr`](super::LrScheduler::base_lr) is the highest rate, since in PyTorch each parameter
/// group has its own `max_lr`.
///
/// From "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates"
/// (Smith and Topin, 2018).
///
/// ```
/// use lightning_core::prelude::*;
///
/// let mut schedule = OneCycle::new(0.1, 100).pct_start(0.5).div_factor(10.0).into_scheduler()?;
/// assert!((schedule.lr() - 0.01).abs() < 1e-12);
/// for _ in 0..49 {
///     schedule.step(None)?;
/// }
/// assert_eq!(schedule.lr(), 0.1);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch: `OneCycleLR(optimizer, max_lr, total_steps, cycle_momentum=False)`; with
/// [`momentum`](Self::momentum), `cycle_momentum=True`.
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycle {
    max_lr: f64,
    steps: Steps,
    pct_start: f64,
    annealing: Annealing,
    div_factor: f64,
    final_div_factor: f64,
    three_phase: bool,
    momentum: Option<(f64, f64)>,
}

/// A part of the cycle that starts where the one before ends.
struct Phase {
    /// The last step.
    end: f64,
    /// The rate and the momentum at the last step.
    lr: f64,
    momentum: f64,
}

impl OneCycle {
    /// Creates a schedule that rises to `max_lr` and falls again in `steps` steps.
    pub fn new(max_lr: f64, steps: impl StepCount) -> Self {
        Self {
            max_lr,
            steps: Steps::new(steps),
            pct_start: 0.3,
            annealing: Annealing::Cosine,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
            momentum: None,
        }
    }

    /// Sets the fraction of the steps in which the rate rises, between 0 and 1; 0.3 by default.
    #[must_use]
    pub fn pct_start(mut self, share: f64) -> Self {
        self.pct_start = share;
        self
    }

    /// Sets how the rate changes from one value to the next; along cosines by default.
    #[must_use]
    pub fn annealing(mut self, annealing: Annealing) -> Self {
        self.annealing = annealing;
        self
    }

    /// Sets what the highest rate is divided by to get the first; 25 by default.
    #[must_use]
    pub fn div_factor(mut self, factor: f64) -> Self {
        self.div_factor = factor;
        self
    }

    /// Sets what the first rate is divided by to get the last; 10,000 by default.
    #[must_use]
    pub fn final_div_factor(mut self, factor: f64) -> Self {
        self.final_div_factor = factor;
        self
    }

    /// Sets whether the rate falls to its first value in as many steps as it rose, and in a third
    /// phase to its lowest; `false` by default.
    #[must_use]
    pub fn three_phase(mut self, enabled: bool) -> Self {
        self.three_phase = enabled;
        self
    }

    /// Also drives the momentum, or the first beta of Adam: from `max` to `base` while the rate
    /// rises, and back.
    ///
    /// By default the optimizer keeps its own momentum; PyTorch's default is from 0.95 to 0.85.
    #[must_use]
    pub fn momentum(mut self, base: f64, max: f64) -> Self {
        self.momentum = Some((base, max));
        self
    }

    fn first_lr(&self) -> f64 {
        self.max_lr / self.div_factor
    }

    fn last_lr(&self) -> f64 {
        self.first_lr() / self.final_div_factor
    }

    fn phases(&self) -> Vec<Phase> {
        let steps = self.steps.as_f64();
        let (base, max) = self.momentum.unwrap_or_default();
        let mut phases = vec![Phase { end: self.pct_start * steps - 1.0, lr: self.max_lr, momentum: base }];
        if self.three_phase {
            phases.push(Phase { end: 2.0 * self.pct_start * steps - 2.0, lr: self.first_lr(), momentum: max });
        }
        phases.push(Phase { end: steps - 1.0, lr: self.last_lr(), momentum: max });
        phases
    }

    /// Returns the rate and the momentum at a step.
    fn at(&self, step: u64) -> (f64, f64) {
        let last = self.steps.get().saturating_sub(1);
        let step = step.min(last) as f64;
        let mut from = Phase { end: 0.0, lr: self.first_lr(), momentum: self.momentum.unwrap_or_default().1 };
        for to in self.phases() {
            if step <= to.end {
                let share = if to.end > from.end { (step - from.end) / (to.end - from.end) } else { 1.0 };
                let between = |start, end| self.annealing.between(start, end, share);
                return (between(from.lr, to.lr), between(from.momentum, to.momentum));
            }
            from = to;
        }
        (from.lr, from.momentum)
    }
}

curve::into_scheduler!(OneCycle);

impl Curve for OneCycle {
    const NAME: &'static str = "OneCycle";

    fn base_lr(&self) -> f64 {
        self.max_lr
    }

    fn lr(&self, step: u64) -> f64 {
        self.at(step).0
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        self.momentum.map(|_| self.at(step).1)
    }

    fn describe(&self) -> String {
        let Self { max_lr, steps, pct_start, annealing, three_phase, .. } = self;
        let way = match annealing {
            Annealing::Cosine => "along cosines",
            Annealing::Linear => "in straight lines",
        };
        let back = if *three_phase { format!(", back to {}", checks::rounded(self.first_lr())) } else { String::new() };
        let momentum = match self.momentum {
            Some((base, max)) => format!(", momentum between {base} and {max}"),
            None => String::new(),
        };
        format!(
            "one cycle {way}: from {} up to {max_lr} in {}% of {steps} steps{back}, then down to {:e}{momentum}",
            checks::rounded(self.first_lr()),
            checks::rounded(100.0 * pct_start),
            checks::rounded(self.last_lr()),
        )
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "max_lr", self.max_lr, problems);
        self.steps.check_positive(Self::NAME, "steps", problems);
        if !(0.0..=1.0).contains(&self.pct_start) {
            problems.add(
                format!("`OneCycle`: `pct_start` must be between 0 and 1, found {:?}", self.pct_start),
                "write the fraction of the steps in which the rate rises, such as 0.3",
            );
        } else if self.three_phase && self.pct_start > 0.5 {
            problems.add(
                format!("`OneCycle`: `pct_start` must be at most 0.5 with `three_phase`, found {:?}", self.pct_start),
                "write at most 0.5: the second phase takes as many steps as the first",
            );
        }
        checks::check_factor(Self::NAME, "div_factor", self.div_factor, problems);
        checks::check_factor(Self::NAME, "final_div_factor", self.final_div_factor, problems);
        checks::check_momentum(Self::NAME, self.momentum, problems);
    }

    fn length(&mut self) -> Option<&mut Steps> {
        Some(&mut self.steps)
    }
}
