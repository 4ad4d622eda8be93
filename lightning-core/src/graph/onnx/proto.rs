//! The messages of `onnx.proto`: `ModelProto`, `GraphProto`, `NodeProto`, `TensorProto`.

use super::elements::Element;
use crate::{graph::Dim, loggers::protobuf::Message};

/// `ai.onnx` 18 has the axes of reductions as inputs and `axes` of `Resize`.
const OPSET: u64 = 18;
/// The version of the format that opset 18 was released with.
const IR_VERSION: u64 = 8;

/// An attribute of a node.
#[derive(Clone, Debug)]
pub(super) enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
    Text(&'static str),
}

impl Attribute {
    pub(super) fn sizes(values: &[usize]) -> Self {
        Self::Ints(values.iter().map(|value| *value as i64).collect())
    }

    fn message(&self, name: &str) -> Message {
        let message = Message::new().bytes(1, name);
        match self {
            Self::Float(value) => message.float(2, *value).int(20, 1),
            Self::Int(value) => message.int(3, *value as u64).int(20, 2),
            Self::Text(value) => message.bytes(4, value).int(20, 3),
            Self::Ints(values) => message.ints(8, values.iter().map(|value| *value as u64)).int(20, 7),
        }
    }
}

/// The attributes of a node, by name.
pub(super) type Attributes<'a> = &'a [(&'a str, Attribute)];

pub(super) fn node(
    operator: &str,
    name: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: Attributes<'_>,
) -> Message {
    let message = inputs.iter().fold(Message::new(), |message, input| message.bytes(1, input));
    let message = outputs.iter().fold(message, |message, output| message.bytes(2, output));
    let message = message.bytes(3, name).bytes(4, operator);
    attributes.iter().fold(message, |message, (name, attribute)| message.message(5, attribute.message(name)))
}

/// The name, type and shape of a value. Free sizes are named.
pub(super) fn value_info(name: &str, element: Element, dims: &[Dim], length: &str) -> Message {
    let shape = dims.iter().fold(Message::new(), |shape, dim| {
        shape.message(
            1,
            match dim.as_constant() {
                Some(size) => Message::new().int(1, size as u64),
                None => Message::new().bytes(2, dim_name(*dim, length)),
            },
        )
    });
    let tensor = Message::new().int(1, element.0).message(2, shape);
    Message::new().bytes(1, name).message(2, Message::new().message(1, tensor))
}

/// `batch`, `2*batch+1`.
fn dim_name(dim: Dim, length: &str) -> String {
    let both = format!("batch*{length}");
    let mut terms = Vec::new();
    for (factor, name) in [(dim.both, both.as_str()), (dim.batch, "batch"), (dim.length, length)] {
        match factor {
            0 => {}
            1 => terms.push(name.to_owned()),
            factor => terms.push(format!("{factor}*{name}")),
        }
    }
    if dim.constant != 0 {
        terms.push(dim.constant.to_string());
    }
    terms.join("+").replace("+-", "-")
}

/// A tensor that is part of the model.
#[derive(Debug)]
pub(super) struct Initializer {
    pub(super) name: String,
    pub(super) element: Element,
    pub(super) dims: Vec<i64>,
    pub(super) data: InitializerData,
}

/// Where the bytes of an [`Initializer`] come from.
#[derive(Debug)]
pub(super) enum InitializerData {
    Bytes(Vec<u8>),
    /// A parameter of the model, by path, with its size in bytes. Its values are read while the file
    /// is written.
    Parameter {
        path: String,
        len: u64,
    },
}

impl Initializer {
    /// The size of the values in bytes.
    pub(super) fn len(&self) -> u64 {
        match &self.data {
            InitializerData::Bytes(bytes) => bytes.len() as u64,
            InitializerData::Parameter { len, .. } => *len,
        }
    }

    /// `TensorProto` without its values.
    pub(super) fn head(&self) -> Message {
        Message::new().ints(1, self.dims.iter().map(|size| *size as u64)).int(2, self.element.0).bytes(8, &self.name)
    }

    /// `TensorProto` with its values in another file.
    pub(super) fn external(&self, location: &str, offset: u64) -> Message {
        let entry = |key: &str, value: &str| Message::new().bytes(1, key).bytes(2, value);
        self.head()
            .message(13, entry("location", location))
            .message(13, entry("offset", &offset.to_string()))
            .message(13, entry("length", &self.len().to_string()))
            .int(14, 1)
    }
}

/// Pairs of names and texts.
pub(crate) type Metadata = Vec<(String, String)>;

/// A model that is ready to be written.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(super) nodes: Vec<Message>,
    pub(super) initializers: Vec<Initializer>,
    pub(super) inputs: Vec<Message>,
    pub(super) outputs: Vec<Message>,
    pub(super) infos: Vec<Message>,
    pub(crate) metadata: Metadata,
}

impl Model {
    /// The fields of `GraphProto` before and after the initializers.
    pub(super) fn graph_parts(&self) -> (Vec<u8>, Vec<u8>) {
        let all = |field, list: &[Message], message| {
            list.iter().fold(message, |message: Message, part| message.message(field, part.clone()))
        };
        let before = all(1, &self.nodes, Message::new()).bytes(2, "main");
        let after = all(13, &self.infos, all(12, &self.outputs, all(11, &self.inputs, Message::new())));
        (before.into_bytes(), after.into_bytes())
    }

    /// The fields of `ModelProto` before and after the graph.
    pub(super) fn model_parts(&self) -> (Vec<u8>, Vec<u8>) {
        let before =
            Message::new().int(1, IR_VERSION).bytes(2, env!("CARGO_PKG_NAME")).bytes(3, env!("CARGO_PKG_VERSION"));
        let opset = Message::new().bytes(1, "").int(2, OPSET);
        let after = self.metadata.iter().fold(Message::new().message(8, opset), |message, (key, value)| {
            message.message(14, Message::new().bytes(1, key).bytes(2, value))
        });
        (before.into_bytes(), after.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_names() {
        let dim = |constant, batch, length, both| dim_name(Dim { constant, batch, length, both }, "length");
        assert_eq!(dim_name(Dim::BATCH, "length"), "batch");
        assert_eq!(dim(-1, 2, 0, 0), "2*batch-1");
        assert_eq!(dim(3, 0, 1, 4), "4*batch*length+length+3");
    }
}
