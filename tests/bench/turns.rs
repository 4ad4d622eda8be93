//! The trainer and the hand-written loop in one process, a few steps in turn.
//!
//! Both use the same allocator and the same build of Burn, so their difference is the cost of the
//! trainer.

use std::{
    error::Error,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use burn::tensor::Device;
use lightning_core::{prelude::*, settings::Accelerator};

use super::{
    hand::Hand,
    measure::quantile,
    trainer::{Trained, logging},
    workloads::Workload,
};

/// Turns at the start that are not counted.
const WARM_UP: usize = 3;

/// One comparison.
pub struct Row {
    what: String,
    /// Milliseconds per step of the trainer and of the hand-written loop, turn by turn.
    turns: Vec<(f64, f64)>,
}

/// Runs the hand-written loop between batches of the trainer.
struct Turns<W: Workload> {
    hand: Hand<W>,
    steps: usize,
    since: Option<Instant>,
    turns: Arc<Mutex<Vec<(f64, f64)>>>,
}

impl<M, W: Workload> Callback<M> for Turns<W> {
    fn on_train_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !cx.batch_idx().is_multiple_of(self.steps) {
            return Ok(());
        }
        let trainer = self.since.take().map(|since| since.elapsed());
        let start = Instant::now();
        for _ in 0..self.steps {
            self.hand.step().map_err(|error| error.to_string())?;
        }
        let hand = start.elapsed();
        let ms = |time: Duration| time.as_secs_f64() * 1e3 / self.steps as f64;
        if let Some(trainer) = trainer {
            self.turns.lock().map_err(|_| "a thread has panicked")?.push((ms(trainer), ms(hand)));
        }
        self.since = Some(Instant::now());
        Ok(())
    }

    fn on_train_epoch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        // The end of an epoch, with its checkpoint, is not part of a step.
        self.since = None;
        Ok(())
    }
}

/// Times a workload with Burn's optimizer and with the fused one.
///
/// # Errors
/// Those of `fit` and of the hand-written loop.
pub fn take<M: Trained>(
    epochs: usize,
    accelerator: Accelerator,
    device: &Device,
) -> std::result::Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for fused in [false, true] {
        let folder = tempfile::tempdir()?;
        let settings = logging::<M>(folder.path()).accelerator(accelerator).fused_optimizers(fused);
        let turns = Arc::new(Mutex::new(Vec::new()));
        let callback: Turns<M::Workload> = Turns {
            hand: Hand::new(device, folder.path())?,
            steps: (M::Workload::STEPS / 100).max(2),
            since: None,
            turns: turns.clone(),
        };
        <M as Trained>::train(settings.callback(callback), epochs, device)?;
        let what = format!("{} with {} optimizer", M::Workload::NAME, if fused { "the fused" } else { "Burn's" });
        let turns = turns.lock().map_err(|_| "a thread has panicked")?.split_off(WARM_UP);
        rows.push(Row { what, turns });
    }
    Ok(rows)
}

/// Returns the comparisons as a table: medians, and the ratio with its quartiles.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| workload | trainer, ms a step | by hand, ms a step | hand / trainer | quartiles | turns |\n|---|---|---|---|---|---|",
    );
    for Row { what, turns } in rows {
        let column =
            |number: fn(&(f64, f64)) -> f64, at| quantile(&mut turns.iter().map(number).collect::<Vec<_>>(), at);
        let ratio: fn(&(f64, f64)) -> f64 = |(trainer, hand)| hand / trainer;
        text.push_str(&format!(
            "\n| {what} | {:.3} | {:.3} | {:.3} | {:.3} to {:.3} | {} |",
            column(|turn| turn.0, 0.5),
            column(|turn| turn.1, 0.5),
            column(ratio, 0.5),
            column(ratio, 0.25),
            column(ratio, 0.75),
            turns.len(),
        ));
    }
    text
}
