//! Times by their size, in bounded memory.

use std::time::Duration;

/// The number of steps between a power of two and the next.
const STEPS: u64 = 32;

/// Counts times in steps of about 3 %: a percentile is within 1.6 % of the exact one.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    /// The shortest and the longest time, between which every percentile is.
    range: Option<(Duration, Duration)>,
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        let (least, most) = self.range.unwrap_or((time, time));
        self.range = Some((least.min(time), most.max(time)));
        let step = step_of(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(step) {
            *count += 1;
        }
    }

    /// The smallest time that at least this share of all times does not exceed (nearest rank).
    pub(super) fn percentile(&self, share: f64) -> Duration {
        let all: u64 = self.counts.iter().sum();
        let rank = ((all as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        let step = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        let time = Duration::from_nanos(step.map_or(0, middle_of));
        self.range.map_or(time, |(least, most)| time.clamp(least, most))
    }
}

/// The step of a time in nanoseconds. Below 32 ns each nanosecond has one.
fn step_of(nanoseconds: u64) -> usize {
    let step = match nanoseconds.checked_ilog2() {
        Some(power) if nanoseconds >= STEPS => {
            let shift = u64::from(power) - 5;
            (shift + 1) * STEPS + ((nanoseconds >> shift) - STEPS)
        }
        _ => nanoseconds,
    };
    step as usize
}

/// The middle of a step's times, in nanoseconds.
fn middle_of(step: usize) -> u64 {
    let step = step as u64;
    match (step / STEPS).checked_sub(1) {
        None => step,
        Some(shift) => ((step % STEPS + STEPS) << shift) + ((1 << shift) >> 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_at_most_a_64th_from_its_times() {
        for nanoseconds in (0..2_000).chain([65_535, 65_536, 1_234_567, 999_999_999_999, u64::MAX / 3]) {
            let middle = middle_of(step_of(nanoseconds));
            assert!(middle.abs_diff(nanoseconds) <= nanoseconds / 64 + 1, "{nanoseconds} is in the step of {middle}");
        }
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let mut histogram = Histogram::default();
        for milliseconds in 1..=100 {
            histogram.add(Duration::from_millis(milliseconds));
        }
        for (share, expected) in [(0.5, 50.0), (0.95, 95.0), (1.0, 100.0), (0.0, 1.0)] {
            let found = histogram.percentile(share).as_secs_f64() * 1e3;
            assert!((found / expected - 1.0).abs() < 0.016, "{share}: {found}");
        }
        // Of one time, every percentile is that time.
        let mut single = Histogram::default();
        single.add(Duration::from_nanos(1_234_567));
        assert_eq!(single.percentile(0.95), Duration::from_nanos(1_234_567));
        assert_eq!(Histogram::default().percentile(0.5), Duration::ZERO);
    }
}
