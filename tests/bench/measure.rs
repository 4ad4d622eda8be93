//! Times, memory, and the output line of one run.

use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// Steps at the start that are not counted: they allocate buffers and start threads.
const WARM_UP: usize = 10;

/// One run of one program on one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The program: `trainer`, `hand`, `burn-train`, `torch` or `lightning`, with a suffix for each
    /// variant.
    pub program: String,
    /// The name of the workload.
    pub workload: String,
    /// The median time of a step, in milliseconds.
    pub step_ms: f64,
    /// The time of an epoch, including its start and end, divided by its steps, in milliseconds.
    pub epoch_ms: f64,
    /// The peak memory of the process, in MiB.
    pub peak_mib: f64,
    /// The memory of the process at the end of training, in MiB.
    pub steady_mib: f64,
    /// The versions of the libraries.
    pub with: String,
}

/// Collects the times of the steps of a run.
#[derive(Clone, Debug)]
pub struct Stopwatch {
    last: Option<Instant>,
    steps: Vec<Duration>,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self { last: None, steps: Vec::with_capacity(1 << 16) }
    }
}

impl Stopwatch {
    /// Starts an epoch.
    pub fn start(&mut self) {
        self.last = Some(Instant::now());
    }

    /// Ends a step.
    pub fn step(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.steps.push(now - last);
        }
    }

    /// Returns the median time of a step over all epochs, without the warm-up.
    pub fn median_ms(&self) -> f64 {
        let mut steps: Vec<f64> = self.steps.iter().skip(WARM_UP).map(|step| step.as_secs_f64() * 1e3).collect();
        quantile(&mut steps, 0.5)
    }
}

/// Returns a quantile, with linear interpolation.
pub fn quantile(numbers: &mut [f64], at: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let place = at * (numbers.len().saturating_sub(1)) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    match (numbers.get(low), numbers.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * place.fract(),
        _ => f64::NAN,
    }
}

/// Returns the peak and the current memory of this process in MiB; NaN if the kernel does not
/// report them.
pub fn memory() -> (f64, f64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib: Option<f64> = line.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse().ok());
        kib.map_or(f64::NAN, |kib| kib / 1024.0)
    };
    (field("VmHWM:"), field("VmRSS:"))
}

impl Run {
    /// Creates the record of a run with the step times of `watch` and `steps` steps in `total`
    /// time.
    pub fn new(program: &str, workload: &str, watch: &Stopwatch, steps: usize, total: Duration, with: &str) -> Self {
        let (peak_mib, steady_mib) = memory();
        Self {
            program: program.to_owned(),
            workload: workload.to_owned(),
            step_ms: watch.median_ms(),
            epoch_ms: total.as_secs_f64() * 1e3 / steps as f64,
            peak_mib,
            steady_mib,
            with: with.to_owned(),
        }
    }

    /// Appends the line of the run to a file, or prints it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn report(&self, out: Option<&Path>) -> Result<(), Box<dyn std::error::Error>> {
        let line = serde_json::to_string(self)?;
        match out {
            Some(path) => writeln!(fs::OpenOptions::new().create(true).append(true).open(path)?, "{line}")?,
            None => println!("{line}"),
        }
        Ok(())
    }
}
