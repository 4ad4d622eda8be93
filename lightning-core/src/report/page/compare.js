// All runs of a folder: a table, and their curves over each other.
const DASH = 8;
const runs = data.runs.map((run, at) => ({ ...run, curves: run.curves.map(decode), color: "s" + (at % DASH), dashed: at % (2 * DASH) >= DASH,
  hparams: new Map(flat(run.hparams ?? {})) }));
for (const run of runs) { learnEpochs(run.curves); run.epochs = epochs; run.byName = new Map(run.curves.map((curve) => [curve.name, curve])); }
const sound = runs.filter((run) => run.status !== "damaged");
const off = new Set();

const names = (of) => [...new Set(runs.flatMap(of))];
const parameters = names((run) => [...run.hparams.keys()]);
const metricNames = names((run) => run.curves.map((curve) => curve.name));
const text = (run, name) => (run.hparams.has(name) ? JSON.stringify(run.hparams.get(name)) : undefined);
const differing = new Set(parameters.filter((name) => new Set(sound.map((run) => text(run, name))).size > 1));
const directions = new Map();
for (const run of runs) for (const { name, direction } of run.curves) if (direction && !directions.has(name)) directions.set(name, direction);
function score(run, name) {
  const curve = run.byName.get(name), direction = directions.get(name);
  if (!curve) return null;
  const point = direction === "minimize" ? curve.min : direction === "maximize" ? curve.max : curve.last;
  return point ? point.value : null;
}
const winners = new Map(metricNames.filter((name) => directions.has(name)).map((name) => {
  const values = runs.map((run) => score(run, name)).filter((value) => value !== null && !Number.isNaN(value));
  return [name, directions.get(name) === "minimize" ? Math.min(...values) : Math.max(...values)];
}));

const cards = metricNames.map((name) => {
  const series = runs.filter((run) => run.byName.has(name) && run.byName.get(name).points.length).map((run) => ({
    run, label: run.name, color: run.color, dashed: run.dashed, points: run.byName.get(name).points, epochs: run.epochs,
    get off() { return off.has(run); } }));
  return series.some(({ points }) => points.length > 1) ? chart(name, series) : null;
}).filter(Boolean);

function overview() {
  const parameter = (name) => ({ title: name, number: runs.every((run) => !run.hparams.has(name) || typeof run.hparams.get(name) === "number"),
    value: (run) => (run.hparams.has(name) ? run.hparams.get(name) : null), show: (run) => (run.hparams.has(name) ? plain(run.hparams.get(name)) : NONE),
    className: () => (differing.has(name) ? "differs" : "same") });
  const metric = (name) => ({ title: name, number: true, hint: { minimize: "Least value", maximize: "Greatest value" }[directions.get(name)] || "Last value",
    value: (run) => score(run, name), show: (run) => number(score(run, name), 5),
    className: (run) => (sound.length > 1 && winners.has(name) && score(run, name) === winners.get(name) ? "best" : "") });
  const show = (run) => el("label", {}, el("input", { type: "checkbox", checked: true, "aria-label": "Show the curves of " + run.name, onchange: (event) => {
    if (event.target.checked) off.delete(run); else off.add(run);
    for (const one of charts) one.showLegend();
    drawAll();
  } }), el("i", { class: run.dashed ? "key dashed" : "key", style: "border-color: var(--" + run.color + ")" }), run.name);
  // What differs and what came of it stand side by side.
  const columns = [
    { title: "Run", value: (run) => run.name, show },
    { title: "Status", value: (run) => run.status, show: (run) => pill(run.status) },
    ...parameters.filter((name) => differing.has(name)).map(parameter),
    ...metricNames.map(metric),
    { title: "Step", number: true, value: (run) => run.step, show: (run) => (run.step === null ? NONE : integer(run.step)) },
    { title: "Time", number: true, value: (run) => run.seconds, show: (run) => duration(run.seconds) },
    ...parameters.filter((name) => !differing.has(name)).map(parameter),
  ];
  return table(columns, runs, { className: "runs", sort: 0 });
}
const damaged = runs.filter((run) => run.fault);

document.getElementById("page").append(...[
  el("header", {}, el("div", {}, el("h1", {}, data.title), el("p", { class: "facts" }, el("span", {}, el("b", {}, integer(runs.length)), " runs"),
    el("span", {}, "Written ", el("b", {}, moment(data.written))))), themeButton()),
  data.runs_left_out ? el("p", { class: "notice" }, plural(data.runs_left_out, "older run") + " not shown: the page has the last " + runs.length + ".") : null,
  damaged.length ? section("Damaged runs", null, pairs(damaged.map((run) => [run.name, run.fault]))) : null,
  section("Runs", "metrics: the best value where the module declares a direction, otherwise the last; hyperparameters that differ are bold", overview()),
  cards.length ? el("div", {}, toolbar(), el("div", { class: "charts" }, cards)) : null,
  data.curves_left_out ? el("p", { class: "muted" }, plural(data.curves_left_out, "more metric") + " not shown here; the logs have them") : null,
  el("footer", {}, "Written by lightning-core " + data.version + "."),
].filter(Boolean));
drawAll();
