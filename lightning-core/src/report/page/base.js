"use strict";
// Elements, numbers, tables, the theme and what the reader has chosen. Text becomes text nodes only.
const data = JSON.parse(document.getElementById("data").textContent);

function el(tag, attributes = {}, ...children) {
  const isSvg = /^(svg|g|path|line|circle|rect|text|title|clipPath|defs)$/.test(tag);
  const node = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// Where storage is forbidden, as in some browsers for files, a choice lasts as long as the page.
const kept = new Map();
function stored(key, fallback) {
  try { return localStorage.getItem("lightning-" + key) ?? kept.get(key) ?? fallback; } catch { return kept.get(key) ?? fallback; }
}
function store(key, value) {
  kept.set(key, value);
  try { localStorage.setItem("lightning-" + key, value); } catch { /* see above */ }
}

const systemDark = matchMedia("(prefers-color-scheme: dark)");
function theme() { return stored("theme", systemDark.matches ? "dark" : "light"); }
function showTheme() { document.documentElement.dataset.theme = theme(); }
showTheme();
systemDark.addEventListener("change", showTheme);
function themeButton() {
  const label = () => (theme() === "dark" ? "Light" : "Dark");
  const button = el("button", { class: "theme", type: "button", title: "Change the colours of the page", onclick: () => {
    store("theme", theme() === "dark" ? "light" : "dark");
    showTheme();
    button.textContent = label();
  } }, label());
  return button;
}

const MINUS = "\u2212", NONE = "\u2013";
function grouped(digits) { return digits.replace(/\B(?=(\d{3})+$)/g, ","); }
function integer(value) { return (value < 0 ? MINUS : "") + grouped(String(Math.abs(Math.round(value)))); }
function number(value, digits = 4) {
  if (value === null || value === undefined) return NONE;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : MINUS + "∞";
  if (value === 0) return "0";
  const size = Math.abs(value), sign = value < 0 ? MINUS : "";
  if (size >= 1e7 || size < 1e-4) {
    const [mantissa, exponent] = size.toExponential(digits - 1).split("e");
    return sign + mantissa.replace(/\.?0+$/, "") + "e" + exponent.replace("+", "").replace("-", MINUS);
  }
  if (Number.isInteger(value)) return integer(value);
  // As many decimals as the digits need, so that 0.05 and 0.0512 are told apart.
  const text = size >= 1000 ? size.toFixed(Math.max(0, digits - 4)) : Number(size.toPrecision(digits)).toString();
  const [whole, part] = text.split(".");
  return sign + grouped(whole) + (part ? "." + part : "");
}
function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 1e-3) return number(seconds * 1e6, 3) + " µs";
  if (seconds < 1) return number(seconds * 1e3, 3) + " ms";
  if (seconds < 60) return number(seconds, 3) + " s";
  const whole = Math.round(seconds), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const days = Math.floor(hours / 24);
  if (days > 0) return days + " d " + (hours % 24) + " h";
  return hours > 0 ? hours + " h " + minutes + " min" : minutes + " min " + (whole % 60) + " s";
}
function bytes(size) {
  if (size === null || size === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) { size /= 1000; unit += 1; }
  return (unit === 0 ? size : number(size, 3)) + " " + units[unit];
}
function moment(seconds) {
  const date = new Date(seconds * 1000), two = (part) => String(part).padStart(2, "0");
  return date.getFullYear() + "-" + two(date.getMonth() + 1) + "-" + two(date.getDate())
    + " " + two(date.getHours()) + ":" + two(date.getMinutes());
}
function plural(count, one, many) { return integer(count) + " " + (count === 1 ? one : many || one + "s"); }

// Integers are stored as differences; numbers that JSON does not have, as text.
const SPECIAL = { NaN, inf: Infinity, "-inf": -Infinity };
function real(value) { return typeof value === "string" ? SPECIAL[value] : value; }
function summed(differences) { let sum = 0; return differences.map((difference) => (sum += difference)); }
function decode(curve) {
  const batch = summed(curve.b), step = curve.g ? summed(curve.g) : batch, epoch = summed(curve.e);
  const points = curve.v.map((value, at) => ({ batch: batch[at], step: step[at], epoch: epoch[at], value: real(value) }));
  const finite = points.filter((point) => Number.isFinite(point.value));
  const least = (of) => finite.reduce((best, point) => (best && of(best.value, point.value) ? best : point), null);
  const min = least((a, b) => a <= b), max = least((a, b) => a >= b);
  const best = curve.best === "minimize" ? min : curve.best === "maximize" ? max : null;
  return { name: curve.name, direction: curve.best, count: curve.count, points, min, max, best, last: points[points.length - 1] };
}

// `columns`: { title, number, value(row) for sorting, show(row) for the cell, hint }.
function table(columns, rows, { sort = null, descending = false, className = "", row: rowAttributes = () => ({}) } = {}) {
  const body = el("tbody"), heads = [];
  let sorted = sort, down = descending;
  const key = (column, row) => { const value = (column.value || column.show)(row); return value === undefined ? null : value; };
  const missing = (value) => value === null || value === "" || Number.isNaN(value);
  const compare = (a, b) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
    return down ? -order : order;
  };
  function fill() {
    const order = sorted === null ? rows : [...rows].sort((a, b) => compare(key(columns[sorted], a), key(columns[sorted], b)));
    body.replaceChildren(...order.map((row) => el("tr", rowAttributes(row), columns.map((column) => {
      const shown = column.show(row);
      const cell = el("td", { class: [column.number ? "number" : "", column.className ? column.className(row) : ""].join(" ").trim() || null });
      cell.append(shown === null || shown === undefined ? NONE : shown);
      return cell;
    }))));
    heads.forEach((head, at) => {
      if (at === sorted) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
  const head = el("tr", {}, columns.map((column, at) => {
    const cell = el("th", { scope: "col", class: column.number ? "number" : null, title: column.hint },
      column.fixed ? column.title : el("button", { type: "button", onclick: () => {
        down = sorted === at ? !down : Boolean(column.number);
        sorted = at;
        fill();
      } }, column.title));
    heads.push(cell);
    return cell;
  }));
  fill();
  return el("div", { class: "card scroll" }, el("table", { class: className || null }, el("thead", {}, head), body));
}
function pairs(rows) {
  return el("div", { class: "card scroll" }, el("table", { class: "pairs" }, el("tbody", {}, rows.map(([name, value]) =>
    el("tr", {}, el("td", {}, name), el("td", {}, value))))));
}
function section(title, note, ...content) {
  return el("section", {}, el("h2", {}, title, note ? el("small", {}, note) : null), content);
}
// The leaves of nested hyperparameters, under `optimizer.lr`.
function flat(value, prefix = "", rows = []) {
  if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0) {
    for (const [name, inner] of Object.entries(value)) flat(inner, prefix ? prefix + "." + name : name, rows);
  } else if (prefix) rows.push([prefix, value]);
  return rows;
}
function plain(value) {
  if (typeof value === "string") return value;
  return typeof value === "number" ? number(value, 6) : JSON.stringify(value);
}
const STATUS = { running: "running", success: "finished", failed: "failed", interrupted: "interrupted", damaged: "damaged", silent: "no news", unknown: "unknown" };
function pill(status, text) { return el("span", { class: "pill " + status }, text || STATUS[status] || status); }
