//! From a graph of operations to the nodes of a model.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::DType;
use burn_ir::{OperationIr, ScalarIr, TensorId, TensorIr};

use super::{
    elements::{Element, bytes_of},
    names::{Names, input_name, output_names},
    proto::{Attribute, Attributes, Initializer, InitializerData, Model, node, value_info},
};
use crate::{
    error::Result,
    graph::{Aligned, Dim, Node, at_operation, faults::Fault, operation_name},
};

/// The result of lowering one operation.
pub(super) type Lowered<T = ()> = std::result::Result<T, Fault>;

/// Makes a model of a step. `length` is the name of the free size besides the batch, `outputs` are
/// names in place of those of the step's results.
///
/// # Errors
/// If an operation has no counterpart in ONNX.
pub(crate) fn lower(graph: &Aligned, length: &str, outputs: &[String]) -> Result<Model> {
    let results = &graph.recording.outputs;
    let mut emitter = Emitter::new(graph, length);
    emitter.enter_inputs().map_err(|fault| at_operation(fault, "an input", ""))?;
    let found: Vec<String> = results.iter().map(|(name, _)| name.clone()).collect();
    let names: Vec<String> = output_names(&found, outputs)?.iter().map(|name| emitter.names.unique(name)).collect();
    for node in &graph.nodes {
        emitter.node = Some(node);
        emitter.operation(&node.op).map_err(|fault| at_operation(fault, &operation_name(&node.op), &node.owner))?;
    }
    emitter.node = None;
    for ((_, tensor), name) in results.iter().zip(&names) {
        emitter.result(tensor, name).map_err(|fault| at_operation(fault, name, ""))?;
    }
    Ok(emitter.model)
}

/// A model under construction.
pub(super) struct Emitter<'a> {
    pub(super) graph: &'a Aligned,
    pub(super) model: Model,
    pub(super) names: Names,
    /// The name of each tensor that exists already.
    values: HashMap<TensorId, String>,
    /// The initializers of numbers, which are shared.
    shared: BTreeMap<(Element, Vec<i64>, Vec<u8>), String>,
    /// The free sizes that are computed already.
    pub(super) sizes: HashMap<Dim, String>,
    /// The operation that is lowered.
    pub(super) node: Option<&'a Node>,
    /// The name of the free size besides the batch.
    length: &'a str,
    count: usize,
}

impl<'a> Emitter<'a> {
    fn new(graph: &'a Aligned, length: &'a str) -> Self {
        Self {
            graph,
            model: Model::default(),
            names: Names::default(),
            values: HashMap::new(),
            shared: BTreeMap::new(),
            sizes: HashMap::new(),
            node: None,
            length,
            count: 0,
        }
    }

    /// Declares the tensors of the batch. Integers are `int64` outside, and cast inside.
    fn enter_inputs(&mut self) -> Lowered {
        for (name, tensor) in &self.graph.recording.inputs {
            let given = self.names.unique(input_name(name));
            let (inside, outside) = (Element::of(tensor.dtype)?, Element::at_boundary(tensor.dtype)?);
            self.model.inputs.push(value_info(&given, outside, &self.dims(tensor), self.length));
            let value = if inside == outside { given } else { self.cast(&given, inside) };
            self.values.insert(tensor.id, value);
        }
        Ok(())
    }

    /// Gives a result its name. Integers become `int64`.
    fn result(&mut self, tensor: &TensorIr, name: &str) -> Lowered {
        let value = self.value(tensor)?;
        let (inside, outside) = (Element::of(tensor.dtype)?, Element::at_boundary(tensor.dtype)?);
        if inside == outside {
            self.push("Identity", &[&value], &[name], &[]);
        } else {
            self.push("Cast", &[&value], &[name], &[("to", Attribute::Int(outside.0 as i64))]);
        }
        self.model.outputs.push(value_info(name, outside, &self.dims(tensor), self.length));
        Ok(())
    }

    /// The shape of a tensor.
    pub(super) fn dims(&self, tensor: &TensorIr) -> Vec<Dim> {
        match self.graph.dims.get(&tensor.id) {
            Some(dims) => dims.clone(),
            None => tensor.shape.as_slice().iter().map(|size| Dim::constant(*size as i64)).collect(),
        }
    }

    /// The shape of a tensor, if no size is free.
    pub(super) fn fixed_dims(&self, tensor: &TensorIr) -> Option<Vec<i64>> {
        self.dims(tensor).into_iter().map(Dim::as_constant).collect()
    }

    /// Adds a node.
    pub(super) fn push(&mut self, operator: &str, inputs: &[&str], outputs: &[&str], attributes: Attributes<'_>) {
        let name = self.node_name(operator);
        self.model.nodes.push(node(operator, &name, inputs, outputs, attributes));
    }

    /// `/encoder/layers/0/Softmax_12`
    fn node_name(&mut self, operator: &str) -> String {
        self.count += 1;
        let owner = self.node.map_or("", |node| node.owner.as_str());
        let slash = if owner.is_empty() { "" } else { "/" };
        format!("/{}{slash}{operator}_{}", owner.replace('.', "/"), self.count)
    }

    fn output_name(&mut self, operator: &str) -> String {
        let owner = self.node.map_or("", |node| node.owner.as_str());
        let slash = if owner.is_empty() { "" } else { "/" };
        let name = format!("/{}{slash}{operator}_{}_output", owner.replace('.', "/"), self.count + 1);
        self.names.unique(&name)
    }

    /// Adds a node with one result, and returns the result.
    pub(super) fn temporary(&mut self, operator: &str, inputs: &[&str], attributes: Attributes<'_>) -> String {
        let output = self.output_name(operator);
        self.push(operator, inputs, &[&output], attributes);
        output
    }

    /// Adds a node whose result is a tensor of the graph.
    pub(super) fn emit(
        &mut self,
        operator: &str,
        inputs: &[&str],
        out: &TensorIr,
        attributes: Attributes<'_>,
    ) -> Lowered {
        let output = self.temporary(operator, inputs, attributes);
        self.bind(out, output)
    }

    /// Says that a value is a tensor of the graph.
    pub(super) fn bind(&mut self, out: &TensorIr, value: String) -> Lowered {
        // The shapes of intermediate values are for readers and for runtimes that cannot infer them.
        let info = value_info(&value, Element::of(out.dtype)?, &self.dims(out), self.length);
        self.model.infos.push(info);
        self.values.insert(out.id, value);
        Ok(())
    }

    /// The name of a tensor: of an earlier result, a parameter, or a constant.
    pub(super) fn value(&mut self, tensor: &TensorIr) -> Lowered<String> {
        if let Some(value) = self.values.get(&tensor.id) {
            return Ok(value.clone());
        }
        let value = match self.graph.recording.params.get(&tensor.id) {
            Some(path) => self.parameter(tensor, path.clone())?,
            None => self.host_constant(tensor)?,
        };
        self.values.insert(tensor.id, value.clone());
        Ok(value)
    }

    fn parameter(&mut self, tensor: &TensorIr, path: String) -> Lowered<String> {
        let name = self.names.unique(&path);
        let element = Element::of(tensor.dtype)?;
        let size = if tensor.dtype.is_bool() { 1 } else { tensor.dtype.size() };
        let len = (tensor.shape.num_elements() * size) as u64;
        let dims = tensor.shape.as_slice().iter().map(|size| *size as i64).collect();
        let data = InitializerData::Parameter { path, len };
        self.model.initializers.push(Initializer { name: name.clone(), element, dims, data });
        Ok(name)
    }

    /// Adds a constant that is named by its number.
    pub(super) fn initializer(&mut self, element: Element, dims: Vec<i64>, bytes: Vec<u8>) -> String {
        let name = self.names.unique(&format!("constant_{}", self.model.initializers.len()));
        let data = InitializerData::Bytes(bytes);
        self.model.initializers.push(Initializer { name: name.clone(), element, dims, data });
        name
    }

    /// A constant that equal ones share.
    pub(super) fn shared(&mut self, element: Element, dims: &[i64], bytes: Vec<u8>) -> String {
        let key = (element, dims.to_vec(), bytes);
        if let Some(name) = self.shared.get(&key) {
            return name.clone();
        }
        let name = self.initializer(element, dims.to_vec(), key.2.clone());
        self.shared.insert(key, name.clone());
        name
    }

    /// A list of `int64`.
    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.shared(Element::I64, &[values.len() as i64], bytes)
    }

    /// An `int64` without axes.
    pub(super) fn int(&mut self, value: i64) -> String {
        self.shared(Element::I64, &[], value.to_le_bytes().to_vec())
    }

    /// A number without axes, in the type of a tensor.
    pub(super) fn number(&mut self, value: ScalarIr, dtype: DType) -> Lowered<String> {
        Ok(self.shared(Element::of(dtype)?, &[], bytes_of(value, dtype)))
    }

    /// A float without axes, in the type of a tensor.
    pub(super) fn float(&mut self, value: f64, dtype: DType) -> Lowered<String> {
        self.number(ScalarIr::Float(value), dtype)
    }

    pub(super) fn cast(&mut self, value: &str, to: Element) -> String {
        self.temporary("Cast", &[value], &[("to", Attribute::Int(to.0 as i64))])
    }

    /// A node with one input.
    pub(super) fn unary(&mut self, operator: &str, input: &TensorIr, out: &TensorIr) -> Lowered {
        self.unary_with(operator, input, out, &[])
    }

    pub(super) fn unary_with(
        &mut self,
        operator: &str,
        input: &TensorIr,
        out: &TensorIr,
        attributes: Attributes<'_>,
    ) -> Lowered {
        let x = self.value(input)?;
        self.emit(operator, &[&x], out, attributes)
    }

    /// A node with two inputs.
    pub(super) fn binary(&mut self, operator: &str, op: &burn_ir::BinaryOpIr) -> Lowered {
        let (x, y) = (self.value(&op.lhs)?, self.value(&op.rhs)?);
        self.emit(operator, &[&x, &y], &op.out, &[])
    }

    /// A node of a tensor and a number.
    pub(super) fn with_number(&mut self, operator: &str, op: &burn_ir::ScalarOpIr) -> Lowered {
        let x = self.value(&op.lhs)?;
        let y = self.scalar(0, op.lhs.dtype)?;
        self.emit(operator, &[&x, &y], &op.out, &[])
    }

    fn operation(&mut self, op: &OperationIr) -> Lowered {
        self.lower_operation(op)
    }
}
