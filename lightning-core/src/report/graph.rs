//! The graph of the module in a report.

use serde_json::{Value, json};

use crate::loggers::{Graph, GraphNode};

/// The largest number of nodes of a page.
const MOST_NODES: usize = 500;
/// The largest graph of a page, in bytes of JSON.
const LARGEST: usize = 48 * 1024;

/// Returns the nodes of a graph that fit into a page: the first ones, each with its name, operation,
/// shape and the numbers of the nodes whose values go into it.
pub(super) fn to_json(graph: &Graph) -> Value {
    let number = |name: &String| graph.nodes.iter().position(|node| node.name == *name);
    let mut size = 0;
    let node = |node: &GraphNode| {
        let GraphNode { name, op, inputs, shape } = node;
        json!([name, op, shape, inputs.iter().filter_map(number).collect::<Vec<_>>()])
    };
    let fits = |node: &Value| {
        size += node.to_string().len() + 1;
        size <= LARGEST
    };
    let nodes: Vec<Value> = graph.nodes.iter().take(MOST_NODES).map(node).take_while(fits).collect();
    json!({ "left_out": graph.nodes.len() - nodes.len(), "nodes": nodes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_name_their_inputs_by_number() {
        let input = GraphNode::new("images", "Input").shape([2, 4]);
        let layer = GraphNode::new("fc/Linear_0", "Linear").inputs(["images", "gone"]);
        let expected = json!({
            "left_out": 0,
            "nodes": [["images", "Input", [2, 4], []], ["fc/Linear_0", "Linear", null, [0]]],
        });
        assert_eq!(to_json(&Graph::new(vec![input, layer])), expected);
    }

    #[test]
    fn a_large_graph_is_cut() {
        let nodes = |name: &str, count: usize| {
            Graph::new((0..count).map(|number| GraphNode::new(format!("{name}{number}"), "Relu")).collect())
        };
        let many = to_json(&nodes("x", 1200));
        assert_eq!((many["nodes"].as_array().map(Vec::len), many["left_out"].as_u64()), (Some(500), Some(700)));
        let long = to_json(&nodes(&"x".repeat(1000), 100));
        assert!(long.to_string().len() < LARGEST + 100);
        assert!(long["left_out"].as_u64() > Some(40), "{long}");
    }
}
