//! What a run shows while it is running: a line for each epoch, and on a terminal a bar below them.
//! With `renderer("tui")` it is burn-train's terminal interface in place of both.

mod duration;
mod meter;
mod metric;
#[cfg(feature = "progress")]
mod rows;
#[cfg(feature = "progress")]
mod terminal;
#[cfg(not(feature = "progress"))]
#[path = "progress_bar/no_terminal.rs"]
mod terminal;
#[cfg(test)]
mod tests;
#[cfg(all(unix, feature = "tui"))]
mod tui;
#[cfg(not(all(unix, feature = "tui")))]
#[path = "progress_bar/no_tui.rs"]
mod tui;

use std::{
    fmt,
    io::{self, Write},
    time::{Duration, Instant},
};

use self::{
    duration::duration_text,
    meter::{Epoch, Evaluation, Meter},
    metric::Metric,
    terminal::Terminal,
    tui::Tui,
};
use super::wrap::{Stream, wrapped};
use crate::{metrics::Metrics, stage::Stage};

/// The time between two redraws of the bar: ten per second look steady, at no measurable cost.
const REDRAW: Duration = Duration::from_millis(100);
/// The time between two lines of a longer epoch or evaluation.
const LINE: Duration = Duration::from_secs(30);

/// Shows the progress of a run.
///
/// The engine reports what happens; what is drawn, and how often, is decided here. The call per
/// batch reads the clock once, and formats nothing unless something is drawn.
pub(crate) struct Progress {
    view: View,
    /// Standard error, or the buffer of a test.
    writer: Box<dyn Write + Send>,
    /// The time between two draws.
    interval: Duration,
    /// Nothing is drawn before this moment.
    due: Instant,
    epoch: Option<Epoch>,
    evaluation: Option<Evaluation>,
    /// The metrics of the last draw or end of an epoch.
    metrics: Vec<Metric>,
    /// Lines of completed evaluations. They are printed outside of `fit` only, which is known at
    /// the end: an epoch that starts removes them.
    pending: Vec<String>,
    /// The text and the lines of whole epochs since the last call of
    /// [`take_printed`](Self::take_printed).
    printed: String,
}

/// The most bytes that wait for [`Progress::take_printed`].
const LONGEST_PRINTED: usize = 1 << 20;

/// How progress is shown.
enum View {
    /// Only warnings and printed text.
    Quiet,
    /// Lines of plain text.
    Plain,
    /// A bar.
    Terminal(Terminal),
    /// The terminal interface of burn-train.
    Tui(Box<Tui>),
}

impl View {
    /// Returns the time from one draw or line to the next.
    fn interval(&self) -> Duration {
        match self {
            Self::Terminal(_) | Self::Tui(_) => REDRAW,
            Self::Plain | Self::Quiet => LINE,
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = match self.view {
            View::Quiet => "quiet",
            View::Plain => "plain",
            View::Terminal(_) => "terminal",
            View::Tui(_) => "tui",
        };
        f.debug_struct("Progress").field("view", &view).finish_non_exhaustive()
    }
}

impl Progress {
    /// Shows progress on standard error: a bar on a terminal, lines otherwise. Without `enabled`
    /// only the text of [`println`](Self::println) is shown. With `tui` it is shown by burn-train's
    /// terminal interface, if standard input and output are a terminal.
    pub(crate) fn new(enabled: bool, tui: bool) -> Self {
        let tui = if enabled && tui { Tui::new() } else { None };
        let view = match (enabled, tui) {
            (false, _) => View::Quiet,
            (true, Some(tui)) => View::Tui(Box::new(tui)),
            (true, None) => Terminal::open().map_or(View::Plain, View::Terminal),
        };
        Self::with(view, Box::new(io::stderr()))
    }

    fn with(view: View, writer: Box<dyn Write + Send>) -> Self {
        let interval = view.interval();
        let (metrics, pending) = (Vec::new(), Vec::new());
        let due = Instant::now();
        let printed = String::new();
        Self { view, writer, interval, due, epoch: None, evaluation: None, metrics, pending, printed }
    }

    /// Starts a training epoch, numbered from 0.
    pub(crate) fn start_epoch(&mut self, epoch: u64, epochs: Option<u64>, batches: Option<u64>) {
        let now = Instant::now();
        // The sanity check before the first epoch is no longer shown.
        self.evaluation = None;
        self.pending.clear();
        self.open();
        let epoch = self.epoch.insert(Epoch { number: epoch, total: epochs, meter: Meter::new(batches, now) });
        if let View::Tui(tui) = &mut self.view {
            return tui.start_epoch(epoch);
        }
        self.begin(now);
    }

    /// Counts a training batch, numbered from 0 in its epoch. `metrics` is called only if it is
    /// drawn.
    pub(crate) fn train_batch<'m>(&mut self, batch: u64, metrics: impl FnOnce() -> &'m Metrics) {
        if let View::Quiet = self.view {
            return;
        }
        if let Some(epoch) = &mut self.epoch {
            epoch.meter.batch(batch);
        }
        let now = Instant::now();
        if now < self.due {
            return;
        }
        if let (View::Tui(tui), Some(epoch)) = (&mut self.view, &self.epoch) {
            self.due = now + self.interval;
            return tui.draw_epoch(epoch, metrics());
        }
        self.set_metrics(metrics());
        self.draw(now);
    }

    /// Ends the epoch, validation included.
    pub(crate) fn end_epoch(&mut self, metrics: &Metrics) {
        if let View::Quiet = self.view {
            return;
        }
        let now = Instant::now();
        self.set_metrics(metrics);
        if let Some(epoch) = &mut self.epoch {
            epoch.meter.ended.get_or_insert(now);
        }
        let head = self.plain_head(now);
        let line = self.plain_line(now);
        if let Some(line) = &line {
            self.keep(line);
        }
        let Self { view, writer, metrics: shown, .. } = self;
        if let View::Tui(tui) = view {
            return tui.end_epoch(line, metrics);
        }
        if let (View::Terminal(terminal), Some(head)) = (view, head) {
            // The bar comes back with the next epoch.
            terminal.end_epoch(writer, &head, shown);
        } else {
            self.line(now);
        }
    }

    /// Starts the evaluation of one loader.
    pub(crate) fn start_evaluation(&mut self, stage: Stage, batches: Option<u64>) {
        let now = Instant::now();
        self.open();
        let evaluation = self.evaluation.insert(Evaluation { stage, meter: Meter::new(batches, now), drawn: false });
        if let View::Tui(tui) = &mut self.view {
            tui.start_evaluation(self.epoch.is_some(), stage, &evaluation.meter);
        }
        match &mut self.epoch {
            Some(epoch) => epoch.meter.pause = Some(now),
            None => self.begin(now),
        }
    }

    /// Counts an evaluated batch, numbered from 0 in its loader.
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

    /// Ends the evaluation of a loader.
    pub(crate) fn end_evaluation(&mut self) {
        let now = Instant::now();
        if let Some(epoch) = &mut self.epoch {
            let Some(ended) = self.evaluation.take() else { return };
            epoch.meter.resume(now);
            if let View::Tui(tui) = &mut self.view {
                return tui.resume_epoch(epoch);
            }
            // The row of the evaluation is removed now, because the next draw may be far away.
            if ended.drawn && matches!(self.view, View::Terminal(_)) {
                self.draw(now);
            }
        } else if let Some(evaluation) = &mut self.evaluation {
            evaluation.meter.ended = Some(now);
            if let View::Plain = self.view {
                self.pending.extend(self.plain_line(now));
            }
        }
    }

    /// Ends the run, however it ended; the last draw stays on the screen.
    pub(crate) fn finish(&mut self) {
        let now = Instant::now();
        if let View::Plain = self.view {
            for line in std::mem::take(&mut self.pending) {
                write_line(&mut self.writer, &line);
            }
        }
        // A whole epoch has its line; of one that was cut, the bar shows how far it came.
        let is_open = self.evaluation.is_some() || self.epoch.as_ref().is_some_and(|it| it.meter.ended.is_none());
        if is_open && matches!(self.view, View::Terminal(_)) {
            self.draw(now);
        }
        match &mut self.view {
            View::Terminal(terminal) if is_open => terminal.leave(&mut self.writer),
            View::Terminal(terminal) => terminal.erase(&mut self.writer),
            View::Tui(tui) => tui.close(&mut self.writer),
            View::Quiet | View::Plain => {}
        }
        (self.epoch, self.evaluation) = (None, None);
        self.metrics.clear();
    }

    /// Prints text on separate lines, above the bar if there is one.
    pub(crate) fn println(&mut self, text: &str) {
        self.keep(text);
        let Self { view, writer, .. } = self;
        match view {
            View::Terminal(terminal) => terminal.print_above(writer, text),
            View::Tui(tui) => tui.println(writer, text),
            View::Plain | View::Quiet => write_line(writer, text),
        }
    }

    fn keep(&mut self, text: &str) {
        if self.printed.len() < LONGEST_PRINTED {
            self.printed.push_str(text);
            self.printed.push('\n');
        }
    }

    /// Returns what was printed since the last call, without the bar.
    pub(crate) fn take_printed(&mut self) -> String {
        std::mem::take(&mut self.printed)
    }

    /// Opens burn-train's terminal interface, or takes the bar in its place if that fails.
    fn open(&mut self) {
        if let View::Tui(tui) = &mut self.view
            && !tui.open()
        {
            self.view = Terminal::open().map_or(View::Plain, View::Terminal);
            self.interval = self.view.interval();
        }
    }

    fn set_metrics(&mut self, metrics: &Metrics) {
        self.metrics.clear();
        self.metrics.extend(metrics.iter().map(|(name, value)| Metric::new(name, value)));
    }

    /// Draws an empty bar, or starts the time to the first line.
    fn begin(&mut self, now: Instant) {
        match self.view {
            View::Quiet | View::Tui(_) => {}
            View::Plain => self.due = now + self.interval,
            View::Terminal(_) if now >= self.due => self.draw(now),
            View::Terminal(_) => {}
        }
    }

    /// Draws the present state, in the form of the view.
    fn draw(&mut self, now: Instant) {
        match self.view {
            View::Quiet => {}
            View::Plain => self.line(now),
            View::Terminal(_) => self.redraw(now),
            View::Tui(_) => self.draw_evaluation(now),
        }
    }

    /// Draws the evaluation in burn-train's terminal interface.
    fn draw_evaluation(&mut self, now: Instant) {
        self.due = now + self.interval;
        if let (View::Tui(tui), Some(evaluation)) = (&mut self.view, &self.evaluation) {
            tui.draw_evaluation(self.epoch.is_some(), &evaluation.meter);
        }
    }

    /// Prints the present state as a line.
    fn line(&mut self, now: Instant) {
        self.due = now + self.interval;
        if let Some(line) = self.plain_line(now) {
            write_line(&mut self.writer, &line);
        }
    }

    /// Returns the line of the current evaluation, or else of the current epoch.
    fn plain_line(&self, now: Instant) -> Option<String> {
        let mut line = self.plain_head(now)?;
        // These are metrics of training, and would be misread next to an evaluation.
        for metric in self.metrics.iter().filter(|_| self.evaluation.is_none()) {
            line.push_str("  ");
            line.push_str(&metric.text(""));
        }
        Some(line)
    }

    /// Returns that line without metrics.
    fn plain_head(&self, now: Instant) -> Option<String> {
        let Self { epoch, evaluation, .. } = self;
        let (what, meter) = match (epoch, evaluation) {
            (_, Some(Evaluation { stage, meter, .. })) => (stage.name().to_owned(), meter),
            (Some(epoch), None) => (format!("epoch {}", epoch.label()), &epoch.meter),
            (None, None) => return None,
        };
        let batches = match meter.total {
            Some(total) => format!("{}/{total} batches", meter.done),
            None => format!("{} batches", meter.done),
        };
        Some(format!("{what}  {batches}  {}", duration_text(meter.elapsed(now))))
    }

    /// Draws the rows of the bar in place of the last ones.
    fn redraw(&mut self, now: Instant) {
        self.due = now + self.interval;
        let View::Terminal(terminal) = &mut self.view else { return };
        terminal.draw(&mut self.writer, self.epoch.as_ref(), self.evaluation.as_ref(), &self.metrics, now);
        if let Some(evaluation) = &mut self.evaluation {
            evaluation.drawn = true;
        }
    }
}

fn write_line(writer: &mut dyn Write, text: &str) {
    // One write, also to a stream without a buffer. A closed output, as after `| head`, must not
    // stop training.
    let line = format!("{}\n", wrapped(text, Stream::Err.width()));
    let _ = writer.write_all(line.as_bytes()).and_then(|()| writer.flush());
}
