//! The summary of a module: its layers with their parameters, shapes and costs, and its optimizers.

use std::{collections::HashMap, fmt};

use burn::module::ParamId;

use crate::{
    console::table::{self, SummaryRow},
    error::Result,
    graph::{LayerCost, Layers, Recording},
    module::ModuleInfo,
    optim::{Optimizer, TrainState},
    os::machine::Machine,
    params::{ErasedVisitor, FloatParam},
    text::significant,
};

/// What the layers of a module take, return and cost for one batch, and what a training step needs in
/// memory. Returned by [`Trainer::summary`](crate::Trainer::summary), and printed before training;
/// printed, it is a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The layers of all depths, each after the one that holds it.
    pub layers: Vec<LayerSummary>,
    /// The whole module; its path is empty.
    pub total: LayerSummary,
    /// The batch size; `None` in a summary without shapes.
    pub batch_size: Option<usize>,
    /// The state of the optimizers in bytes; `None` if it is not known.
    pub optimizer_bytes: Option<u64>,
    /// The memory of the machine in bytes, where the operating system says so.
    pub machine_bytes: Option<u64>,
    /// The number of levels that are printed.
    depth: usize,
    /// What the optimizers are, a line each.
    optimizers: String,
}

/// One line of a [`Summary`]: a module with everything below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// The path, such as `encoder.layers.0`.
    pub path: String,
    /// The type, such as `Linear`.
    pub type_name: String,
    /// The shape of the first tensor that enters it; empty for a layer that the step does not use.
    pub input: Vec<usize>,
    /// The shape of the last tensor that it makes.
    pub output: Vec<usize>,
    /// The number of parameters.
    pub params: u64,
    /// The number of parameters that are trained.
    pub trainable: u64,
    /// The size of the parameters in bytes.
    pub param_bytes: u64,
    /// The size of their gradients in bytes.
    pub gradient_bytes: u64,
    /// The multiply-adds of products, convolutions and attention in a forward pass: half of the FLOPs
    /// that PyTorch's `FlopCounterMode` counts.
    pub multiply_adds: u64,
    /// The size in bytes of all intermediate results: what a backward pass keeps, at most.
    pub activation_bytes: u64,
}

impl Summary {
    /// `visit` visits all parameters. Without a recording of a batch the summary has no shapes.
    pub(crate) fn of(
        info: &ModuleInfo,
        train: &TrainState,
        recorded: Option<(&Recording, usize)>,
        visit: impl FnOnce(&mut dyn ErasedVisitor) -> Result<()>,
    ) -> Result<Self> {
        let mut counts = Counts::new(&train.optimizers);
        visit(&mut counts)?;
        let optimizer_bytes = counts.optimizer_bytes.filter(|_| !train.optimizers.is_empty());
        let Counts { layers, total, mut types, .. } = counts;
        let costs = recorded.map(|(recording, _)| Layers::of(recording)).unwrap_or_default();
        let complete = |layer: LayerSummary| {
            let field = info.fields.iter().find(|field| field.name == layer.path);
            let type_name = field.map(|field| field.type_name.to_owned()).or_else(|| types.remove(&layer.path));
            let cost = costs.get(&layer.path).cloned().unwrap_or_default();
            LayerSummary { type_name: type_name.unwrap_or_default(), ..layer }.with_cost(cost)
        };
        let layers = layers.into_iter().map(complete).collect();
        let total = LayerSummary { type_name: info.name.to_owned(), ..total }.with_cost(costs.total());
        let lines = train.optimizers.iter().zip(&train.trained);
        Ok(Self {
            layers,
            total,
            batch_size: recorded.map(|(_, samples)| samples),
            optimizer_bytes,
            machine_bytes: Machine::look().memory,
            depth: 1,
            optimizers: lines.map(|(optimizer, counts)| optimizer.summary(counts)).collect(),
        })
    }

    /// Sets how many levels of modules are printed: 0 prints the totals only, 1 the fields.
    #[must_use]
    pub fn depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    /// Returns the line of a module.
    pub fn layer(&self, path: &str) -> Option<&LayerSummary> {
        self.layers.iter().find(|layer| layer.path == path)
    }

    /// The memory of a training step in bytes: parameters, their gradients, the state of the
    /// optimizers as far as it is known, and what the backward pass keeps, at most.
    pub fn step_bytes(&self) -> u64 {
        let LayerSummary { param_bytes, gradient_bytes, activation_bytes, .. } = self.total;
        param_bytes + gradient_bytes + self.optimizer_bytes.unwrap_or(0) + activation_bytes
    }

    /// The number of samples, and what a step needs in memory.
    fn fmt_costs(&self, samples: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LayerSummary { param_bytes, gradient_bytes, activation_bytes, .. } = self.total;
        let megabytes = |bytes: u64| significant(bytes as f64 / 1e6, 3);
        let optimizers = self.optimizer_bytes.map_or_else(|| "not known".to_owned(), megabytes);
        write!(
            f,
            "\na training step on {samples} samples: at most {} MB (parameters {}, gradients {}, optimizer {optimizers}, \
             activations {})",
            megabytes(self.step_bytes()),
            megabytes(param_bytes),
            megabytes(gradient_bytes),
            megabytes(activation_bytes)
        )?;
        match self.machine_bytes {
            Some(memory) => write!(f, "; this machine has {} MB", megabytes(memory)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |layer: &&LayerSummary| layer.path.split('.').count() <= self.depth;
        let rows: Vec<SummaryRow<'_>> =
            self.layers.iter().filter(shown).map(|layer| layer.row(self.batch_size.is_some())).collect();
        f.write_str(&table::summary_table(&rows, &self.total.row(self.batch_size.is_some())))?;
        if let Some(samples) = self.batch_size {
            self.fmt_costs(samples, f)?;
        }
        f.write_str(&self.optimizers)
    }
}

impl LayerSummary {
    fn row(&self, has_costs: bool) -> SummaryRow<'_> {
        let Self { path, type_name, input, output, params, trainable, param_bytes, multiply_adds, .. } = self;
        SummaryRow {
            name: path,
            type_name,
            sizes: has_costs.then_some((input, output)),
            params: *params,
            trainable: *trainable,
            bytes: *param_bytes,
            multiply_adds: has_costs.then_some(*multiply_adds),
        }
    }

    fn with_cost(self, cost: LayerCost) -> Self {
        let LayerCost { input, output, multiply_adds, activations } = cost;
        Self { input, output, multiply_adds, activation_bytes: activations, ..self }
    }

    fn add(&mut self, other: &Self) {
        self.params += other.params;
        self.trainable += other.trainable;
        self.param_bytes += other.param_bytes;
        self.gradient_bytes += other.gradient_bytes;
    }
}

/// Counts the parameters of every module, in the order of a visit.
struct Counts<'a> {
    layers: Vec<LayerSummary>,
    total: LayerSummary,
    /// The types of the modules below the fields, by path.
    types: HashMap<String, String>,
    optimizers: &'a [Optimizer],
    /// `None` if the state of one is not known.
    optimizer_bytes: Option<u64>,
}

impl<'a> Counts<'a> {
    fn new(optimizers: &'a [Optimizer]) -> Self {
        Self {
            layers: Vec::new(),
            total: LayerSummary::default(),
            types: HashMap::new(),
            optimizers,
            optimizer_bytes: Some(0),
        }
    }

    fn add(&mut self, module: &str, counts: &LayerSummary) {
        // The parameters of a module are visited together with those of its submodules, so that its
        // entry is near the end.
        let at = self.layers.iter().rposition(|known| known.path == module).unwrap_or_else(|| {
            self.layers.push(LayerSummary { path: module.to_owned(), ..LayerSummary::default() });
            self.layers.len() - 1
        });
        if let Some(layer) = self.layers.get_mut(at) {
            layer.add(counts);
        }
    }
}

impl ErasedVisitor for Counts<'_> {
    fn enter(&mut self, path: &str, container: &str) {
        if let Some((owner, _)) = path.rsplit_once('.')
            && !self.types.contains_key(owner)
        {
            let name = container.rsplit(':').next().unwrap_or(container);
            self.types.insert(owner.to_owned(), name.to_owned());
        }
    }

    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let params = param.dims().iter().product::<usize>() as u64;
        let trainable = if param.is_trainable() { params } else { 0 };
        let size = param.element_size() as u64;
        let counts = LayerSummary {
            params,
            trainable,
            param_bytes: params * size,
            gradient_bytes: trainable * size,
            ..LayerSummary::default()
        };
        // What has no gradient never gets a state.
        for optimizer in self.optimizers.iter().filter(|optimizer| trainable > 0 && optimizer.trains(index, id)) {
            let state = optimizer.state_bytes(index, id, counts.param_bytes);
            self.optimizer_bytes = self.optimizer_bytes.zip(state).map(|(sum, bytes)| sum + bytes);
        }
        self.total.add(&counts);
        let mut ends: Vec<usize> = path.match_indices('.').map(|(at, _)| at).collect();
        if ends.is_empty() {
            // A field is counted even if it is itself a parameter; below it only modules are counted.
            ends.push(path.len());
        }
        for end in ends {
            self.add(path.get(..end).unwrap_or(path), &counts);
        }
        Ok(())
    }
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
    #[test]
    fn modules_of_all_depths_are_counted() {
        let device = Device::default().autodiff();
        let block = || PositionWiseFeedForwardConfig::new(4, 8).init(&device);
        let mut deep = Deep { stem: LinearConfig::new(2, 4).init(&device), blocks: vec![block(), block()] };
        for block in &mut deep.blocks {
            block.linear_inner = block.linear_inner.clone().no_grad();
        }
        let mut counts = Counts::new(&[]);
        crate::params::visit(&deep, &mut counts).expect("a visit of tensors");
        let Counts { layers, types, total, .. } = counts;
        let found: Vec<(String, String, u64, u64)> = layers
            .into_iter()
            .map(|LayerSummary { path, params, trainable, .. }| {
                let type_name = types.get(&path).cloned().unwrap_or_default();
                (path, type_name, params, trainable)
            })
            .collect();
        let row =
            |name: &str, type_name: &str, params, trainable| (name.to_owned(), type_name.to_owned(), params, trainable);
        let mut expected = vec![row("stem", "Linear", 12, 12), row("blocks", "Vec", 152, 72)];
        for index in 0..2 {
            expected.push(row(&format!("blocks.{index}"), "PositionWiseFeedForward", 76, 36));
            expected.push(row(&format!("blocks.{index}.linear_inner"), "Linear", 40, 0));
            expected.push(row(&format!("blocks.{index}.linear_outer"), "Linear", 36, 36));
        }
        assert_eq!(found, expected);
        assert_eq!((total.params, total.trainable, total.param_bytes, total.gradient_bytes), (164, 84, 656, 336));
    }
}
