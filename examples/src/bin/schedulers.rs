//! Prints all learning-rate schedules as charts.
#![deny(warnings)]

use std::fmt::Write as _;

use burn::lr_scheduler::noam::NoamLrSchedulerConfig;
use lightning_core::{
    prelude::*,
    schedulers::{
        ChainedSchedule, ConstantRate, CosineWarmRestarts, Cyclic, ExponentialDecay, LambdaRate, LinearDecay,
        LrScheduler, MultiStepDecay, Noam, PolynomialDecay, ReduceLROnPlateau, SequentialSchedule, StepDecay,
    },
};

/// The steps of each schedule.
const STEPS: u64 = 128;
/// The learning rate of all schedules.
const LR: f64 = 0.1;

type Named = (&'static str, Box<dyn LrScheduler>);

fn schedules(lr: f64, steps: u64) -> Result<Vec<Named>> {
    let (eighth, half) = (steps / 8, steps / 2);
    Ok(vec![
        ("ConstantRate", ConstantRate::new(lr).factor_for(0.5, eighth).into_scheduler()?),
        ("LinearDecay", LinearDecay::new(lr, steps).into_scheduler()?),
        ("Cosine", Cosine::new(lr, steps).into_scheduler()?),
        ("Cosine with warm-up", Cosine::new(lr, steps).warmup(eighth).into_scheduler()?),
        ("CosineWarmRestarts", CosineWarmRestarts::new(lr, eighth).t_mult(2).into_scheduler()?),
        ("ExponentialDecay", ExponentialDecay::new(lr, 0.97).into_scheduler()?),
        ("StepDecay", StepDecay::new(lr, steps / 4).gamma(0.5).into_scheduler()?),
        ("MultiStepDecay", MultiStepDecay::new(lr, [half, half + eighth]).gamma(0.4).into_scheduler()?),
        ("PolynomialDecay", PolynomialDecay::new(lr, steps).power(2.0).into_scheduler()?),
        ("Noam", Noam::new(64, eighth).into_scheduler()?),
        ("OneCycle", OneCycle::new(lr, steps).into_scheduler()?),
        ("OneCycle in three phases", OneCycle::new(lr, steps).three_phase(true).into_scheduler()?),
        ("Cyclic", Cyclic::new(lr / 10.0, lr, eighth).into_scheduler()?),
        ("Cyclic, triangular2", Cyclic::new(lr / 10.0, lr, eighth).triangular2().into_scheduler()?),
        ("Cyclic, exp_range", Cyclic::new(lr / 10.0, lr, eighth).exp_range(0.985).into_scheduler()?),
        ("LambdaRate", LambdaRate::new(lr, |step| 1.0 / (step as f64 + 1.0).sqrt()).into_scheduler()?),
        ("ReduceLROnPlateau", ReduceLROnPlateau::new(lr).factor(0.5).patience(10).into_scheduler()?),
        (
            "SequentialSchedule",
            SequentialSchedule::new(LinearDecay::new(lr, half).start_factor(0.2).end_factor(1.0))
                .then(half, ExponentialDecay::new(lr, 0.95))
                .into_scheduler()?,
        ),
        (
            "ChainedSchedule",
            ChainedSchedule::new(Cosine::new(lr, steps)).and(StepDecay::new(lr, half).gamma(0.5)).into_scheduler()?,
        ),
        (
            "Burn's Noam",
            NoamLrSchedulerConfig::new(1.0).with_model_size(64).with_warmup_steps(eighth as usize).into_scheduler()?,
        ),
    ])
}

/// A loss for `ReduceLROnPlateau`: it decreases, then stays constant.
fn loss(step: u64) -> f64 {
    (1.0 / (1.0 + step as f64 / 8.0)).max(0.25)
}

fn rates(mut schedule: Box<dyn LrScheduler>, steps: u64) -> Result<Vec<f64>> {
    (0..steps)
        .map(|step| {
            let lr = schedule.lr();
            schedule.step(schedule.wants_metric().then(|| loss(step)))?;
            Ok(lr)
        })
        .collect()
}

const COLUMNS: usize = 64;
const ROWS: usize = 6;
/// The cells of a chart, from empty to full height.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws the learning rates as an area chart, from 0 to the largest.
fn chart(rates: &[f64]) -> String {
    let top = rates.iter().copied().fold(0.0, f64::max);
    let columns = COLUMNS.min(rates.len());
    let heights: Vec<usize> = (0..columns)
        .map(|column| {
            let share = rates[column * rates.len() / columns] / top;
            (share * (8 * ROWS) as f64).round() as usize
        })
        .collect();
    let mut text = String::new();
    for row in (0..ROWS).rev() {
        let label = match row {
            0 => "0".to_owned(),
            row if row == ROWS - 1 => format!("{top:.4}"),
            _ => String::new(),
        };
        let cells: String = heights.iter().map(|height| BLOCKS[height.saturating_sub(8 * row).min(8)]).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{label:>8} │{}", cells.trim_end());
    }
    text
}

fn main() -> Result<()> {
    for (name, schedule) in schedules(LR, STEPS)? {
        let described = schedule.describe();
        println!("{name}: {described}\n{}", chart(&rates(schedule, STEPS)?));
    }
    Ok(())
}
