//! The schedule of "Attention Is All You Need".

use super::{
    StepCount, checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// A linear warm-up, then decay with the inverse square root of the step.
///
/// `factor · model_size^-½ · min((step + 1)^-½, (step + 1) · warmup_steps^-³⁄²)`, equation 3 of
/// "Attention Is All You Need" (Vaswani et al., 2017). Its
/// [`base_lr`](super::LrScheduler::base_lr) is the highest rate,
/// `factor / √(model_size · warmup_steps)`.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::Noam};
///
/// let mut schedule = Noam::new(512, 4000).into_scheduler()?;
/// for _ in 1..4000 {
///     schedule.step(None)?;
/// }
/// assert!((schedule.lr() - 6.987712429686844e-4).abs() < 1e-15);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch has no such schedule; Burn's `NoamLrSchedulerConfig` gives the same rates.
#[derive(Clone, Debug, PartialEq)]
pub struct Noam {
    factor: f64,
    model_size: Steps,
    warmup_steps: Steps,
}

impl Noam {
    /// Creates a schedule for a model of the width `model_size` (`d_model`), whose rate is highest
    /// after `warmup_steps` steps.
    pub fn new(model_size: impl StepCount, warmup_steps: impl StepCount) -> Self {
        Self { factor: 1.0, model_size: Steps::new(model_size), warmup_steps: Steps::new(warmup_steps) }
    }

    /// Sets what every rate is multiplied by; 1 by default, as in the paper.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }
}

curve::into_scheduler!(Noam);

impl Curve for Noam {
    const NAME: &'static str = "Noam";

    fn base_lr(&self) -> f64 {
        self.factor / (self.model_size.as_f64() * self.warmup_steps.as_f64()).sqrt()
    }

    fn lr(&self, step: u64) -> f64 {
        let step = step as f64 + 1.0;
        let (rising, falling) = (step * self.warmup_steps.as_f64().powf(-1.5), step.powf(-0.5));
        self.factor * self.model_size.as_f64().powf(-0.5) * falling.min(rising)
    }

    fn describe(&self) -> String {
        let Self { factor, model_size, warmup_steps } = self;
        format!(
            "noam with factor {factor} for width {model_size}: up to {:.3e} in {warmup_steps} steps, then with the inverse square root",
            self.base_lr()
        )
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_factor(Self::NAME, "factor", self.factor, problems);
        self.warmup_steps.check_positive(Self::NAME, "warmup_steps", problems);
        if self.model_size < Steps::new(1) {
            problems.add(
                format!("`Noam`: `model_size` must be at least 1, found {}", self.model_size),
                "write the width of the model, such as 512",
            );
        }
        if self.factor > 0.0 && self.base_lr() == 0.0 {
            problems.add(
                format!("`Noam`: the highest rate must be above 0, found 0 with the factor {:?}", self.factor),
                "write a larger `factor`",
            );
        }
    }
}
