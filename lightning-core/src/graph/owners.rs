//! The module that each operation belongs to.
//!
//! An operation that reads parameters belongs to the module that holds them. Any other belongs to
//! the deepest module that contains both an owner before it and an owner after it: the softmax of an
//! attention layer lies between its `query` and its `output`.

use std::collections::HashMap;

use burn_ir::{OperationIr, TensorId};

use super::recording::Recording;

/// The number of owners before or after an operation that are looked at.
const NEIGHBOURS: usize = 16;

/// Returns the path of the owner of each operation; empty for the module itself.
pub(super) fn owners(recording: &Recording) -> Vec<String> {
    let ops = &recording.ops;
    let own = direct_owners(recording);
    let before = neighbours(ops.iter().enumerate(), &own, OperationIr::input_ids, OperationIr::output_ids);
    let mut after = neighbours(ops.iter().enumerate().rev(), &own, OperationIr::output_ids, OperationIr::input_ids);
    after.reverse();
    let between = |(own, (before, after)): (Option<String>, (Vec<String>, Vec<String>))| {
        own.unwrap_or_else(|| owner_between(&before, &after))
    };
    own.into_iter().zip(before.into_iter().zip(after)).map(between).collect()
}

/// The modules of operations that read parameters, or what is computed from parameters alone.
fn direct_owners(recording: &Recording) -> Vec<Option<String>> {
    let mut of_params: HashMap<TensorId, String> =
        recording.params.iter().map(|(id, path)| (*id, holder(path).to_owned())).collect();
    let mut own = Vec::with_capacity(recording.ops.len());
    for op in &recording.ops {
        let holders: Vec<&str> =
            op.inputs().filter_map(|tensor| of_params.get(&tensor.id)).map(String::as_str).collect();
        let owner = holders.iter().copied().reduce(common).map(str::to_owned);
        if let Some(owner) = &owner
            && holders.len() == op.inputs().count()
        {
            let ids = op.output_ids();
            of_params.extend(ids.into_iter().map(|id| (id, owner.clone())));
        }
        own.push(owner);
    }
    own
}

/// For each operation in the given order, the nearest owners among those before it.
fn neighbours<'a>(
    ops: impl Iterator<Item = (usize, &'a OperationIr)>,
    own: &[Option<String>],
    reads: fn(&OperationIr) -> Vec<TensorId>,
    makes: fn(&OperationIr) -> Vec<TensorId>,
) -> Vec<Vec<String>> {
    let mut known: HashMap<TensorId, Vec<String>> = HashMap::new();
    let mut found = Vec::new();
    for (index, op) in ops {
        let mut near: Vec<String> = reads(op).iter().filter_map(|id| known.get(id)).flatten().cloned().collect();
        near.sort_unstable();
        near.dedup();
        near.truncate(NEIGHBOURS);
        let passed_on = match own.get(index) {
            Some(Some(owner)) => vec![owner.clone()],
            _ => near.clone(),
        };
        for id in makes(op) {
            known.entry(id).or_default().extend(passed_on.iter().cloned());
        }
        found.push(near);
    }
    found
}

fn owner_between(before: &[String], after: &[String]) -> String {
    let is_only_pair = before.len() + after.len() == 2;
    let pairs = before.iter().flat_map(|before| after.iter().map(move |after| (before.as_str(), after.as_str())));
    pairs
        .filter(|(before, after)| before != after || is_only_pair)
        .map(|(before, after)| common(before, after))
        .max_by_key(|path| if path.is_empty() { 0 } else { path.split('.').count() })
        .unwrap_or_default()
        .to_owned()
}

/// The path of the module that holds a parameter.
fn holder(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(holder, _)| holder)
}

/// The longest path that both paths begin with.
fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let equal = a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b);
    let len: usize = equal.map(|(part, _)| part.len() + 1).sum();
    a.get(..len.saturating_sub(1)).unwrap_or(a)
}

/// The tensors of an operation by id.
trait Ids {
    fn input_ids(&self) -> Vec<TensorId>;
    fn output_ids(&self) -> Vec<TensorId>;
}

impl Ids for OperationIr {
    fn input_ids(&self) -> Vec<TensorId> {
        self.inputs().map(|tensor| tensor.id).collect()
    }

    fn output_ids(&self) -> Vec<TensorId> {
        self.outputs().map(|tensor| tensor.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_a_common_beginning() {
        assert_eq!(common("enc.layers.0.mha", "enc.layers.0.ff"), "enc.layers.0");
        assert_eq!(common("enc.layers.0", "enc.layers.0.ff"), "enc.layers.0");
        assert_eq!(common("encoder", "enc"), "");
        assert_eq!(common("", "enc"), "");
        let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        assert_eq!(owner_between(&paths(&["tok", "enc.0.q"]), &paths(&["enc.0.o", "head"])), "enc.0");
        assert_eq!(owner_between(&[], &paths(&["head"])), "");
    }
}
