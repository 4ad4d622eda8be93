//! The rows of the bar, and how wide they are.

use console::{measure_text_width, strip_ansi_codes};

use super::*;
use crate::console::progress_bar::rows::{self, bar_text, epoch_lines};

fn rows_of(progress: &Progress, width: usize, now: Instant) -> Vec<String> {
    rows::rows(progress.epoch.as_ref(), progress.evaluation.as_ref(), &progress.metrics, width, now)
}

fn after(meter: &Meter, seconds: u64) -> Instant {
    meter.started + Duration::from_secs(seconds)
}

fn plain(rows: &[String]) -> Vec<String> {
    rows.iter().map(|row| strip_ansi_codes(row).into_owned()).collect()
}

fn halfway() -> (Progress, Instant) {
    let (mut progress, _output) = progress(View::Terminal(Terminal::default()));
    progress.due = Instant::now() + Duration::from_secs(100);
    progress.start_epoch(3, Some(10), Some(46));
    for batch in 0..23 {
        progress.train_batch(batch, || unreachable!("nothing is due"));
    }
    let now = progress.epoch.as_ref().map_or_else(Instant::now, |epoch| after(&epoch.meter, 2));
    (progress, now)
}

#[test]
fn the_bar_is_that_of_pytorch_lightning() {
    let (mut progress, now) = halfway();
    progress.set_metrics(&metrics(&[("train_loss", 0.123), ("val_acc", 0.981)]));
    let rows = plain(&rows_of(&progress, 120, now));
    let bar = format!("{}╸{}", "━".repeat(11), "─".repeat(11));
    assert_eq!(rows, [format!("Epoch 3/9 {bar} 23/46 0:00:02 • 0:00:02 11.50it/s train_loss: 0.123 val_acc: 0.981")]);
}

#[test]
fn validation_has_a_row_of_its_own_meanwhile() {
    let (mut progress, now) = halfway();
    progress.start_evaluation(Stage::Validate, None);
    progress.eval_batch(4);
    let rows = plain(&rows_of(&progress, 120, now));
    assert_eq!(rows.len(), 2);
    assert!(rows[1].starts_with("Validation 5/-- 0:00:"), "{rows:?}");
    progress.end_evaluation();
    assert_eq!(rows_of(&progress, 120, now).len(), 1);
}

#[test]
fn no_row_is_wider_than_the_terminal() {
    let (mut progress, now) = halfway();
    progress.set_metrics(&metrics(&[
        ("train_loss", 0.123),
        ("a_metric_with_a_long_name", 0.981),
        ("größe_日本語", 1.0),
        ("d", 2.0),
    ]));
    progress.start_evaluation(Stage::Validate, Some(7));
    for width in 0..160 {
        for row in rows_of(&progress, width, now) {
            assert!(measure_text_width(&row) < width.max(2), "{width}: {row}");
        }
    }
    let rows = plain(&rows_of(&progress, 80, now));
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert_eq!(rows[1], " train_loss: 0.123 a_metric_with_a_long_name: 0.981 größe_日本語: 1.000");
}

/// A name is cut by the columns that it takes, and its value stays.
#[test]
fn long_names_are_cut_and_values_are_not() {
    let (mut progress, now) = halfway();
    let names = ["x".repeat(400), "日本語".repeat(100), "e\u{301}".repeat(400)];
    progress.set_metrics(&metrics(&[(&names[0], 1.5), (&names[1], 2.5), (&names[2], 3.5)]));
    let rows = plain(&rows_of(&progress, 40, now));
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert_eq!(rows[1], format!(" {}…: 1.500", "x".repeat(30)));
    // An odd column is left over beside wide characters.
    assert_eq!(rows[2], format!(" {}…: 2.500", "日本語".repeat(5)));
    assert_eq!(rows[3].strip_prefix(" ").map(|row| row.starts_with(&"e\u{301}".repeat(30))), Some(true));
    assert!(rows[3].ends_with("…: 3.500") && measure_text_width(&rows[3]) == 39, "{rows:?}");
}

#[test]
fn the_line_of_an_epoch_is_broken_between_metrics() {
    let values = [Metric::new("train_loss", 0.123), Metric::new("val_loss", 0.25), Metric::new("val_acc", 0.5)];
    let head = "epoch 3/9  23/23 batches  0.4 s";
    let all = format!("{head}  train_loss 0.123  val_loss 0.250  val_acc 0.500");
    assert_eq!(epoch_lines(head, &values, 100), [all]);
    let expected = [head, "    train_loss 0.123  val_loss 0.250", "    val_acc 0.500"];
    assert_eq!(epoch_lines(head, &values, 40), expected);
}

/// The cursor is on the empty line above the bar after each draw, whatever becomes of its rows.
#[test]
fn a_draw_replaces_the_one_before() {
    let (mut progress, output) = progress(View::Terminal(Terminal::of_size(24, 40)));
    progress.interval = Duration::from_secs(100);
    progress.start_epoch(0, Some(2), Some(4));
    progress.println("a line that has more than the forty columns of this terminal");
    progress.train_batch(0, || unreachable!("a draw is due in 100 s"));
    progress.end_epoch(&metrics(&[("loss", 0.5)]));
    let text = output.lines().join("\n");
    let bar = "\u{1b}[?7l\nEpoch 0/1 0/4 -:--:-- 0.00it/s\u{1b}[K\u{1b}[?7h\u{1b}[J\u{1b}[1A\r";
    let line = "\r\u{1b}[Ja line that has more than the forty\n    columns of this terminal\n";
    let epoch = "\r\u{1b}[Jepoch 0/1  1/4 batches  0.0 s\n    loss 0.500";
    assert_eq!(text, format!("\r\u{1b}[J{bar}{line}{bar}{epoch}"));
    progress.println("");
    assert_eq!(output.lines().last().map(String::as_str), Some("\r\u{1b}[J"));
    let lines = output.lines().len();
    progress.finish();
    assert_eq!(output.lines().len(), lines, "nothing is left to draw");
}

#[test]
fn a_full_bar_is_as_wide_as_an_empty_one() {
    assert_eq!(bar_text(0.0, 3).len(), bar_text(1.0, 3).len());
}

#[test]
fn a_resumed_epoch_counts_its_own_batches_for_the_rate() {
    let now = Instant::now();
    let mut meter = Meter::new(Some(200), now);
    (100..110).for_each(|batch| meter.batch(batch));
    meter.paused = Duration::from_secs(5);
    let later = after(&meter, 10);
    assert_eq!(meter.rate(later), 2.0);
    meter.pause = Some(later);
    assert_eq!(meter.rate(after(&meter, 20)), 2.0);
    meter.pause = None;
    assert_eq!(meter.remaining(later), Some(Duration::from_secs(45)));
    assert_eq!(Meter::new(Some(3), now).remaining(now), None);
    assert_eq!(Meter::new(None, now).remaining(later), None);
    assert_eq!(Meter::new(Some(0), now).share(), Some(1.0));
}
