//! The values of `DeviceStatsMonitor` under the names that W&B's page of system metrics knows.

/// How the names of that callback begin.
const PREFIX: &str = "DeviceStatsMonitor.on_train_batch_end/";

const MIB: f64 = 1_048_576.0;

/// The name and value in W&B of a value of the machine; `None` for other metrics.
pub(super) fn of_machine(name: &str, value: f64) -> Option<(String, f64)> {
    let name = name.strip_prefix(PREFIX)?;
    let (name, gpu) = name.split_once('/').map_or((name, None), |(name, gpu)| (name, Some(gpu)));
    let of_gpu = |what: &str| format!("gpu.{}.{what}", gpu.unwrap_or("0"));
    let threads = || std::thread::available_parallelism().map_or(1, usize::from) as f64;
    Some(match name {
        "process_rss_mib" => ("proc.memory.rssMB".to_owned(), value),
        // 100 is all cores there, and one core here.
        "process_cpu_percent" => ("cpu".to_owned(), value / threads()),
        "cpu_vm_percent" => ("memory_percent".to_owned(), value),
        "gpu_utilization_percent" => (of_gpu("gpu"), value),
        "gpu_memory_used_mib" => (of_gpu("memoryAllocatedBytes"), value * MIB),
        "gpu_temperature_celsius" => (of_gpu("temp"), value),
        "gpu_power_watts" => (of_gpu("powerWatts"), value),
        other => (gpu.map_or_else(|| other.to_owned(), |_| of_gpu(other)), value),
    })
}
