//! Several objectives: dominated trials, fronts, and the volume that a set dominates.

use super::record::TrialRecord;
use crate::metrics::Direction;

/// Returns the values of a trial with smaller ones better. A value that is missing is the worst.
pub(super) fn losses(trial: &TrialRecord, directions: &[Direction]) -> Vec<f64> {
    let value = |(at, direction): (usize, &Direction)| {
        let value = trial.values.as_ref().and_then(|values| values.get(at)).copied().filter(|value| !value.is_nan());
        match direction {
            Direction::Minimize => value.unwrap_or(f64::INFINITY),
            Direction::Maximize => -value.unwrap_or(f64::NEG_INFINITY),
        }
    };
    directions.iter().enumerate().map(value).collect()
}

/// Whether `a` is nowhere worse than `b`, and somewhere better.
pub(super) fn dominates(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// Returns the places of the points that no other one dominates.
pub(super) fn front(points: &[Vec<f64>]) -> Vec<usize> {
    (0..points.len()).filter(|at| !points.iter().any(|other| dominates(other, &points[*at]))).collect()
}

/// Orders points by fronts, so that the first `wanted` are the best: whole fronts, and of the last
/// one those that together dominate the largest volume, chosen one after the other.
pub(super) fn best_first(points: &[Vec<f64>], wanted: usize) -> Vec<usize> {
    let mut rest: Vec<usize> = (0..points.len()).collect();
    let mut order = Vec::with_capacity(points.len());
    while order.len() < wanted && !rest.is_empty() {
        let left: Vec<Vec<f64>> = rest.iter().map(|at| points[*at].clone()).collect();
        let mut next: Vec<usize> = front(&left).into_iter().map(|at| rest[at]).collect();
        rest.retain(|at| !next.contains(at));
        if order.len() + next.len() > wanted {
            next = largest_volume(points, next, wanted - order.len());
        }
        order.extend(next);
    }
    order.extend(rest);
    order
}

/// Moves `count` points to the start, each of which adds most to the volume of those before it.
fn largest_volume(points: &[Vec<f64>], mut rest: Vec<usize>, count: usize) -> Vec<usize> {
    let objectives = points.first().map_or(0, Vec::len);
    let worst = |objective: usize| {
        let worst = rest.iter().map(|at| points[*at][objective]).fold(f64::NEG_INFINITY, f64::max);
        let reference = (1.1 * worst).max(0.9 * worst);
        if reference == 0.0 { 1e-12 } else { reference }
    };
    let reference: Vec<f64> = (0..objectives).map(worst).collect();
    let mut chosen: Vec<usize> = Vec::with_capacity(rest.len());
    let mut set: Vec<Vec<f64>> = Vec::new();
    while chosen.len() < count && !rest.is_empty() {
        let volume = |at: usize| {
            let mut with = set.clone();
            with.push(points[at].clone());
            hypervolume(&with, &reference)
        };
        let volumes: Vec<f64> = rest.iter().map(|at| volume(*at)).collect();
        let best = (0..rest.len()).fold(0, |best, at| if volumes[at] > volumes[best] { at } else { best });
        let at = rest.remove(best);
        set.push(points[at].clone());
        chosen.push(at);
    }
    chosen.extend(rest);
    chosen
}

/// Returns the volume between the points and a reference that is worse than all of them, by slices
/// along the last objective.
fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let Some((last, others)) = reference.split_last() else { return 0.0 };
    let mut inside: Vec<&Vec<f64>> =
        points.iter().filter(|point| point.iter().zip(reference).all(|(p, r)| p < r)).collect();
    if others.is_empty() {
        return inside.iter().map(|point| last - point[0]).fold(0.0, f64::max);
    }
    let depth = others.len();
    inside.sort_by(|a, b| a[depth].total_cmp(&b[depth]));
    let mut volume = 0.0;
    for at in 0..inside.len() {
        let end = inside.get(at + 1).map_or(*last, |next| next[depth]);
        let slice: Vec<Vec<f64>> = inside[..=at].iter().map(|point| point[..depth].to_vec()).collect();
        volume += (end - inside[at][depth]) * hypervolume(&slice, others);
    }
    volume
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fronts_and_volumes_are_those_of_a_drawing() {
        let points = vec![vec![1.0, 4.0], vec![2.0, 2.0], vec![4.0, 1.0], vec![3.0, 3.0], vec![4.0, 4.0]];
        assert_eq!(front(&points), [0, 1, 2]);
        assert_eq!(hypervolume(&points, &[5.0, 5.0]), 11.0);
        assert_eq!(hypervolume(&[vec![0.0, 0.0, 0.0], vec![1.0, 1.0, -1.0]], &[2.0, 2.0, 2.0]), 9.0);
        // The one in the middle dominates most; then both ends, and then the second front.
        assert_eq!(best_first(&points, 1)[0], 1);
        assert_eq!(best_first(&points, 4)[3], 3);
    }
}
