//! Saving and resuming.

use serde_json::{Value, json};

use super::reference::cases;
use crate::{
    metrics::Direction,
    optim::schedulers::{
        ChainedSchedule, Cosine, ExponentialDecay, IntoScheduler, LrScheduler, ReduceLROnPlateau, SequentialSchedule,
        StepDecay,
    },
};

/// Returns the bits of the rate and the momentum after each of these calls.
fn follow(scheduler: &mut dyn LrScheduler, metrics: &[Option<f64>]) -> Vec<(u64, Option<u64>)> {
    metrics
        .iter()
        .map(|metric| {
            scheduler.step(*metric).expect("it continues");
            (scheduler.lr().to_bits(), scheduler.momentum().map(f64::to_bits))
        })
        .collect()
}

/// Writes and reads a state as a checkpoint does: as text.
fn stored(state: &Value) -> Value {
    serde_json::from_str(&state.to_string()).expect("a state is JSON")
}

fn assert_resumes_anywhere(make: impl Fn() -> Box<dyn LrScheduler>, metrics: &[Option<f64>]) {
    let mut running = make();
    for (step, metric) in metrics.iter().enumerate() {
        let mut resumed = make();
        resumed.load_state(&stored(&running.state())).expect("its own state");
        let rest = &metrics[step..];
        assert_eq!(resumed.lr().to_bits(), running.lr().to_bits());
        assert_eq!(
            follow(&mut *resumed, rest),
            follow(&mut *running.clone(), rest),
            "{} at {step}",
            running.describe()
        );
        running.step(*metric).expect("it continues");
    }
}

#[test]
fn every_schedule_resumes_at_every_step_to_the_bit() {
    for case in cases() {
        assert_resumes_anywhere(|| case.scheduler(), &case.metrics());
    }
}

#[test]
fn burns_schedules_resume_at_every_step_to_the_bit() {
    use burn::lr_scheduler::{
        composed::ComposedLrSchedulerConfig, cosine::CosineAnnealingLrSchedulerConfig,
        exponential::ExponentialLrSchedulerConfig, linear::LinearLrSchedulerConfig, noam::NoamLrSchedulerConfig,
        sequential::SequentialLrSchedulerConfig, step::StepLrSchedulerConfig,
    };
    let calls = [None; 40];
    let cosine = CosineAnnealingLrSchedulerConfig::new(0.1, 30);
    let exponential = ExponentialLrSchedulerConfig::new(0.1, 0.93);
    let linear = LinearLrSchedulerConfig::new(0.1, 0.01, 25);
    let noam = NoamLrSchedulerConfig::new(0.3).with_warmup_steps(10);
    let step = StepLrSchedulerConfig::new(0.1, 7);
    let composed = ComposedLrSchedulerConfig::new().cosine(cosine.clone()).noam(noam.clone());
    let sequential =
        SequentialLrSchedulerConfig::new(vec![linear.clone().into(), exponential.clone().into()], vec![13]);
    assert_resumes_anywhere(|| cosine.clone().into_scheduler().expect("works"), &calls);
    assert_resumes_anywhere(|| exponential.clone().warmup(5).into_scheduler().expect("works"), &calls);
    assert_resumes_anywhere(|| linear.clone().into_scheduler().expect("works"), &calls);
    assert_resumes_anywhere(|| noam.clone().into_scheduler().expect("works"), &calls);
    assert_resumes_anywhere(|| step.clone().into_scheduler().expect("works"), &calls);
    assert_resumes_anywhere(|| composed.clone().into_scheduler().expect("works"), &calls);
    assert_resumes_anywhere(|| sequential.clone().into_scheduler().expect("works"), &calls);
}

#[test]
fn nested_schedules_resume_with_their_metric() {
    let make = || {
        SequentialSchedule::new(ReduceLROnPlateau::new(0.1).patience(1).factor(0.5).warmup(3))
            .then(12, ChainedSchedule::new(StepDecay::new(0.1, 2)).and(ExponentialDecay::new(0.1, 0.9)))
            .into_scheduler()
            .expect("works")
    };
    assert!(make().wants_metric());
    assert_resumes_anywhere(make, &[Some(1.0); 20]);
}

#[test]
fn the_programs_numbers_win_on_resume() {
    let state_after = |schedule: Box<dyn LrScheduler>, metrics: &[Option<f64>]| {
        let mut schedule = schedule;
        follow(&mut *schedule, metrics);
        stored(&schedule.state())
    };
    let plain = state_after(ExponentialDecay::new(0.1, 0.5).into_scheduler().expect("works"), &[None; 3]);
    let mut lower = ExponentialDecay::new(0.02, 0.5).into_scheduler().expect("works");
    lower.load_state(&plain).expect("a state of its kind");
    assert_eq!(lower.lr(), 0.02 * 0.125);

    let config = burn::lr_scheduler::exponential::ExponentialLrSchedulerConfig::new;
    let burns = state_after(config(0.1, 0.5).into_scheduler().expect("works"), &[None; 3]);
    let mut lower = config(0.02, 0.5).into_scheduler().expect("works");
    lower.load_state(&burns).expect("a state of its kind");
    assert!((lower.lr() - 0.02 * 0.125).abs() < 1e-18);

    let plateau = |lr| ReduceLROnPlateau::new(lr).patience(0).into_scheduler().expect("works");
    let reduced = state_after(plateau(0.1), &[Some(1.0), Some(1.0), Some(1.0)]);
    let mut lower = plateau(0.02);
    lower.load_state(&reduced).expect("a state of its kind");
    assert!((lower.lr() - 0.02 * 0.01).abs() < 1e-18);
}

#[test]
fn a_plateau_that_has_seen_nothing_or_infinity_can_be_stored() {
    for (direction, metric) in [
        (Direction::Minimize, f64::NAN),
        (Direction::Minimize, f64::NEG_INFINITY),
        (Direction::Maximize, f64::INFINITY),
        (Direction::Maximize, f64::NAN),
    ] {
        let make = || ReduceLROnPlateau::new(0.1).mode(direction).patience(2).into_scheduler().expect("works");
        assert_resumes_anywhere(make, &[Some(metric); 8]);
    }
}

#[test]
fn a_foreign_state_is_refused_and_changes_nothing() {
    let schedules: Vec<Box<dyn LrScheduler>> = vec![
        Cosine::new(0.1, 100).into_scheduler().expect("works"),
        Cosine::new(0.1, 100).warmup(10).into_scheduler().expect("works"),
        ReduceLROnPlateau::new(0.1).into_scheduler().expect("works"),
        SequentialSchedule::new(Cosine::new(0.1, 5)).then(5, StepDecay::new(0.1, 3)).into_scheduler().expect("works"),
        ChainedSchedule::new(Cosine::new(0.1, 5)).and(StepDecay::new(0.1, 3)).into_scheduler().expect("works"),
        burn::lr_scheduler::step::StepLrSchedulerConfig::new(0.1, 3).into_scheduler().expect("works"),
    ];
    for mut schedule in schedules {
        let before = schedule.state();
        for foreign in [
            json!(null),
            json!(3),
            json!([1, 2]),
            json!({}),
            json!({ "step": -1 }),
            json!({ "step": 1.5 }),
            json!({ "step": "3" }),
            json!({ "step": 3, "parts": [] }),
            json!({ "step": 3, "parts": {} }),
            json!({ "step": 3, "schedule": 0 }),
            json!({ "best": "low", "bad_checks": 0, "cooling": 0, "reductions": 0 }),
            json!({ "best": 1.0, "bad_checks": 0, "cooling": 0, "reductions": -1 }),
        ] {
            // A state that is a step alone may have more entries.
            if foreign.get("step") == Some(&json!(3))
                && before.as_object().is_some_and(|state| state.len() == 1 && state.contains_key("step"))
            {
                continue;
            }
            let error = schedule.load_state(&foreign).expect_err("this is not its state");
            assert_eq!(error.kind(), crate::ErrorKind::Checkpoint, "{foreign}: {error}");
            assert_eq!(schedule.state(), before);
        }
    }
}

#[test]
fn hostile_counts_end_soon_and_without_a_panic() {
    let mut plateau = ReduceLROnPlateau::new(0.1).into_scheduler().expect("works");
    let state = json!({ "best": 0.0, "bad_checks": u64::MAX, "cooling": u64::MAX, "reductions": u64::MAX });
    plateau.load_state(&state).expect("odd, and possible");
    plateau.step(Some(1.0)).expect("it continues");

    let mut cosine = Cosine::new(0.1, 7).into_scheduler().expect("works");
    cosine.load_state(&json!({ "step": u64::MAX })).expect("odd, and possible");
    cosine.step(None).expect("it continues");
    assert!(cosine.lr().is_finite());

    let mut burns = burn::lr_scheduler::step::StepLrSchedulerConfig::new(0.1, 3).into_scheduler().expect("works");
    let error = burns.load_state(&json!({ "step": u64::MAX })).expect_err("Burn counts in i32");
    assert!(error.to_string().contains("2147483647"), "{error}");
}

#[test]
fn a_copy_goes_its_own_way() {
    let mut schedule = ExponentialDecay::new(0.1, 0.5).warmup(2).into_scheduler().expect("works");
    follow(&mut *schedule, &[None; 2]);
    let mut copy = schedule.boxed_clone();
    follow(&mut *copy, &[None; 2]);
    assert_eq!(schedule.lr(), 0.1);
    assert_eq!(copy.lr(), 0.025);
}
