//! What a run shows while it goes on: one bar on a terminal, plain lines in a file or pipe.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use console::{measure_text_width, style, truncate_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{console::table::format_metric, metrics::Metrics, stage::Stage};

/// Between two redraws of the bar: ten a second look steady, and cost nothing that could be measured.
const REDRAW: Duration = Duration::from_millis(100);
/// Between two lines of an epoch or evaluation that takes longer than this.
const LINE: Duration = Duration::from_secs(30);
/// Rows below the bar that metrics may take when they do not fit beside it.
const METRIC_ROWS: usize = 3;

/// Shows how far a run is. The engine says what happens; what it looks like, and how often, is decided here.
///
/// A call per batch reads the clock once, and formats nothing unless something is about to be drawn.
pub(crate) struct Progress {
    view: View,
    /// Standard error, or what a test gave.
    writer: Box<dyn Write + Send>,
    /// Between two draws.
    interval: Duration,
    /// Before this moment nothing is drawn.
    due: Instant,
    epoch: Option<Epoch>,
    evaluation: Option<Evaluation>,
    /// The metrics of the last draw or epoch end.
    metrics: Vec<String>,
    /// Lines on finished evaluations, which are for those outside of `fit` only; that is known at the end.
    held: Vec<String>,
}

enum View {
    /// Warnings and printed text, and no more.
    Quiet,
    Plain,
    /// The bar is there from the first draw on.
    Terminal(Option<ProgressBar>),
}

/// The epoch in progress.
struct Epoch {
    number: u64,
    total: Option<u64>,
    meter: Meter,
}

/// The evaluation in progress.
struct Evaluation {
    stage: Stage,
    meter: Meter,
    drawn: bool,
}

/// Batches against the clock.
struct Meter {
    done: u64,
    total: Option<u64>,
    /// Batches done before this meter started: those of a resumed epoch.
    skipped: Option<u64>,
    started: Instant,
    /// Time that went into evaluations that are over.
    paused: Duration,
    /// When the evaluation in progress began.
    pause: Option<Instant>,
    ended: Option<Instant>,
}

impl Meter {
    fn new(total: Option<u64>, now: Instant) -> Self {
        Self { done: 0, total, skipped: None, started: now, paused: Duration::ZERO, pause: None, ended: None }
    }

    fn batch(&mut self, batch: u64) {
        self.skipped.get_or_insert(batch);
        self.done = batch.saturating_add(1);
    }

    fn elapsed(&self, now: Instant) -> Duration {
        self.ended.unwrap_or(now).duration_since(self.started)
    }

    /// Batches a second, evaluations left out.
    fn rate(&self, now: Instant) -> f64 {
        let paused = self.paused + self.pause.map_or(Duration::ZERO, |start| now.duration_since(start));
        let seconds = self.elapsed(now).saturating_sub(paused).as_secs_f64();
        let done = self.done.saturating_sub(self.skipped.unwrap_or(0)) as f64;
        if seconds > 0.0 { done / seconds } else { 0.0 }
    }

    /// Training goes on after an evaluation.
    fn resume(&mut self, now: Instant) {
        if let Some(start) = self.pause.take() {
            self.paused += now.duration_since(start);
        }
    }

    fn remaining(&self, now: Instant) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done) as f64;
        let rate = self.rate(now);
        if left == 0.0 { Some(Duration::ZERO) } else { Duration::try_from_secs_f64(left / rate).ok() }
    }

    /// How much is done, between 0 and 1.
    fn share(&self) -> Option<f64> {
        let total = self.total?;
        Some(if total == 0 { 1.0 } else { (self.done as f64 / total as f64).min(1.0) })
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = match self.view {
            View::Quiet => "quiet",
            View::Plain => "plain",
            View::Terminal(_) => "terminal",
        };
        f.debug_struct("Progress").field("view", &view).finish_non_exhaustive()
    }
}

impl Progress {
    /// Shows progress on standard error: a bar where that is a terminal, lines where it is not. Not `enabled`, it shows nothing but what
    /// [`println`](Self::println) is given.
    pub(crate) fn new(enabled: bool) -> Self {
        let view = match enabled {
            false => View::Quiet,
            true if io::stderr().is_terminal() && !console::is_dumb() => View::Terminal(None),
            true => View::Plain,
        };
        Self::with(view, Box::new(io::stderr()))
    }

    fn with(view: View, writer: Box<dyn Write + Send>) -> Self {
        let interval = if matches!(view, View::Terminal(_)) { REDRAW } else { LINE };
        let (metrics, held) = (Vec::new(), Vec::new());
        Self { view, writer, interval, due: Instant::now(), epoch: None, evaluation: None, metrics, held }
    }

    /// A training epoch, counted from 0, begins.
    pub(crate) fn start_epoch(&mut self, epoch: u64, epochs: Option<u64>, batches: Option<u64>) {
        let now = Instant::now();
        // The sanity check before the first epoch has nothing to show any more.
        self.evaluation = None;
        self.held.clear();
        self.epoch = Some(Epoch { number: epoch, total: epochs, meter: Meter::new(batches, now) });
        self.begin(now);
    }

    /// A training batch, counted from 0 in its epoch, is done.
    pub(crate) fn train_batch<'m>(&mut self, batch: u64, metrics: impl FnOnce() -> &'m Metrics) {
        if let View::Quiet = self.view {
            return;
        }
        if let Some(epoch) = &mut self.epoch {
            epoch.meter.batch(batch);
        }
        let now = Instant::now();
        if now >= self.due {
            self.keep(metrics());
            self.draw(now);
        }
    }

    /// The epoch is over, validation included.
    pub(crate) fn end_epoch(&mut self, metrics: &Metrics) {
        if let View::Quiet = self.view {
            return;
        }
        let now = Instant::now();
        self.keep(metrics);
        if let Some(epoch) = &mut self.epoch {
            epoch.meter.ended.get_or_insert(now);
        }
        match self.view {
            View::Plain => self.line(now),
            // Epochs may be shorter than the eye is quick; the last one is drawn by `finish`.
            _ if now >= self.due => self.draw(now),
            _ => {}
        }
    }

    /// Batches of one loader are about to be evaluated.
    pub(crate) fn start_evaluation(&mut self, stage: Stage, batches: Option<u64>) {
        let now = Instant::now();
        self.evaluation = Some(Evaluation { stage, meter: Meter::new(batches, now), drawn: false });
        match &mut self.epoch {
            Some(epoch) => epoch.meter.pause = Some(now),
            None => self.begin(now),
        }
    }

    /// A batch, counted from 0 in its loader, is evaluated.
    pub(crate) fn eval_batch(&mut self, batch: u64) {
        if let View::Quiet = self.view {
            return;
        }
        if let Some(evaluation) = &mut self.evaluation {
            evaluation.meter.batch(batch);
        }
        let now = Instant::now();
        if now >= self.due {
            self.draw(now);
        }
    }

    /// All batches of the loader are evaluated.
    pub(crate) fn end_evaluation(&mut self) {
        let now = Instant::now();
        if let Some(epoch) = &mut self.epoch {
            let Some(ended) = self.evaluation.take() else { return };
            epoch.meter.resume(now);
            // The row of an evaluation goes at once; what follows may take long.
            if ended.drawn && matches!(self.view, View::Terminal(_)) {
                self.draw(now);
            }
        } else if let Some(evaluation) = &mut self.evaluation {
            evaluation.meter.ended = Some(now);
            if let View::Plain = self.view {
                self.held.extend(self.plain_line(now));
            }
        }
    }

    /// The run is over, however it ended: what was shown last stays on the screen.
    pub(crate) fn finish(&mut self) {
        let now = Instant::now();
        if let View::Plain = self.view {
            for line in std::mem::take(&mut self.held) {
                self.write(&line);
            }
        }
        if let View::Terminal(_) = self.view
            && (self.epoch.is_some() || self.evaluation.is_some())
        {
            self.draw(now);
        }
        if let View::Terminal(bar) = &mut self.view
            && let Some(bar) = bar.take()
        {
            bar.abandon();
        }
        (self.epoch, self.evaluation) = (None, None);
        self.metrics.clear();
    }

    /// Prints text on lines of its own, above the bar where there is one.
    pub(crate) fn println(&mut self, text: &str) {
        match &self.view {
            View::Terminal(Some(bar)) => {
                let bar = bar.clone();
                bar.suspend(|| self.write(text));
            }
            _ => self.write(text),
        }
    }

    fn write(&mut self, text: &str) {
        // Output that nobody reads any more, as after `| head`, is no reason to stop training.
        let _ = writeln!(self.writer, "{text}").and_then(|()| self.writer.flush());
    }

    fn keep(&mut self, metrics: &Metrics) {
        self.metrics.clear();
        let separator = if matches!(self.view, View::Terminal(_)) { ":" } else { "" };
        self.metrics.extend(metrics.iter().map(|(name, value)| {
            let name: String = name.chars().filter(|char| !char.is_control()).collect();
            format!("{name}{separator} {}", format_metric(value))
        }));
    }

    /// Shows an empty bar, or starts the time to the first line.
    fn begin(&mut self, now: Instant) {
        match self.view {
            View::Quiet => {}
            View::Plain => self.due = now + self.interval,
            View::Terminal(_) if now >= self.due => self.draw(now),
            View::Terminal(_) => {}
        }
    }

    fn draw(&mut self, now: Instant) {
        match self.view {
            View::Quiet => {}
            View::Plain => self.line(now),
            View::Terminal(_) => self.redraw(now),
        }
    }

    fn line(&mut self, now: Instant) {
        self.due = now + self.interval;
        if let Some(line) = self.plain_line(now) {
            self.write(&line);
        }
    }

    fn plain_line(&self, now: Instant) -> Option<String> {
        let Self { epoch, evaluation, metrics, .. } = self;
        let (what, meter) = match (epoch, evaluation) {
            (_, Some(Evaluation { stage, meter, .. })) => (stage.name().to_owned(), meter),
            (Some(epoch), None) => (format!("epoch {}", epoch.label()), &epoch.meter),
            (None, None) => return None,
        };
        let batches = match meter.total {
            Some(total) => format!("{}/{total} batches", meter.done),
            None => format!("{} batches", meter.done),
        };
        let mut line = format!("{what}  {batches}  {}", duration_text(meter.elapsed(now)));
        // Metrics are those of training: beside an evaluation they would be misread.
        for metric in metrics.iter().filter(|_| evaluation.is_none()) {
            line.push_str("  ");
            line.push_str(metric);
        }
        Some(line)
    }

    fn redraw(&mut self, now: Instant) {
        self.due = now + self.interval;
        let width = console::Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
        let text = self.rows(width, now).join("\n");
        if let Some(evaluation) = &mut self.evaluation {
            evaluation.drawn = true;
        }
        let View::Terminal(bar) = &mut self.view else { return };
        // When to draw is decided here, so a new message alone draws nothing most of the time.
        let bar = bar.get_or_insert_with(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(1)).with_style(message_style())
        });
        bar.set_message(text);
        bar.force_draw();
    }

    /// The rows of the bar, none wider than the terminal.
    fn rows(&self, width: usize, now: Instant) -> Vec<String> {
        // A row that fills the last column makes some terminals go to the next line by themselves.
        let width = width.saturating_sub(1).max(1);
        let mut rows = Vec::new();
        if let Some(epoch) = &self.epoch {
            rows.push(bar_row(&format!("Epoch {}", epoch.label()), &epoch.meter, width, now));
            append_words(&mut rows, &self.metrics, width);
        }
        if let Some(Evaluation { stage, meter, .. }) = &self.evaluation {
            let what = match stage {
                Stage::Fit | Stage::Validate => "Validation",
                Stage::Test => "Testing",
                Stage::Predict => "Predicting",
            };
            rows.push(bar_row(what, meter, width, now));
        }
        rows
    }
}

impl Epoch {
    /// The number of this epoch and of the last one, both from 0 as everywhere else.
    fn label(&self) -> String {
        let Self { number, total, .. } = self;
        match total {
            Some(total) => format!("{number}/{}", total.saturating_sub(1).max(*number)),
            None => number.to_string(),
        }
    }
}

/// A template that is only the message: what it says is composed here, where it can be tested.
fn message_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `Epoch 3/9 ━━━━━━━━━ 23/23 0:00:01 • 0:00:00 412.50it/s`; the bar goes when it does not fit, then the end of the text.
fn bar_row(what: &str, meter: &Meter, width: usize, now: Instant) -> String {
    let total = meter.total.map_or_else(|| "--".to_owned(), |total| total.to_string());
    let (elapsed, remaining) = (clock_text(meter.elapsed(now)), meter.remaining(now));
    let remaining = remaining.map_or_else(|| "-:--:--".to_owned(), clock_text);
    let counts = format!("{}/{total}", meter.done);
    let (times, rate) = (format!("{elapsed} • {remaining}"), format!("{:.2}it/s", meter.rate(now)));
    let text = format!("{what} {counts} {times} {rate}");
    let bar = (width / 5).clamp(5, 40);
    match meter.share() {
        Some(share) if measure_text_width(&text) + bar < width => {
            format!("{what} {} {counts} {} {rate}", bar_text(share, bar), style(times).for_stderr().dim())
        }
        _ => truncate_str(&text, width, "…").into_owned(),
    }
}

/// A heavy line for what is done, then a light one, so that it can be read without colours.
fn bar_text(share: f64, width: usize) -> String {
    let halves = (share * width as f64 * 2.0) as usize;
    let (full, half) = (halves / 2, halves % 2);
    let mut done = "━".repeat(full);
    if half == 1 {
        done.push('╸');
    }
    let rest = "─".repeat(width.saturating_sub(full + half));
    format!("{}{}", style(done).for_stderr().magenta(), style(rest).for_stderr().dim())
}

/// Adds words to the last row, or to rows of their own when there is no room for them all.
fn append_words(rows: &mut Vec<String>, words: &[String], width: usize) {
    let all = words.join(" ");
    if all.is_empty() {
        return;
    }
    if let Some(row) = rows.last_mut()
        && measure_text_width(row) + 1 + measure_text_width(&all) <= width
    {
        row.push(' ');
        row.push_str(&all);
        return;
    }
    let (mut wrapped, mut row) = (Vec::new(), String::new());
    for word in words {
        if !row.is_empty() && measure_text_width(&row) + 1 + measure_text_width(word) > width {
            wrapped.push(std::mem::take(&mut row));
        }
        // The space sets rows of metrics off from the bar.
        row.push(' ');
        row.push_str(word);
    }
    wrapped.push(row);
    rows.extend(wrapped.iter().take(METRIC_ROWS).map(|row| truncate_str(row, width, "…").into_owned()));
}

/// `0:01:05`.
fn clock_text(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `0.4 s` in the first minute, then `1:05` and `1:00:05`.
fn duration_text(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", (time.as_secs_f64() * 10.0).floor() / 10.0),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => clock_text(time),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex, PoisonError},
        thread,
    };

    use console::strip_ansi_codes;

    use super::*;

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

    fn after(meter: &Meter, seconds: u64) -> Instant {
        meter.started + Duration::from_secs(seconds)
    }

    fn plain(rows: &[String]) -> Vec<String> {
        rows.iter().map(|row| strip_ansi_codes(row).into_owned()).collect()
    }

    fn halfway() -> (Progress, Instant) {
        let (mut progress, _output) = progress(View::Terminal(None));
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
        progress.keep(&metrics(&[("train_loss", 0.123), ("val_acc", 0.981)]));
        let rows = plain(&progress.rows(120, now));
        let bar = format!("{}╸{}", "━".repeat(11), "─".repeat(11));
        assert_eq!(
            rows,
            [format!("Epoch 3/9 {bar} 23/46 0:00:02 • 0:00:02 11.50it/s train_loss: 0.123 val_acc: 0.981")]
        );
    }

    #[test]
    fn validation_has_a_row_of_its_own_meanwhile() {
        let (mut progress, now) = halfway();
        progress.start_evaluation(Stage::Validate, None);
        progress.eval_batch(4);
        let rows = plain(&progress.rows(120, now));
        assert_eq!(rows.len(), 2);
        assert!(rows[1].starts_with("Validation 5/-- 0:00:"), "{rows:?}");
        progress.end_evaluation();
        assert_eq!(progress.rows(120, now).len(), 1);
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let (mut progress, now) = halfway();
        progress.keep(&metrics(&[
            ("train_loss", 0.123),
            ("a_metric_with_a_long_name", 0.981),
            ("größe_日本語", 1.0),
            ("d", 2.0),
        ]));
        progress.start_evaluation(Stage::Validate, Some(7));
        for width in 0..160 {
            for row in progress.rows(width, now) {
                assert!(measure_text_width(&row) < width.max(2), "{width}: {row}");
            }
        }
        let rows = plain(&progress.rows(80, now));
        assert_eq!(rows.len(), 4, "{rows:?}");
        assert_eq!(rows[1], " train_loss: 0.123 a_metric_with_a_long_name: 0.981 größe_日本語: 1.000");
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

    #[test]
    fn times_are_short() {
        let text = |seconds| duration_text(Duration::from_secs_f64(seconds));
        assert_eq!([text(0.44), text(59.99), text(65.0), text(3605.0)], ["0.4 s", "59.9 s", "1:05", "1:00:05"]);
        assert_eq!(clock_text(Duration::from_secs(3661)), "1:01:01");
        assert_eq!(bar_text(0.0, 3).len(), bar_text(1.0, 3).len());
    }
}
