use serde_json::{Map, json};

use super::*;
use crate::search::{ParamValue, TrialState, boolean, builders::IntoDistribution, choice, int, log_uniform, uniform};

fn parameter<T>(path: &str, distribution: impl IntoDistribution<T>) -> Parameter {
    distribution.into_parameters().remove(0).below(path)
}

fn space() -> Vec<Parameter> {
    vec![
        parameter("lr", log_uniform(1e-4..1e-1)),
        parameter("layers", int(1..=3)),
        parameter("kind", choice(["adam", "sgd"])),
        parameter("momentum", uniform(0.0..1.0).step(0.5).when("kind", "sgd")),
    ]
}

fn dimensions(space: &[Parameter]) -> Vec<Dimension<'_>> {
    let all = space.iter().enumerate();
    all.map(|(index, one)| Dimension { name: &one.path, distribution: &one.distribution, index: Some(index) }).collect()
}

fn past<'a>(space: &'a [Parameter], trials: &'a [TrialRecord], directions: &'a [Direction]) -> Past<'a> {
    let number = trials.len() as u64;
    Past { trials, directions, space, number, sampled: number, seed: 7 }
}

fn record(number: u64, names: &[&str], distributions: &[&Distribution], stored: &[f64], values: &[f64]) -> TrialRecord {
    let params = names.iter().zip(distributions).zip(stored);
    TrialRecord {
        number,
        state: TrialState::Complete,
        values: Some(values.to_vec()),
        params: params
            .map(|((name, of), stored)| ParamValue {
                name: (*name).to_owned(),
                distribution: (*of).clone(),
                stored: *stored,
            })
            .collect(),
        reports: [].into(),
        user_attrs: Map::new(),
        system_attrs: Map::new(),
        started: None,
        ended: None,
        id: number,
        study: 0,
        worker: String::new(),
    }
}

/// Runs a search with one group of parameters, and returns the trials.
fn search(
    sampler: &dyn Sampler,
    space: &[Parameter],
    directions: &[Direction],
    trials: u64,
    objective: impl Fn(&[f64]) -> Vec<f64>,
) -> Vec<TrialRecord> {
    let group = dimensions(space);
    let names: Vec<&str> = group.iter().map(|one| one.name).collect();
    let distributions: Vec<&Distribution> = group.iter().map(|one| one.distribution).collect();
    let mut done: Vec<TrialRecord> = Vec::new();
    for number in 0..trials {
        let stored = sampler.sample(&group, &past(space, &done, directions)).unwrap();
        assert!(stored.iter().zip(&distributions).all(|(stored, of)| of.contains(*stored)), "{stored:?}");
        done.push(record(number, &names, &distributions, &stored, &objective(&stored)));
    }
    done
}

#[test]
fn places_are_spread_over_the_values() {
    let of = |parameter: Parameter| parameter.distribution;
    let log = of(parameter("x", log_uniform(1e-4..1.0)));
    assert!((log.from_unit(0.5) - 1e-2).abs() < 1e-12 && (log.to_unit(1e-2) - 0.5).abs() < 1e-12);
    let int = of(parameter("x", int(1..=10).step(3)));
    let counts = |of: &Distribution| {
        let mut counts = std::collections::BTreeMap::new();
        for at in 0..1200 {
            *counts.entry(of.from_unit((f64::from(at) + 0.5) / 1200.0).to_string()).or_insert(0) += 1;
        }
        counts.into_values().collect::<Vec<_>>()
    };
    assert_eq!(counts(&int), [300; 4]);
    assert_eq!(counts(&of(parameter("x", choice(["a", "b", "c"])))), [400; 3]);
    assert_eq!(counts(&of(parameter("x", uniform(0.0..1.0).step(0.5)))), [400; 3]);
    let log_int = of(parameter("x", crate::search::int(1..=100).log()));
    assert_eq!((log_int.from_unit(0.0), log_int.from_unit(1.0)), (1.0, 100.0));
}

#[test]
fn a_grid_has_every_combination_once() {
    let space = space();
    let grid = Grid::new().points(4);
    // 4 rates, 3 numbers of layers, and `adam` or one of 3 momenta with `sgd`.
    assert_eq!(grid.limit(&space), Some(4 * 3 * (1 + 3)));
    let mut seen = std::collections::BTreeSet::new();
    for sampled in 0..48 {
        let past = Past { sampled, ..past(&space, &[], &[]) };
        let stored = grid.sample(&dimensions(&space), &past).unwrap();
        let stored = if stored[2] == 0.0 { &stored[..3] } else { &stored };
        assert!(seen.insert(format!("{stored:?}")), "{stored:?} twice");
    }
    let rates: std::collections::BTreeSet<String> =
        seen.iter().map(|point| point[1..].split(',').next().unwrap().to_owned()).collect();
    assert_eq!(rates.len(), 4);
    let many: Vec<Parameter> = (0..7).map(|at| parameter(&format!("x{at}"), int(1..=10))).collect();
    let error = grid.check(&many).unwrap_err();
    assert_eq!(error.message(), "`Grid`: a space must have at most 1000000 combinations, found 10000000");
    assert!(Grid::new().points(1).check(&space).is_err());
}

#[test]
fn a_sobol_sequence_is_balanced() {
    let space: Vec<Parameter> = (0..5).map(|at| parameter(&format!("x{at}"), uniform(0.0..1.0))).collect();
    let trials = search(&Sobol::new(), &space, &[Direction::Minimize], 64, |_| vec![0.0]);
    for at in 0..5 {
        let mut parts = [0; 16];
        for trial in &trials {
            parts[(trial.params[at].stored * 16.0) as usize] += 1;
        }
        assert_eq!(parts, [4; 16]);
    }
    let many: Vec<Parameter> = (0..65).map(|at| parameter(&format!("x{at}"), boolean())).collect();
    assert!(Sobol::new().check(&many).is_err() && Sobol::new().check(&many[..64]).is_ok());
}

#[test]
fn one_seed_gives_the_same_trials() {
    let space = &space()[..3];
    for sampler in [&Tpe::new() as &dyn Sampler, &Random::new(), &Sobol::new()] {
        let run = || {
            let trials = search(sampler, space, &[Direction::Minimize], 25, |x| vec![x[0] + x[1] + x[2]]);
            trials
                .iter()
                .map(|trial| trial.params.iter().map(|param| param.stored).collect())
                .collect::<Vec<Vec<f64>>>()
        };
        assert_eq!(run(), run());
    }
}

#[test]
fn tpe_finds_the_minimum() {
    let space = [
        parameter("x", uniform(-5.0..5.0)),
        parameter("y", log_uniform(1e-5..1.0)),
        parameter("z", choice(["a", "b", "c"])),
    ];
    let loss =
        |x: &[f64]| vec![(x[0] - 2.0).powi(2) + (x[1].log10() + 3.0).powi(2) + if x[2] == 1.0 { 0.0 } else { 2.0 }];
    let best = |sampler: &dyn Sampler| {
        let trials = search(sampler, &space, &[Direction::Minimize], 60, loss);
        trials.iter().filter_map(TrialRecord::value).fold(f64::INFINITY, f64::min)
    };
    let (tpe, random) = (best(&Tpe::new()), best(&Random::new()));
    assert!(tpe < 0.1 && tpe < random, "{tpe}, at random {random}");
}

#[test]
fn tpe_looks_for_a_front_and_keeps_constraints() {
    let space = [parameter("x", uniform(0.0..1.0)), parameter("y", uniform(0.0..1.0))];
    let directions = [Direction::Minimize, Direction::Maximize];
    // The front is `y` = 0: less of the one is less of the other.
    let trials = search(&Tpe::new(), &space, &directions, 80, |x| vec![x[0] + x[1], x[0] - x[1]]);
    let mean =
        |trials: &[TrialRecord]| trials.iter().map(|trial| trial.params[1].stored).sum::<f64>() / trials.len() as f64;
    assert!(mean(&trials[60..]) < 0.25, "{}", mean(&trials[60..]));

    let group = dimensions(&space);
    let mut done: Vec<TrialRecord> = Vec::new();
    for number in 0..60 {
        let stored = Tpe::new().sample(&group, &past(&space, &done, &directions[..1])).unwrap();
        let mut trial =
            record(number, &["x", "y"], &[group[0].distribution, group[1].distribution], &stored, &[stored[0]]);
        // `x` at least 0.5.
        trial.system_attrs.insert("constraints:x".to_owned(), json!(0.5 - stored[0]));
        done.push(trial);
    }
    let late: Vec<f64> = done[40..].iter().map(|trial| trial.params[0].stored).collect();
    // Without the constraint they would be near 0; the best ones are at its border, on both sides.
    let kept = late.iter().filter(|x| (0.5..0.7).contains(*x)).count();
    let mean = late.iter().sum::<f64>() / late.len() as f64;
    assert!(kept >= 6 && mean > 0.4, "{late:?}");
}
