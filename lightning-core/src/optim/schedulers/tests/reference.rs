//! Rates at every step, compared with torch's.

use std::sync::LazyLock;

use burn::lr_scheduler::{
    LrSchedulerConfig, composed::ComposedLrSchedulerConfig, constant::ConstantLr,
    cosine::CosineAnnealingLrSchedulerConfig, exponential::ExponentialLrSchedulerConfig,
    linear::LinearLrSchedulerConfig, noam::NoamLrSchedulerConfig, sequential::SequentialLrSchedulerConfig,
    step::StepLrSchedulerConfig,
};
use serde_json::Value;

use crate::{
    metrics::Direction,
    optim::schedulers::{
        Annealing, ChainedSchedule, ConstantRate, Cosine, CosineWarmRestarts, Cyclic, ExponentialDecay, IntoScheduler,
        LambdaRate, LinearDecay, LrScheduler, MultiStepDecay, Noam, OneCycle, PolynomialDecay, ReduceLROnPlateau,
        SequentialSchedule, StepDecay, ThresholdMode,
    },
};

static TABLE: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../tests/reference/schedulers.json")).expect("the table is JSON")
});

/// A schedule and torch's numbers for it.
pub(super) struct Case(&'static Value);

pub(super) fn cases() -> impl Iterator<Item = Case> {
    TABLE["cases"].as_array().expect("there are cases").iter().map(Case)
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).expect("this is a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().map(|values| values.iter().map(number).collect()).unwrap_or_default()
}

impl Case {
    pub(super) fn kind(&self) -> &str {
        self.0["kind"].as_str().expect("a case has a kind")
    }

    fn setting(&self, name: &str) -> &Value {
        &self.0["settings"][name]
    }

    fn has(&self, name: &str) -> bool {
        !self.setting(name).is_null()
    }

    fn text(&self, name: &str) -> &str {
        self.setting(name).as_str().expect("this setting is a text")
    }

    fn float(&self, name: &str) -> f64 {
        number(self.setting(name))
    }

    fn steps(&self, name: &str) -> u64 {
        self.setting(name).as_u64().expect("this setting is a count")
    }

    fn pair(&self, name: &str) -> Option<(f64, f64)> {
        match *numbers(self.setting(name)).as_slice() {
            [first, second] => Some((first, second)),
            _ => None,
        }
    }

    pub(super) fn rates(&self) -> Vec<f64> {
        numbers(&self.0["lr"])
    }

    fn momenta(&self) -> Option<Vec<f64>> {
        self.0.get("momentum").map(numbers)
    }

    /// The value of the monitored metric at each call, if any.
    pub(super) fn metrics(&self) -> Vec<Option<f64>> {
        match self.0["metrics"].as_str() {
            Some(name) => numbers(&TABLE["metrics"][name]).into_iter().map(Some).collect(),
            None => vec![None; self.rates().len().saturating_sub(1)],
        }
    }

    pub(super) fn scheduler(&self) -> Box<dyn LrScheduler> {
        self.make().unwrap_or_else(|error| panic!("{}: {error}", self.0["settings"]))
    }

    fn make(&self) -> crate::Result<Box<dyn LrScheduler>> {
        let lr = self.float("lr");
        match self.kind() {
            "constant" => {
                let schedule = ConstantRate::new(lr);
                self.finish(if self.has("factor") {
                    schedule.factor_for(self.float("factor"), self.steps("steps"))
                } else {
                    schedule
                })
            }
            "linear" => {
                let schedule = LinearDecay::new(lr, self.steps("steps"));
                self.finish(schedule.start_factor(self.float("start_factor")).end_factor(self.float("end_factor")))
            }
            "cosine" => self.finish(Cosine::new(lr, self.steps("steps")).min_lr(self.float("min_lr"))),
            "cosine_warm_restarts" => {
                let schedule = CosineWarmRestarts::new(lr, self.steps("t_0"));
                self.finish(schedule.t_mult(self.steps("t_mult")).min_lr(self.float("min_lr")))
            }
            "exponential" => self.finish(ExponentialDecay::new(lr, self.float("gamma"))),
            "step" => self.finish(StepDecay::new(lr, self.steps("step_size")).gamma(self.float("gamma"))),
            "multi_step" => {
                let milestones = numbers(self.setting("milestones")).into_iter().map(|milestone| milestone as u64);
                self.finish(MultiStepDecay::new(lr, milestones).gamma(self.float("gamma")))
            }
            "polynomial" => self.finish(PolynomialDecay::new(lr, self.steps("steps")).power(self.float("power"))),
            "lambda" => match self.text("function") {
                "inverse_root" => self.finish(LambdaRate::new(lr, |step| 1.0 / (step as f64 + 1.0).sqrt())),
                "every_third" => self.finish(LambdaRate::new(lr, |step| 0.5f64.powi((step / 3) as i32))),
                other => panic!("unknown kind `{other}`"),
            },
            "noam" => self
                .finish(Noam::new(self.steps("model_size"), self.steps("warmup_steps")).factor(self.float("factor"))),
            "one_cycle" => self.finish(self.one_cycle()),
            "cyclic" => self.finish(self.cyclic()),
            "sequential" => self.finish(match self.text("variant") {
                "constant, exponential" => SequentialSchedule::new(ConstantRate::new(lr).factor_for(0.1, 20))
                    .then(20, ExponentialDecay::new(lr, 0.9)),
                _ => SequentialSchedule::new(LinearDecay::new(lr, 30).start_factor(0.2).end_factor(1.0))
                    .then(30, Cosine::new(lr, 70))
                    .then(100, StepDecay::new(lr, 10).gamma(0.5)),
            }),
            "chained" => self.finish(match self.text("variant") {
                "constant, exponential" => {
                    ChainedSchedule::new(ConstantRate::new(lr).factor_for(0.1, 20)).and(ExponentialDecay::new(lr, 0.9))
                }
                _ => ChainedSchedule::new(StepDecay::new(lr, 25).gamma(0.5))
                    .and(PolynomialDecay::new(lr, 300).power(1.5))
                    .and(MultiStepDecay::new(lr, [10, 110]).gamma(0.3)),
            }),
            "plateau" => self.finish(self.plateau()),
            other => panic!("unknown kind `{other}`"),
        }
    }

    /// Adds the warm-up of the case, if it has one.
    fn finish(&self, schedule: impl IntoScheduler) -> crate::Result<Box<dyn LrScheduler>> {
        let front = self.setting("front");
        match (front["warmup"].as_u64(), front["start_factor"].as_f64()) {
            (None, _) => schedule.into_scheduler(),
            (Some(steps), None) => schedule.warmup(steps).into_scheduler(),
            (Some(steps), Some(factor)) => schedule.warmup(steps).start_factor(factor).into_scheduler(),
        }
    }

    fn one_cycle(&self) -> OneCycle {
        let mut schedule = OneCycle::new(self.float("lr"), self.steps("steps"));
        if self.has("pct_start") {
            schedule = schedule.pct_start(self.float("pct_start"));
        }
        if self.has("anneal_strategy") {
            schedule = schedule.annealing(Annealing::Linear);
        }
        if self.has("div_factor") {
            schedule = schedule.div_factor(self.float("div_factor"));
        }
        if self.has("final_div_factor") {
            schedule = schedule.final_div_factor(self.float("final_div_factor"));
        }
        if let Some((base, max)) = self.pair("drive") {
            schedule = schedule.momentum(base, max);
        }
        schedule.three_phase(self.has("three_phase"))
    }

    fn cyclic(&self) -> Cyclic {
        let mut schedule = Cyclic::new(self.float("lr"), self.float("max_lr"), self.steps("step_size_up"));
        if self.has("step_size_down") {
            schedule = schedule.step_size_down(self.steps("step_size_down"));
        }
        if let Some((base, max)) = self.pair("drive") {
            schedule = schedule.momentum(base, max);
        }
        match self.text("mode") {
            "triangular2" => schedule.triangular2(),
            "exp_range" => schedule.exp_range(self.float("gamma")),
            _ => schedule,
        }
    }

    fn plateau(&self) -> ReduceLROnPlateau {
        let mut schedule = ReduceLROnPlateau::new(self.float("lr"))
            .mode(if self.text("mode") == "min" { Direction::Minimize } else { Direction::Maximize })
            .threshold_mode(match self.text("threshold_mode") {
                "rel" => ThresholdMode::Relative,
                _ => ThresholdMode::Absolute,
            });
        if self.has("patience") {
            schedule = schedule.patience(self.steps("patience"));
        }
        if self.has("cooldown") {
            schedule = schedule.cooldown(self.steps("cooldown"));
        }
        for (name, set) in [
            ("factor", ReduceLROnPlateau::factor as fn(ReduceLROnPlateau, f64) -> ReduceLROnPlateau),
            ("min_lr", ReduceLROnPlateau::min_lr),
            ("eps", ReduceLROnPlateau::eps),
            ("threshold", ReduceLROnPlateau::threshold),
        ] {
            if self.has(name) {
                schedule = set(schedule, self.float(name));
            }
        }
        schedule
    }

    /// Burn's configuration of the same schedule, if there is one.
    fn burn(&self) -> Option<Box<dyn LrScheduler>> {
        if self.has("front") {
            return None;
        }
        let lr = self.float("lr");
        let steps = |name| self.steps(name) as usize;
        let made = match self.kind() {
            "constant" if !self.has("factor") => ConstantLr::from(lr).into_scheduler(),
            "linear" => LinearLrSchedulerConfig::new(
                lr * self.float("start_factor"),
                lr * self.float("end_factor"),
                steps("steps"),
            )
            .into_scheduler(),
            "cosine" => CosineAnnealingLrSchedulerConfig::new(lr, steps("steps"))
                .with_min_lr(self.float("min_lr"))
                .into_scheduler(),
            "exponential" if self.float("gamma") <= 1.0 => {
                ExponentialLrSchedulerConfig::new(lr, self.float("gamma")).into_scheduler()
            }
            "step" => {
                StepLrSchedulerConfig::new(lr, steps("step_size")).with_gamma(self.float("gamma")).into_scheduler()
            }
            "noam" => NoamLrSchedulerConfig::new(self.float("factor"))
                .with_model_size(steps("model_size"))
                .with_warmup_steps(steps("warmup_steps"))
                .into_scheduler(),
            "sequential" => match self.text("variant") {
                "constant, exponential" => SequentialLrSchedulerConfig::new(
                    vec![LrSchedulerConfig::Constant(lr * 0.1), ExponentialLrSchedulerConfig::new(lr, 0.9).into()],
                    vec![20],
                ),
                _ => SequentialLrSchedulerConfig::new(
                    vec![
                        LinearLrSchedulerConfig::new(lr * 0.2, lr, 30).into(),
                        CosineAnnealingLrSchedulerConfig::new(lr, 70).into(),
                        StepLrSchedulerConfig::new(lr, 10).with_gamma(0.5).into(),
                    ],
                    vec![30, 100],
                ),
            }
            .into_scheduler(),
            _ => return None,
        };
        Some(made.unwrap_or_else(|error| panic!("{}: {error}", self.0["settings"])))
    }
}

fn assert_close(ours: f64, torchs: f64, what: impl Fn() -> String) {
    let difference = (ours - torchs).abs();
    // torch's recursion can end just beside 0, where a relative difference means nothing.
    assert!(difference <= 1e-6 * torchs.abs() || difference < 1e-15, "{}: ours {ours}, torch's {torchs}", what());
}

fn assert_rates(case: &Case, scheduler: &mut dyn LrScheduler) {
    for (step, torchs) in case.rates().into_iter().enumerate() {
        if step > 0 {
            scheduler.step(None).expect("it continues");
        }
        assert_close(scheduler.lr(), torchs, || {
            format!("{} at step {step} of {}", scheduler.describe(), case.0["settings"])
        });
    }
}

#[test]
fn rates_are_torchs() {
    let mut steps = 0;
    for case in cases().filter(|case| case.kind() != "plateau") {
        assert_rates(&case, &mut *case.scheduler());
        steps += case.rates().len();
    }
    assert!(steps > 15_000, "the table has shrunk to {steps} steps");
}

#[test]
fn momenta_are_torchs() {
    let mut driven = 0;
    for case in cases() {
        let mut scheduler = case.scheduler();
        let Some(momenta) = case.momenta() else {
            assert_eq!(scheduler.momentum(), None, "{}", case.0["settings"]);
            continue;
        };
        driven += 1;
        for (step, torchs) in momenta.into_iter().enumerate() {
            if step > 0 {
                scheduler.step(None).expect("it continues");
            }
            let ours = scheduler.momentum().expect("it drives the momentum");
            assert_close(ours, torchs, || format!("step {step} of {}", case.0["settings"]));
        }
    }
    assert_eq!(driven, 12);
}

#[test]
fn plateaus_are_torchs() {
    let mut reductions = 0;
    for case in cases().filter(|case| case.kind() == "plateau") {
        let mut scheduler = case.scheduler();
        assert!(scheduler.wants_metric());
        let changes = case.0["changes"].as_array().expect("a plateau has changes");
        let mut torchs =
            changes.iter().map(|change| (change[0].as_u64().expect("a step"), number(&change[1]))).peekable();
        let mut rate = f64::NAN;
        let metrics = std::iter::once(None).chain(case.metrics());
        for (step, metric) in metrics.enumerate() {
            if let Some(metric) = metric {
                scheduler.step(Some(metric)).expect("it continues");
            }
            if let Some((_, to)) = torchs.next_if(|(at, _)| *at == step as u64) {
                rate = to;
                reductions += usize::from(step > 0);
            }
            assert_close(scheduler.lr(), rate, || format!("step {step} of {}", case.0["settings"]));
        }
        assert_eq!(torchs.next(), None);
    }
    assert!(reductions > 300, "the table has only {reductions} reductions left");
}

#[test]
fn burns_configurations_give_the_same_rates() {
    let mut kinds = Vec::new();
    for case in cases() {
        let Some(mut scheduler) = case.burn() else { continue };
        assert_rates(&case, &mut *scheduler);
        kinds.push(case.kind().to_owned());
    }
    kinds.dedup();
    assert_eq!(kinds, ["constant", "linear", "cosine", "exponential", "step", "noam", "sequential"]);
}

/// Burn's composed schedule multiplies rates, where torch's chained one multiplies factors.
#[test]
fn burns_composed_configuration_is_the_product() {
    let parts = || (ExponentialLrSchedulerConfig::new(0.5, 0.9), StepLrSchedulerConfig::new(0.2, 7).with_gamma(0.5));
    let (exponential, step) = parts();
    let mut composed =
        ComposedLrSchedulerConfig::new().exponential(exponential).step(step).into_scheduler().expect("works");
    let (exponential, step) = parts();
    let mut exponential = exponential.into_scheduler().expect("works");
    let mut decay = step.into_scheduler().expect("works");
    for _ in 0..50 {
        assert_close(composed.lr(), exponential.lr() * decay.lr(), || composed.describe());
        for part in [&mut composed, &mut exponential, &mut decay] {
            part.step(None).expect("it continues");
        }
    }
}

#[test]
fn groups_have_a_rate_to_keep_their_ratio_to() {
    for case in cases() {
        for scheduler in [Some(case.scheduler()), case.burn()].into_iter().flatten() {
            let lr = case.float("lr");
            let base = match case.kind() {
                "noam" => case.rates().into_iter().fold(0.0, f64::max),
                // Burn's linear and sequential schedules have a first rate, but no full rate.
                "linear" | "sequential" if scheduler.describe().contains("Config") => scheduler.lr(),
                _ => lr,
            };
            // Noam's peak may lie beyond the table.
            if case.kind() == "noam" && case.steps("warmup_steps") > 200 {
                assert!(scheduler.base_lr() > base);
            } else {
                assert_close(scheduler.base_lr(), base, || scheduler.describe());
            }
        }
    }
}
