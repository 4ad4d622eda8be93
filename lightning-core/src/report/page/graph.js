// What the forward pass computes, or what the module consists of, nested by module.
function graph() {
  if (!data.graph || !data.graph.nodes.length) return null;
  const { nodes, left_out: left } = data.graph;
  const shape = (sizes) => (sizes ? "[" + sizes.join(", ") + "]" : "");
  const root = { name: "", parts: new Map(), count: 0, last: null };
  for (const [name, op, sizes, inputs] of nodes) {
    const path = name.split("/"), own = path.pop();
    let at = root;
    for (const part of path) {
      if (!at.parts.has(part)) at.parts.set(part, { name: part, parts: new Map(), count: 0, last: null });
      at = at.parts.get(part);
      at.count += 1;
      if (op !== "Parameter" && op !== "Constant") at.last = sizes;
    }
    // A layer and its parts may have one name.
    at.parts.set("/" + name, { own, op, sizes, inputs: inputs.map((number) => nodes[number] && nodes[number][0]).filter(Boolean), path: path.join("/") });
  }
  const short = (name, path) => (path && name.startsWith(path + "/") ? name.slice(path.length + 1) : name);
  const row = (part) => (part.op !== undefined
    ? el("li", { class: "op" }, el("b", {}, part.own), part.own.startsWith(part.op) ? null : el("span", {}, part.op), el("span", { class: "shape" }, shape(part.sizes)),
      part.inputs.length ? el("small", {}, "from " + part.inputs.map((name) => short(name, part.path)).join(", ")) : null)
    : el("li", {}, el("details", {}, el("summary", {}, el("b", {}, part.name), el("span", { class: "shape" }, shape(part.last)), el("small", {}, plural(part.count, "node"))),
      el("ul", {}, [...part.parts.values()].map(row)))));
  return section("Graph", left ? plural(left, "more node") + " in the logs" : null,
    el("div", { class: "card graph" }, el("ul", {}, [...root.parts.values()].map(row))));
}
