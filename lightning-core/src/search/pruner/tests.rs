use std::collections::BTreeMap;

use serde_json::Map;

use super::{hyperband::bracket, *};
use crate::search::TrialState;

fn trial(number: u64, state: TrialState, reports: &[f64]) -> TrialRecord {
    TrialRecord {
        number,
        state,
        values: None,
        params: Vec::new(),
        reports: (1..).zip(reports.iter().copied()).collect::<BTreeMap<i64, f64>>(),
        user_attrs: Map::new(),
        system_attrs: Map::new(),
        started: None,
        ended: None,
        id: number,
        study: 0,
        worker: String::new(),
    }
}

fn complete(all: &[&[f64]]) -> Vec<TrialRecord> {
    (0..).zip(all).map(|(number, reports)| trial(number, TrialState::Complete, reports)).collect()
}

/// Whether a trial with these reports ends at the last of them; smaller is better.
fn ends(pruner: &dyn Pruner, others: &[TrialRecord], reports: &[f64]) -> bool {
    let trial = trial(100, TrialState::Running, reports);
    let (step, value) = trial.last_report().unwrap();
    pruner.prune(&Reported { trial: &trial, step, value, others, direction: Direction::Minimize })
}

#[test]
fn median_ends_what_is_worse_than_the_median_of_the_step() {
    let others = complete(&[&[5.0, 1.0], &[5.0, 2.0], &[5.0, 3.0], &[5.0, 4.0], &[5.0, 9.0]]);
    let median = Median::new();
    assert!(!ends(&median, &others, &[9.0, 3.0]), "equal");
    assert!(ends(&median, &others, &[9.0, 3.1]));
    assert!(!ends(&median, &others, &[2.0, 8.0]), "its best value counts");
    assert!(ends(&median, &others, &[f64::NAN, f64::NAN]));
    assert!(!ends(&median, &others[..4], &[9.0, 9.0]), "5 complete trials");
    assert!(!ends(&Median::new().warmup_steps(2), &others, &[9.0, 9.0]));
    assert!(!ends(&median, &others, &[9.0, 9.0, 9.0]), "no other was here");
}

#[test]
fn asha_lets_the_best_quarter_go_on() {
    let others = complete(&[&[1.0, 1.0, 1.0, 1.0], &[2.0], &[3.0], &[4.0], &[5.0], &[6.0], &[7.0]]);
    let asha = Asha::new().min_resource(1);
    // 8 values at step 1, so that 2 go on.
    assert!(!ends(&asha, &others, &[1.5]) && !ends(&asha, &others, &[0.5]));
    assert!(ends(&asha, &others, &[2.5]) && ends(&asha, &others, &[f64::NAN]));
    // Steps 2 and 3 are no rungs; at step 4 one other was there.
    assert!(!ends(&asha, &others, &[2.5, 9.0]) && !ends(&asha, &others, &[2.5, 9.0, 9.0]));
    assert!(ends(&asha, &others, &[0.5, 9.0, 9.0, 1.5]) && !ends(&asha, &others, &[0.5, 9.0, 9.0, 0.5]));
    assert!(!ends(&Asha::new().min_resource(1).min_early_stopping_rate(1), &others, &[9.0]));
    assert!(!ends(&Asha::new(), &[], &[9.0]), "no trial is complete");
    assert!(ends(&Asha::new(), &others, &[9.0]), "the longest has 4 steps: the first rung is 1");
    let first = Asha::new().min_resource(1);
    assert!(!ends(&first, &[], &[9.0]), "the best so far goes on");
    let error = Asha::new().reduction_factor(1).check().unwrap_err();
    assert_eq!(error.message(), "`Asha`: `reduction_factor` must be at least 2, found 1");
}

#[test]
fn hyperband_has_brackets_that_start_later() {
    let hyperband = Hyperband::new().max_resource(9);
    // By the paper: s = 2, 1, 0 with ⌈3·9/3⌉, ⌈3·3/2⌉ and 3 trials.
    assert_eq!(hyperband.shares(9), [9, 5, 3]);
    let shares = hyperband.shares(9);
    let mut counts = [0_i32; 3];
    for number in 0..1700 {
        counts[bracket(&trial(number, TrialState::Running, &[]), &shares)] += 1;
    }
    for (count, share) in counts.into_iter().zip([900_i32, 500, 300]) {
        assert!((count - share).abs() < 100, "{counts:?}");
    }
    let others: Vec<_> = (0..60).map(|number| trial(number, TrialState::Complete, &[1.0; 9])).collect();
    let at = |number: u64, reports: &[f64]| {
        let trial = trial(number, TrialState::Running, reports);
        let (step, value) = trial.last_report().unwrap();
        hyperband.prune(&Reported { trial: &trial, step, value, others: &others, direction: Direction::Minimize })
    };
    let of = |wanted: usize| {
        (100..).find(|number| bracket(&trial(*number, TrialState::Running, &[]), &shares) == wanted).unwrap()
    };
    assert!(at(of(0), &[9.0]));
    assert!(!at(of(1), &[9.0]) && at(of(1), &[9.0, 9.0, 9.0]));
    assert!(!at(of(2), &[9.0, 9.0, 9.0]) && at(of(2), &[9.0; 9]));
}

#[test]
fn patient_asks_later() {
    #[derive(Debug)]
    struct Always;
    impl Pruner for Always {
        fn prune(&self, _: &Reported<'_>) -> bool {
            true
        }
    }
    let patient = Patient::new(Always, 1);
    assert!(!ends(&patient, &[], &[1.0, 2.0]), "one report without improvement");
    assert!(ends(&patient, &[], &[1.0, 2.0, 3.0]));
    assert!(!ends(&patient, &[], &[1.0, 2.0, 0.5]));
    assert!(!ends(&Patient::new(Always, 1).min_delta(1.0), &[], &[1.0, 1.5, 1.5]));
    assert!(!ends(&Patient::new(NoPruner, 1), &[], &[1.0, 2.0, 3.0]));
    assert!(Patient::new(Always, 1).min_delta(f64::NAN).check().is_err());
}
