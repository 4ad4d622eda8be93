//! The largest memory of the process since a point in time.

use std::fs;

/// Starts a new measurement. Returns whether the system can: Linux.
pub(crate) fn reset() -> bool {
    // proc(5): 5 resets the peak resident set size to the current one.
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Returns the largest resident memory in bytes since [`reset`].
pub(crate) fn bytes() -> Option<u64> {
    peak(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Returns the memory in bytes that the process holds, and that it could still get.
pub(crate) fn held_and_available() -> Option<(u64, u64)> {
    let held = line(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")?;
    let available = line(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    Some((held, available))
}

fn peak(status: &str) -> Option<u64> {
    line(status, "VmHWM:")
}

/// The value of a line such as `VmHWM:     1234 kB`, in bytes.
fn line(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_of_the_status() {
        let status = "Name:\ta\nVmPeak:\t  999999 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!(super::peak(status), Some(2_097_152));
        assert_eq!(super::peak("VmRSS: 1 kB\n"), None);
    }
}
