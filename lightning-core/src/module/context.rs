//! What steps and hooks see of the run, and the ambient log they write to.

use std::{
    any::{Any, TypeId},
    cell::{Cell, RefCell},
    ops::ControlFlow,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use burn::tensor::{Device, Tensor};

use crate::{
    engine::run::RunState,
    error::{Error, Result},
    hooks::Hook,
    loggers::{Figure, Output, ToHistogram, ToImage},
    metrics::{MetricUpdate, Metrics},
    module::{LightningImpl, LightningStruct},
    random::{Rng, Stream, derive_seed},
    settings::ClipAlgorithm,
    stage::Stage,
    tensor::readback,
};

/// A logged value on its way to the store.
#[derive(Debug)]
#[expect(
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
    Named(String),
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
    /// Forgets everything; the metrics of the next run are made anew.
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
    module: Option<TypeId>,
    stage: Stage,
    /// Whether tensors are read at once.
    host: bool,
    inbox: Inbox,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Runs in progress in this process: a log call outside of one is an ordinary unit test, inside one it is a lost metric.
static ACTIVE_RUNS: AtomicUsize = AtomicUsize::new(0);
static WARNED: AtomicBool = AtomicBool::new(false);

/// Counts a run as in progress until dropped.
#[derive(Debug)]
pub(crate) struct ActiveRun(());

impl ActiveRun {
    pub(crate) fn start() -> Self {
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
struct FrameGuard {
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
    message = "`{Self}` cannot be logged as a metric",
    label = "expected one number",
    note = "a metric is a `Tensor<1>` of one element, a float or an integer: log `.mean()` of anything larger",
    note = "a tuple such as `(&logits, &targets)` is for a stateful metric: `#[log(metric = Accuracy::new())]`"
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
            _ => Logged::Invalid(format!("was given a tensor of {elements} elements")),
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

impl<T> LogValue for crate::module::Loss<T> {
    fn to_logged(&self) -> LoggedValue {
        self.mean().to_logged()
    }
}

fn push(target: impl FnOnce(&Frame) -> Option<Target>, value: LoggedValue, weight: Option<LoggedValue>, name: &str) {
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

/// Logs what `update` gives for a stateful metric, if there is anybody to log to. `update` is asked whether the metric is still to be made.
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
fn push_output(name: &str, output: impl FnOnce() -> Output) {
    let mut wanted = false;
    in_frame(name, |_| wanted = true);
    if wanted {
        let output = output();
        in_frame(name, |frame| frame.inbox.outputs.push(output));
    }
}

/// Runs `body` on the step or hook that is running on this thread; warns once when there is none and a run is active.
fn in_frame(name: &str, body: impl FnOnce(&mut Frame)) {
    let logged = FRAMES.with_borrow_mut(|frames| {
        let Some(frame) = frames.last_mut() else { return false };
        body(frame);
        true
    });
    if !logged && ACTIVE_RUNS.load(Ordering::Relaxed) > 0 && !WARNED.swap(true, Ordering::Relaxed) {
        let thread = std::thread::current();
        eprintln!(
            "warning: `{name}` was logged on thread `{}`, which runs no step, and is lost; \
             return the value to the step and log it there",
            thread.name().unwrap_or("unnamed"),
        );
    }
}

pub(crate) fn declared_target<M: LightningImpl>(frame: &Frame, slot: usize) -> Option<Target> {
    match frame.module {
        Some(module) if module == TypeId::of::<M>() => Some(Target::Slot(slot as u32)),
        // A step of an inner module: never into the outer's slots.
        Some(_) => M::METRICS.get(slot).map(|def| Target::Named(format!("{}.{}", short_name::<M>(), def.name))),
        None => M::METRICS.get(slot).map(|def| Target::Named(def.name.to_owned())),
    }
}

/// The struct's name, without its path and generics.
pub(crate) fn short_name<M: ?Sized>() -> &'static str {
    let name = std::any::type_name::<M>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

pub(crate) fn declared_name<M: LightningImpl>(slot: usize) -> &'static str {
    M::METRICS.get(slot).map_or("", |def| def.name)
}

/// What `#[log]` becomes.
#[doc(hidden)]
pub fn log_slot<M: LightningImpl, V: LogValue + ?Sized>(slot: usize, value: &V) {
    push(|frame| declared_target::<M>(frame, slot), value.to_logged(), None, declared_name::<M>(slot));
}

/// What `#[log(batch_size = …)]` becomes.
#[doc(hidden)]
pub fn log_weighted<M: LightningImpl, V: LogValue + ?Sized, W: LogValue>(slot: usize, value: &V, weight: W) {
    let weight = Some(weight.to_logged());
    push(|frame| declared_target::<M>(frame, slot), value.to_logged(), weight, declared_name::<M>(slot));
}

/// What `#[log(per_stage)]` becomes: `slot` is training's, the next two are validation's and test's.
#[doc(hidden)]
pub fn log_per_stage<M: LightningImpl, V: LogValue + ?Sized>(slot: usize, value: &V) {
    push(|frame| stage_target::<M>(frame, slot), value.to_logged(), None, declared_name::<M>(slot));
}

/// What `#[log(per_stage, batch_size = …)]` becomes.
#[doc(hidden)]
pub fn log_weighted_per_stage<M: LightningImpl, V: LogValue + ?Sized, W: LogValue>(slot: usize, value: &V, weight: W) {
    let weight = Some(weight.to_logged());
    push(|frame| stage_target::<M>(frame, slot), value.to_logged(), weight, declared_name::<M>(slot));
}

/// The slot of the running stage, of three that lie side by side.
pub(crate) fn stage_target<M: LightningImpl>(frame: &Frame, slot: usize) -> Option<Target> {
    let offset = match frame.stage {
        Stage::Fit => 0,
        Stage::Validate => 1,
        Stage::Test => 2,
        Stage::Predict => return None,
    };
    declared_target::<M>(frame, slot + offset)
}

/// Logs a value under a name of run time, from inside a step or hook.
///
/// Prefer `#[log]` on a `let`: it gives a typed key, and a misspelt one does not compile. A value logged here is kept for
/// single steps in training and for the epoch elsewhere; monitor it with
/// [`MetricKey::named`](crate::MetricKey::named). Outside a run it does nothing.
pub fn log<V: LogValue + ?Sized>(name: &str, value: &V) {
    push(|_| Some(Target::Named(name.to_owned())), value.to_logged(), None, name);
}

/// Logs several values under names of run time; see [`log`].
pub fn log_dict<'a, V: LogValue + 'a>(values: impl IntoIterator<Item = (&'a str, V)>) {
    for (name, value) in values {
        log(name, &value);
    }
}

/// What a step may know of the run: a parameter `cx: &StepContext`.
#[derive(Debug)]
pub struct StepContext<'a> {
    pub(crate) stage: Stage,
    pub(crate) epoch: u64,
    pub(crate) batch_idx: usize,
    pub(crate) dataloader_idx: usize,
    pub(crate) global_step: u64,
    pub(crate) batch_step: u64,
    pub(crate) seed: u64,
    pub(crate) device: &'a Device,
    pub(crate) draws: Cell<u64>,
    /// What the step returned for the hook after the epoch.
    pub(crate) kept: RefCell<Option<Box<dyn Any + Send>>>,
}

impl StepContext<'_> {
    /// What the run is doing.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The epoch, from 0.
    pub fn current_epoch(&self) -> u64 {
        self.epoch
    }

    /// The batch inside the epoch, from 0.
    pub fn batch_idx(&self) -> usize {
        self.batch_idx
    }

    /// Which of several evaluation loaders the batch comes from, from 0.
    pub fn dataloader_idx(&self) -> usize {
        self.dataloader_idx
    }

    /// Optimizer steps taken so far.
    pub fn global_step(&self) -> u64 {
        self.global_step
    }

    /// Training batches seen so far.
    pub fn batch_step(&self) -> u64 {
        self.batch_step
    }

    /// The device the batch is on.
    pub fn device(&self) -> &Device {
        self.device
    }

    /// A source of host randomness that depends on the run's seed and the step alone, so that a resumed run draws the
    /// same. Each call gives another stream.
    pub fn rng(&self) -> Rng {
        let draw = self.draws.get();
        self.draws.set(draw + 1);
        Rng::new(derive_seed(self.seed, Stream::Host, self.batch_step * 4 + self.stage as u64, draw))
    }

    /// Shows a text to the loggers. Outside a run, and in the sanity check, it does nothing.
    pub fn log_text(&self, name: &str, text: impl AsRef<str>) {
        push_output(name, || Output::text(name, text.as_ref(), true));
    }

    /// Shows an image to the loggers: an [`ImageView`](crate::loggers::ImageView), or a tensor of `[channels, height, width]` or `[height,
    /// width]` with values from 0 to 1; [`grid`](crate::loggers::grid) makes one image of a batch. A tensor is read at once, which waits
    /// for its device. What is no image is an error of the step. Outside a run, and in the sanity check, it does nothing.
    pub fn log_image(&self, name: &str, image: impl ToImage) {
        push_output(name, || Output::image(name, &image, true));
    }

    /// Shows how values are distributed to the loggers: a [`Histogram`](crate::loggers::Histogram), or a float tensor, which is counted
    /// into 64 bins of equal width. A tensor is read at once, which waits for its device. Outside a run, and in the sanity check, it does
    /// nothing.
    pub fn log_histogram(&self, name: &str, values: impl ToHistogram) {
        push_output(name, || Output::histogram(name, &values, true));
    }

    /// Shows a drawing to the loggers. Outside a run, and in the sanity check, it does nothing.
    pub fn log_figure(&self, name: &str, figure: Figure<'_>) {
        push_output(name, || Output::figure(name, figure, true));
    }
}

/// What a module's hook may know and do: a parameter `cx: &mut HookContext`.
#[derive(Debug)]
pub struct HookContext<'a> {
    pub(crate) run: &'a mut RunState,
    /// The batch, for a hook that takes it.
    pub(crate) batch: Option<&'a dyn Any>,
    /// The hook that has it.
    pub(crate) hook: Hook,
    /// How often random numbers were asked for.
    pub(crate) draws: Cell<u64>,
}

impl<'a> HookContext<'a> {
    pub(crate) fn new(run: &'a mut RunState, hook: Hook, batch: Option<&'a dyn Any>) -> Self {
        Self { run, batch, hook, draws: Cell::new(0) }
    }

    /// A source of host randomness that depends on the run's seed, the hook and the training batches before it alone, and on the batch
    /// at hand in a hook of batches, so that a resumed run draws the same. Each call gives another stream.
    pub fn rng(&self) -> Rng {
        let draw = self.draws.get();
        self.draws.set(draw + 1);
        // Elsewhere the number of the batch is that of some batch before, which a resumed run does not know.
        let (loader, batch) = match self.hook.is_in_batch() {
            true => (self.run.loader_idx as u64, self.run.batch_idx),
            false => (0, 0),
        };
        // The steps' own streams count up from 0: see `StepContext::rng`.
        let words = [u64::MAX - self.hook as u64, self.run.progress.batch_step, loader, batch];
        let seed = words.into_iter().fold(self.run.seed, |seed, word| derive_seed(seed, Stream::Host, word, 0));
        Rng::derived(seed, Stream::Host, 0, draw)
    }

    /// The batch, for a hook that takes it.
    #[doc(hidden)]
    pub fn batch<B: 'static>(&self) -> Result<&'a B> {
        let batch = self.batch.and_then(|batch| batch.downcast_ref());
        batch.ok_or_else(|| Error::data("there is no batch here for the hook"))
    }

    /// Clips the gradients of the step at hand; only in `configure_gradient_clipping`, which stands for the trainer's `gradient_clip_val`.
    ///
    /// # Errors
    /// When the limit is no positive number, and in every other hook.
    pub fn clip_gradients(&mut self, limit: f64, algorithm: ClipAlgorithm) -> Result<()> {
        if self.hook != Hook::ConfigureGradientClipping {
            return Err(Error::config(format!("`clip_gradients` has no step at hand in `{}`", self.hook.name()))
                .help("call it in `configure_gradient_clipping`"));
        }
        if !(limit.is_finite() && limit > 0.0) {
            return Err(Error::config(format!("`clip_gradients({limit:?})` clips nothing away, or everything"))
                .help("give a positive number, or do not call it for no clipping"));
        }
        self.run.clip = Some((limit, algorithm));
        Ok(())
    }

    /// What `on_train_batch_start` said of the rest of the epoch.
    #[doc(hidden)]
    pub fn follow(&mut self, flow: ControlFlow<()>) {
        self.run.skip_epoch |= flow.is_break();
    }
}

/// What module hooks and callbacks may know and do alike.
macro_rules! run_methods {
    ($context:ident) => {
        impl $context<'_> {
            /// What the run is doing.
            pub fn stage(&self) -> $crate::Stage {
                self.run.stage
            }

            /// The epoch, from 0.
            pub fn current_epoch(&self) -> u64 {
                self.run.progress.epoch
            }

            /// The batch inside the epoch, from 0.
            pub fn batch_idx(&self) -> usize {
                self.run.batch_idx as usize
            }

            /// Which of several evaluation loaders the batch comes from, from 0.
            pub fn dataloader_idx(&self) -> usize {
                self.run.loader_idx
            }

            /// Optimizer steps taken so far.
            pub fn global_step(&self) -> u64 {
                self.run.progress.global_step
            }

            /// Training batches seen so far.
            pub fn batch_step(&self) -> u64 {
                self.run.progress.batch_step
            }

            /// The device of the run.
            pub fn device(&self) -> &Device {
                &self.run.device
            }

            /// Whether an error is ending the run: end hooks run all the same, and may have nothing to count then.
            pub fn is_failing(&self) -> bool {
                self.run.failing
            }

            /// Whether the validation going on is the sanity check before training.
            pub fn is_sanity_checking(&self) -> bool {
                self.run.sanity_checking
            }

            /// The current values of everything logged. On a device other than the host this waits for the device.
            ///
            /// # Errors
            /// When the device fails.
            pub fn metrics(&mut self) -> Result<&Metrics> {
                self.run.metrics.metrics()
            }

            /// Ends the run after this batch, with a reason for the report.
            pub fn stop(&mut self, reason: impl Into<String>) {
                self.run.request_stop(reason.into());
            }

            /// What the last training step handed on with [`Loss::output`](crate::Loss::output), if it is a `T`.
            pub fn outputs<T: 'static>(&self) -> Option<&T> {
                self.run.output.as_ref().and_then(|output| output.downcast_ref())
            }

            /// The learning rates in use, by optimizer.
            pub fn learning_rates(&self) -> Vec<(String, f64)> {
                self.run.learning_rates()
            }

            /// Sets the learning rate of an optimizer; its groups keep their ratio to it.
            ///
            /// # Errors
            /// When there is no such optimizer, it is no rate, or the optimizer follows a schedule.
            pub fn set_lr<M>(&mut self, key: impl $crate::optim::NamesOptimizer<M>, lr: f64) -> Result<()> {
                self.run.optimizer(key.optimizer_name())?.set_lr(lr)
            }

            /// Steps that an optimizer has taken.
            ///
            /// # Errors
            /// When there is no such optimizer.
            pub fn optimizer_steps<M>(&mut self, key: impl $crate::optim::NamesOptimizer<M>) -> Result<u64> {
                self.run.optimizer(key.optimizer_name()).map(|optimizer| optimizer.steps)
            }

            /// Prints a line without tearing the progress bar.
            pub fn print(&mut self, text: impl AsRef<str>) {
                self.run.print(text.as_ref());
            }

            /// Shows a text to the loggers; see [`StepContext::log_text`](crate::StepContext::log_text).
            pub fn log_text(&mut self, name: &str, text: impl AsRef<str>) {
                $crate::module::context::push_text(self.run, name, text.as_ref());
            }

            /// Shows an image to the loggers; see [`StepContext::log_image`](crate::StepContext::log_image).
            pub fn log_image(&mut self, name: &str, image: impl $crate::loggers::ToImage) {
                $crate::module::context::push_image(self.run, name, &image);
            }

            /// Shows how values are distributed to the loggers; see
            /// [`StepContext::log_histogram`](crate::StepContext::log_histogram).
            pub fn log_histogram(&mut self, name: &str, values: impl $crate::loggers::ToHistogram) {
                $crate::module::context::push_histogram(self.run, name, &values);
            }

            /// Shows a drawing to the loggers; see [`StepContext::log_figure`](crate::StepContext::log_figure).
            pub fn log_figure(&mut self, name: &str, figure: $crate::loggers::Figure<'_>) {
                $crate::module::context::push_figure(self.run, name, figure);
            }
        }
    };
}

pub(crate) use run_methods;

/// Whether a batch is at hand, to which what a hook shows belongs.
fn in_batch(run: &RunState) -> bool {
    run.batch_size.is_some()
}

pub(crate) fn push_text(run: &RunState, name: &str, text: &str) {
    push_output(name, || Output::text(name, text, in_batch(run)));
}

pub(crate) fn push_image(run: &RunState, name: &str, image: &impl ToImage) {
    push_output(name, || Output::image(name, image, in_batch(run)));
}

pub(crate) fn push_histogram(run: &RunState, name: &str, values: &impl ToHistogram) {
    push_output(name, || Output::histogram(name, values, in_batch(run)));
}

pub(crate) fn push_figure(run: &RunState, name: &str, figure: Figure<'_>) {
    push_output(name, || Output::figure(name, figure, in_batch(run)));
}

run_methods!(HookContext);

/// The name under which `M`'s own steps and hooks are known in messages.
pub(crate) fn hook_label<M: LightningStruct>(hook: &str) -> String {
    format!("{}::{hook}", M::NAME)
}
