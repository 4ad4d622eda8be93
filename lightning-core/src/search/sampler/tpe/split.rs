//! Divides trials into good ones and the rest.

use std::cmp::Ordering;

use crate::{
    metrics::Direction,
    search::{
        pareto,
        record::{TrialRecord, TrialState},
        sampler::Past,
    },
};

/// The largest number of good trials with one objective.
const MOST: usize = 25;

/// Returns the good trials and the rest by their places in `past.trials`, each in the order of the
/// numbers. Failed trials are in neither.
pub(super) fn split(past: &Past<'_>) -> (Vec<usize>, Vec<usize>) {
    let of = |is: &dyn Fn(&TrialRecord) -> bool| -> Vec<usize> {
        (0..past.trials.len()).filter(|at| is(&past.trials[*at])).collect()
    };
    let trial = |at: &usize| &past.trials[*at];
    let running = of(&|trial| trial.state == TrialState::Running);
    let done = |trial: &TrialRecord| matches!(trial.state, TrialState::Complete | TrialState::Pruned);
    let mut infeasible = of(&|trial| done(trial) && trial.violation() > 0.0);
    let complete = of(&|trial| trial.state == TrialState::Complete && trial.violation() == 0.0);
    let mut pruned = of(&|trial| trial.state == TrialState::Pruned && trial.violation() == 0.0);
    let finished = infeasible.len() + complete.len() + pruned.len();
    let tenth = finished.div_ceil(10);
    let wanted = if past.directions.len() > 1 { tenth } else { tenth.min(MOST) };

    // The best complete trials, then pruned ones that came far, then those that violate least.
    let mut ranked = rank(&complete, wanted, past);
    pruned.sort_by(|a, b| by_progress(trial(a), trial(b), past.directions.first().copied()));
    infeasible.sort_by(|a, b| trial(a).violation().total_cmp(&trial(b).violation()));
    ranked.extend(pruned.into_iter().chain(infeasible));
    let mut rest = ranked.split_off(wanted.min(ranked.len()));
    rest.extend(running);
    ranked.sort_unstable();
    rest.sort_unstable();
    (ranked, rest)
}

/// Orders complete trials so that the first `wanted` are the best.
fn rank(complete: &[usize], wanted: usize, past: &Past<'_>) -> Vec<usize> {
    let losses: Vec<Vec<f64>> = complete.iter().map(|at| pareto::losses(&past.trials[*at], past.directions)).collect();
    let order = match past.directions.len() {
        0 | 1 => {
            let mut order: Vec<usize> = (0..complete.len()).collect();
            order.sort_by(|a, b| losses[*a].partial_cmp(&losses[*b]).unwrap_or(Ordering::Equal));
            order
        }
        _ => pareto::best_first(&losses, wanted),
    };
    order.into_iter().map(|at| complete[at]).collect()
}

/// A pruned trial is better if it came farther, and of two equal ones if its last value is better.
fn by_progress(a: &TrialRecord, b: &TrialRecord, direction: Option<Direction>) -> Ordering {
    match (a.last_report(), b.last_report()) {
        (Some((step, value)), Some((other_step, other))) => {
            let direction = direction.unwrap_or(Direction::Minimize);
            let by_value = match (direction.is_better(value, other), direction.is_better(other, value)) {
                (true, _) => Ordering::Less,
                (_, true) => Ordering::Greater,
                _ => Ordering::Equal,
            };
            other_step.cmp(&step).then(by_value)
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}
