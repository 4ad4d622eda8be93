//! What machine a process runs on, as far as the operating system says so.

use std::{env::consts, fs, thread};

/// The machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The name of the processor.
    pub(crate) processor: Option<String>,
    /// The number of threads that run at the same time.
    pub(crate) threads: usize,
    /// Memory in bytes.
    pub(crate) memory: Option<u64>,
    /// The operating system and the architecture.
    pub(crate) system: String,
}

impl Machine {
    /// Looks at the machine. What is not known is left out.
    pub(crate) fn look() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let name = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: field(&cpu, "model name", ':'),
            threads: thread::available_parallelism().map_or(1, usize::from),
            memory: field(&memory, "MemTotal", ':').and_then(|text| kibibytes(&text)),
            system: [
                field(&name, "PRETTY_NAME", '=').unwrap_or_else(|| consts::OS.to_owned()),
                kernel.trim().to_owned(),
            ]
            .into_iter()
            .filter(|text| !text.is_empty())
            .chain([consts::ARCH.to_owned()])
            .collect::<Vec<_>>()
            .join(", "),
        }
    }
}

/// The value of the first line `name: value`.
fn field(text: &str, name: &str, separator: char) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim() == name).then_some(value)
    })?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn kibibytes(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The name of this machine, as part of a file name.
#[cfg(any(feature = "tensorboard", feature = "wandb"))]
pub(crate) fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain: String = name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    if plain.is_empty() { "localhost".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_the_files() {
        let cpu = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(field(cpu, "model name", ':').as_deref(), Some("AMD EPYC 7B13"));
        assert_eq!(field("NAME=x\nPRETTY_NAME=\"Debian 12\"\n", "PRETTY_NAME", '=').as_deref(), Some("Debian 12"));
        assert_eq!(field("", "MemTotal", ':'), None);
        assert_eq!(kibibytes("65843016 kB"), Some(65_843_016 * 1024));
        assert_eq!(kibibytes("much"), None);
        assert!(Machine::look().threads >= 1);
    }
}
