//! The trainer's settings: collected by the builder, checked together once, before anything starts.

pub(crate) mod strategy;

pub use self::strategy::Devices;

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, time::Duration};

use burn::tensor::Device;

use crate::{
    console::profiler::Profiler,
    error::{Error, Result},
    precision::Numerics,
    settings::strategy::StrategySettings,
};

/// A share of a loader's batches: an integer is a number of batches, a float a fraction of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// This many batches, or all there are if fewer.
    Batches(i128),
    /// This fraction, rounded down.
    Fraction(f64),
}

macro_rules! limit_from {
    ($($number:ty),*) => {
        $(impl From<$number> for Limit {
            fn from(batches: $number) -> Self {
                Self::Batches(batches as i128)
            }
        })*
    };
}

limit_from!(i32, i64, u32, u64, usize);

impl From<f64> for Limit {
    fn from(fraction: f64) -> Self {
        Self::Fraction(fraction)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batches(batches) => write!(f, "{batches}"),
            Self::Fraction(fraction) => write!(f, "{fraction:?}"),
        }
    }
}

impl Limit {
    /// Nothing is left out.
    pub(crate) const ALL: Self = Self::Fraction(1.0);

    pub(crate) fn is_zero(self) -> bool {
        matches!(self, Self::Batches(0)) || self == Self::Fraction(0.0)
    }

    fn check(self, setting: &str, problems: &mut Problems) {
        match self {
            Self::Batches(batches) if batches < 0 => {
                problems.add(
                    format!("`{setting}({batches})` is negative"),
                    "give a number of batches, or leave it out for all",
                );
            }
            Self::Fraction(fraction) if !(0.0..=1.0).contains(&fraction) => {
                problems.add(
                    format!("`{setting}({fraction:?})` is no fraction"),
                    "a float is a fraction between 0.0 and 1.0; write an integer for a number of batches",
                );
            }
            _ => {}
        }
    }

    /// How many of `len` batches; `None` for all of a loader that does not know its length.
    ///
    /// # Errors
    /// A fraction of an unknown length, or one that leaves no batch.
    pub(crate) fn of(self, len: Option<u64>, setting: &str) -> Result<Option<u64>> {
        match (self, len) {
            (Self::Batches(batches), len) => {
                let batches = u64::try_from(batches).unwrap_or(0);
                Ok(Some(len.map_or(batches, |len| len.min(batches))))
            }
            (Self::Fraction(fraction), Some(len)) => {
                let batches = (len as f64 * fraction).floor() as u64;
                if batches == 0 && fraction > 0.0 && len > 0 {
                    let enough = (1.0 / len as f64 * 1e4).ceil() / 1e4;
                    return Err(Error::config(format!("`{setting}({fraction:?})` of {len} batches is none"))
                        .help(format!("use at least {enough}, or an integer for a number of batches")));
                }
                Ok(Some(batches))
            }
            (Self::Fraction(1.0), None) => Ok(None),
            (Self::Fraction(fraction), None) => Err(Error::config(format!(
                "`{setting}({fraction:?})` is a fraction of a loader that does not know its length"
            ))
            .help("use an integer for a number of batches")),
        }
    }
}

/// Optimizer steps over the whole run: `val_check_interval(Steps(500))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is written as `Steps(500)`")]
pub struct Steps(pub u64);

/// Time on the clock: `val_check_interval(Every(Duration::from_secs(600)))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is written as `Every(duration)`")]
pub struct Every(pub Duration);

/// What [`val_check_interval`](crate::trainer::TrainerBuilder::val_check_interval) takes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ValCheckInterval {
    /// Training batches, or a fraction of an epoch of them.
    Share(Limit),
    /// Optimizer steps over the whole run.
    Steps(u64),
    /// Time since the last validation ended.
    Time(Duration),
}

macro_rules! interval_from {
    ($($share:ty),*) => {
        $(impl From<$share> for ValCheckInterval {
            fn from(share: $share) -> Self {
                Self::Share(share.into())
            }
        })*
    };
}

interval_from!(i32, i64, u32, u64, usize, f64, Limit);

impl From<Steps> for ValCheckInterval {
    fn from(Steps(steps): Steps) -> Self {
        Self::Steps(steps)
    }
}

impl From<Every> for ValCheckInterval {
    fn from(Every(time): Every) -> Self {
        Self::Time(time)
    }
}

impl fmt::Display for ValCheckInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(limit) => limit.fmt(f),
            Self::Steps(steps) => write!(f, "Steps({steps})"),
            Self::Time(time) => write!(f, "Every({time:?})"),
        }
    }
}

impl ValCheckInterval {
    fn never_comes(self) -> bool {
        match self {
            Self::Share(limit) => limit.is_zero(),
            Self::Steps(steps) => steps == 0,
            Self::Time(time) => time.is_zero(),
        }
    }
}

/// Where computation happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accelerator {
    /// The best device that the enabled features and the machine offer and that computes in the run's precision. The
    /// environment variable `BURN_DEVICE` overrides it, as it does everywhere in Burn.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU; feature `cuda`.
    Cuda,
    /// A GPU through WebGPU; feature `wgpu`.
    Wgpu,
    /// A GPU through Vulkan; feature `vulkan`.
    Vulkan,
    /// An Apple GPU; feature `metal`.
    Metal,
    /// An AMD GPU; feature `rocm`.
    Rocm,
}

impl FromStr for Accelerator {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cuda" | "gpu" => Self::Cuda,
            "wgpu" => Self::Wgpu,
            "vulkan" => Self::Vulkan,
            "metal" | "mps" => Self::Metal,
            "rocm" => Self::Rocm,
            other => {
                return Err(Error::config(format!("`{other}` is no accelerator"))
                    .help("use one of auto, cpu, cuda, wgpu, vulkan, metal, rocm"));
            }
        })
    }
}

/// What [`accelerator`](crate::trainer::TrainerBuilder::accelerator) takes: an [`Accelerator`] or its name.
pub trait IntoAccelerator {
    /// The accelerator.
    ///
    /// # Errors
    /// When the name is not known.
    fn into_accelerator(self) -> Result<Accelerator>;
}

impl IntoAccelerator for Accelerator {
    fn into_accelerator(self) -> Result<Accelerator> {
        Ok(self)
    }
}

impl IntoAccelerator for &str {
    fn into_accelerator(self) -> Result<Accelerator> {
        self.parse()
    }
}

impl Accelerator {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Rocm => "rocm",
        }
    }

    /// The device.
    ///
    /// # Errors
    /// When the feature that brings it is not enabled.
    pub(crate) fn device(self) -> Result<Device> {
        match self {
            Self::Auto => Ok(Device::default()),
            Self::Cpu => cpu_device(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(feature = "rocm")]
            Self::Rocm => Ok(Device::rocm(0)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "metal")]
            Self::Metal => Ok(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
            #[allow(unreachable_patterns, reason = "with every feature on, nothing is left")]
            missing => {
                let feature = missing.name();
                Err(Error::config(format!("the accelerator `{feature}` is not part of this build"))
                    .help(format!(
                        "write `lightning-core = {{ …, features = [\"{feature}\"] }}` in Cargo.toml, or use `accelerator(\"auto\")`"
                    )))
            }
        }
    }
}

#[cfg(feature = "flex")]
#[allow(clippy::unnecessary_wraps, reason = "the other build can fail")]
fn cpu_device() -> Result<Device> {
    Ok(Device::flex())
}

#[cfg(all(feature = "ndarray", not(feature = "flex")))]
#[allow(clippy::unnecessary_wraps, reason = "the other build can fail")]
fn cpu_device() -> Result<Device> {
    #[expect(deprecated, reason = "the feature exists as long as Burn has the backend")]
    Ok(Device::ndarray())
}

#[cfg(not(any(feature = "flex", feature = "ndarray")))]
fn cpu_device() -> Result<Device> {
    Err(Error::config("the accelerator `cpu` is not part of this build")
        .help("write `lightning-core = { …, features = [\"flex\"] }` in Cargo.toml"))
}

/// When logged tensors come back to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub enum ReadBack {
    /// At once on a host device, once per log interval on any other.
    #[default]
    Auto,
    /// Once per log interval everywhere: lets a test count the waits on a host device.
    Deferred,
}

/// Everything that can be set, grouped by what it configures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) length: LengthSettings,
    pub(crate) optimization: OptimizationSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) validation: ValidationSettings,
    pub(crate) output: OutputSettings,
    pub(crate) numerics: Numerics,
    pub(crate) accelerator: Accelerator,
    pub(crate) strategy: StrategySettings,
    pub(crate) fast_dev_run: Option<u64>,
    /// The run that `fast_dev_run` tries: what it would be without. Filled by [`check`](Self::check).
    pub(crate) whole: WholeRun,
    pub(crate) barebones: bool,
    pub(crate) deterministic: bool,
    pub(crate) profiler: Option<Profiler>,
    pub(crate) readback: ReadBack,
    pub(crate) allocator: AllocatorSettings,
    /// What was asked for by name, which `barebones` cannot give.
    pub(crate) asked: Vec<&'static str>,
}

/// What is done about the memory allocator.
#[derive(Clone, Debug)]
pub(crate) struct AllocatorSettings {
    /// Whether it is told to keep memory.
    pub(crate) tune: bool,
}

impl Default for AllocatorSettings {
    fn default() -> Self {
        Self { tune: true }
    }
}

/// How long a run is that is not a dev run, for the schedules that have to know.
#[derive(Clone, Debug)]
pub(crate) struct WholeRun {
    pub(crate) length: LengthSettings,
    /// The share of the training batches of an epoch.
    pub(crate) train: Limit,
}

impl Default for WholeRun {
    fn default() -> Self {
        Self { length: LengthSettings::default(), train: Limit::ALL }
    }
}

/// How long training goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct LengthSettings {
    pub(crate) max_epochs: Option<usize>,
    pub(crate) min_epochs: usize,
    pub(crate) max_steps: Option<u64>,
    pub(crate) min_steps: u64,
    pub(crate) max_time: Option<Duration>,
}

/// Where nothing else ends a run, this many epochs do.
const DEFAULT_MAX_EPOCHS: usize = 1000;

impl LengthSettings {
    fn is_endless(&self) -> bool {
        self.max_epochs.is_none() && self.max_steps.is_none() && self.max_time.is_none()
    }
}

/// From a batch's gradients to the update.
#[derive(Clone, Debug)]
pub(crate) struct OptimizationSettings {
    pub(crate) accumulate: u64,
    /// The same by the epoch from which on it holds, where it changes.
    pub(crate) accumulation: BTreeMap<u64, u64>,
    pub(crate) clip: Option<f64>,
    pub(crate) clip_by: ClipAlgorithm,
    pub(crate) detect_anomaly: bool,
    /// Whether optimizers make one pass over the buffers where they can.
    pub(crate) fused: bool,
}

impl Default for OptimizationSettings {
    fn default() -> Self {
        Self {
            accumulate: 1,
            accumulation: BTreeMap::new(),
            clip: None,
            clip_by: ClipAlgorithm::Norm,
            detect_anomaly: false,
            fused: true,
        }
    }
}

impl OptimizationSettings {
    /// How gradients are clipped, if they are.
    pub(crate) fn clip(&self) -> Option<Clip> {
        self.clip.map(|limit| Clip { limit, algorithm: self.clip_by })
    }

    /// Batches in a window of an epoch.
    pub(crate) fn window(&self, epoch: u64) -> u64 {
        self.accumulation.range(..=epoch).next_back().map_or(self.accumulate, |(_, batches)| *batches)
    }

    /// Whether a window ever has more than one batch.
    pub(crate) fn accumulates(&self) -> bool {
        self.accumulate > 1 || self.accumulation.values().any(|batches| *batches > 1)
    }

    /// Optimizer steps in the first `epochs` epochs, each of so many batches.
    pub(crate) fn steps(&self, epochs: u64, batches: u64) -> u64 {
        let mut steps: u64 = 0;
        let changes = std::iter::once(0).chain(self.accumulation.keys().copied().filter(|epoch| *epoch > 0));
        let ends = self.accumulation.keys().copied().filter(|epoch| *epoch > 0).chain(std::iter::once(epochs));
        for (from, to) in changes.zip(ends) {
            let to = to.min(epochs);
            let of_epoch = batches.div_ceil(self.window(from).max(1));
            steps = steps.saturating_add(to.saturating_sub(from).saturating_mul(of_epoch));
        }
        steps
    }

    /// As a program writes it.
    pub(crate) fn accumulation_text(&self) -> String {
        if self.accumulation.is_empty() {
            return self.accumulate.to_string();
        }
        let rows: Vec<String> =
            self.accumulation.iter().map(|(epoch, batches)| format!("{batches} from epoch {epoch}")).collect();
        rows.join(", ")
    }
}

/// How gradients are clipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClipAlgorithm {
    /// All gradients of an optimizer together, to a total 2-norm: `g · min(1, c / (‖g‖ + 1e-6))`, as torch's
    /// `clip_grad_norm_` does.
    #[default]
    Norm,
    /// Each element, to `[-c, c]`.
    Value,
}

/// How gradients are clipped, and at which limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clip {
    pub(crate) limit: f64,
    pub(crate) algorithm: ClipAlgorithm,
}

/// What [`max_time`](crate::trainer::TrainerBuilder::max_time) takes: a [`Duration`] or `"DD:HH:MM:SS"`.
pub trait IntoMaxTime {
    /// The time.
    ///
    /// # Errors
    /// When the text is no time.
    fn into_max_time(self) -> Result<Duration>;
}

impl IntoMaxTime for Duration {
    fn into_max_time(self) -> Result<Duration> {
        Ok(self)
    }
}

impl IntoMaxTime for &str {
    fn into_max_time(self) -> Result<Duration> {
        let wrong =
            || Error::config(format!("`{self}` is no time")).help("write \"DD:HH:MM:SS\", as in \"00:01:30:00\"");
        let parts = self.split(':').map(|part| part.parse::<u64>().map_err(|_| wrong())).collect::<Result<Vec<_>>>()?;
        match parts.as_slice() {
            [days, hours, minutes, seconds] => {
                let units = [(*days, 1), (*hours, 24), (*minutes, 60), (*seconds, 60)];
                let seconds =
                    units.into_iter().try_fold(0u64, |sum, (count, unit)| sum.checked_mul(unit)?.checked_add(count));
                seconds.map(Duration::from_secs).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

/// How much of each loader is used.
#[derive(Clone, Debug)]
pub(crate) struct LimitSettings {
    pub(crate) train: Limit,
    pub(crate) val: Limit,
    pub(crate) test: Limit,
    pub(crate) predict: Limit,
    /// The same few batches in every epoch, for training and for validation.
    pub(crate) overfit: Option<Limit>,
    /// After how many epochs the loaders are made anew.
    pub(crate) reload_every_n_epochs: Option<usize>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let all = Limit::ALL;
        Self { train: all, val: all, test: all, predict: all, overfit: None, reload_every_n_epochs: None }
    }
}

/// When validation runs inside `fit`.
#[derive(Clone, Debug)]
pub(crate) struct ValidationSettings {
    /// `None`: the interval is counted over the whole run, and epochs have no say.
    pub(crate) every_n_epochs: Option<usize>,
    pub(crate) interval: ValCheckInterval,
    pub(crate) sanity_steps: u64,
}

impl Default for ValidationSettings {
    fn default() -> Self {
        Self { every_n_epochs: Some(1), interval: Limit::ALL.into(), sanity_steps: 2 }
    }
}

impl ValidationSettings {
    /// Whether validation runs at the end of every epoch, and at no other time.
    pub(crate) fn is_once_an_epoch(&self) -> bool {
        self.interval == ValCheckInterval::from(Limit::ALL) && self.every_n_epochs == Some(1)
    }

    /// Whether an epoch may have no validation.
    pub(crate) fn skips_epochs(&self) -> bool {
        self.every_n_epochs != Some(1)
            || matches!(self.interval, ValCheckInterval::Steps(_) | ValCheckInterval::Time(_))
    }
}

/// What is shown and written.
#[derive(Clone, Debug)]
pub(crate) struct OutputSettings {
    pub(crate) log_every_n_steps: u64,
    pub(crate) progress_bar: bool,
    pub(crate) model_summary: bool,
    pub(crate) checkpointing: bool,
    pub(crate) default_logger: bool,
    pub(crate) root: PathBuf,
}

impl Default for OutputSettings {
    fn default() -> Self {
        Self {
            log_every_n_steps: 50,
            progress_bar: true,
            model_summary: true,
            checkpointing: true,
            default_logger: true,
            root: PathBuf::from("."),
        }
    }
}

/// Wrong settings, all of them, each with its remedy.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<(String, String)>,
}

impl Problems {
    pub(crate) fn add(&mut self, what: impl Into<String>, help: impl Into<String>) {
        self.found.push((what.into(), help.into()));
    }

    /// The value, or its error noted.
    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error.message(), error.remedy().unwrap_or("leave it out"))).ok()
    }

    /// # Errors
    /// When there is any problem: one error that lists them all.
    pub(crate) fn finish(self) -> Result<()> {
        let mut found = self.found.into_iter();
        let Some((what, help)) = found.next() else { return Ok(()) };
        let rest: Vec<_> = found.collect();
        if rest.is_empty() {
            return Err(Error::config(what).help(help));
        }
        let mut text = format!("{} settings cannot work:", rest.len() + 1);
        for (what, help) in std::iter::once((what, help)).chain(rest) {
            text.push_str(&format!("\n  - {what}; {help}"));
        }
        Err(Error::config(text))
    }
}

impl Settings {
    /// Checks everything together and applies what one setting implies for another.
    ///
    /// # Errors
    /// One error with every problem found.
    pub(crate) fn check(mut self, mut problems: Problems) -> Result<Self> {
        for (limit, setting) in [
            (self.limits.train, "limit_train_batches"),
            (self.limits.val, "limit_val_batches"),
            (self.limits.test, "limit_test_batches"),
            (self.limits.predict, "limit_predict_batches"),
            (self.limits.overfit.unwrap_or(Limit::ALL), "overfit_batches"),
        ] {
            limit.check(setting, &mut problems);
        }
        if self.limits.overfit.is_some_and(Limit::is_zero) {
            problems.add("`overfit_batches(0)` trains on nothing", "leave it out to train on all batches");
        }
        if self.limits.reload_every_n_epochs == Some(0) {
            problems.add("`reload_dataloaders_every_n_epochs(0)` never comes", "leave it out to make the loaders once");
        }
        self.strategy.check(&mut problems);
        self.check_validation(&mut problems);
        if self.output.log_every_n_steps == 0 {
            problems.add("`log_every_n_steps(0)` never comes", "use `no_logger()` to log nothing");
        }
        if self.optimization.accumulate == 0 {
            problems.add("`accumulate_grad_batches(0)` never steps", "use 1 for a step on every batch");
        }
        if let Some(clip) = self.optimization.clip
            && !(clip.is_finite() && clip > 0.0)
        {
            problems.add(
                format!("`gradient_clip_val({clip:?})` clips nothing away, or everything"),
                "give a positive number, or leave it out for no clipping",
            );
        }
        let LengthSettings { max_epochs, min_epochs, max_steps, min_steps, .. } = &self.length;
        if max_epochs.is_some_and(|max| max < *min_epochs) {
            problems
                .add(format!("`min_epochs({min_epochs})` is more than `max_epochs`"), "raise one or lower the other");
        }
        if max_steps.is_some_and(|max| max < *min_steps) {
            problems.add(format!("`min_steps({min_steps})` is more than `max_steps`"), "raise one or lower the other");
        }
        if self.fast_dev_run == Some(0) {
            problems
                .add("`fast_dev_run(0)` runs nothing", "give the number of batches to try, as in `fast_dev_run(1)`");
        }
        self.check_barebones(&mut problems);
        self.check_deterministic(&mut problems);
        problems.finish()?;
        if let Some(share) = self.limits.overfit {
            self.limits.train = share;
            // Validation that was turned off stays off.
            if !self.limits.val.is_zero() {
                self.limits.val = share;
            }
        }
        if self.barebones {
            self.validation.sanity_steps = 0;
            self.output = OutputSettings {
                progress_bar: false,
                model_summary: false,
                checkpointing: false,
                default_logger: false,
                ..self.output
            };
        }
        if self.length.is_endless() {
            self.length.max_epochs = Some(DEFAULT_MAX_EPOCHS);
        }
        self.whole = WholeRun { length: self.length.clone(), train: self.limits.train };
        if let Some(batches) = self.fast_dev_run {
            let limit = Limit::Batches(i128::from(batches));
            // Validation that was turned off stays off.
            let val = if self.limits.val.is_zero() { self.limits.val } else { limit };
            self.limits = LimitSettings { train: limit, val, test: limit, predict: limit, ..LimitSettings::default() };
            self.length = LengthSettings { max_epochs: Some(1), max_steps: Some(batches), ..LengthSettings::default() };
            self.validation = ValidationSettings { sanity_steps: 0, ..ValidationSettings::default() };
            self.output.checkpointing = false;
            self.output.default_logger = false;
        }
        Ok(self)
    }

    fn check_validation(&self, problems: &mut Problems) {
        let ValidationSettings { interval, every_n_epochs, .. } = &self.validation;
        if let ValCheckInterval::Share(limit) = interval {
            limit.check("val_check_interval", problems);
        }
        if interval.never_comes() {
            problems.add(
                format!("`val_check_interval({interval})` is no interval"),
                "give a number, a fraction or a time above 0; `limit_val_batches(0)` turns validation off",
            );
        }
        match every_n_epochs {
            Some(0) => problems
                .add("`check_val_every_n_epoch(0)` never comes", "use `limit_val_batches(0)` to turn validation off"),
            None if matches!(interval, ValCheckInterval::Share(Limit::Fraction(_))) => problems.add(
                format!("`check_val_every_n_epoch(None)` counts batches over the run, and `val_check_interval({interval})` is a fraction of an epoch"),
                "give `val_check_interval` a number of batches",
            ),
            _ => {}
        }
    }

    /// What a run without anything around it cannot have.
    fn check_barebones(&self, problems: &mut Problems) {
        if !self.barebones {
            return;
        }
        let dev_run = self.fast_dev_run.map(|_| "fast_dev_run");
        let anomaly = self.optimization.detect_anomaly.then_some("detect_anomaly(true)");
        for asked in self.asked.iter().copied().chain(dev_run).chain(anomaly) {
            problems.add(
                format!("`barebones(true)` and `{asked}` are set, and a barebones run has no such thing"),
                "leave one of the two out",
            );
        }
    }

    /// What depends on the clock, so that two runs would differ.
    fn check_deterministic(&self, problems: &mut Problems) {
        if !self.deterministic {
            return;
        }
        let time = self.length.max_time.map(|_| "max_time");
        let interval = matches!(self.validation.interval, ValCheckInterval::Time(_));
        for asked in time.into_iter().chain(interval.then_some("val_check_interval(Every(…))")) {
            problems.add(
                format!("`deterministic(true)` is set and `{asked}` depends on the clock"),
                "count epochs, batches or steps instead",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_change_at_their_epochs() {
        let settings =
            OptimizationSettings { accumulation: BTreeMap::from([(2, 4), (5, 3)]), ..OptimizationSettings::default() };
        let windows: Vec<u64> = (0..8).map(|epoch| settings.window(epoch)).collect();
        assert_eq!(windows, [1, 1, 4, 4, 4, 3, 3, 3]);
        // Ten batches: 10 steps in each of the first two epochs, then 3 in each of three, then 4.
        let steps: Vec<u64> = [0, 1, 2, 3, 5, 6].map(|epochs| settings.steps(epochs, 10)).to_vec();
        assert_eq!(steps, [0, 10, 20, 23, 29, 33]);
        assert_eq!(OptimizationSettings { accumulate: 3, ..OptimizationSettings::default() }.steps(5, 10), 20);
    }
}
