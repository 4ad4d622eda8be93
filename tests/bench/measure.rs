//! Times, memory, and the line that one run of one program prints.

use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// Steps at the start that count for nothing: buffers come into being, threads start.
const WARM_UP: usize = 10;

/// One run of one program on one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The program: `trainer`, `hand`, `burn-train`, `torch`, `lightning`, each with what sets it apart.
    pub program: String,
    /// The workload's name.
    pub workload: String,
    /// The median step, in milliseconds.
    pub step_ms: f64,
    /// An epoch with everything that belongs to it, divided by its steps, in milliseconds.
    pub epoch_ms: f64,
    /// The most memory the process ever had, in MiB.
    pub peak_mib: f64,
    /// Its memory at the end of training, in MiB.
    pub steady_mib: f64,
    /// Versions of what it was built with.
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

    /// A step is done.
    pub fn step(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.steps.push(now - last);
        }
    }

    /// The steps of all epochs, without the first.
    pub fn median_ms(&self) -> f64 {
        let mut steps: Vec<f64> = self.steps.iter().skip(WARM_UP).map(|step| step.as_secs_f64() * 1e3).collect();
        quantile(&mut steps, 0.5)
    }
}

/// A quantile of numbers, interpolated.
pub fn quantile(numbers: &mut [f64], at: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let place = at * (numbers.len().saturating_sub(1)) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    match (numbers.get(low), numbers.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * place.fract(),
        _ => f64::NAN,
    }
}

/// Peak and present memory of this process in MiB; not a number where the kernel does not tell.
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
    /// The run of `program` that `watch` has timed, `epochs` of `steps` in all this time.
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

    /// Adds the run's line to a file, or prints it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn report(&self, out: Option<&Path>) -> Result<(), Box<dyn std::error::Error>> {
        let line = serde_json::to_string(self)?;
        match out {
            Some(path) => writeln!(fs::OpenOptions::new().create(true).append(true).open(path)?, "{line}")?,
            None => println!("{line}"),
        }
        Ok(())
    }
}
