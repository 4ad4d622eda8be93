//! Logs what a run takes of the machine.

use std::{fs, time::Instant};

use super::{Callback, CallbackContext, logged_steps::LoggedSteps};
use crate::error::Result;

/// Logs the memory and processor time that the process and the machine use, at every training step that is logged.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::DeviceStatsMonitor, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
///
/// let trainer = Net::trainer().callback(DeviceStatsMonitor::new().filter_keys(["process_rss_mib"]));
/// # let _ = trainer;
/// ```
///
/// All names begin with `DeviceStatsMonitor.on_train_batch_end/`:
///
/// | name | what |
/// |---|---|
/// | `process_rss_mib` | resident memory of the process, in MiB |
/// | `process_cpu_percent` | processor time of the process since the last record; 100 is one core |
/// | `cpu_percent` | processor time of the machine since the last record; 100 is all cores |
/// | `cpu_vm_percent` | memory in use on the machine |
/// | `cpu_swap_percent` | swap space in use on the machine |
///
/// They are read from `/proc`, so on Linux. Elsewhere nothing is logged, and a warning says so. Burn does not tell what a GPU
/// uses; its vendor's tools do. A run without a logger is an error.
#[derive(Clone, Debug, Default)]
pub struct DeviceStatsMonitor {
    keys: Option<Vec<String>>,
    steps: LoggedSteps,
    last: Option<(Instant, Sample)>,
}

/// What `/proc` says at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sample {
    /// Processor time of the process, in ticks.
    process: u64,
    /// Processor time of the machine, in ticks: at work, and in all.
    busy: u64,
    total: u64,
    rss_mib: f64,
    memory_percent: f64,
    swap_percent: f64,
}

/// The kernel counts in hundredths of a second towards programs, whatever it does inside (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

impl Sample {
    fn read() -> Option<Self> {
        let file = |path: &str| fs::read_to_string(path).ok();
        Self::parse(
            &file("/proc/self/stat")?,
            &file("/proc/self/status")?,
            &file("/proc/stat")?,
            &file("/proc/meminfo")?,
        )
    }

    fn parse(process: &str, status: &str, machine: &str, memory: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may hold anything; `utime` and `stime` are fields 14 and 15.
        let (_, after) = process.rsplit_once(')')?;
        let ticks: Vec<u64> = after.split_whitespace().skip(11).take(2).map_while(|field| field.parse().ok()).collect();
        let [user, system] = ticks.as_slice() else { return None };
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
        let cpu: Vec<u64> =
            machine.lines().next()?.split_whitespace().skip(1).take(8).map_while(|field| field.parse().ok()).collect();
        let total: u64 = cpu.iter().sum();
        let idle = cpu.get(3)? + cpu.get(4).unwrap_or(&0);
        let (rss, all, available) = (kib(status, "VmRSS:")?, kib(memory, "MemTotal:")?, kib(memory, "MemAvailable:")?);
        let (swap, swap_free) = (kib(memory, "SwapTotal:").unwrap_or(0.0), kib(memory, "SwapFree:").unwrap_or(0.0));
        Some(Self {
            process: user + system,
            busy: total - idle,
            total,
            rss_mib: rss / 1024.0,
            memory_percent: percent(all - available, all),
            swap_percent: percent(swap - swap_free, swap),
        })
    }

    fn row(&self, since: Option<(f64, &Self)>) -> Vec<(&'static str, f64)> {
        let mut row = vec![
            ("process_rss_mib", self.rss_mib),
            ("cpu_vm_percent", self.memory_percent),
            ("cpu_swap_percent", self.swap_percent),
        ];
        if let Some((seconds, before)) = since {
            let ticks = |now: u64, before: u64| now.saturating_sub(before) as f64;
            row.extend([
                ("process_cpu_percent", percent(ticks(self.process, before.process) / TICKS_PER_SECOND, seconds)),
                ("cpu_percent", percent(ticks(self.busy, before.busy), ticks(self.total, before.total))),
            ]);
        }
        row
    }
}

/// The value of a line such as `VmRSS:     1234 kB`.
fn kib(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

impl DeviceStatsMonitor {
    /// Logs everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs these only, named as in the table.
    #[must_use]
    pub fn filter_keys<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.keys = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    fn wants(&self, key: &str) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.iter().any(|wanted| wanted == key))
    }
}

impl<M> Callback<M> for DeviceStatsMonitor {
    fn on_train_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        cx.check_logger("DeviceStatsMonitor")?;
        self.steps.start(cx);
        self.last = Sample::read().map(|sample| (Instant::now(), sample));
        if self.last.is_none() {
            cx.view.console.warn(
                "`DeviceStatsMonitor` logs nothing: it reads `/proc`, which this system does not have".to_owned(),
            );
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !self.steps.is_due(cx) {
            return Ok(());
        }
        let Some(sample) = Sample::read() else { return Ok(()) };
        let now = Instant::now();
        let since = self.last.as_ref().map(|(then, before)| ((now - *then).as_secs_f64(), before));
        for (key, value) in sample.row(since).into_iter().filter(|(key, _)| self.wants(key)) {
            cx.log(&format!("DeviceStatsMonitor.on_train_batch_end/{key}"), &value);
        }
        self.last = Some((now, sample));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files as proc(5) describes them, with numbers that are easy to follow.
    #[test]
    fn the_files_of_the_kernel_are_read() {
        let process = |user, system| {
            format!("42 (a (strange) name) S 1 42 42 0 -1 4194304 100 0 0 0 {user} {system} 0 0 20 0 4 0 100 0 0")
        };
        let status = "Name:\ta\nVmPeak:\t  999999 kB\nVmRSS:\t  204800 kB\nThreads:\t4\n";
        let machine = |user, idle| format!("cpu  {user} 0 100 {idle} 50 0 0 0 7 0\ncpu0 1 2 3 4\n");
        let memory =
            "MemTotal:  8000000 kB\nMemFree: 1 kB\nMemAvailable:  2000000 kB\nSwapTotal: 1000 kB\nSwapFree: 900 kB\n";

        let before = Sample::parse(&process(100, 50), status, &machine(1000, 2000), memory).expect("whole files");
        assert_eq!(before.process, 150);
        assert_eq!((before.busy, before.total), (1100, 3150));
        let now = Sample::parse(&process(250, 100), status, &machine(1300, 2100), memory).expect("whole files");
        let row = now.row(Some((4.0, &before)));
        let value = |name| row.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        assert_eq!(value("process_rss_mib"), Some(200.0));
        assert_eq!(value("cpu_vm_percent"), Some(75.0));
        assert_eq!(value("cpu_swap_percent"), Some(10.0));
        // 200 ticks are two seconds of four; 300 of 400 ticks were work.
        assert_eq!(value("process_cpu_percent"), Some(50.0));
        assert_eq!(value("cpu_percent"), Some(75.0));
    }

    #[test]
    fn files_that_are_cut_off_give_nothing() {
        assert_eq!(Sample::parse("", "", "", ""), None);
        assert_eq!(Sample::parse("42 (a) S 1 2", "VmRSS: 1 kB", "cpu 1 2 3 4", "MemTotal: 1 kB"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_takes_memory() {
        let sample = Sample::read().expect("Linux has /proc");
        assert!(sample.rss_mib > 1.0);
        assert!(sample.total > sample.busy);
    }
}
