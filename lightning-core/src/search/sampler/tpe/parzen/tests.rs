use super::*;

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} and {b}");
}

/// The densities of Optuna's `_ParzenEstimator` for the same observations.
#[test]
fn densities_are_those_of_optuna() {
    let float = Distribution::Float { low: 0.0, high: 10.0, log: false, step: None };
    let log = Distribution::Float { low: 1e-4, high: 1.0, log: true, step: None };
    let int = Distribution::Int { low: 1, high: 9, log: false, step: 2 };
    let log_int = Distribution::Int { low: 1, high: 64, log: true, step: 1 };
    let choice = Distribution::Categorical { choices: vec!["a".into(), "b".into(), "c".into()] };
    let of = |distribution| Dimension { name: "x", distribution, index: None };
    let group = [of(&float), of(&log), of(&int), of(&log_int), of(&choice)];
    let observed = [
        vec![2.0, 1e-3, 3.0, 8.0, 0.0],
        vec![7.5, 1e-2, 9.0, 64.0, 2.0],
        vec![2.5, 0.5, 3.0, 1.0, 2.0],
        vec![9.0, 2e-4, 1.0, 32.0, 1.0],
    ];
    let parzen = Parzen::new(&group, &observed, false);
    let one = |at: usize, value: f64| {
        let values: Vec<Vec<f64>> = observed.iter().map(|trial| vec![trial[at]]).collect();
        Parzen::new(&group[at..=at], &values, false).log_density(&[value])
    };
    for (at, value, expected) in ONE {
        close(one(at, value), expected);
    }
    close(parzen.log_density(&[2.2, 3e-3, 5.0, 16.0, 2.0]), ALL);
}

const ONE: [(usize, f64, f64); 5] = [
    (0, 2.2, -2.173064823922439),
    (1, 0.003, -2.1330495087292105),
    (2, 5.0, -1.622210954853418),
    (3, 16.0, -4.221546191743286),
    (4, 2.0, -0.8754687373538996),
];
const ALL: f64 = -11.195495817085796;

#[test]
fn values_are_drawn_from_the_distribution() {
    let int = Distribution::Int { low: 1, high: 9, log: false, step: 2 };
    let choice = Distribution::Categorical { choices: vec![1.into(), 2.into()] };
    let group = [
        Dimension { name: "x", distribution: &int, index: None },
        Dimension { name: "y", distribution: &choice, index: None },
    ];
    let parzen = Parzen::new(&group, &vec![vec![7.0, 1.0]; 20], false);
    let mut rng = Rng::new(1);
    let drawn: Vec<Vec<f64>> = (0..1000).map(|_| parzen.sample(&mut rng)).collect();
    assert!(drawn.iter().all(|values| int.contains(values[0]) && choice.contains(values[1])));
    let near = drawn.iter().filter(|values| values[0] == 7.0).count();
    assert!((600..1000).contains(&near), "{near}");
    assert_eq!(ramp(3), [1.0; 3]);
    assert_eq!(ramp(27)[..4], [1.0 / 27.0, 1.0, 1.0, 1.0]);
}
