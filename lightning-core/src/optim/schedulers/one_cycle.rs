//! One rise and one fall.

use super::{
    StepCount,
    cosine::anneal,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// The way from one rate to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Annealing {
    /// Along half a cosine.
    #[default]
    Cosine,
    /// In equal steps.
    Linear,
}

impl Annealing {
    /// The rate after this share of the way.
    pub(crate) fn between(self, start: f64, end: f64, share: f64) -> f64 {
        match self {
            Self::Cosine => anneal(start, end, share),
            Self::Linear => start + (end - start) * share,
        }
    }
}

/// From a 25th of the highest rate up to it in the first 30 % of the steps, then down to a 250,000th; all of that unless set.
///
/// From "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates" (Smith and Topin, 2018). Its
/// steps are meant to be optimizer steps. Beyond the last one the rate stays at its lowest, where torch's raises an error.
/// Its [`base_lr`](super::LrScheduler::base_lr) is the highest rate, as torch's groups have one each.
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
/// torch: `OneCycleLR(optimizer, max_lr, total_steps, cycle_momentum=False)`; with [`momentum`](Self::momentum)
/// `cycle_momentum=True`.
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

/// One stretch, from the end of the one before to its own: the last step, and what is reached there.
struct Phase {
    end: f64,
    lr: f64,
    momentum: f64,
}

impl OneCycle {
    /// Up to `max_lr` and down again in this many steps.
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

    /// The share of the steps in which the rate goes up, between 0 and 1.
    #[must_use]
    pub fn pct_start(mut self, share: f64) -> Self {
        self.pct_start = share;
        self
    }

    /// How the rate goes from one value to the next.
    #[must_use]
    pub fn annealing(mut self, annealing: Annealing) -> Self {
        self.annealing = annealing;
        self
    }

    /// What the highest rate is divided by at the start.
    #[must_use]
    pub fn div_factor(mut self, factor: f64) -> Self {
        self.div_factor = factor;
        self
    }

    /// What the first rate is divided by at the end.
    #[must_use]
    pub fn final_div_factor(mut self, factor: f64) -> Self {
        self.final_div_factor = factor;
        self
    }

    /// Whether the rate first goes back to where it began, as fast as it went up, and then on to the lowest.
    #[must_use]
    pub fn three_phase(mut self, three: bool) -> Self {
        self.three_phase = three;
        self
    }

    /// Also drives the momentum, or the first beta of Adam: from `max` to `base` while the rate goes up, and back. Without
    /// this the optimizer keeps its own; torch's default is from 0.95 to 0.85.
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

    /// The rate and the momentum.
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
        let back = if *three_phase { format!(", back to {}", curve::short(self.first_lr())) } else { String::new() };
        let momentum = match self.momentum {
            Some((base, max)) => format!(", momentum between {base} and {max}"),
            None => String::new(),
        };
        format!(
            "one cycle {way}: from {} up to {max_lr} in {}% of {steps} steps{back}, then down to {:e}{momentum}",
            curve::short(self.first_lr()),
            curve::short(100.0 * pct_start),
            curve::short(self.last_lr()),
        )
    }

    fn check(&self, problems: &mut ConfigErrors) {
        curve::check_base(Self::NAME, "max_lr", self.max_lr, problems);
        self.steps.check_positive(Self::NAME, "steps", problems);
        if !(0.0..=1.0).contains(&self.pct_start) {
            problems.add(
                format!("`OneCycle`: `pct_start` is {:?}", self.pct_start),
                "give the share of the steps in which the rate goes up, between 0.0 and 1.0",
            );
        } else if self.three_phase && self.pct_start > 0.5 {
            problems.add(
                format!("`OneCycle`: `pct_start` is {:?} with `three_phase`", self.pct_start),
                "give at most 0.5: as many steps go down again before the last phase",
            );
        }
        curve::check_factor(Self::NAME, "div_factor", self.div_factor, problems);
        curve::check_factor(Self::NAME, "final_div_factor", self.final_div_factor, problems);
        curve::check_momentum(Self::NAME, self.momentum, problems);
    }

    fn length(&mut self) -> Option<&mut Steps> {
        Some(&mut self.steps)
    }
}
