//! Graphs that are logged.

/// A graph that is logged: what a module consists of, or what it computes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Graph {
    /// The nodes, in any order.
    pub nodes: Vec<GraphNode>,
}

impl Graph {
    /// Creates a graph of nodes.
    pub fn new(nodes: Vec<GraphNode>) -> Self {
        Self { nodes }
    }
}

/// A node of a [`Graph`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphNode {
    /// The name, unique in the graph. Nodes whose names have a common part before a `/` are shown as
    /// one that can be opened.
    pub name: String,
    /// The type of a layer or the name of an operation.
    pub op: String,
    /// The names of the nodes whose values go into this one.
    pub inputs: Vec<String>,
    /// The shape of the value.
    pub shape: Option<Vec<usize>>,
}

impl GraphNode {
    /// Creates a node without inputs and shape.
    pub fn new(name: impl Into<String>, op: impl Into<String>) -> Self {
        Self { name: name.into(), op: op.into(), inputs: Vec::new(), shape: None }
    }

    /// Sets the names of the nodes whose values go into this one.
    #[must_use]
    pub fn inputs<T: Into<String>>(mut self, inputs: impl IntoIterator<Item = T>) -> Self {
        self.inputs = inputs.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the shape of the value.
    #[must_use]
    pub fn shape(mut self, shape: impl Into<Vec<usize>>) -> Self {
        self.shape = Some(shape.into());
        self
    }
}
