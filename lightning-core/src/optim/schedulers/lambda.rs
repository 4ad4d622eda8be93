//! A rate given by a function.

use std::{fmt, sync::Arc};

use super::{
    checks,
    curve::{self, Curve},
};
use crate::error::ConfigErrors;

/// A rate given by a function of the step: `lr · factor(step)`.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::LambdaRate};
///
/// let inverse_root = |step: u64| 1.0 / (step as f64 + 1.0).sqrt();
/// let mut schedule = LambdaRate::new(0.1, inverse_root).into_scheduler()?;
/// for _ in 0..3 {
///     schedule.step(None)?;
/// }
/// assert_eq!(schedule.lr(), 0.05);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// The function must depend on nothing but the step: a resumed run calls it again. A factor that is
/// negative or not finite ends the run with an error that names the step.
///
/// PyTorch: `LambdaLR(optimizer, lr_lambda)`.
#[derive(Clone)]
pub struct LambdaRate {
    lr: f64,
    factor: Arc<dyn Fn(u64) -> f64 + Send + Sync>,
}

impl LambdaRate {
    /// Creates a schedule with the rate `lr · factor(step)`; steps count from 0.
    pub fn new(lr: f64, factor: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
        Self { lr, factor: Arc::new(factor) }
    }
}

impl fmt::Debug for LambdaRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaRate").field("lr", &self.lr).finish_non_exhaustive()
    }
}

curve::into_scheduler!(LambdaRate);

impl Curve for LambdaRate {
    const NAME: &'static str = "LambdaRate";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        self.lr * (self.factor)(step)
    }

    fn describe(&self) -> String {
        format!("{} times a function of the step", self.lr)
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
    }
}
