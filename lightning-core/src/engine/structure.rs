//! The structure of a module for the loggers: what its forward pass computes, or, if that cannot be
//! recorded, which parameters its layers have.

use std::collections::BTreeMap;

use burn::module::ParamId;

use crate::{
    engine::{driver::Driver, run::RunState},
    error::Result,
    graph::{Recording, picture},
    loggers::{Graph, GraphNode, Output},
    params::{ErasedVisitor, FloatParam},
};

/// Passes the graph of the module to the loggers.
pub(super) fn log(run: &mut RunState, driver: &dyn Driver, recording: Option<&Recording>) -> Result<()> {
    let graph = recording.map_or_else(|| structure(driver), |recording| Ok(picture(recording)))?;
    run.log.show(Output::graph(graph), &run.progress)
}

/// Collects the layers and parameters of a module.
#[derive(Default)]
struct Structure {
    /// The type of each layer, by its path; the module itself has the empty one.
    layers: BTreeMap<String, String>,
    /// Path and shape of each parameter.
    params: Vec<(String, Vec<usize>)>,
}

impl ErasedVisitor for Structure {
    fn enter(&mut self, path: &str, container: &str) {
        let (parent, _) = path.rsplit_once('.').unwrap_or(("", path));
        let (_, name) = container.split_once(':').unwrap_or(("", container));
        self.layers.entry(parent.to_owned()).or_insert_with(|| name.to_owned());
    }

    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.params.push((path.to_owned(), param.dims()));
        Ok(())
    }
}

/// Returns the structure of the module: each parameter goes into its layer, and each layer into the
/// one that has it. It is not the order in which the layers are computed.
fn structure(driver: &dyn Driver) -> Result<Graph> {
    let mut found = Structure::default();
    driver.visit(&mut found)?;
    let Structure { layers, params } = found;
    let node_of = |path: &str| match layers.get(path) {
        Some(layer) if path.is_empty() => layer.clone(),
        Some(layer) => format!("{}/{layer}", path.replace('.', "/")),
        None => path.replace('.', "/"),
    };
    let mut inputs = BTreeMap::<&str, Vec<String>>::new();
    let children = params.iter().map(|(path, _)| path.as_str()).chain(layers.keys().map(String::as_str));
    for path in children.filter(|path| !path.is_empty()) {
        let (parent, _) = path.rsplit_once('.').unwrap_or(("", path));
        inputs.entry(parent).or_default().push(node_of(path));
    }
    let params = params.iter().map(|(path, shape)| GraphNode::new(node_of(path), "Parameter").shape(shape.clone()));
    let layers = layers.iter().map(|(path, layer)| {
        GraphNode::new(node_of(path), layer).inputs(inputs.get(path.as_str()).cloned().unwrap_or_default())
    });
    Ok(Graph::new(params.chain(layers).collect()))
}
