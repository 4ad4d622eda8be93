// The trials of a study: values over time, parameters against values, and a table.
const objectives = data.objectives, front = new Set(data.front), single = objectives.length === 1;
const trials = data.trials.map((trial) => ({ ...trial, values: trial.values.map(real), reports: trial.reports.map(([step, value]) => [step, real(value)]) }));
const complete = trials.filter((trial) => trial.state === "complete" && trial.values.every(Number.isFinite));
const better = (at) => (objectives[at].direction === "maximize" ? (a, b) => a > b : (a, b) => a < b);
const NAMES = { complete: "success", pruned: "interrupted", failed: "failed", running: "running", waiting: "unknown" };
const best = single ? complete.find((trial) => front.has(trial.number)) : null;

// From blue for the best to grey for the worst, by rank, so that one bad trial does not hide the others.
// The grey is stronger than that of the grid, in light and in dark.
const ranks = new Map([...complete].sort((a, b) => (better(0)(a.values[0], b.values[0]) ? -1 : 1)).map((trial, at) => [trial.number, at]));
function colour(trial) {
  if (front.has(trial.number)) return "var(--s1)";
  const part = complete.length > 1 ? ranks.get(trial.number) / (complete.length - 1) : 0;
  return "color-mix(in oklab, var(--s0) " + Math.round(100 * (1 - part)) + "%, color-mix(in oklab, var(--faint) 65%, var(--card)))";
}

// A scale from values to 0..1: linear, logarithmic, or one place for each choice.
function scaleOf(parameter, values) {
  if (parameter.choices) {
    const names = parameter.choices.map((choice) => JSON.stringify(choice)), count = Math.max(1, names.length);
    return { to: (value) => (names.indexOf(JSON.stringify(value)) + 0.5) / count, ticks: parameter.choices.map((choice, at) => [(at + 0.5) / count, plain(choice)]) };
  }
  let low = Math.min(parameter.low ?? Infinity, ...values), high = Math.max(parameter.high ?? -Infinity, ...values);
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  if (low === high) { low -= 0.5; high += 0.5; }
  const map = parameter.log ? Math.log10 : (value) => value, [a, b] = [map(low), map(high)];
  const to = (value) => (map(value) - a) / (b - a);
  const found = parameter.log ? { ticks: logTicks(low, high) } : linearTicks(low, high, 4, parameter.whole);
  return { to, ticks: found.ticks.filter((tick) => to(tick) > -1e-6 && to(tick) < 1 + 1e-6).map((tick) => [to(tick), tickText(tick, found.step)]) };
}
const valueScale = (at) => scaleOf({}, complete.map((trial) => trial.values[at]));
function label(trial) {
  return "trial " + trial.number + "\n" + objectives.map((objective, at) => objective.name + " " + number(trial.values[at], 5)).join("\n")
    + "\n" + Object.entries(trial.params).map(([name, value]) => name + " " + plain(value)).join("\n");
}

// A card whose drawing is made again when the page has another width.
function drawing(title, hint, height, draw, wide = false) {
  const svg = el("svg", { height, role: "img", "aria-label": title, style: "margin-top: 0" });
  const card = el("div", { class: wide ? "card chart wide" : "card chart" }, el("h3", { title: hint || title }, title), hint ? el("p", { class: "note" }, hint) : null, svg);
  charts.push({ showLegend() {}, draw() {
    const width = Math.max(260, card.clientWidth - 34);
    svg.setAttribute("viewBox", "0 0 " + width + " " + height);
    svg.replaceChildren(...draw(width, height));
  } });
  return card;
}
function frame(width, height, x, y, names) {
  const left = 16 + 6.8 * Math.max(3, ...y.ticks.map(([, text]) => text.length)), base = height - BOTTOM, parts = [];
  const px = (part) => left + part * (width - left - RIGHT), py = (part) => base - part * (base - TOP);
  for (const [part, text] of y.ticks) parts.push(el("line", { class: "gridline", x1: left, x2: width - RIGHT, y1: py(part), y2: py(part) }),
    el("text", { x: left - 8, y: py(part) + 4, "text-anchor": "end" }, text));
  parts.push(el("line", { class: "axis", x1: left, x2: width - RIGHT, y1: base, y2: base }));
  // Names that would run into each other are left out.
  let free = -Infinity;
  for (const [part, text] of x.ticks) {
    const half = 3.4 * text.length, at = px(part);
    if (at - half < free) continue;
    free = at + half + 6;
    parts.push(el("line", { class: "axis", x1: at, x2: at, y1: base, y2: base + 4 }), el("text", { x: at, y: base + 17, "text-anchor": "middle" }, text));
  }
  parts.push(el("text", { x: (left + width - RIGHT) / 2, y: height - 5, "text-anchor": "middle" }, names[0]));
  return { px, py, parts };
}
function dot(cx, cy, fill, text, r = 4) { return el("circle", { class: "dot", cx, cy, r, fill }, el("title", {}, text)); }

function history(at) {
  const objective = objectives[at];
  return drawing(objective.name + " by trial", "a dot is a trial, the line the best so far; × a pruned trial's last report", 260, (width, height) => {
    const last = trials.length ? trials[trials.length - 1].number : 0, first = trials.length ? trials[0].number : 0;
    const pruned = single ? trials.filter((trial) => trial.state === "pruned" && trial.values.every(Number.isFinite) && trial.values.length) : [];
    const x = scaleOf({ low: first, high: Math.max(last, first + 1), whole: true }, []), y = scaleOf({}, [...complete, ...pruned].map((trial) => trial.values[at]));
    const { px, py, parts } = frame(width, height, x, y, ["Trial"]);
    let line = "", now = null;
    for (const trial of complete) {
      const value = trial.values[at];
      if (now === null || better(at)(value, now)) {
        line += now === null ? "M" + px(x.to(trial.number)) + " " + py(y.to(value)) : "H" + px(x.to(trial.number)) + "V" + py(y.to(value));
        now = value;
      }
    }
    if (now !== null) parts.push(el("path", { class: "curve", d: line + "H" + px(1), stroke: "var(--s1)" }));
    for (const trial of pruned) {
      const cx = px(x.to(trial.number)), cy = py(y.to(trial.values[at]));
      parts.push(el("path", { d: "M" + (cx - 3) + " " + (cy - 3) + "l6 6m0-6l-6 6", stroke: "var(--faint)", "stroke-width": 1.5, fill: "none" }, el("title", {}, label(trial) + "\npruned")));
    }
    for (const trial of complete) parts.push(dot(px(x.to(trial.number)), py(y.to(trial.values[at])), front.has(trial.number) ? "var(--s1)" : "var(--s0)", label(trial)));
    return parts;
  }, true);
}
function reports() {
  const known = trials.filter((trial) => trial.reports.length > 1);
  if (!known.length) return null;
  return drawing(objectives[0].name + " within the trials", "a line is a trial; dashed where it was pruned", 260, (width, height) => {
    const points = known.flatMap((trial) => trial.reports.filter(([, value]) => Number.isFinite(value)));
    const x = scaleOf({ low: 0, high: Math.max(...points.map(([step]) => step)), whole: true }, []), y = scaleOf({}, points.map(([, value]) => value));
    const { px, py, parts } = frame(width, height, x, y, ["Step"]);
    for (const trial of known) {
      const d = trial.reports.filter(([, value]) => Number.isFinite(value)).map(([step, value], at) => (at ? "L" : "M") + px(x.to(step)).toFixed(1) + " " + py(y.to(value)).toFixed(1)).join("");
      const isPruned = trial.state === "pruned";
      parts.push(el("path", { class: "curve", d, stroke: isPruned ? "var(--faint)" : colour(trial), "stroke-dasharray": isPruned ? "4 3" : null, opacity: isPruned ? 0.6 : 1 }, el("title", {}, label(trial))));
    }
    return parts;
  }, true);
}
function slice(parameter) {
  const own = complete.filter((trial) => parameter.name in trial.params);
  if (!own.length) return null;
  return drawing(parameter.name, parameter.log ? "logarithmic" : "", 220, (width, height) => {
    const x = scaleOf(parameter, parameter.choices ? [] : own.map((trial) => trial.params[parameter.name])), y = valueScale(0);
    const { px, py, parts } = frame(width, height, x, y, [parameter.name]);
    // Trials of one choice stand beside each other, by their numbers.
    const width1 = parameter.choices ? 0.5 / Math.max(1, parameter.choices.length) : 0;
    for (const trial of own) {
      const shift = width1 * ((trial.number * 0.618) % 1 - 0.5);
      parts.push(dot(px(x.to(trial.params[parameter.name]) + shift), py(y.to(trial.values[0])), colour(trial), label(trial), 3.5));
    }
    return parts;
  });
}
function parallel() {
  if (!complete.length || !data.parameters.length) return null;
  const title = data.parameters.length === 1 ? "Parameter and values" : "Parameters and values";
  return drawing(title, "a line is a trial: orange the best, blue good ones, grey the others", 330, (width, height) => {
    const axes = [...data.parameters.map((parameter) => ({ name: parameter.name, of: (trial) => trial.params[parameter.name],
      scale: scaleOf(parameter, parameter.choices ? [] : complete.map((trial) => trial.params[parameter.name]).filter((value) => value !== undefined)) })),
      ...objectives.map((objective, at) => ({ name: objective.name, of: (trial) => trial.values[at], scale: valueScale(at) }))];
    const left = 46, right = 46, top = 34, bottom = height - 14, parts = [];
    const px = (at) => left + at * (width - left - right) / Math.max(1, axes.length - 1), py = (part) => bottom - part * (bottom - top);
    const order = [...complete].sort((a, b) => ranks.get(b.number) - ranks.get(a.number));
    for (const trial of order) {
      let d = "", pen = false;
      axes.forEach((axis, at) => {
        const value = axis.of(trial);
        // A conditional parameter that the trial does not have is passed over.
        if (value === undefined) return;
        d += (pen ? "L" : "M") + px(at).toFixed(1) + " " + py(axis.scale.to(value)).toFixed(1);
        pen = true;
      });
      parts.push(el("path", { class: "curve", d, stroke: colour(trial), "stroke-width": front.has(trial.number) ? 2.4 : 1.2 }, el("title", {}, label(trial))));
    }
    const room = Math.floor((width - left - right) / Math.max(1, axes.length - 1) / 6.6);
    axes.forEach((axis, at) => {
      const short = axis.name.length > Math.max(6, room) ? "…" + axis.name.slice(1 - Math.max(6, room)) : axis.name;
      parts.push(el("line", { class: "axis", x1: px(at), x2: px(at), y1: top, y2: bottom, stroke: "var(--faint)" }),
        el("text", { x: px(at), y: 16, "text-anchor": "middle", style: "font-weight: 600; fill: var(--ink)" }, short, el("title", {}, axis.name)));
      for (const [part, text] of axis.scale.ticks) parts.push(el("text", { x: px(at) - 6, y: py(part) + 4, "text-anchor": "end",
        style: "paint-order: stroke; stroke: var(--card); stroke-width: 4px" }, text.length > 9 ? text.slice(0, 8) + "…" : text));
    });
    return parts;
  }, true);
}
function importances() {
  if (!data.importances.length) return null;
  return drawing("Importance for " + objectives[0].name, "the part of the variance that a parameter explains by itself", 26 + 26 * data.importances.length, (width) => {
    const left = 14 + 6.8 * Math.max(4, ...data.importances.map(([name]) => Math.min(28, name.length)));
    return data.importances.flatMap(([name, share], at) => [
      el("text", { x: left - 8, y: 22 + 26 * at, "text-anchor": "end" }, name.length > 28 ? "…" + name.slice(-27) : name, el("title", {}, name)),
      el("rect", { x: left, y: 9 + 26 * at, width: Math.max(1, share * (width - left - 54)), height: 18, rx: 3, fill: "var(--s0)" }),
      el("text", { x: left + 6 + share * (width - left - 54), y: 22 + 26 * at }, number(100 * share, 3) + " %"),
    ]);
  });
}
function paretoCard() {
  if (objectives.length < 2) return null;
  return drawing("Pareto front", objectives[1].name + " by " + objectives[0].name + "; orange: no other trial is better in one objective and not worse in another", 300, (width, height) => {
    const x = valueScale(0), y = valueScale(1), { px, py, parts } = frame(width, height, x, y, [objectives[0].name]);
    for (const trial of complete) parts.push(dot(px(x.to(trial.values[0])), py(y.to(trial.values[1])), front.has(trial.number) ? "var(--s1)" : "var(--s0)", label(trial)));
    return parts;
  }, true);
}
function overview() {
  const columns = [
    { title: "Trial", number: true, value: (trial) => trial.number, show: (trial) => integer(trial.number) },
    { title: "State", value: (trial) => trial.state, show: (trial) => pill(NAMES[trial.state], trial.state) },
    ...objectives.map((objective, at) => ({ title: objective.name, number: true, value: (trial) => trial.values[at] ?? null,
      show: (trial) => number(trial.values[at], 5), className: (trial) => (front.has(trial.number) ? "best" : "") })),
    ...data.parameters.map(({ name, choices }) => ({ title: name, number: !choices, value: (trial) => trial.params[name] ?? null,
      show: (trial) => (name in trial.params ? plain(trial.params[name]) : NONE) })),
    { title: "Time", number: true, value: (trial) => trial.seconds, show: (trial) => duration(trial.seconds) },
    ...(trials.some((trial) => trial.error) ? [{ title: "Reason", value: (trial) => trial.error, show: (trial) => trial.error, className: () => "long" }] : []),
  ];
  return table(columns, trials, { className: "runs" });
}
const counts = ["complete", "pruned", "failed", "running", "waiting"].map((state) => [state, trials.filter((trial) => trial.state === state).length]).filter(([, count]) => count);
const tile = (name, value) => el("div", { class: "tile" }, el("span", { title: name }, name), el("b", {}, value));
const cards = [...objectives.map((_, at) => history(at)), paretoCard(), parallel(), reports()].filter(Boolean);
const slices = data.parameters.map(slice).filter(Boolean);

document.getElementById("page").append(...[
  el("header", {}, el("div", {}, el("h1", {}, data.title), el("p", { class: "facts" }, counts.map(([state, count]) => el("span", {}, el("b", {}, integer(count)), " " + state)),
    el("span", {}, "Written ", el("b", {}, moment(data.written))))), themeButton()),
  data.trials_left_out ? el("p", { class: "notice" }, plural(data.trials_left_out, "older trial") + " not shown.") : null,
  best ? el("div", { class: "tiles" }, tile("Best " + objectives[0].name, number(best.values[0], 5)), tile("Trial", integer(best.number)),
    Object.entries(best.params).map(([name, value]) => tile(name, plain(value)))) : null,
  best && best.checkpoint ? el("p", { class: "muted", style: "overflow-wrap: anywhere" }, "Checkpoint: " + best.checkpoint) : null,
  complete.length ? el("div", { class: "charts" }, cards) : el("p", { class: "notice" }, "No trial has a value yet."),
  slices.length ? section("Parameters", "each trial by one parameter and " + objectives[0].name, el("div", { class: "charts" }, importances(), slices)) : null,
  section("Trials", null, overview()),
  el("footer", {}, "Written by lightning-core " + data.version + "."),
].filter(Boolean));
drawAll();
