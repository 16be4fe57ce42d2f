/* One panel of each kind: stat, timeseries, bars, table. What the database says is shown as text only. */

import { duration, element, visible } from "./format.js";
import { drawTimeline, timeline } from "./timeline.js";

const COLOURS = 10;
const colours = new Map();
const decimals = (least, most) => new Intl.NumberFormat("en", { minimumFractionDigits: least, maximumFractionDigits: most });
const rough = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const FORMATS = { count: decimals(0, 0), decimal: decimals(2, 2), money: decimals(2, 2), share: decimals(0, 1) };

/* A figure of the unit as a text; a text stays one. */
export function figure(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "text" || typeof value !== "number") return visible(value);
  if (unit === "seconds") return duration(value * 1000);
  return unit === "share" ? `${FORMATS.share.format(100 * value)} %` : FORMATS[unit].format(value);
}

/* The same at the axis of a chart, as short as can be. */
const axis = (unit) => (value) => (unit === "seconds" || unit === "share" ? figure(value, unit) : rough.format(value));

/* A series keeps its colour from panel to panel, and shares it with no other of its panel while there are ten. */
function colouring(names) {
  const used = new Set(names.filter((name) => colours.has(name)).map((name) => colours.get(name)));
  for (const name of names.filter((one) => !colours.has(one))) {
    const free = Array.from({ length: COLOURS }, (_, i) => i).find((i) => !used.has(i)) ?? colours.size % COLOURS;
    colours.set(name, free);
    used.add(free);
  }
  return (name) => `c${colours.get(name)}`;
}

export function newPanel(panel) {
  const title = element("h2", { id: `title-${panel.name}`, text: panel.title });
  const content = element("div", { className: "content" });
  const about = element("p", { className: "about", text: panel.description });
  const root = element("section", { className: `card panel w${panel.columns}`, "aria-labelledby": title.id, "data-panel": panel.name }, title, about, content);
  return { root, content, chart: null, shown: null };
}

export function fillPanel(node, panel, chosen) {
  const wanted = JSON.stringify([panel, panel.kind === "timeseries" ? chosen : null]);
  if (node.shown === wanted) return;
  node.shown = wanted;
  if (panel.problem || !panel.rows.length) {
    node.chart = null;
    const text = panel.problem ? `Not to be had: ${visible(panel.problem)}` : "Nothing in this time.";
    node.content.replaceChildren(element("p", { className: "empty", text }));
  } else KINDS[panel.kind](node, panel, chosen);
}

const KINDS = {
  stat(node, panel) {
    const figures = panel.rows.map(([label, value]) =>
      element("div", { "data-tone": tone(panel, value) }, element("dt", { text: visible(label) }), element("dd", { text: figure(value, panel.unit) })));
    node.content.replaceChildren(element("dl", { className: "stats" }, ...figures));
  },
  timeseries(node, panel, chosen) {
    const { rows, stacked, unit } = panel;
    const colour = colouring([...new Set(rows.map((row) => row[1]))].sort());
    node.chart = timeline({ rows, chosen, stacked, colour, format: (value) => figure(value, unit), axis: axis(unit), before: node.chart });
    if (node.chart.svg.parentNode !== node.content) node.content.replaceChildren(node.chart.svg, node.chart.legend);
    node.chart.svg.setAttribute("aria-label", `${panel.title}: see the legend for the figures`);
    drawTimeline(node.chart);
  },
  bars(node, panel) {
    const split = panel.fields.includes("series");
    node.content.replaceChildren(...(split && !panel.stacked ? [matrix(panel)] : lengths(panel, split)));
  },
  table(node, { fields, rows, units }) {
    const kind = (i) => (units[fields[i]] ? "number" : "");
    const head = element("tr", {}, ...fields.map((name, i) => element("th", { scope: "col", className: kind(i), text: visible(name.replaceAll("_", " ")) })));
    const body = rows.map((row) => element("tr", {}, ...row.map((value, i) => element("td", { className: kind(i), text: figure(value, units[fields[i]] ?? "text") }))));
    const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
    node.content.replaceChildren(element("div", { className: "figures", tabindex: "0" }, table));
  },
};

function tone({ thresholds }, value) {
  if (!thresholds.length) return "plain";
  return thresholds.filter(({ at }) => value >= at).at(-1)?.tone ?? "good";
}

/* label -> series -> value, both in the order of the rows. */
function byLabel(rows, split) {
  const found = new Map();
  for (const row of rows) {
    const [label, series, value] = split ? row : [row[0], "", row[1]];
    if (!found.has(label)) found.set(label, new Map());
    found.get(label).set(series, value);
  }
  return found;
}

function lengths({ rows, unit }, split) {
  const labels = byLabel(rows, split);
  const names = [...new Set(rows.map((row) => (split ? row[1] : "")))];
  const colour = split ? colouring(names) : () => "c0";
  const total = (values) => [...values.values()].reduce((sum, value) => sum + value, 0);
  const most = Math.max(...[...labels.values()].map(total), 1e-9);
  const lines = [...labels].map(([label, values]) => {
    const whole = element("span", { className: "whole" });
    whole.style.width = `${(100 * Math.max(0, total(values))) / most}%`;
    for (const [series, value] of values) {
      const piece = element("span", { className: colour(series), title: `${visible(series)} ${figure(value, unit)}` });
      piece.style.flex = `${Math.max(0, value)} 0 0`;
      whole.append(piece);
    }
    const name = element("th", { scope: "row", text: visible(label), title: visible(label) });
    return element("tr", {}, name, element("td", { className: "track" }, whole), element("td", { text: figure(total(values), unit) }));
  });
  const table = element("table", { className: "lengths" }, element("tbody", {}, ...lines));
  if (!split) return [table];
  const sum = (name) => [...labels.values()].reduce((all, values) => all + (values.get(name) ?? 0), 0);
  const items = names.map((name) => element("li", {}, element("span", { className: `swatch ${colour(name)}` }), `${visible(name)} `, element("b", { text: figure(sum(name), unit) })));
  return [table, element("ul", { className: "legend" }, ...items)];
}

/* Several bars a label: a table with a bar below each figure, so that many stay readable. */
function matrix({ rows, unit }) {
  const labels = byLabel(rows, true);
  const names = [...new Set(rows.map((row) => row[1]))].sort();
  const colour = colouring(names);
  const most = Math.max(...rows.map((row) => row[2]), 1e-9);
  const head = element("tr", {}, element("th"), ...names.map((name) => element("th", { scope: "col", text: visible(name.replaceAll("_", " ")) })));
  const lines = [...labels].map(([label, values]) => element("tr", {},
    element("th", { scope: "row", text: visible(label) }),
    ...names.map((name) => {
      const bar = element("span", { className: colour(name) });
      bar.style.width = `${(100 * Math.max(0, values.get(name) ?? 0)) / most}%`;
      return element("td", { text: figure(values.get(name) ?? 0, unit) }, element("span", { className: "small" }, bar));
    })));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines));
  table.style.minWidth = `${6.5 + 4.8 * names.length}rem`;
  return element("div", { className: "matrix", tabindex: "0" }, table);
}

export const redraw = (node) => node.chart && drawTimeline(node.chart);
