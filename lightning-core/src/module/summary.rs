//! The summary of a module: its fields and optimizers.

use std::collections::HashMap;

use burn::module::ParamId;

use crate::{
    console::table::{self, SummaryRow, SummaryTotals},
    error::Result,
    module::ModuleInfo,
    optim::TrainState,
    params::{ErasedVisitor, FloatParam},
};

/// The size of a field or module.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Count {
    params: u64,
    trainable: u64,
    bytes: u64,
}

/// The sizes of the modules, in the order of a visit.
#[derive(Default)]
pub(crate) struct Counter {
    /// The number of levels that are shown.
    depth: usize,
    modules: Vec<(String, Count)>,
    /// The types of the modules below the fields, by path.
    types: HashMap<String, String>,
}

impl Counter {
    fn add(&mut self, module: &str, count: Count) {
        // The parameters of a module are visited together with those of its submodules, so that its
        // entry is near the end.
        let entry = match self.modules.iter_mut().rposition(|(known, _)| known == module) {
            Some(at) => self.modules.get_mut(at),
            None => {
                self.modules.push((module.to_owned(), Count::default()));
                self.modules.last_mut()
            }
        };
        if let Some((_, sum)) = entry {
            sum.params += count.params;
            sum.trainable += count.trainable;
            sum.bytes += count.bytes;
        }
    }
}

impl ErasedVisitor for Counter {
    fn enter(&mut self, path: &str, container: &str) {
        if let Some((owner, _)) = path.rsplit_once('.')
            && !self.types.contains_key(owner)
        {
            let name = container.rsplit(':').next().unwrap_or(container);
            self.types.insert(owner.to_owned(), name.to_owned());
        }
    }

    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let params = param.dims().iter().product::<usize>() as u64;
        let trainable = if param.is_trainable() { params } else { 0 };
        let count = Count { params, trainable, bytes: params * param.element_size() as u64 };
        let ends: Vec<usize> = path.match_indices('.').map(|(at, _)| at).collect();
        // A field is counted even if it is itself a parameter; below it only modules are counted.
        let field = ends.first().copied().unwrap_or(path.len());
        for end in std::iter::once(field).chain(ends.into_iter().skip(1)).take(self.depth.max(1)) {
            self.add(&path[..end], count);
        }
        Ok(())
    }
}

/// Returns the summary with `depth` levels of modules. `visit` visits all parameters.
pub(crate) fn summary_of(
    info: &ModuleInfo,
    train: &TrainState,
    depth: usize,
    visit: impl FnOnce(&mut dyn ErasedVisitor) -> Result<()>,
) -> Result<String> {
    let mut counter = Counter { depth, ..Counter::default() };
    visit(&mut counter)?;
    let Counter { modules, types, .. } = counter;
    let mut rows = Vec::new();
    let mut totals = SummaryTotals::default();
    for (name, count) in modules {
        let field = info.fields.iter().find(|field| field.name == name);
        if !name.contains('.') {
            totals.trainable += count.trainable;
            totals.frozen += count.params - count.trainable;
            totals.bytes += count.bytes;
        }
        if depth == 0 {
            continue;
        }
        let type_name = field.map(|field| field.type_name.to_owned()).or_else(|| types.get(&name).cloned());
        rows.push(SummaryRow {
            name,
            type_name: type_name.unwrap_or_default(),
            shape: String::new(),
            params: count.params,
            trainable: count.trainable,
            mode: if count.trainable > 0 { "train" } else { "frozen" },
        });
    }
    let mut text = table::summary_table(&rows, totals);
    for (optimizer, counts) in train.optimizers.iter().zip(&train.trained) {
        text.push_str(&optimizer.summary(counts));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use burn::{
        module::Module,
        nn::{
            Linear, LinearConfig,
            transformer::{PositionWiseFeedForward, PositionWiseFeedForwardConfig},
        },
        tensor::Device,
    };

    use super::*;

    #[derive(Module, Debug)]
    struct Deep {
        stem: Linear,
        blocks: Vec<PositionWiseFeedForward>,
    }

    /// A layer of 2·4 + 4 parameters, and two blocks of a frozen 4·8 + 8 and a trained 8·4 + 4.
    fn modules(depth: usize) -> Vec<(String, String, u64, u64)> {
        let device = Device::default().autodiff();
        let block = || PositionWiseFeedForwardConfig::new(4, 8).init(&device);
        let mut deep = Deep { stem: LinearConfig::new(2, 4).init(&device), blocks: vec![block(), block()] };
        for block in &mut deep.blocks {
            block.linear_inner = block.linear_inner.clone().no_grad();
        }
        let mut counter = Counter { depth, ..Counter::default() };
        crate::params::visit(&deep, &mut counter).expect("a visit of tensors");
        let Counter { modules, types, .. } = counter;
        modules
            .into_iter()
            .map(|(name, count)| {
                let type_name = types.get(&name).cloned().unwrap_or_default();
                (name, type_name, count.params, count.trainable)
            })
            .collect()
    }

    fn row(name: &str, type_name: &str, params: u64, trainable: u64) -> (String, String, u64, u64) {
        (name.to_owned(), type_name.to_owned(), params, trainable)
    }

    #[test]
    fn modules_are_counted_as_deep_as_asked() {
        let stem = row("stem", "Linear", 12, 12);
        let blocks = row("blocks", "Vec", 152, 72);
        let block = |index: u32| row(&format!("blocks.{index}"), "PositionWiseFeedForward", 76, 36);
        let inner = |index: u32| row(&format!("blocks.{index}.linear_inner"), "Linear", 40, 0);
        let outer = |index: u32| row(&format!("blocks.{index}.linear_outer"), "Linear", 36, 36);
        assert_eq!(modules(1), [stem.clone(), blocks.clone()]);
        assert_eq!(modules(2), [stem.clone(), blocks.clone(), block(0), block(1)]);
        let all = [stem, blocks, block(0), inner(0), outer(0), block(1), inner(1), outer(1)];
        assert_eq!(modules(3), all);
        assert_eq!(modules(usize::MAX), all);
    }
}
