//! Figures of the GPUs of the machine.

use super::{
    DeviceStat,
    poller::{Figure, Source},
};

/// The figures of one GPU; those that it does not have are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct GpuReading {
    /// Time in which a kernel ran, in percent of the driver's last sampling period.
    pub(super) utilization_percent: Option<u32>,
    /// Memory in use and memory in all, in bytes.
    pub(super) memory: Option<(u64, u64)>,
    pub(super) temperature_celsius: Option<u32>,
    pub(super) power_milliwatts: Option<u32>,
}

/// A library that knows the GPUs.
pub(super) trait GpuLibrary: Send {
    /// Returns the number of GPUs.
    fn count(&self) -> usize;
    /// Reads the figures of one.
    fn reading(&self, gpu: usize) -> GpuReading;
}

/// The figures of all GPUs of a library.
pub(super) struct Gpus(pub(super) Box<dyn GpuLibrary>);

impl Source for Gpus {
    fn read(&mut self) -> Vec<Figure> {
        (0..self.0.count()).flat_map(|gpu| figures(gpu, self.0.reading(gpu))).collect()
    }
}

/// Returns the figures of a GPU in the units of the log.
fn figures(gpu: usize, reading: GpuReading) -> Vec<Figure> {
    const MIB: f64 = 1_048_576.0;
    let GpuReading { utilization_percent, memory, temperature_celsius, power_milliwatts } = reading;
    [
        (DeviceStat::GpuUtilizationPercent, utilization_percent.map(f64::from)),
        (DeviceStat::GpuMemoryUsedMib, memory.map(|(used, _)| used as f64 / MIB)),
        (DeviceStat::GpuMemoryTotalMib, memory.map(|(_, total)| total as f64 / MIB)),
        (DeviceStat::GpuTemperatureCelsius, temperature_celsius.map(f64::from)),
        (DeviceStat::GpuPowerWatts, power_milliwatts.map(|power| f64::from(power) / 1000.0)),
    ]
    .into_iter()
    .filter_map(|(stat, value)| Some(Figure { stat, gpu: Some(gpu), value: value? }))
    .collect()
}

/// Opens the library of the NVIDIA driver, or says why there is none.
#[cfg(feature = "nvml")]
pub(super) fn open() -> Result<Box<dyn GpuLibrary>, String> {
    match nvml_wrapper::Nvml::init() {
        Ok(library) => Ok(Box::new(library)),
        Err(error) => Err(format!("the NVIDIA driver's library cannot be used: {error}")),
    }
}

#[cfg(feature = "nvml")]
impl GpuLibrary for nvml_wrapper::Nvml {
    fn count(&self) -> usize {
        self.device_count().map_or(0, |count| count as usize)
    }

    fn reading(&self, gpu: usize) -> GpuReading {
        use nvml_wrapper::enum_wrappers::device::TemperatureSensor;

        let index = u32::try_from(gpu).unwrap_or(u32::MAX);
        let Ok(device) = self.device_by_index(index) else { return GpuReading::default() };
        GpuReading {
            utilization_percent: device.utilization_rates().ok().map(|rates| rates.gpu),
            memory: device.memory_info().ok().map(|memory| (memory.used, memory.total)),
            temperature_celsius: device.temperature(TemperatureSensor::Gpu).ok(),
            power_milliwatts: device.power_usage().ok(),
        }
    }
}

/// Without the feature, the library is never loaded.
#[cfg(not(feature = "nvml"))]
pub(super) fn open() -> Result<Box<dyn GpuLibrary>, String> {
    Err("that takes the feature `nvml` of `lightning-core`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two GPUs: one with everything, one that has neither a sensor nor a power meter.
    struct Fake;

    impl GpuLibrary for Fake {
        fn count(&self) -> usize {
            2
        }

        fn reading(&self, gpu: usize) -> GpuReading {
            let memory = Some((3 * 1_048_576, 4 * 1_048_576));
            match gpu {
                0 => GpuReading {
                    utilization_percent: Some(87),
                    memory,
                    temperature_celsius: Some(61),
                    power_milliwatts: Some(251_500),
                },
                _ => GpuReading { memory, ..GpuReading::default() },
            }
        }
    }

    #[test]
    fn every_gpu_has_the_figures_that_its_driver_knows() {
        let figures = Gpus(Box::new(Fake)).read();
        let named: Vec<_> = figures.iter().map(|figure| (figure.name(), figure.value)).collect();
        let expected = [
            ("gpu_utilization_percent/0", 87.0),
            ("gpu_memory_used_mib/0", 3.0),
            ("gpu_memory_total_mib/0", 4.0),
            ("gpu_temperature_celsius/0", 61.0),
            ("gpu_power_watts/0", 251.5),
            ("gpu_memory_used_mib/1", 3.0),
            ("gpu_memory_total_mib/1", 4.0),
        ];
        assert_eq!(named, expected.map(|(name, value)| (name.to_owned(), value)));
    }
}
