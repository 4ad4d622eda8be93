//! The terminal interface of burn-train, in place of the bar.
//!
//! A thread of burn-train draws it on standard output and reads the keys. Standard error is the same
//! screen, so that what a run prints meanwhile is kept until the interface is closed.

use std::{
    collections::HashMap,
    io::{self, IsTerminal, Write},
    mem,
    panic::{self, AssertUnwindSafe},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use burn_train::{
    Interrupter,
    logger::{EvaluationProgressLogger, TrainingProgressLogger},
    metric::{
        MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry, SerializedEntry,
    },
    renderer::{MetricState, MetricsRenderer, MetricsRendererTraining, tui::TuiMetricsRendererWrapper},
};

use super::{
    meter::{Epoch, Meter},
    write_line,
};
use crate::{metrics::Metrics, os::signals, stage::Stage, text::format_metric};

/// The name of burn-train's thread.
const RENDERER: &str = "train-renderer";
/// How long to wait for its first answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The exit code of a program that the user has killed: that of a second SIGINT.
const KILLED: i32 = 130;

/// Whether a run of this process has the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The interface, which is open during a run.
#[derive(Default)]
pub(super) struct Tui {
    open: Option<Open>,
    kept: Kept,
}

struct Open {
    renderer: TuiMetricsRendererWrapper,
    interrupter: Interrupter,
    /// The metrics that the renderer knows.
    metrics: HashMap<String, MetricId>,
    /// Whether it was told of an epoch.
    trains: bool,
    /// Whether the user has asked for the end.
    ends: bool,
}

/// What is printed when the interface is closed.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Kept {
    fn push(&self, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    fn print(&self, writer: &mut dyn Write) {
        let lines = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        lines.iter().for_each(|line| write_line(writer, line));
    }
}

impl Tui {
    /// Returns `None` if standard input or output is not a terminal, or one that cannot move the
    /// cursor.
    pub(super) fn new() -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
        (io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb).then(Self::default)
    }

    /// Opens the interface if it is not open, and returns whether it is.
    pub(super) fn open(&mut self) -> bool {
        if self.open.is_none() {
            self.open = Open::new(&self.kept);
        }
        self.open.is_some()
    }

    pub(super) fn start_epoch(&mut self, epoch: &Epoch) {
        let (number, total) = (epoch.number as usize, epoch.total.unwrap_or(0) as usize);
        self.with(|it| {
            if !mem::replace(&mut it.trains, true) {
                it.renderer.start(total, number + 1, None, None);
            }
        });
        self.with(|it| it.renderer.update_epoch(number));
        self.start_split("train", &epoch.meter);
    }

    /// Shows the epoch again after a validation.
    pub(super) fn resume_epoch(&mut self, epoch: &Epoch) {
        self.with(|it| it.renderer.end_split());
        self.start_split("train", &epoch.meter);
    }

    pub(super) fn draw_epoch(&mut self, epoch: &Epoch, metrics: &Metrics) {
        let done = epoch.meter.done as usize;
        self.with(|it| {
            it.show(metrics, Shown::Train);
            it.renderer.update_split(done);
        });
    }

    /// Shows the values of a whole epoch, and keeps its line.
    pub(super) fn end_epoch(&mut self, line: Option<String>, metrics: &Metrics) {
        self.with(|it| it.show(metrics, Shown::All));
        line.into_iter().for_each(|line| self.kept.push(line));
    }

    /// Starts an evaluation, in an epoch or outside of them.
    pub(super) fn start_evaluation(&mut self, in_epoch: bool, stage: Stage, meter: &Meter) {
        if in_epoch {
            return self.start_split("valid", meter);
        }
        let total = meter.total.unwrap_or(0) as usize;
        self.with(|it| {
            it.renderer.start_global_progress(1);
            it.renderer.start_test(stage.name(), total);
            it.renderer.update_test_progress(0);
        });
    }

    pub(super) fn draw_evaluation(&mut self, in_epoch: bool, meter: &Meter) {
        let done = meter.done as usize;
        self.with(|it| match in_epoch {
            true => it.renderer.update_split(done),
            false => it.renderer.update_test_progress(done),
        });
    }

    /// Prints a line, or keeps it while the interface is open.
    pub(super) fn println(&self, writer: &mut dyn Write, text: &str) {
        match self.open {
            Some(_) => self.kept.push(text.to_owned()),
            None => write_line(writer, text),
        }
    }

    /// Gives the terminal back, and prints what was kept.
    pub(super) fn close(&mut self, writer: &mut dyn Write) {
        if let Some(open) = self.open.take() {
            let close = move || drop(panic::catch_unwind(AssertUnwindSafe(|| drop(open))));
            // While a thread panics, the renderer leaves the terminal as it is.
            if thread::panicking() {
                let _ = thread::spawn(close).join();
            } else {
                close();
            }
            TAKEN.store(false, Ordering::Relaxed);
        }
        self.kept.print(writer);
    }

    fn start_split(&mut self, name: &str, meter: &Meter) {
        let (done, total) = (meter.done as usize, meter.total.unwrap_or(0) as usize);
        self.with(|it| {
            it.renderer.start_split(name, total);
            it.renderer.update_split(done);
        });
    }

    /// Calls the renderer, if it is open.
    fn with(&mut self, call: impl FnOnce(&mut Open)) {
        let Some(open) = &mut self.open else { return };
        // It panics after the user has asked to kill the program, when the terminal is free again.
        if panic::catch_unwind(AssertUnwindSafe(|| call(open))).is_err() {
            mem::forget(self.open.take());
            self.kept.print(&mut io::stderr());
            process::exit(KILLED);
        }
        if open.interrupter.should_stop() && !mem::replace(&mut open.ends, true) {
            signals::ask_to_end();
        }
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        self.close(&mut io::stderr());
    }
}

/// Which values are shown.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    /// Not those of validations, which were shown when they ended.
    Train,
    All,
}

impl Open {
    fn new(kept: &Kept) -> Option<Self> {
        if TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        let interrupter = Interrupter::new();
        let mut renderer = TuiMetricsRendererWrapper::new(interrupter.clone(), None);
        if !is_ready(&mut renderer, &interrupter) {
            TAKEN.store(false, Ordering::Relaxed);
            return None;
        }
        keep_panics(kept.clone());
        Some(Self { renderer, interrupter, metrics: HashMap::new(), trains: false, ends: false })
    }

    fn show(&mut self, metrics: &Metrics, shown: Shown) {
        for (name, value) in metrics.iter() {
            let (is_validation, short) = split(name);
            if is_validation && shown == Shown::Train {
                continue;
            }
            let id = match self.metrics.get(short) {
                Some(id) => id.clone(),
                None => self.register(short),
            };
            let text = SerializedEntry::new(format_metric(value), value.to_string());
            // A value that is not finite has no place in a plot.
            let point = value.is_finite().then_some(NumericEntry::Value(value));
            let state = MetricState::Numeric(MetricEntry::new(id, text), point);
            match is_validation {
                true => self.renderer.update_valid(state),
                false => self.renderer.update_train(state),
            }
        }
    }

    fn register(&mut self, name: &str) -> MetricId {
        // Control characters would move the cursor.
        let shown: Arc<String> = Arc::new(name.chars().filter(|char| !char.is_control()).collect());
        let id = MetricId::new(Arc::clone(&shown));
        let attributes = MetricAttributes::Numeric(NumericAttributes { unit: None, higher_is_better: false });
        let definition = MetricDefinition { metric_id: id.clone(), name: shown, description: None, attributes };
        self.renderer.register_metric(definition);
        self.metrics.insert(name.to_owned(), id.clone());
        id
    }
}

/// Returns whether a metric is one of validation, and its name without `train_` or `val_`: the curves
/// of both are in one plot.
fn split(name: &str) -> (bool, &str) {
    let short = |prefix: &str| name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    match (short("val_"), short("train_")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => (false, name),
    }
}

/// Waits until the thread of the renderer has the terminal. It answers the end of a training by
/// resetting the interrupter.
fn is_ready(renderer: &mut TuiMetricsRendererWrapper, interrupter: &Interrupter) -> bool {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if renderer.on_train_end(None).is_err() {
            return false;
        }
        interrupter.stop(None);
        // If the answer came before the line above, the next round gets another one.
        for _ in 0..20 {
            if !interrupter.should_stop() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    interrupter.reset();
    false
}

/// Keeps the messages of panics while the interface is open: a run catches them, and goes on to its
/// end on the same screen. The renderer's own hook leaves the screen, and is called if the renderer
/// itself panics. When it is closed it removes the last hook, which is this one.
fn keep_panics(kept: Kept) {
    let of_renderer = panic::take_hook();
    let is_gone = AtomicBool::new(cfg!(panic = "abort"));
    panic::set_hook(Box::new(move |info| {
        let thread = thread::current();
        if thread.name() == Some(RENDERER) {
            is_gone.store(true, Ordering::Relaxed);
        }
        match is_gone.load(Ordering::Relaxed) {
            true => of_renderer(info),
            false => kept.push(format!("thread '{}' {info}", thread.name().unwrap_or("<unnamed>"))),
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curves_of_training_and_validation_are_in_one_plot() {
        assert_eq!(split("val_loss"), (true, "loss"));
        assert_eq!(split("train_loss"), (false, "loss"));
        assert_eq!(split("lr"), (false, "lr"));
        assert_eq!(
            (split("val_"), split("train_"), split("value")),
            ((false, "val_"), (false, "train_"), (false, "value"))
        );
    }

    #[test]
    fn lines_are_printed_at_once_unless_the_interface_is_open() {
        let (tui, mut printed) = (Tui::default(), Vec::new());
        tui.println(&mut printed, "before");
        tui.kept.push("kept".to_owned());
        tui.kept.print(&mut printed);
        tui.kept.print(&mut printed);
        assert_eq!(String::from_utf8(printed).unwrap(), "before\nkept\n");
    }
}
