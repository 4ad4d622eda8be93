//! A running [`ReduceLROnPlateau`].

use serde_json::{Value, json};

use super::{
    super::{LrScheduler, state},
    ReduceLROnPlateau, ThresholdMode,
};
use crate::{
    error::{Error, Result},
    metrics::Direction,
    params::state::f64_to_json,
};

#[derive(Clone, Debug)]
pub(super) struct PlateauScheduler {
    settings: ReduceLROnPlateau,
    direction: Direction,
    lr: f64,
    best: f64,
    /// Checks in a row without an improvement.
    bad_checks: u64,
    /// Checks left of the cooldown.
    cooling: u64,
    /// How often the rate was lowered. A checkpoint stores this and not the rate, so that a resumed
    /// run uses the rate and the factor of the program.
    reductions: u64,
}

impl PlateauScheduler {
    pub(super) fn new(settings: ReduceLROnPlateau) -> Self {
        let direction = settings.direction.unwrap_or(Direction::Minimize);
        let (lr, best) = (settings.lr, direction.worst());
        Self { settings, direction, lr, best, bad_checks: 0, cooling: 0, reductions: 0 }
    }

    fn improves(&self, value: f64) -> bool {
        if !self.best.is_finite() {
            // Nothing can be better than the best infinity, and a share of any infinity is NaN or
            // infinite.
            return self.direction.is_better(value, self.best);
        }
        let margin = match self.settings.threshold_mode {
            // Of the magnitude: a share of a negative best would lower the bar instead.
            ThresholdMode::Relative => self.settings.threshold * self.best.abs(),
            ThresholdMode::Absolute => self.settings.threshold,
        };
        match self.direction {
            Direction::Minimize => value < self.best - margin,
            Direction::Maximize => value > self.best + margin,
        }
    }

    fn reduce(&mut self) {
        let lower = self.settings.reduced(self.lr);
        if lower < self.lr {
            self.lr = lower;
            self.reductions += 1;
        }
    }
}

impl LrScheduler for PlateauScheduler {
    fn base_lr(&self) -> f64 {
        self.settings.lr
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn step(&mut self, monitored: Option<f64>) -> Result<()> {
        let Some(value) = monitored else {
            return Err(Error::config("`ReduceLROnPlateau` needs a metric, found none")
                .help("name one beside it, as in `monitor = VAL_LOSS`"));
        };
        if self.improves(value) {
            self.best = value;
            self.bad_checks = 0;
        } else {
            self.bad_checks = self.bad_checks.saturating_add(1);
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad_checks = 0;
        }
        if self.bad_checks > self.settings.patience.get() {
            self.reduce();
            self.cooling = self.settings.cooldown.get();
            self.bad_checks = 0;
        }
        Ok(())
    }

    fn wants_metric(&self) -> bool {
        true
    }

    fn watch(&mut self, direction: Direction) -> Result<()> {
        if let Some(mode) = self.settings.direction
            && mode != direction
        {
            return Err(Error::config(format!(
                "`ReduceLROnPlateau`: `mode` must be the direction of the metric, `{}`, found `{}`",
                direction_word(direction),
                direction_word(mode),
            ))
            .help("leave `mode(…)` out: the metric's key has the direction"));
        }
        if direction != self.direction {
            self.direction = direction;
            self.best = direction.worst();
        }
        Ok(())
    }

    fn state(&self) -> Value {
        json!({
            "best": f64_to_json(self.best),
            "bad_checks": self.bad_checks,
            "cooling": self.cooling,
            "reductions": self.reductions,
        })
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let name = ReduceLROnPlateau::NAME;
        let best = state::number(state, "best", name)?;
        let bad_checks = state::count(state, "bad_checks", name)?;
        let cooling = state::count(state, "cooling", name)?;
        let reductions = state::count(state, "reductions", name)?;
        let mut lr = self.settings.lr;
        for _ in 0..reductions {
            // A rate that has reached `min_lr` stays there, however large the stored count is.
            let lower = self.settings.reduced(lr);
            if lower == lr {
                break;
            }
            lr = lower;
        }
        *self = Self { lr, best, bad_checks, cooling, reductions, settings: self.settings.clone(), ..*self };
        Ok(())
    }

    fn describe(&self) -> String {
        let ReduceLROnPlateau { lr, factor, patience, threshold, threshold_mode, cooldown, min_lr, .. } =
            &self.settings;
        let unit = match threshold_mode {
            ThresholdMode::Relative => "of the best",
            ThresholdMode::Absolute => "absolute",
        };
        format!(
            "{lr}, times {factor} after more than {patience} checks without improvement (threshold {threshold} {unit}, cooldown {cooldown}, min {min_lr})"
        )
    }

    fn boxed_clone(&self) -> Box<dyn LrScheduler> {
        Box::new(self.clone())
    }
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimize => "minimize",
        Direction::Maximize => "maximize",
    }
}
