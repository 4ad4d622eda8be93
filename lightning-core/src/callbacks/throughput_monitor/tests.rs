use std::time::Duration;

use super::{meter::Totals, *};

fn value(row: &[(String, f64)], name: &str) -> Option<f64> {
    row.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// A batch of 4 samples every half second, a window of 3 batches: it spans one second and two
/// batches.
#[test]
fn rates_are_taken_over_a_full_window() {
    let start = Instant::now();
    let monitor = ThroughputMonitor::new().window_size(3).items_per_sample(10.0).flops(1e9, 32e9);
    let mut meter = Meter::default();
    meter.start(start);
    for batch in 1..=2 {
        meter.batch(start + Duration::from_millis(500 * batch), 4, 3);
    }
    let row = monitor.row("train", &meter);
    assert_eq!(value(&row, "train/samples"), Some(8.0));
    assert_eq!(value(&row, "train/lengths"), Some(80.0));
    assert_eq!(value(&row, "train/device/batches_per_sec"), None);

    meter.batch(start + Duration::from_millis(1500), 4, 3);
    let row = monitor.row("train", &meter);
    assert_eq!(value(&row, "train/time"), Some(1.5));
    assert_eq!(value(&row, "train/batches"), Some(3.0));
    assert_eq!(value(&row, "train/device/batches_per_sec"), Some(2.0));
    assert_eq!(value(&row, "train/device/samples_per_sec"), Some(8.0));
    assert_eq!(value(&row, "train/device/items_per_sec"), Some(80.0));
    assert_eq!(value(&row, "train/device/flops_per_sec"), Some(8e9));
    assert_eq!(value(&row, "train/device/mfu"), Some(0.25));
}

#[test]
fn a_window_forgets_and_a_pause_does_not_count() {
    let start = Instant::now();
    let mut meter = Meter::default();
    meter.start(start);
    // Two slow batches, a pause of ten seconds, then a batch of 6 samples each second.
    meter.batch(start + Duration::from_secs(5), 1, 2);
    meter.batch(start + Duration::from_secs(10), 1, 2);
    meter.skip(Duration::from_secs(10));
    meter.batch(start + Duration::from_secs(21), 6, 2);
    assert_eq!(meter.rates(2), Some((1.0, 6.0)));
    assert_eq!(meter.totals, Totals { time: Duration::from_secs(11), batches: 3, samples: 8 });
}

/// `flops_per_sec` and `mfu` of Lightning 2's `Throughput(available_flops=50, window_size=2)` after
/// `update(time=1, batches=1, samples=2, lengths=10, flops=10)` and `update(time=2, batches=2,
/// samples=4, lengths=20, flops=10)`, from its own test `test_throughput`.
#[test]
fn utilization_is_that_of_lightning() {
    let start = Instant::now();
    let monitor = ThroughputMonitor::new().window_size(2).items_per_sample(5.0).flops(5.0, 50.0);
    let mut meter = Meter::default();
    meter.start(start);
    (1..=2).for_each(|second| meter.batch(start + Duration::from_secs(second), 2, 2));
    let row = monitor.row("train", &meter);
    let expected = [
        ("train/time", 2.0),
        ("train/batches", 2.0),
        ("train/samples", 4.0),
        ("train/lengths", 20.0),
        ("train/device/batches_per_sec", 1.0),
        ("train/device/samples_per_sec", 2.0),
        ("train/device/items_per_sec", 10.0),
        ("train/device/flops_per_sec", 10.0),
        ("train/device/mfu", 0.2),
    ];
    assert_eq!(row, expected.map(|(name, value)| (name.to_owned(), value)));
}

/// Lightning adds up the FLOP of the window without its first batch, whose time is not part of the
/// window: `(sum(flops) - flops[0]) / (time[-1] - time[0])`.
#[test]
fn utilization_of_unequal_batches_leaves_the_first_out() {
    let start = Instant::now();
    let monitor = ThroughputMonitor::new().window_size(3).flops(3.0, 8.0);
    let mut meter = Meter::default();
    meter.start(start);
    for (time, samples) in [(500, 40), (1000, 2), (2500, 6)] {
        meter.batch(start + Duration::from_millis(time), samples, 3);
    }
    let row = monitor.row("train", &meter);
    // 2 and 6 samples of 3 FLOP in 2 s.
    assert_eq!(value(&row, "train/device/flops_per_sec"), Some(12.0));
    assert_eq!(value(&row, "train/device/mfu"), Some(1.5));
}
