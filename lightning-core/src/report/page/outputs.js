// Histograms, tables and texts that the run has logged: of each name the last one.
const place = (output) => "epoch " + integer(output.epoch) + ", step " + integer(output.step);
const last = (kind) => (data[kind + "_left_out"] ? "those that were logged last; the others are in the logs" : null);

function histogram(output) {
  const { low, high, bars, count, non_finite: odd, mean, deviation } = output.value;
  const most = Math.max(...bars, 0) || 1;
  // Drawn in a box of one unit for each bar, which is stretched to the width of the card.
  const path = bars.map((bar, at) => (bar > 0 ? "M" + at + " 100V" + (100 - 100 * bar / most).toFixed(2) + "H" + (at + 1) + "V100Z" : "")).join("");
  const fact = (name, value) => el("span", {}, name + " ", el("b", {}, value));
  return el("div", { class: "card histogram" },
    el("h3", { title: output.name }, output.name),
    el("p", { class: "facts" }, fact("mean", number(real(mean))), fact("±", number(real(deviation))), fact("of", integer(count)),
      odd ? el("span", { class: "odd" }, integer(odd) + " not finite") : null),
    el("svg", { viewBox: "0 0 " + bars.length + " 100", preserveAspectRatio: "none", height: 84, role: "img", "aria-label": "Histogram of " + output.name },
      el("path", { d: path })),
    el("p", { class: "range" }, el("span", {}, number(real(low))), el("span", {}, place(output)), el("span", {}, number(real(high)))));
}
function histograms() {
  if (!data.histograms.length) return null;
  return section("Histograms", last("histograms"), el("div", { class: "histograms" }, data.histograms.map(histogram)));
}
function loggedTable(output) {
  const { columns, rows, rows_left_out: left, columns_left_out: wide } = output.value;
  const isNumber = (text) => text !== "" && Number.isFinite(Number(text));
  const shown = columns.map((title, at) => {
    const numeric = rows.length > 0 && rows.every((row) => isNumber(row[at]) || /^(NaN|-?inf)$/.test(row[at]));
    const value = (text) => (isNumber(text) ? Number(text) : (SPECIAL[text] ?? text));
    return { title, number: numeric, show: (row) => row[at], value: numeric ? (row) => value(row[at]) : undefined };
  });
  const more = [left ? plural(left, "more row") : null, wide ? plural(wide, "more column") : null].filter(Boolean).join(" and ");
  return el("div", {}, el("h3", { class: "output" }, output.name, el("small", {}, place(output) + (more ? "; " + more + " in the logs" : ""))),
    table(shown, rows, { className: "logged" }));
}
function tables() {
  if (!data.tables.length) return null;
  return section("Tables", last("tables"), el("div", { class: "beside tables" }, data.tables.map(loggedTable)));
}
function texts() {
  if (!data.texts.length) return null;
  // Columns that are made of spaces stay under each other.
  const isColumns = (text) => /\S {2,}\S/.test(text);
  return section("Texts", last("texts"), el("div", { class: "beside texts" }, data.texts.map((output) => el("div", {},
    el("h3", { class: "output" }, output.name, el("small", {}, place(output))),
    el("pre", { class: isColumns(output.value) ? "card columns" : "card" }, output.value)))));
}
