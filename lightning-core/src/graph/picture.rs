//! A recorded step as a graph for loggers.

use std::collections::HashMap;

use burn_ir::{TensorId, TensorIr};

use super::{names::operation_name, owners::owners, recording::Recording};
use crate::loggers::{Graph, GraphNode};

/// Returns the graph of a recording: its inputs, parameters, operations and results. The names of
/// nodes have the paths of their modules in front, so that a viewer nests them.
pub(crate) fn picture(recording: &Recording) -> Graph {
    let mut picture = Picture { nodes: Vec::new(), names: HashMap::new() };
    for (name, tensor) in &recording.inputs {
        picture.add(name.clone(), "Input", Vec::new(), tensor);
    }
    for (number, (op, owner)) in recording.ops.iter().zip(owners(recording)).enumerate() {
        let prefix = if owner.is_empty() { String::new() } else { format!("{}/", owner.replace('.', "/")) };
        let inputs: Vec<String> = op
            .inputs()
            .map(|tensor| match recording.params.get(&tensor.id) {
                Some(path) => picture.constant(tensor, path.replace('.', "/"), "Parameter"),
                None => picture.constant(tensor, format!("{prefix}Constant_{}", tensor.id.value()), "Constant"),
            })
            .collect();
        let name = operation_name(op);
        let node = format!("{prefix}{name}_{number}");
        let mut outputs = op.outputs();
        if let Some(out) = outputs.next() {
            picture.add(node.clone(), &name, inputs, out);
        }
        picture.names.extend(outputs.map(|out| (out.id, node.clone())));
    }
    for (name, tensor) in &recording.outputs {
        let value = picture.names.get(&tensor.id).cloned();
        let name = if name == "batch" { "output" } else { name };
        picture.add(format!("result/{name}"), "Output", value.into_iter().collect(), tensor);
    }
    Graph::new(picture.nodes)
}

struct Picture {
    nodes: Vec<GraphNode>,
    /// The node that makes each tensor.
    names: HashMap<TensorId, String>,
}

impl Picture {
    fn add(&mut self, name: String, op: &str, inputs: Vec<String>, tensor: &TensorIr) {
        self.names.entry(tensor.id).or_insert_with(|| name.clone());
        self.nodes.push(GraphNode::new(name, op).inputs(inputs).shape(tensor.shape.as_slice()));
    }

    /// The node of a tensor, which is added if no operation made it.
    fn constant(&mut self, tensor: &TensorIr, name: String, op: &str) -> String {
        if !self.names.contains_key(&tensor.id) {
            self.add(name, op, Vec::new(), tensor);
        }
        self.names.get(&tensor.id).cloned().unwrap_or_default()
    }
}
