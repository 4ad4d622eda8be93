// The report of one run.
const SPLIT = /^(train|val|valid|validation)[_/](.+)$/;
const ROLE = { train: "train", val: "val", valid: "val", validation: "val" };
const curves = data.curves.map(decode), rates = data.rates.map(decode);
const isRate = (curve) => /(^|[_/])lr-/.test(curve.name);
const isTest = (curve) => curve.points.length < 2 && /^test[_/]/.test(curve.name);

// Curves over each other: those whose names differ only in the prefix `train_` or `val_`.
function groups() {
  const found = new Map();
  for (const curve of curves) {
    if (isRate(curve) || isTest(curve)) continue;
    const [, prefix, rest] = SPLIT.exec(curve.name) || [null, "", curve.name];
    const key = prefix ? rest : curve.name;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push({ curve, role: ROLE[prefix] });
  }
  return [...found].map(([name, members]) => {
    const alone = members.length === 1;
    const series = members.map(({ curve, role }) => ({
      label: curve.name, color: role === "val" && !alone ? "s1" : "s0", points: curve.points,
    }));
    return { title: alone ? members[0].curve.name : name, series, hint: members.map(({ curve }) => curve.name).join(", ") };
  });
}

function head() {
  const silent = data.status === "running" && Date.now() / 1000 - data.written > 300;
  const label = silent ? "no news for " + duration(Date.now() / 1000 - data.written) : null;
  const { epoch, max_epochs: epochs, global_step: step, max_steps: steps } = data.progress;
  const facts = [];
  const fact = (name, value) => facts.push(el("span", {}, name + " ", el("b", {}, value)));
  fact("Epoch", integer(epoch) + (epochs ? " of " + integer(epochs) : ""));
  fact("Step", integer(step) + (steps ? " of " + integer(steps) : ""));
  fact("Time", duration(data.seconds));
  fact("Seed", String(data.seed));
  fact(data.status === "running" ? "Updated" : "Written", moment(data.written));
  const done = epochs ? epoch / epochs : steps ? step / steps : null;
  return [
    el("header", {}, el("div", {}, el("h1", {}, data.title, pill(silent ? "silent" : data.status, label)), el("p", { class: "facts" }, facts)), themeButton()),
    data.status === "running" && done !== null ? el("div", { class: "progress", title: number(100 * done, 3) + " %" }, el("i", { style: "width:" + Math.min(100, 100 * done) + "%" })) : null,
    silent ? el("p", { class: "notice" }, "The run has not written this page since " + moment(data.written) + ": its process may have been killed. Resume it from its last checkpoint.") : null,
    data.error ? el("p", { class: "notice error" }, el("b", {}, "Error: "), data.error) : null,
  ];
}
function tiles() {
  const known = curves.filter((curve) => curve.best);
  // Validation and test first: they are what a run is judged by.
  const rank = (curve) => (/^test[_/]/.test(curve.name) ? 1 : /^val/.test(curve.name) ? 0 : 2);
  const first = [...known].sort((a, b) => rank(a) - rank(b)).slice(0, 5);
  if (!first.length) return null;
  return el("div", { class: "tiles" }, first.map((curve) => el("div", { class: "tile" }, el("span", { title: curve.name }, curve.name),
    el("b", {}, number(curve.best.value)), el("span", {}, isTest(curve) ? "after step " + integer(curve.best.step) : "best, at epoch " + integer(curve.best.epoch)))));
}
function plots() {
  const cards = [...groups().map(({ title, series, hint }) => chart(title, series, { hint })), learningRates(), rateTest()].filter(Boolean);
  if (!cards.length) return el("p", { class: "notice" }, "No metrics have been logged yet.");
  return el("div", {}, toolbar(), el("div", { class: "charts" }, cards));
}
function metrics() {
  if (!curves.length) return null;
  const columns = [
    { title: "Metric", show: (curve) => curve.name },
    { title: "Best", number: true, hint: "By the direction that the module declares", value: (curve) => curve.best && curve.best.value,
      className: (curve) => (curve.best ? "best" : ""), show: (curve) => number(curve.best && curve.best.value, 5) },
    { title: "At epoch", number: true, value: (curve) => curve.best && curve.best.epoch, show: (curve) => (curve.best ? integer(curve.best.epoch) : NONE) },
    { title: "Last", number: true, value: (curve) => curve.last.value, show: (curve) => number(curve.last.value, 5) },
    { title: "Minimum", number: true, value: (curve) => curve.min && curve.min.value, show: (curve) => number(curve.min && curve.min.value, 5) },
    { title: "Maximum", number: true, value: (curve) => curve.max && curve.max.value, show: (curve) => number(curve.max && curve.max.value, 5) },
    { title: "Values", number: true, value: (curve) => curve.count, show: (curve) => integer(curve.count) },
  ];
  const left = data.curves_left_out ? plural(data.curves_left_out, "more metric") + " not shown here; the logs have them" : null;
  return section("Best and last values", left, table(columns, curves, { className: "metrics" }));
}
function learningRates() {
  const monitored = curves.filter(isRate), shown = monitored.length ? monitored : rates;
  if (!shown.length) return null;
  const series = shown.slice(0, 8).map((curve, at) => ({ label: curve.name, color: "s" + at, points: curve.points }));
  const more = shown.length > 8 ? " (the first 8 of " + shown.length + ")" : "";
  return chart((shown.length > 1 ? "Learning rates" : "Learning rate") + more, series);
}
function share(part) { return el("span", { class: "share", title: number(100 * part, 3) + " %" }, el("i", { style: "width:" + Math.min(100, 100 * part) + "%" })); }
function time() {
  const { train, validation, whole, steps, actions, epochs: lengths } = data.timing;
  const hasProfile = actions.length > 0;
  const rows = hasProfile
    ? actions.map(([name, calls, seconds]) => ({ name, calls, seconds }))
    : [["Training", train], ["Validation", validation], ["Everything else", Math.max(0, whole - train - validation)]].map(([name, seconds]) => ({ name, seconds }));
  const columns = [
    { title: "Action", show: (row) => row.name },
    hasProfile ? { title: "Calls", number: true, value: (row) => row.calls, show: (row) => integer(row.calls) } : null,
    hasProfile ? { title: "Mean", number: true, value: (row) => row.seconds / row.calls, show: (row) => duration(row.seconds / row.calls) } : null,
    { title: "Total", number: true, value: (row) => row.seconds, show: (row) => duration(row.seconds) },
    { title: "Share", number: true, value: (row) => row.seconds, show: (row) => number(100 * row.seconds / (whole || 1), 3) + " %" },
    { title: "", fixed: true, className: () => "fill", show: (row) => share(row.seconds / (whole || 1)) },
  ].filter(Boolean);
  const speed = train > 0 && steps > 0 ? number(steps / train, 4) + " steps/s, " : "";
  const epochLengths = decode({ name: "Seconds of an epoch", ...lengths });
  return section("Time", speed + duration(whole) + " in all" + (hasProfile ? "; actions may contain others" : "; `.profiler(\"simple\")` shows more"),
    el("div", { class: "beside" }, table(columns, rows, { sort: hasProfile ? 3 : null, descending: true }),
      epochLengths.points.length > 1 ? chart("Seconds of an epoch", [{ label: "training and validation", color: "s2", points: epochLengths.points }], { onlyLinear: true }) : null));
}
function checkpoints() {
  const { files, monitor, left_out: left } = data.checkpoints;
  if (!files.length) return null;
  const columns = [
    { title: "File", show: (file) => el("span", {}, file.name, file.best ? el("span", { class: "tag" }, "best") : null), value: (file) => file.name },
    monitor ? { title: monitor, number: true, value: (file) => real(file.value), show: (file) => number(real(file.value), 5), className: (file) => (file.best ? "best" : "") } : null,
    { title: "Epoch", number: true, value: (file) => file.epoch, show: (file) => integer(file.epoch) },
    { title: "Step", number: true, value: (file) => file.global_step, show: (file) => integer(file.global_step) },
    { title: "Size", number: true, value: (file) => file.bytes, show: (file) => bytes(file.bytes) },
  ].filter(Boolean);
  return section("Checkpoints", left ? plural(left, "older file") + " not listed" : null, table(columns, files, { sort: monitor ? 3 : 2, descending: true, className: "checkpoints" }));
}
function images() {
  if (!data.images.length) return null;
  // A picture with texts of its own, such as a confusion matrix, has to be read.
  const size = ({ width }) => (width > 420 ? "large wide" : !width || width > 200 ? "large" : null);
  const figures = data.images.map((image) => el("figure", { class: size(image) },
    el("img", { src: image.url, alt: image.name, class: image.width && image.width <= 96 ? "small" : null }),
    el("figcaption", {}, image.name, el("span", {}, "epoch " + integer(image.epoch) + ", step " + integer(image.step)))));
  return section("Images", data.images_left_out ? "the last ones; " + plural(data.images_left_out, "other") + " in the logs" : null, el("div", { class: "images" }, figures));
}
function warnings() {
  if (!data.warnings.length) return null;
  return section("Warnings", data.warnings_left_out ? plural(data.warnings_left_out, "more") + " not shown" : null,
    el("div", { class: "card", style: "padding:0" }, el("ul", { class: "warnings" }, data.warnings.map((text) => el("li", {}, text)))));
}
function hparams() {
  const rows = flat(data.hparams ?? {}).map(([name, value]) => [name, plain(value)]);
  if (!rows.length && !data.hparams_left_out) return null;
  return section("Hyperparameters", data.hparams_left_out ? "too large for this page; `hparams.json` has them" : null, rows.length ? pairs(rows) : null);
}

learnEpochs(curves);
document.getElementById("page").append(...[
  ...head(), tiles(), plots(), metrics(), images(), histograms(), tables(), texts(), warnings(), el("div", { class: "two" }, hparams(), section("Machine", null, pairs(data.machine))), graph(),
  checkpoints(), time(),
  el("footer", {}, "Written by lightning-core " + data.version + (data.status === "running" ? "; the page is read again every 10 seconds." : ".")),
].filter(Boolean));
drawAll();
