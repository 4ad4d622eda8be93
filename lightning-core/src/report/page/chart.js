// Curves: one card for each group of series, drawn as SVG again whenever a choice or the width changes.
const HEIGHT = 230, LEFT = 54, RIGHT = 14, TOP = 10, BOTTOM = 40;
const charts = [];
const view = { x: stored("x", "step"), log: stored("log", "") === "1", smooth: Number(stored("smooth", "0")) || 0 };
const AXES = { step: "Optimizer step", batch: "Training batch", epoch: "Epoch" };

// Batches to epochs, linear within each epoch: the last batch of an epoch is where its values stand.
let epochs = [];
function learnEpochs(series) {
  const ends = new Map();
  for (const { points } of series) for (const { epoch, batch } of points) ends.set(epoch, Math.max(ends.get(epoch) ?? 0, batch));
  const known = [...ends.keys()].sort((a, b) => a - b);
  epochs = [];
  let start = 0;
  for (const epoch of known) {
    const end = ends.get(epoch), length = epochs.length ? epochs[epochs.length - 1].length : 0;
    // The running epoch is as long as the one before it, unless it is longer already.
    const whole = epoch === known[known.length - 1] && data.status === "running" ? Math.max(length, end - start) : end - start;
    epochs[epoch] = { start, length: whole || 1 };
    start = end;
  }
}
function xOf(point, own) {
  if (view.x === "step") return point.step;
  if (view.x === "batch") return point.batch;
  const epoch = (own || epochs)[point.epoch];
  return epoch ? point.epoch + Math.min(1, Math.max(0, (point.batch - epoch.start) / epoch.length)) : point.epoch;
}

function niceStep(span, count) {
  const rough = span / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough)), part = rough / power;
  return (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * power;
}
function linearTicks(low, high, count, whole) {
  let step = niceStep(high - low || 1, count);
  if (whole) step = Math.max(1, Math.round(step));
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) ticks.push(at * step);
  return { ticks, step };
}
function logTicks(low, high) {
  const first = Math.floor(Math.log10(low) + 1e-9), last = Math.ceil(Math.log10(high) - 1e-9);
  const decades = Math.log10(high / low), ticks = [];
  if (decades < 0.8) return linearTicks(low, high, 4).ticks.filter((tick) => tick > 0);
  const parts = decades < 2.5 ? [1, 2, 5] : [1], skip = Math.max(1, Math.ceil(decades / 5));
  for (let power = first; power <= last; power += 1) {
    if ((power - first) % skip) continue;
    for (const part of parts) { const tick = part * 10 ** power; if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick); }
  }
  return ticks;
}
function tickText(value, step) {
  const size = Math.abs(value);
  if (size >= 1e6 && size < 1e9) return number(value / 1e6, 6) + "M";
  if (size >= 1e4 && size < 1e6) return number(value / 1e3, 6) + "k";
  if (step && size < 1e4 && step >= 1e-4) {
    const decimals = Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
    const [whole, part] = size.toFixed(decimals).split(".");
    return (value < 0 && Number(size.toFixed(decimals)) !== 0 ? MINUS : "") + grouped(whole) + (part ? "." + part : "");
  }
  return number(value, 3);
}

// An exponential average that is unbiased at the start, as TensorBoard's; gaps stay gaps.
function smoothed(points) {
  let sum = 0, weight = 0;
  return points.map((point) => {
    if (!Number.isFinite(point.y)) return point;
    sum = view.smooth * sum + (1 - view.smooth) * point.y;
    weight = view.smooth * weight + (1 - view.smooth);
    return { ...point, y: sum / weight };
  });
}

// `series`: { label, color, dashed, points, epochs }.
function chart(title, series, { unit = "", onlyLinear = false, hint = "" } = {}) {
  const legend = el("div", { class: "legend" }), note = el("p", { class: "note" }), tip = el("div", { class: "tip", hidden: true });
  const expand = el("button", { class: "expand", type: "button", title: "Wider or narrower", "aria-label": "Wider or narrower: " + title,
    onclick: () => { card.classList.toggle("wide"); draw(); } },
  el("svg", { viewBox: "0 0 16 16", width: 15, height: 15, style: "width:15px", "aria-hidden": "true" },
    el("path", { d: "M6 2H2v4M10 14h4v-4M2 2l5 5M14 14L9 9", fill: "none", stroke: "currentColor", "stroke-width": 1.6, "stroke-linecap": "round" })));
  const svg = el("svg", { height: HEIGHT, role: "img", "aria-label": "Curves of " + title, tabindex: 0 });
  const card = el("div", { class: "card chart" }, el("h3", { title: hint || title }, title), expand, legend, note, svg, tip);
  const hidden = new Set();
  let shown = [], scale = null, cross = null, anchors = [], focus = -1;

  function lines() {
    shown = series.filter((one) => !hidden.has(one) && !one.off).map((one) => ({ ...one, all: one.points.map((point) =>
      ({ x: xOf(point, one.epochs), y: point.value, point })).sort((a, b) => a.x - b.x) }));
  }
  function draw() {
    lines();
    const width = Math.max(260, card.clientWidth - 34), wide = card.classList.contains("wide"), height = wide ? 340 : HEIGHT;
    svg.setAttribute("height", height);
    svg.setAttribute("viewBox", "0 0 " + width + " " + height);
    const isLog = view.log && !onlyLinear;
    const usable = (y) => Number.isFinite(y) && (!isLog || y > 0);
    const xs = shown.flatMap((one) => one.all.map((at) => at.x)), ys = shown.flatMap((one) => one.all.filter((at) => usable(at.y)).map((at) => at.y));
    const range = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    let [x0, x1] = range(xs), [y0, y1] = range(ys);
    if (!xs.length) [x0, x1] = [0, 1];
    // From the start of the run, unless that is far off.
    if (x0 > 0 && x0 < 0.3 * x1) x0 = 0;
    if (x0 === x1) { x0 -= 0.5; x1 += 0.5; }
    if (!ys.length) [y0, y1] = isLog ? [0.1, 1] : [0, 1];
    if (y0 === y1) { const pad = isLog ? 2 : Math.abs(y0) * 0.1 || 1; [y0, y1] = isLog ? [y0 / pad, y1 * pad] : [y0 - pad, y1 + pad]; }
    const map = isLog ? Math.log10 : (y) => y;
    const low = map(y0), high = map(y1), pad = (high - low) * 0.05;
    const [bottom, top] = [low - pad, high + pad];
    const yTicks = isLog ? { ticks: logTicks(10 ** bottom, 10 ** top) } : linearTicks(bottom, top, wide ? 7 : 4);
    const yTexts = yTicks.ticks.map((tick) => tickText(tick, yTicks.step));
    const left = Math.max(LEFT - 14, 13 + 6.8 * Math.max(1, ...yTexts.map((text) => text.length)));
    const px = (x) => left + (x - x0) / (x1 - x0) * (width - left - RIGHT);
    const py = (y) => TOP + (top - map(y)) / (top - bottom || 1) * (height - TOP - BOTTOM);
    scale = { px, py, width, height, left, usable };
    const parts = [];
    yTicks.ticks.forEach((tick, at) => parts.push(el("line", { class: "gridline", x1: left, x2: width - RIGHT, y1: py(tick), y2: py(tick) }),
      el("text", { x: left - 8, y: py(tick) + 4, "text-anchor": "end" }, yTexts[at])));
    const xTicks = linearTicks(x0, x1, Math.max(2, Math.floor((width - left) / 85)), x1 - x0 >= 2);
    const base = height - BOTTOM;
    parts.push(el("line", { class: "axis", x1: left, x2: width - RIGHT, y1: base, y2: base }));
    for (const tick of xTicks.ticks) parts.push(el("line", { class: "axis", x1: px(tick), x2: px(tick), y1: base, y2: base + 4 }),
      el("text", { x: px(tick), y: base + 17, "text-anchor": "middle" }, tickText(tick, xTicks.step)));
    parts.push(el("text", { x: (left + width - RIGHT) / 2, y: height - 5, "text-anchor": "middle" }, AXES[view.x]));
    if (unit) parts.push(el("text", { x: left, y: 0, "text-anchor": "start" }, unit));
    let dropped = 0, special = 0;
    for (const one of shown) {
      const color = "var(--" + one.color + ")", many = one.all.length > 40;
      const path = (points) => {
        let d = "", pen = false;
        for (const { x, y } of points) {
          if (!usable(y)) { pen = false; continue; }
          d += (pen ? "L" : "M") + px(x).toFixed(1) + " " + py(y).toFixed(1);
          pen = true;
        }
        return d;
      };
      const smooth = view.smooth > 0 && many;
      parts.push(el("path", { class: smooth ? "curve raw" : many ? "curve many" : "curve", d: path(one.all), stroke: color, "stroke-dasharray": one.dashed ? "6 4" : null }));
      if (smooth) parts.push(el("path", { class: "curve", d: path(smoothed(one.all)), stroke: color, "stroke-dasharray": one.dashed ? "6 4" : null }));
      one.all.forEach(({ x, y }, at) => {
        if (!Number.isFinite(y)) {
          special += 1;
          // A cross where the value would be: at the top for +∞, at the bottom otherwise.
          const cx = px(x), cy = y === Infinity ? TOP + 3 : base - 6;
          parts.push(el("path", { class: "special", d: "M" + (cx - 3.5) + " " + (cy - 3.5) + "l7 7m0-7l-7 7", stroke: color, "stroke-width": 1.8, fill: "none" },
            el("title", {}, one.label + ": " + number(y))));
        } else if (!usable(y)) dropped += 1;
        else if (!many || (lonely(one.all, at, usable))) parts.push(el("circle", { class: "dot", cx: px(x), cy: py(y), r: 3, fill: color }));
      });
    }
    cross = el("g");
    svg.replaceChildren(...parts, cross);
    note.textContent = [dropped ? plural(dropped, "value") + " of 0 or less not on a logarithmic scale" : "",
      special ? "× marks " + plural(special, "value") + " that " + (special === 1 ? "is" : "are") + " not finite" : ""].filter(Boolean).join("; ");
    note.hidden = !note.textContent;
    anchors = [...new Set(xs)].sort((a, b) => a - b);
    tip.hidden = true;
  }
  function lonely(all, at, usable) {
    const bad = (one) => !one || !usable(one.y);
    return bad(all[at - 1]) && bad(all[at + 1]);
  }
  function nearest(values, x, of = (value) => value) {
    let low = 0, high = values.length - 1;
    while (low < high) { const middle = (low + high) >> 1; if (of(values[middle]) < x) low = middle + 1; else high = middle; }
    return low > 0 && Math.abs(of(values[low - 1]) - x) <= Math.abs(of(values[low]) - x) ? low - 1 : low;
  }
  function point(at) {
    if (!anchors.length || !scale) return;
    focus = at;
    const x = anchors[at], rows = [], marks = [], reach = (anchors[anchors.length - 1] - anchors[0]) / 12 || 1;
    let head = null;
    for (const one of shown) {
      if (!one.all.length) continue;
      // Of several points at one place the last counts.
      let index = nearest(one.all, x, (of) => of.x);
      while (index + 1 < one.all.length && one.all[index + 1].x === one.all[index].x) index += 1;
      const found = one.all[index];
      if (Math.abs(found.x - x) > reach) continue;
      if (found.x === x) head = head || found.point;
      const away = found.x === x ? "" : " at " + (view.x === "epoch" ? number(found.x, 3) : integer(found.x));
      rows.push(el("div", {}, el("i", { class: one.dashed ? "key dashed" : "key", style: "border-color: var(--" + one.color + ")" }),
        el("em", {}, one.label), el("b", {}, number(found.y, 5), away ? el("small", {}, away) : null)));
      if (scale.usable(found.y)) marks.push(el("circle", { class: "dot", cx: scale.px(found.x), cy: scale.py(found.y), r: 4.5, fill: "var(--" + one.color + ")" }));
    }
    const at0 = scale.px(x);
    cross.replaceChildren(el("line", { class: "cross", x1: at0, x2: at0, y1: TOP, y2: scale.height - BOTTOM }), ...marks);
    const place = head ? "step " + integer(head.step) + (head.batch === head.step ? "" : ", batch " + integer(head.batch)) + ", epoch " + integer(head.epoch) : "";
    tip.replaceChildren(el("p", {}, place), ...rows.slice(0, 12), rows.length > 12 ? el("small", {}, "and " + (rows.length - 12) + " more") : "");
    tip.hidden = false;
    const outer = card.getBoundingClientRect(), inner = svg.getBoundingClientRect();
    const room = card.clientWidth, own = tip.offsetWidth, offset = inner.left - outer.left + at0;
    tip.style.left = Math.max(6, offset + 16 + own > room - 6 ? offset - 16 - own : offset + 16) + "px";
    tip.style.top = inner.top - outer.top + TOP + 4 + "px";
  }
  function leave() { tip.hidden = true; focus = -1; if (cross) cross.replaceChildren(); }
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), at = event.clientX - box.left;
    if (anchors.length) point(nearest(anchors, at, (x) => scale.px(x)));
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !anchors.length) return;
    event.preventDefault();
    point(Math.min(anchors.length - 1, Math.max(0, focus < 0 ? (by > 0 ? 0 : anchors.length - 1) : focus + by)));
  });
  function showLegend() {
    legend.replaceChildren(...series.filter((one) => !one.off).map((one) => el("span", { title: one.label },
      el("i", { class: one.dashed ? "key dashed" : "key", style: "border-color: var(--" + one.color + ")" }), el("em", {}, series.length === 1 && one.label === title ? "last" : one.label),
      el("b", {}, number(one.points.length ? one.points[one.points.length - 1].value : null)))));
  }
  showLegend();
  charts.push({ draw, showLegend });
  return card;
}
function drawAll() { for (const one of charts) one.draw(); }

function toolbar(...more) {
  const axis = (name) => el("button", { type: "button", "data-axis": name, "aria-pressed": String(view.x === name), onclick: (event) => {
    view.x = name;
    store("x", name);
    for (const button of event.currentTarget.parentNode.children) button.setAttribute("aria-pressed", String(button.dataset.axis === name));
    drawAll();
  } }, { step: "Step", batch: "Batch", epoch: "Epoch" }[name]);
  const output = el("output", {}, view.smooth.toFixed(2));
  return el("div", { class: "bar" },
    el("span", { class: "segments", role: "group", "aria-label": "Horizontal axis" }, axis("step"), axis("batch"), axis("epoch")),
    el("label", {}, el("input", { type: "checkbox", id: "log", checked: view.log, onchange: (event) => {
      view.log = event.target.checked;
      store("log", view.log ? "1" : "");
      drawAll();
    } }), "Logarithmic"),
    el("label", { title: "An exponential average of curves with more than 40 values" }, "Smoothing", el("input", { type: "range", id: "smooth", min: 0, max: 0.98, step: 0.02, value: view.smooth, oninput: (event) => {
      view.smooth = Number(event.target.value);
      output.textContent = view.smooth.toFixed(2);
      store("smooth", view.smooth);
      drawAll();
    } }), output), more);
}
// A width of a moment ago is not drawn for: several changes become one.
let waiting = 0;
addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(drawAll); });
