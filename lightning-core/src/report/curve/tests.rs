use super::*;
use crate::stage::Stage;

fn at(step: u64, value: f64) -> Point {
    Point::new(LogPosition::new(Stage::Fit, step / 100, Some(step), step, step), 1, value)
}

fn curve(values: impl IntoIterator<Item = f64>) -> Curve {
    let mut curve = Curve::default();
    values.into_iter().enumerate().for_each(|(step, value)| curve.push(at(step as u64 + 1, value)));
    curve
}

fn values(curve: &Curve) -> Vec<f64> {
    curve.points(usize::MAX).into_iter().map(|point| point.value).collect()
}

#[test]
fn nothing_is_lost_of_a_short_curve() {
    let logged: Vec<f64> = (0..1000).map(|step| f64::from(step * 7919 % 1000)).collect();
    assert_eq!(values(&curve(logged.iter().copied())), logged);
}

#[test]
fn a_million_steps_keep_their_extremes_in_a_thousand_points() {
    // A spike of one step, a dip of one step, and waves.
    let value = |step: u64| match step {
        123_457 => 1e6,
        987_654 => -1e6,
        _ => (step as f64 / 1e4).sin(),
    };
    let curve = curve((1..=1_000_000).map(value));
    let points = curve.points(usize::MAX);
    assert_eq!(curve.len(), 1_000_000);
    assert!((500..=1002).contains(&points.len()), "{}", points.len());
    for step in [1, 123_457, 987_654, 1_000_000] {
        assert!(points.iter().any(|point| point.batch_step == step && point.value == value(step)), "{step}");
    }
    assert!(points.windows(2).all(|pair| pair[0].batch_step < pair[1].batch_step));
    // The stretches are even: no gap is longer than two of them.
    assert!(points.windows(2).all(|pair| pair[1].batch_step - pair[0].batch_step <= 2 * 1_000_000 / 250));
    let few = curve.points(100);
    assert!(few.len() <= 100 && few.iter().any(|point| point.value == 1e6), "{}", few.len());
}

#[test]
fn values_that_are_not_finite_stay_marked() {
    let curve = curve((0..5000).map(|step| if step == 3210 { f64::NAN } else { 1.0 }));
    let points = curve.points(usize::MAX);
    assert_eq!(
        points.iter().filter(|point| point.value.is_nan()).map(|point| point.batch_step).collect::<Vec<_>>(),
        [3211]
    );
}

#[test]
fn what_a_checkpoint_does_not_have_is_forgotten() {
    let mut long = curve((0..3000).map(f64::from));
    long.forget_after(1500, 1);
    let points = long.points(usize::MAX);
    assert!(points.iter().all(|point| point.batch_step <= 1500));
    assert!(points.last().is_some_and(|point| point.batch_step > 1490));
    // The same batch: its first record only.
    let mut short = Curve::default();
    for record in 1..=3 {
        short.push(Point { record, ..at(7, record as f64) });
    }
    short.push(at(8, 8.0));
    short.forget_after(7, 2);
    assert_eq!((values(&short), short.len()), (vec![1.0, 2.0], 2));
    short.push(at(8, 9.0));
    assert_eq!(values(&short), [1.0, 2.0, 9.0]);
    short.forget_after(0, 0);
    assert_eq!((values(&short), short.len()), (Vec::new(), 0));
}

#[test]
fn a_restored_curve_goes_on() {
    let long = curve((0..100_000).map(f64::from));
    let points = long.points(usize::MAX);
    let mut restored = Curve::restored(&points, long.len());
    let again = restored.points(usize::MAX);
    assert!(again.len() * 3 > points.len() && again.iter().all(|point| points.contains(point)), "{}", again.len());
    assert_eq!((again.first(), again.last()), (points.first(), points.last()));
    for step in 100_001..=200_000 {
        restored.push(at(step, step as f64));
    }
    let all = restored.points(usize::MAX);
    assert_eq!(restored.len(), 200_000);
    assert!(all.len() <= 1002 && all.last().is_some_and(|point| point.batch_step == 200_000), "{}", all.len());
}
