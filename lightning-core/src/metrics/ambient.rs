//! The ambient log: what steps and hooks write to without being handed anything.

use std::{
    any::TypeId,
    cell::RefCell,
    io::Write as _,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use burn::tensor::Tensor;

use crate::{
    loggers::Output,
    metrics::{LogOptions, MetricUpdate},
    stage::Stage,
    tensor::{labels, readback},
};

/// A logged value on its way to the store.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it lies in a vector that is used again; a box would be an allocation a step"
)]
pub(crate) enum Logged {
    Value(f64),
    Tensor(Tensor<1>),
    Invalid(String),
    /// What a stateful metric is updated with.
    Metric(MetricUpdate),
}

/// Where a value goes: a declared metric's slot, or a name of run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Slot(u32),
    Named(String, LogOptions),
    /// A declared metric outside of a run.
    Declared {
        /// The name of the module's type.
        module: &'static str,
        name: &'static str,
    },
}

/// One logged value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) target: Target,
    pub(crate) value: Logged,
    pub(crate) weight: Option<Logged>,
}

/// What steps and hooks have logged, and what is known of it from one step to the next.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) entries: Vec<Entry>,
    /// Images, texts and the like.
    pub(crate) outputs: Vec<Output>,
    /// Where a stateful metric has been made in this run.
    made: Vec<Target>,
}

impl Inbox {
    /// Forgets what was logged. Metrics that were made are sent with the next value again.
    pub(crate) fn clear_logged(&mut self) {
        let made = &mut self.made;
        for entry in self.entries.drain(..) {
            if matches!(&entry.value, Logged::Metric(update) if update.template.is_some()) {
                made.retain(|known| *known != entry.target);
            }
        }
        self.outputs.clear();
    }

    /// Forgets everything; the next run creates its own metrics.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.outputs.clear();
        self.made.clear();
    }
}

/// A step or hook that is running, as the ambient log sees it.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The running module: only its own `#[log]`s go to slots.
    pub(crate) module: Option<TypeId>,
    pub(crate) stage: Stage,
    /// Whether tensors are read at once.
    host: bool,
    inbox: Inbox,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Runs in progress in this process: a log call outside of one is an ordinary unit test, inside one
/// it is a lost metric.
pub(crate) static ACTIVE_RUNS: AtomicUsize = AtomicUsize::new(0);

pub(crate) static WARNED: AtomicBool = AtomicBool::new(false);

/// Counts a run as in progress until dropped.
#[derive(Debug)]
pub(crate) struct ActiveRun(());

impl ActiveRun {
    pub(crate) fn start() -> Self {
        labels::forget_checks();
        ACTIVE_RUNS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for ActiveRun {
    fn drop(&mut self) {
        ACTIVE_RUNS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Pops the frame also when the step panics.
pub(crate) struct FrameGuard {
    armed: bool,
}

impl Drop for FrameGuard {
    fn drop(&mut self) {
        if self.armed {
            FRAMES.with_borrow_mut(|frames| frames.pop());
        }
    }
}

/// Runs `body` with an ambient log of its own; `inbox` lends its memory and comes back filled.
pub(crate) fn record<R>(
    module: Option<TypeId>,
    stage: Stage,
    host: bool,
    inbox: &mut Inbox,
    body: impl FnOnce() -> R,
) -> R {
    let frame = Frame { module, stage, host, inbox: std::mem::take(inbox) };
    FRAMES.with_borrow_mut(|frames| frames.push(frame));
    let mut guard = FrameGuard { armed: true };
    let result = body();
    guard.armed = false;
    if let Some(frame) = FRAMES.with_borrow_mut(|frames| frames.pop()) {
        *inbox = frame.inbox;
    }
    result
}

/// A value that can be logged.
#[diagnostic::on_unimplemented(
    message = "a logged value must be one number, found `{Self}`",
    label = "expected one number",
    note = "log a `Tensor<1>` of one element, a float or an integer; write `.mean()` for larger tensors",
    note = "a tuple such as `(&logits, &targets)` needs a stateful metric: `#[log(metric = Accuracy::new())]`",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait LogValue {
    /// The value, detached from any graph.
    #[doc(hidden)]
    fn to_logged(&self) -> LoggedValue;
}

/// A logged value, opaque.
#[doc(hidden)]
#[derive(Debug)]
pub struct LoggedValue(Logged);

impl LogValue for Tensor<1> {
    fn to_logged(&self) -> LoggedValue {
        let [elements] = self.dims();
        LoggedValue(match elements {
            // Detached here: a logged loss would keep its graph alive past `backward`.
            1 => Logged::Tensor(self.clone().inner()),
            _ => Logged::Invalid(format!("must be one number, found a tensor of {elements} elements")),
        })
    }
}

impl<T: LogValue + ?Sized> LogValue for &T {
    fn to_logged(&self) -> LoggedValue {
        T::to_logged(self)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl LogValue for $number {
            fn to_logged(&self) -> LoggedValue {
                LoggedValue(Logged::Value(*self as f64))
            }
        })*
    };
}

numbers!(f32, f64, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

pub(crate) fn push(
    target: impl FnOnce(&Frame) -> Option<Target>,
    value: LoggedValue,
    weight: Option<LoggedValue>,
    name: &str,
) {
    in_frame(name, |frame| {
        let host = frame.host;
        let ready = |LoggedValue(logged): LoggedValue| match logged {
            Logged::Tensor(tensor) if host => Logged::Value(readback::host_scalar(tensor)),
            logged => logged,
        };
        if let Some(target) = target(frame) {
            frame.inbox.entries.push(Entry { target, value: ready(value), weight: weight.map(ready) });
        }
    });
}

/// Logs what `update` gives for a stateful metric, if there is anybody to log to. `update` is asked
/// whether the metric is still to be made.
pub(crate) fn push_metric(
    target: impl FnOnce(&Frame) -> Option<Target>,
    update: impl FnOnce(bool) -> MetricUpdate,
    name: &str,
) {
    let mut found = None;
    in_frame(name, |frame| {
        found = target(frame).map(|target| {
            // A metric under a name of run time may be another one each time that name is met.
            let known = matches!(target, Target::Slot(_)) && frame.inbox.made.contains(&target);
            (target, !known)
        });
    });
    let Some((target, make)) = found else { return };
    // The user's code runs between the two: it may log, too.
    let value = Logged::Metric(update(make));
    in_frame(name, |frame| {
        if make && matches!(target, Target::Slot(_)) {
            frame.inbox.made.push(target.clone());
        }
        frame.inbox.entries.push(Entry { target, value, weight: None });
    });
}

/// Shows an image, text or the like to the loggers of the run, if there is one.
pub(crate) fn push_output(name: &str, output: impl FnOnce() -> Output) {
    let mut wanted = false;
    in_frame(name, |_| wanted = true);
    if wanted {
        let output = output();
        in_frame(name, |frame| frame.inbox.outputs.push(output));
    }
}

/// Runs `body` on the step or hook that is running on this thread; warns once when there is none
/// and a run is active.
pub(crate) fn in_frame(name: &str, body: impl FnOnce(&mut Frame)) {
    let logged = FRAMES.with_borrow_mut(|frames| {
        let Some(frame) = frames.last_mut() else { return false };
        body(frame);
        true
    });
    if !logged && ACTIVE_RUNS.load(Ordering::Relaxed) > 0 && !WARNED.swap(true, Ordering::Relaxed) {
        let thread = std::thread::current();
        // Not `eprintln!`, which panics if the terminal was closed.
        let _ = writeln!(
            std::io::stderr(),
            "warning: `{name}` was logged on thread `{}`, where no step runs, and is discarded; \
             return the value to the step and log it there",
            thread.name().unwrap_or("unnamed"),
        );
    }
}

/// The struct's name, without its path and generics.
pub(crate) fn short_name<M: ?Sized>() -> &'static str {
    short(std::any::type_name::<M>())
}

/// The name of a type without its path and generics.
pub(crate) fn short(name: &str) -> &str {
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
