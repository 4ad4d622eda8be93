//! A graph as TensorBoard's `GraphDef`.
//!
//! Source: `graph.proto`, `node_def.proto`, `attr_value.proto` and `versions.proto` in
//! <https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto>.

use crate::loggers::{Graph, GraphNode, protobuf::Message};

/// `GraphDef`: the nodes, and the version of the program that wrote it.
pub(super) fn definition(graph: &Graph) -> Message {
    let nodes = graph.nodes.iter().fold(Message::new(), |message, each| message.message(1, node(each)));
    nodes.message(4, Message::new().int(1, 22))
}

fn node(node: &GraphNode) -> Message {
    let message = Message::new().bytes(1, &node.name).bytes(2, &node.op);
    let message = node.inputs.iter().fold(message, |message, input| message.bytes(3, input));
    let Some(shape) = &node.shape else { return message };
    // `_output_shapes`: a list of one shape.
    let shape = shape.iter().fold(Message::new(), |shape, size| shape.message(2, Message::new().int(1, *size as u64)));
    let value = Message::new().message(1, Message::new().message(7, shape));
    message.message(5, Message::new().bytes(1, "_output_shapes").message(2, value))
}
