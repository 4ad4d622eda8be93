//! `Timer`: LIGHTNING.md 3.5.

use std::{thread::sleep, time::Duration};

use lightning_core::{
    FitReport,
    callbacks::{LambdaCallback, Timer},
    optim::Interval,
    prelude::*,
    trainer::StopReason,
};

use crate::support::{Net, NetHparams, Rows, batches};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![4; count], 3)).unwrap()
}

/// Ten batches an epoch, each of which takes 20 ms.
fn fit(timer: Timer, epochs: usize, min_steps: u64) -> FitReport<Net> {
    let slow = LambdaCallback::new().on_train_batch_start(|_, _| {
        sleep(Duration::from_millis(20));
        Ok(())
    });
    seed_everything(1);
    let mut net = Net::new(NetHparams::default());
    let mut trainer = Net::quiet()
        .max_epochs(epochs)
        .min_steps(min_steps)
        .num_sanity_val_steps(0)
        .callback(slow)
        .callback(timer.verbose(false))
        .build()
        .unwrap();
    trainer.fit(&mut net, (loader(10), loader(1))).unwrap()
}

#[test]
fn training_ends_with_the_batch_in_which_the_time_is_up() {
    let timer = Timer::new(Duration::from_millis(70));
    let report = fit(timer.clone(), 100, 0);
    assert_eq!(report.stop_reason, StopReason::TimeLimit);
    // Four batches of 20 ms; on a busy machine fewer.
    assert!((1..=4).contains(&report.global_step), "{} steps", report.global_step);
    assert_eq!(timer.time_remaining(), Some(Duration::ZERO));
    assert!(timer.time_elapsed(Stage::Fit) >= Duration::from_millis(70));
}

#[test]
fn by_epoch_the_epoch_is_finished_first() {
    let report = fit(Timer::new(Duration::from_millis(50)).interval(Interval::Epoch), 100, 0);
    assert_eq!(report.stop_reason, StopReason::TimeLimit);
    assert_eq!((report.global_step, report.current_epoch), (10, 1));
}

#[test]
fn no_time_is_no_step() {
    let report = fit(Timer::new(Duration::ZERO), 100, 0);
    assert_eq!((report.stop_reason, report.global_step), (StopReason::TimeLimit, 0));
    let report = fit(Timer::new("00:00:00:00").interval(Interval::Epoch), 100, 0);
    assert_eq!((report.stop_reason, report.global_step), (StopReason::TimeLimit, 0));
}

#[test]
fn min_steps_comes_first() {
    let report = fit(Timer::new(Duration::ZERO), 100, 7);
    assert_eq!((report.stop_reason, report.global_step), (StopReason::TimeLimit, 7));
}

#[test]
fn every_stage_has_its_own_clock() {
    let timer = Timer::default();
    let clocks = || [Stage::Fit, Stage::Validate, Stage::Test, Stage::Predict].map(|stage| timer.time_elapsed(stage));
    let none = Duration::ZERO;
    assert_eq!(clocks(), [none; 4]);
    let report = fit(timer.clone(), 1, 0);
    assert_eq!(report.stop_reason, StopReason::MaxEpochs);
    let [fit_time, validation, test, predict] = clocks();
    assert!(fit_time >= Duration::from_millis(200) && validation > none && validation < fit_time);
    assert_eq!((test, predict, timer.time_remaining()), (none, none, None));
    assert!(timer.start_time(Stage::Fit) < timer.end_time(Stage::Fit));
    // They stand still between the stages.
    sleep(Duration::from_millis(5));
    assert_eq!(clocks()[0], fit_time);

    let mut net = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().callback(timer.clone()).build().unwrap();
    trainer.test(&mut net, loader(2)).unwrap();
    trainer.predict(&mut net, loader(2)).unwrap();
    let [same_fit, same_validation, test, predict] = clocks();
    assert_eq!((same_fit, same_validation), (fit_time, validation));
    assert!(test > none && predict > none);
}

#[test]
fn a_text_that_is_no_time_is_an_error_of_build() {
    for text in ["12:00:00", "a:b:c:d", "", "-1:00:00:00", "99999999999999999:00:00:00"] {
        let message = Net::quiet().max_epochs(1).callback(Timer::new(text)).build().unwrap_err().to_string();
        assert!(message.contains("Timer") && message.contains("DD:HH:MM:SS"), "{message}");
    }
}
