//! Statistics of the process and of the machine, from `/proc`.
//!
//! Source of the formats: proc(5).

use std::fs;

/// Statistics at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// CPU time of the process, in ticks.
    process: u64,
    /// CPU time of the machine that was not idle, in ticks.
    busy: u64,
    /// CPU time of the machine, idle time included, in ticks.
    total: u64,
    rss_mib: f64,
    memory_percent: f64,
    swap_percent: f64,
}

/// The kernel reports times in hundredths of a second (`USER_HZ`), whatever its own tick rate is.
const TICKS_PER_SECOND: f64 = 100.0;

impl Sample {
    /// Reads the statistics; `None` on a system without `/proc`.
    pub(super) fn read() -> Option<Self> {
        let file = |path: &str| fs::read_to_string(path).ok();
        Self::parse(
            &file("/proc/self/stat")?,
            &file("/proc/self/status")?,
            &file("/proc/stat")?,
            &file("/proc/meminfo")?,
        )
    }

    /// Parses the contents of `/proc/self/stat`, `/proc/self/status`, `/proc/stat` and
    /// `/proc/meminfo`.
    fn parse(process: &str, status: &str, machine: &str, memory: &str) -> Option<Self> {
        let process = process_ticks(process)?;
        let (busy, total) = machine_ticks(machine)?;
        let (rss, all, available) = (kib(status, "VmRSS:")?, kib(memory, "MemTotal:")?, kib(memory, "MemAvailable:")?);
        let (swap, swap_free) = (kib(memory, "SwapTotal:").unwrap_or(0.0), kib(memory, "SwapFree:").unwrap_or(0.0));
        Some(Self {
            process,
            busy,
            total,
            rss_mib: rss / 1024.0,
            memory_percent: percent(all - available, all),
            swap_percent: percent(swap - swap_free, swap),
        })
    }

    /// Returns the values to log. CPU usage needs an earlier sample, and the seconds since then.
    pub(super) fn row(&self, since: Option<(f64, &Self)>) -> Vec<(&'static str, f64)> {
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

/// CPU time of the process in user and kernel mode.
fn process_ticks(stat: &str) -> Option<u64> {
    // Field 2 is the program's name in parentheses, which can contain spaces and parentheses.
    let (_, after) = stat.rsplit_once(')')?;
    // `utime` and `stime` are fields 14 and 15.
    let ticks: Vec<u64> = after.split_whitespace().skip(11).take(2).map_while(|field| field.parse().ok()).collect();
    let [user, system] = ticks.as_slice() else { return None };
    Some(user + system)
}

/// Busy and total CPU time of the machine.
fn machine_ticks(stat: &str) -> Option<(u64, u64)> {
    // user, nice, system, idle, iowait, irq, softirq, steal. Guest time is included in user.
    let cpu: Vec<u64> =
        stat.lines().next()?.split_whitespace().skip(1).take(8).map_while(|field| field.parse().ok()).collect();
    let total: u64 = cpu.iter().sum();
    let idle = cpu.get(3)? + cpu.get(4).unwrap_or(&0);
    Some((total - idle, total))
}

/// Parses the value of a line such as `VmRSS:     1234 kB`.
fn kib(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files as described in proc(5), with round numbers.
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
