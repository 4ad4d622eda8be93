//! Wrong settings, the ends of schedules, and names.

use burn::{lr_scheduler::*, nn::*, optim::*, prelude::*};

use crate::{
    Result,
    metrics::Direction,
    optim::schedulers::{
        Annealing, ChainedSchedule, ConstantRate, Cosine, CosineWarmRestarts, Cyclic, ExponentialDecay, IntoScheduler,
        LambdaRate, LinearDecay, LrScheduler as Schedule, MultiStepDecay, Noam, OneCycle, PolynomialDecay,
        ReduceLROnPlateau, SequentialSchedule, StepDecay,
    },
};

fn error_of(schedule: impl IntoScheduler) -> String {
    let error = schedule.into_scheduler().expect_err("these settings are wrong");
    assert_eq!(error.kind(), crate::ErrorKind::Config);
    format!("{error:?}")
}

/// A program imports all of these at once: a name that two of them export would not compile where
/// it is used, here and below.
#[test]
fn names_do_not_collide_with_burns() {
    let layers: (Option<Linear>, Option<SgdConfig>, Option<Tensor<2>>) = (None, None, None);
    assert!(matches!(layers, (None, None, None)));
}

#[test]
fn wrong_numbers_are_refused_with_a_remedy() {
    for (text, parts) in [
        (error_of(ConstantRate::new(-0.1)), vec!["`lr` must be finite and above 0, found -0.1", "1e-3"]),
        (error_of(ConstantRate::new(0.1).factor_for(0.0, 3)), vec!["`factor` must be finite and above 0, found 0.0"]),
        (
            error_of(LinearDecay::new(0.1, 0)),
            vec!["`LinearDecay`: `steps` must be at least 1, found 0", "at least one step"],
        ),
        (
            error_of(LinearDecay::new(0.1, 5).end_factor(-1.0)),
            vec!["`end_factor` must be finite and at least 0, found -1.0"],
        ),
        (
            error_of(LinearDecay::new(0.1, 5).start_factor(f64::NAN)),
            vec!["`start_factor` must be finite and at least 0, found NaN"],
        ),
        (error_of(Cosine::new(f64::NAN, 10)), vec!["`lr` must be finite and above 0, found NaN"]),
        (error_of(Cosine::new(0.1, -5)), vec!["`Cosine`: `steps` must be at least 1, found -5"]),
        (error_of(Cosine::new(0.1, 5).min_lr(0.2)), vec!["`min_lr` must be at most the rate 0.1, found 0.2"]),
        (error_of(CosineWarmRestarts::new(0.1, 0)), vec!["`t_0` must be at least 1, found 0"]),
        (error_of(CosineWarmRestarts::new(0.1, 5).t_mult(0)), vec!["`t_mult` must be at least 1, found 0"]),
        (
            error_of(ExponentialDecay::new(0.1, f64::INFINITY)),
            vec!["`gamma` must be finite and above 0, found inf", "positive factor"],
        ),
        (error_of(StepDecay::new(0.1, 0)), vec!["`step_size` must be at least 1, found 0"]),
        (error_of(StepDecay::new(0.1, 5).gamma(f64::NAN)), vec!["`gamma` must be finite and above 0, found NaN"]),
        (error_of(MultiStepDecay::new(0.1, [5, -3])), vec!["`milestones` must be at least 0, found -3"]),
        (error_of(PolynomialDecay::new(0.1, 5).power(0.0)), vec!["`power` must be finite and above 0, found 0.0"]),
        (error_of(Noam::new(512, 0)), vec!["`warmup_steps` must be at least 1, found 0"]),
        (error_of(Noam::new(0, 10)), vec!["`model_size` must be at least 1, found 0"]),
        (error_of(OneCycle::new(0.1, 10).pct_start(1.5)), vec!["`pct_start` must be between 0 and 1, found 1.5"]),
        (error_of(OneCycle::new(0.1, 10).pct_start(0.6).three_phase(true)), vec!["with `three_phase`, found 0.6"]),
        (error_of(OneCycle::new(0.1, 10).momentum(0.95, 0.85)), vec!["`momentum(0.95, 0.85)`"]),
        (error_of(OneCycle::new(0.1, 10).div_factor(0.0)), vec!["`div_factor` must be finite and above 0, found 0.0"]),
        (error_of(Cyclic::new(0.1, 0.01, 5)), vec!["`max_lr` must be at least `base_lr` 0.1, found 0.01"]),
        (
            error_of(Cyclic::new(0.1, 0.2, 0).step_size_down(0)),
            vec!["`step_size_up` must be at least 1", "`step_size_down` must be at least 1"],
        ),
        (error_of(Cyclic::new(0.1, 0.2, 5).exp_range(-1.0)), vec!["`gamma` must be finite and above 0, found -1.0"]),
        (error_of(ReduceLROnPlateau::new(0.1).factor(1.0)), vec!["`factor` must be above 0 and below 1, found 1.0"]),
        (error_of(ReduceLROnPlateau::new(0.1).patience(-1)), vec!["`patience` must be at least 0, found -1"]),
        (error_of(ReduceLROnPlateau::new(0.1).eps(-1.0)), vec!["`eps` must be finite and at least 0, found -1.0"]),
        (
            error_of(LambdaRate::new(0.1, |_| f64::NAN)),
            vec!["`LambdaRate` must be finite and at least 0, found NaN at step 0"],
        ),
        (error_of(SequentialSchedule::new(Cosine::new(0.1, 5)).then(0, Cosine::new(0.1, 5))), vec!["milestone 0"]),
        (
            error_of(ChainedSchedule::new(Cosine::new(0.1, 5)).and(Cosine::new(0.2, 5))),
            vec!["different rates: [0.1, 0.2]", "the same rate"],
        ),
        (error_of(cosine::CosineAnnealingLrSchedulerConfig::new(2.0, 5)), vec!["CosineAnnealing", "at most 1"]),
        (error_of(step::StepLrSchedulerConfig::new(0.0, 5)), vec!["the first rate must be above 0, found 0"]),
        (error_of(Cosine::new(0.1, 50).warmup(-1)), vec!["`warmup`: `steps` must be at least 0, found -1"]),
        (
            error_of(Cosine::new(0.1, 50).warmup(5).start_factor(1.5)),
            vec!["`start_factor` must be between 0 and 1, found 1.5"],
        ),
        (
            error_of(Cosine::new(0.1, 50).warmup(50)),
            vec!["the warm-up must be shorter than the 50 steps, found 50 steps"],
        ),
        (
            error_of(OneCycle::new(0.1, 50).warmup(60)),
            vec!["the warm-up must be shorter than the 50 steps, found 60 steps"],
        ),
    ] {
        for part in parts {
            assert!(text.contains(part), "`{part}` is missing in: {text}");
        }
    }
}

#[test]
fn all_wrong_numbers_are_listed_at_once() {
    let text = error_of(ReduceLROnPlateau::new(-1.0).factor(2.0).patience(-1).cooldown(-2).threshold(f64::NAN));
    for part in [
        "5 settings cannot work",
        "`lr` must be finite and above 0, found -1.0",
        "`factor` must be above 0 and below 1, found 2.0",
        "`patience` must be at least 0, found -1",
        "`cooldown` must be at least 0, found -2",
        "`threshold` must be finite and at least 0, found NaN",
    ] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    let text = error_of(
        SequentialSchedule::new(StepDecay::new(-1.0, 0).warmup(-1))
            .then(5, Cosine::new(0.1, 0))
            .then(5, Noam::new(1, 1).factor(0.0)),
    );
    for part in [
        "milestone 5",
        "`lr` must be finite and above 0, found -1.0",
        "`step_size` must be at least 1, found 0",
        "`warmup`: `steps` must be at least 0, found -1",
        "`Cosine`: `steps` must be at least 1, found 0",
        "`factor` must be finite and above 0, found 0.0",
    ] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

fn after(schedule: impl IntoScheduler, steps: usize) -> Box<dyn Schedule> {
    let mut schedule = schedule.into_scheduler().expect("these numbers work");
    for _ in 0..steps {
        schedule.step(None).expect("it continues");
    }
    schedule
}

#[test]
fn beyond_their_end_schedules_hold() {
    assert_eq!(after(LinearDecay::new(0.1, 10).end_factor(0.5), 1000).lr(), 0.05);
    assert_eq!(after(PolynomialDecay::new(0.1, 10), 1000).lr(), 0.0);
    for annealing in [Annealing::Cosine, Annealing::Linear] {
        let lowest = 0.1 / 25.0 / 1e4;
        for steps in [9, 10, 11, 1000] {
            let schedule = after(OneCycle::new(0.1, 10).annealing(annealing).momentum(0.85, 0.95), steps);
            assert!((schedule.lr() - lowest).abs() < 1e-15, "{} at {steps}", schedule.lr());
            assert!((schedule.momentum().expect("it drives it") - 0.95).abs() < 1e-15);
        }
    }
    // The cosine rises again, as torch's does.
    assert!((after(Cosine::new(0.1, 10), 20).lr() - 0.1).abs() < 1e-15);
}

#[test]
fn a_rate_that_goes_wrong_on_the_way_ends_the_run_with_the_step() {
    let mut schedule = LambdaRate::new(0.1, |step| 3.0 - step as f64).into_scheduler().expect("starts well");
    let errors: Vec<_> = (0..5).filter_map(|_| schedule.step(None).err()).map(|error| error.to_string()).collect();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("`LambdaRate` must be finite and at least 0, found -0.1 at step 4"), "{}", errors[0]);

    let mut schedule = after(ExponentialDecay::new(0.1, 10.0), 300);
    let error = (0..20).find_map(|_| schedule.step(None).err()).expect("10^309 is too large");
    assert!(error.to_string().contains("found inf at step 309"), "{error}");
}

#[test]
fn a_plateau_wants_its_metric() {
    let mut schedule = ReduceLROnPlateau::new(0.1).warmup(2).into_scheduler().expect("works");
    assert!(schedule.wants_metric());
    schedule.step(None).expect("the warm-up watches nothing");
    schedule.step(None).expect("the warm-up watches nothing");
    let error = schedule.step(None).expect_err("now it does");
    assert!(error.to_string().contains("monitor"), "{error}");
    assert!(!Cosine::new(0.1, 5).into_scheduler().expect("works").wants_metric());
}

#[test]
fn a_plateau_takes_over_the_direction_of_its_metric() {
    let rates = |schedule: ReduceLROnPlateau, direction| {
        let mut schedule = schedule.patience(0).into_scheduler().expect("works");
        schedule.watch(direction)?;
        for accuracy in [0.5, 0.6, 0.7] {
            schedule.step(Some(accuracy))?;
        }
        Ok::<_, crate::Error>(schedule.lr())
    };
    assert_eq!(rates(ReduceLROnPlateau::new(0.1), Direction::Maximize).expect("works"), 0.1);
    assert!(rates(ReduceLROnPlateau::new(0.1), Direction::Minimize).expect("works") < 0.01);
    let wrong = rates(ReduceLROnPlateau::new(0.1).mode(Direction::Minimize), Direction::Maximize);
    let text = wrong.expect_err("it cannot be both").to_string();
    assert!(text.contains("minimize") && text.contains("maximize"), "{text}");
}

#[test]
fn any_usual_integer_counts_steps() {
    let rates = [
        Cosine::new(0.1, 7_i32).into_scheduler(),
        Cosine::new(0.1, 7_i64).into_scheduler(),
        Cosine::new(0.1, 7_u32).into_scheduler(),
        Cosine::new(0.1, 7_u64).into_scheduler(),
        Cosine::new(0.1, 7_usize).into_scheduler(),
    ];
    let texts: Vec<_> = rates.map(|schedule| schedule.expect("works").describe()).into();
    assert_eq!(texts, ["cosine from 0.1 to 0 in 7 steps"; 5]);
}

#[test]
fn what_they_say_of_themselves_has_their_numbers() {
    let text = |schedule: Result<Box<dyn Schedule>>| schedule.expect("works").describe();
    for (text, expected) in [
        (
            text(Cosine::new(0.1, 100).warmup(20).into_scheduler()),
            "20 steps of linear warm-up, then cosine from 0.1 to 0 in 80 steps",
        ),
        (text(MultiStepDecay::new(0.1, [30, 10]).into_scheduler()), "0.1, times 0.1 at steps 10, 30"),
        (
            text(
                SequentialSchedule::new(ConstantRate::new(0.1))
                    .then(5, ExponentialDecay::new(0.1, 0.9))
                    .into_scheduler(),
            ),
            "constant 0.1; from step 5 exponential from 0.1, times 0.9 each step",
        ),
        (
            text(LinearDecay::new(0.1, 5).start_factor(0.2).end_factor(1.0).into_scheduler()),
            "linear from 0.02 to 0.1 in 5 steps",
        ),
        (
            text(ChainedSchedule::new(ConstantRate::new(0.1)).and(StepDecay::new(0.1, 5)).into_scheduler()),
            "(constant 0.1) × (0.1, times 0.1 every 5 steps)",
        ),
        (
            text(OneCycle::new(1.0, 10).into_scheduler()),
            "one cycle along cosines: from 0.04 up to 1 in 30% of 10 steps, then down to 4e-6",
        ),
        (
            text(exponential::ExponentialLrSchedulerConfig::new(0.1, 0.9).into_scheduler()),
            "ExponentialLrSchedulerConfig {initial_lr: 0.1, gamma: 0.9}",
        ),
    ] {
        assert_eq!(text.replace("{ ", "{").replace(" }", "}"), expected);
    }
}

/// Every schedule with unusual settings is refused, or continues from any step with finite rates or
/// an error.
#[test]
fn no_numbers_make_a_panic() {
    const FLOATS: [f64; 8] = [f64::NAN, f64::INFINITY, -1.0, 0.0, f64::MIN_POSITIVE, 0.5, 1.0, f64::MAX];
    const COUNTS: [i64; 6] = [i64::MIN, -1, 0, 1, 7, i64::MAX];
    let (mut refused, mut made) = (0, 0);
    let mut try_one = |schedule: Result<Box<dyn Schedule>>| {
        let Ok(mut schedule) = schedule else {
            refused += 1;
            return;
        };
        made += 1;
        assert!(schedule.base_lr() > 0.0 && schedule.base_lr().is_finite());
        for step in [0, 1, 6, 7, 8, u64::MAX / 2, u64::MAX - 1] {
            let state = serde_json::json!({ "step": step, "schedule": { "step": step } });
            let goes_on = schedule.load_state(&state).and_then(|()| schedule.step(Some(f64::NAN)));
            assert!(goes_on.is_err() || (schedule.lr() >= 0.0 && schedule.lr().is_finite()), "{}", schedule.describe());
        }
    };
    for lr in FLOATS {
        for x in FLOATS {
            for n in COUNTS {
                try_one(ConstantRate::new(lr).factor_for(x, n).into_scheduler());
                try_one(LinearDecay::new(lr, n).start_factor(x).end_factor(x).into_scheduler());
                try_one(Cosine::new(lr, n).min_lr(x).into_scheduler());
                try_one(Cosine::new(lr, 9).warmup(n).start_factor(x).into_scheduler());
                try_one(ExponentialDecay::new(lr, x).warmup(n).into_scheduler());
                try_one(StepDecay::new(lr, n).gamma(x).into_scheduler());
                try_one(MultiStepDecay::new(lr, [n, 3]).gamma(x).into_scheduler());
                try_one(PolynomialDecay::new(lr, n).power(x).into_scheduler());
                try_one(LambdaRate::new(lr, move |step| x * step as f64).into_scheduler());
                try_one(ReduceLROnPlateau::new(lr).factor(x).patience(n).cooldown(n).into_scheduler());
                for m in COUNTS {
                    try_one(CosineWarmRestarts::new(lr, n).t_mult(m).min_lr(x).into_scheduler());
                    try_one(Noam::new(n, m).factor(lr).into_scheduler());
                    try_one(Cyclic::new(lr, x, n).step_size_down(m).exp_range(x).into_scheduler());
                    try_one(OneCycle::new(lr, n).pct_start(x).div_factor(x).three_phase(m > 0).into_scheduler());
                }
            }
        }
    }
    assert!(refused > 10_000 && made > 500, "{refused} refused, {made} made");
}
