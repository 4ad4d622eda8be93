//! Figures of the process and of the machine, on systems without `/proc`.

use super::poller::Source;

/// Returns the source of these figures, if the feature `sysinfo` provides one.
#[cfg(feature = "sysinfo")]
pub(super) fn open() -> Option<Box<dyn Source>> {
    sysinfo::IS_SUPPORTED_SYSTEM.then(|| Box::new(known::Host::new()) as Box<dyn Source>)
}

/// Without the feature, nothing is read.
#[cfg(not(feature = "sysinfo"))]
pub(super) fn open() -> Option<Box<dyn Source>> {
    None
}

#[cfg(feature = "sysinfo")]
mod known {
    use std::process;

    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

    use crate::callbacks::device_stats_monitor::{
        DeviceStat,
        poller::{Figure, Source},
    };

    /// What the operating system says.
    pub(super) struct Host {
        system: System,
        pid: Pid,
        /// CPU usage is that since the last reading, so that the first has none.
        is_first: bool,
    }

    impl Host {
        pub(super) fn new() -> Self {
            Self { system: System::new(), pid: Pid::from_u32(process::id()), is_first: true }
        }
    }

    impl Source for Host {
        fn read(&mut self) -> Vec<Figure> {
            let Self { system, pid, is_first } = self;
            system.refresh_memory();
            system.refresh_cpu_usage();
            let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*pid]), false, wanted);
            let percent = |part: u64, all: u64| if all > 0 { 100.0 * part as f64 / all as f64 } else { 0.0 };
            let all = system.total_memory();
            let process = system.process(*pid);
            let later = !std::mem::replace(is_first, false);
            let usage = |usage: Option<f32>| usage.filter(|_| later).map(f64::from);
            [
                (DeviceStat::ProcessRssMib, process.map(|process| process.memory() as f64 / 1_048_576.0)),
                (DeviceStat::CpuVmPercent, Some(percent(all.saturating_sub(system.available_memory()), all))),
                (DeviceStat::CpuSwapPercent, Some(percent(system.used_swap(), system.total_swap()))),
                (DeviceStat::ProcessCpuPercent, usage(process.map(sysinfo::Process::cpu_usage))),
                (DeviceStat::CpuPercent, usage(Some(system.global_cpu_usage()))),
            ]
            .into_iter()
            .filter_map(|(stat, value)| Some(Figure { stat, gpu: None, value: value? }))
            .collect()
        }
    }

    #[cfg(test)]
    mod tests {
        use std::{thread, time::Duration};

        use super::*;

        #[test]
        fn this_process_takes_memory_and_time() {
            let mut host = Host::new();
            let first: Vec<_> = host.read().iter().map(Figure::name).collect();
            assert_eq!(first, ["process_rss_mib", "cpu_vm_percent", "cpu_swap_percent"]);
            thread::sleep(Duration::from_millis(300));
            let figures = host.read();
            assert_eq!(figures.len(), 5);
            let value = |stat| figures.iter().find(|figure| figure.stat == stat).map_or(f64::NAN, |it| it.value);
            assert!(value(DeviceStat::ProcessRssMib) > 1.0, "{figures:?}");
            for stat in [DeviceStat::CpuVmPercent, DeviceStat::CpuPercent, DeviceStat::CpuSwapPercent] {
                assert!((0.0..=100.0).contains(&value(stat)), "{figures:?}");
            }
        }
    }
}
