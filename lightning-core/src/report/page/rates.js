// The range test of learning rates before the run: the loss at each rate, and the suggestion.
function rateTest() {
  const test = data.rate_test;
  if (!test || !test.rates.length) return null;
  const all = test.rates.map((rate, at) => ({ rate: real(rate), loss: real(test.losses[at]) })).filter(({ loss }) => Number.isFinite(loss));
  const best = all.find(({ rate }) => rate === test.suggestion);
  const title = "Learning rates tried before the run";
  const tip = el("div", { class: "tip", hidden: true });
  const svg = el("svg", { height: HEIGHT, role: "img", "aria-label": "Loss at each learning rate" });
  const legend = el("div", { class: "legend" },
    el("span", {}, el("i", { class: "key", style: "border-color: var(--s0)" }), el("em", {}, "smoothed loss")),
    best ? el("span", {}, el("em", {}, "suggestion"), el("b", {}, number(best.rate, 4))) : el("span", {}, el("em", {}, "no suggestion")));
  const card = el("div", { class: "card chart rate-test" }, el("h3", { title }, title), legend, svg, tip);
  let place = null, cross = null;
  function draw() {
    const width = Math.max(260, card.clientWidth - 34);
    svg.setAttribute("viewBox", "0 0 " + width + " " + HEIGHT);
    const map = test.is_log ? Math.log10 : (rate) => rate;
    const losses = all.map(({ loss }) => loss), rates = all.map(({ rate }) => rate);
    let [low, high, x0, x1] = all.length ? [Math.min(...losses), Math.max(...losses), Math.min(...rates), Math.max(...rates)] : [0, 1, 0.1, 1];
    if (low === high) { low -= 0.5; high += 0.5; }
    if (x0 === x1) { x0 *= 0.5; x1 *= 2; }
    const pad = (high - low) * 0.05, yTicks = linearTicks(low - pad, high + pad, 4);
    const texts = yTicks.ticks.map((tick) => tickText(tick, yTicks.step));
    const left = 13 + 6.8 * Math.max(1, ...texts.map((text) => text.length)), base = HEIGHT - BOTTOM;
    const px = (rate) => left + (map(rate) - map(x0)) / (map(x1) - map(x0)) * (width - left - RIGHT);
    const py = (loss) => TOP + (high + pad - loss) / (high - low + 2 * pad) * (base - TOP);
    const parts = yTicks.ticks.flatMap((tick, at) => [el("line", { class: "gridline", x1: left, x2: width - RIGHT, y1: py(tick), y2: py(tick) }),
      el("text", { x: left - 8, y: py(tick) + 4, "text-anchor": "end" }, texts[at])]);
    parts.push(el("line", { class: "axis", x1: left, x2: width - RIGHT, y1: base, y2: base }));
    for (const tick of test.is_log ? logTicks(x0, x1) : linearTicks(x0, x1, 4).ticks) parts.push(
      el("line", { class: "axis", x1: px(tick), x2: px(tick), y1: base, y2: base + 4 }),
      el("text", { x: px(tick), y: base + 17, "text-anchor": "middle" }, number(tick, 3)));
    parts.push(el("text", { x: (left + width - RIGHT) / 2, y: HEIGHT - 5, "text-anchor": "middle" }, "Learning rate"),
      el("path", { class: "curve", stroke: "var(--s0)", d: all.map(({ rate, loss }, at) => (at ? "L" : "M") + px(rate).toFixed(1) + " " + py(loss).toFixed(1)).join("") }));
    if (best) parts.push(el("line", { class: "cross", x1: px(best.rate), x2: px(best.rate), y1: TOP, y2: base }),
      el("circle", { class: "dot suggestion", cx: px(best.rate), cy: py(best.loss), r: 5, fill: "var(--s1)" }, el("title", {}, "suggestion: " + number(best.rate, 4))));
    cross = el("g");
    svg.replaceChildren(...parts, cross);
    place = { px, py };
    tip.hidden = true;
  }
  svg.addEventListener("pointermove", (event) => {
    if (!all.length) return;
    const at = event.clientX - svg.getBoundingClientRect().left, away = ({ rate }) => Math.abs(place.px(rate) - at);
    const near = all.reduce((nearest, point) => (away(point) < away(nearest) ? point : nearest));
    cross.replaceChildren(el("circle", { class: "dot", cx: place.px(near.rate), cy: place.py(near.loss), r: 4.5, fill: "var(--s0)" }));
    tip.replaceChildren(el("p", {}, "rate " + number(near.rate, 4)), el("div", {}, el("em", {}, "loss"), el("b", {}, number(near.loss, 5))));
    tip.hidden = false;
    const offset = svg.getBoundingClientRect().left - card.getBoundingClientRect().left + place.px(near.rate), own = tip.offsetWidth;
    tip.style.left = Math.max(6, offset + 16 + own > card.clientWidth - 6 ? offset - 16 - own : offset + 16) + "px";
    tip.style.top = svg.offsetTop + TOP + 4 + "px";
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; if (cross) cross.replaceChildren(); });
  charts.push({ draw, showLegend() {} });
  return card;
}
