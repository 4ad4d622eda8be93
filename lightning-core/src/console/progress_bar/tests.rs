//! What is drawn, when, and how wide it is.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::{duration::clock_text, *};

#[cfg(feature = "progress")]
mod bar;

/// The bytes that were drawn.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

fn progress(view: View) -> (Progress, Output) {
    let output = Output::default();
    (Progress::with(view, Box::new(output.clone())), output)
}

fn metrics(values: &[(&str, f64)]) -> Metrics {
    let mut metrics = Metrics::default();
    for (name, value) in values {
        metrics.set(name, *value);
    }
    metrics
}

fn epochs(progress: &mut Progress, number: u64) {
    let values = metrics(&[("train_loss", 0.123_4), ("val_acc", 0.981)]);
    progress.start_evaluation(Stage::Validate, Some(2));
    progress.eval_batch(0);
    progress.end_evaluation();
    for epoch in 0..number {
        progress.start_epoch(epoch, Some(number), Some(3));
        for batch in 0..3 {
            progress.train_batch(batch, || &values);
        }
        progress.start_evaluation(Stage::Validate, Some(1));
        progress.eval_batch(0);
        progress.end_evaluation();
        progress.end_epoch(&values);
    }
    progress.finish();
}

#[test]
fn without_a_terminal_there_is_a_line_per_epoch() {
    let (mut progress, output) = progress(View::Plain);
    epochs(&mut progress, 2);
    let lines = output.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "epoch 0/1  3/3 batches  0.0 s  train_loss 0.123  val_acc 0.981");
    assert!(lines[1].starts_with("epoch 1/1  3/3 batches  "));
    assert!(lines.iter().all(|line| !line.contains(char::is_control)));
}

#[test]
fn a_long_epoch_has_lines_in_between() {
    let (mut progress, output) = progress(View::Plain);
    progress.interval = Duration::from_millis(5);
    let values = metrics(&[("lo\x1b[31mss", f64::NAN)]);
    progress.start_epoch(4, None, None);
    progress.train_batch(0, || &values);
    thread::sleep(Duration::from_millis(6));
    progress.train_batch(1, || &values);
    progress.train_batch(2, || &values);
    progress.start_evaluation(Stage::Validate, Some(9));
    thread::sleep(Duration::from_millis(6));
    progress.eval_batch(0);
    progress.end_evaluation();
    progress.end_epoch(&values);
    let lines = output.lines();
    assert_eq!(lines[0], "epoch 4  2 batches  0.0 s  lo[31mss NaN");
    assert!(lines[1].starts_with("validate  1/9 batches  0.0 s"));
    assert!(lines[2].starts_with("epoch 4  3 batches  0.0 s"));
    assert_eq!(lines.len(), 3);
}

#[test]
fn an_evaluation_of_its_own_has_a_line_per_loader() {
    let (mut progress, output) = progress(View::Plain);
    for batches in [2, 1] {
        progress.start_evaluation(Stage::Test, Some(batches));
        for batch in 0..batches {
            progress.eval_batch(batch);
        }
        progress.end_evaluation();
    }
    assert!(output.lines().is_empty());
    progress.finish();
    assert_eq!(output.lines(), ["test  2/2 batches  0.0 s", "test  1/1 batches  0.0 s"]);
    progress.finish();
    assert_eq!(output.lines().len(), 2);
}

#[test]
fn quiet_shows_what_is_printed_only() {
    let (mut progress, output) = progress(View::Quiet);
    epochs(&mut progress, 2);
    progress.train_batch(0, || unreachable!("metrics are asked for though nothing is drawn"));
    progress.println("warning: x");
    assert_eq!(output.lines(), ["warning: x"]);
}

#[test]
fn metrics_are_asked_for_when_something_is_drawn() {
    let (mut progress, _output) = progress(View::Plain);
    progress.start_epoch(0, Some(1), Some(1_000_000));
    for batch in 0..1_000_000 {
        progress.train_batch(batch, || unreachable!("nothing is due before 30 s"));
    }
    let meter = progress.epoch.as_ref().map(|epoch| epoch.meter.done);
    assert_eq!(meter, Some(1_000_000));
}

#[test]
fn times_are_short() {
    let text = |seconds| duration_text(Duration::from_secs_f64(seconds));
    assert_eq!([text(0.44), text(59.99), text(65.0), text(3605.0)], ["0.4 s", "59.9 s", "1:05", "1:00:05"]);
    assert_eq!(clock_text(Duration::from_secs(3661)), "1:01:01");
}
