/* Values over time in SVG: stacked columns or lines, with a legend that tells the figures under the pointer. */

import { element, visible } from "./format.js";
import { niceStep, shape } from "./draw.js";

const LEFT = 46;
const BOTTOM = 18;
const TOP = 8;
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 5760, 10_080];

/* rows: [time, series, value]; chosen: {since, until, step}; colour: series -> class; format: value -> text, axis: the same at the axis. */
export function timeline({ rows, chosen, stacked, colour, format, axis, before }) {
  const svg = before?.svg ?? shape("svg", { class: "timeline", role: "img" });
  const legend = before?.legend ?? element("ul", { className: "legend" });
  const made = before ?? { svg, legend, at: null };
  Object.assign(made, { ...arrange(rows, chosen), stacked, colour, format, axis });
  if (!before) {
    svg.addEventListener("pointermove", (event) => point(made, event));
    svg.addEventListener("pointerleave", () => point(made, null));
  }
  return made;
}

function arrange(rows, { since, until, step }) {
  const start = Date.parse(since);
  const width = step * 1000;
  const count = Math.max(1, Math.ceil((Date.parse(until) - start) / width));
  const series = new Map();
  for (const [time, name, value] of rows) {
    const i = Math.floor((Date.parse(time) - start) / width);
    if (!series.has(name)) series.set(name, Array(count).fill(null));
    if (i >= 0 && i < count) series.get(name)[i] = Number(value);
  }
  return { start, width, count, series };
}

export function drawTimeline(made) {
  const { width, height } = made.svg.getBoundingClientRect();
  if (width < 60) return;
  const { series, count, stacked } = made;
  const sums = Array.from({ length: count }, (_, i) => [...series.values()].reduce((sum, v) => sum + Math.max(0, v[i] ?? 0), 0));
  const highest = Math.max(1, ...(stacked ? sums : [...series.values()].flat().map((v) => v ?? 0)));
  const step = niceStep(highest, 4);
  const steps = Math.ceil(highest / step);
  const slot = (width - LEFT - 4) / count;
  const x = (i) => LEFT + slot * i;
  const y = (value) => height - BOTTOM - ((height - BOTTOM - TOP) * value) / (step * steps);
  const parts = axes(made, { width, height, step, steps, x, y });
  const base = Array(count).fill(0);
  for (const [name, values] of series) {
    parts.push(...(stacked ? columns(values, base, made.colour(name), { slot, x, y }) : [curve(values, made.colour(name), { slot, x, y })]));
  }
  if (made.at !== null && made.at < count) {
    const at = x(made.at) + slot / 2;
    parts.push(shape("line", { class: "cursor", x1: at, x2: at, y1: TOP, y2: height - BOTTOM }));
  }
  made.slot = slot;
  made.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  made.svg.replaceChildren(...parts);
  showLegend(made);
}

function axes(made, { width, height, step, steps, x, y }) {
  const parts = [];
  for (let i = 0; i <= steps; i += 1) {
    parts.push(shape("line", { class: "grid", x1: LEFT, x2: width, y1: y(i * step), y2: y(i * step) }));
    parts.push(shape("text", { x: LEFT - 8, y: y(i * step) + 4, "text-anchor": "end" }, i ? made.axis(i * step) : "0"));
  }
  const most = Math.max(1, Math.floor((width - LEFT) / 90));
  const whole = made.count * made.width;
  const every = TICKS.map((minutes) => minutes * MINUTE).find((ms) => whole / ms <= most) ?? whole;
  for (let at = Math.ceil(made.start / every) * every; at < made.start + whole; at += every) {
    const left = x((at - made.start) / made.width);
    const anchor = left < LEFT + 20 ? "start" : left > width - 20 ? "end" : "middle";
    parts.push(shape("text", { x: left, y: height - 3, "text-anchor": anchor }, tick(at, every)));
  }
  return parts;
}

function columns(values, base, colour, { slot, x, y }) {
  const gap = Math.min(2, slot * 0.2);
  return values.flatMap((value, i) => {
    if (!(value > 0)) return [];
    const from = base[i];
    base[i] += value;
    const high = Math.max(0.5, y(from) - y(base[i]));
    return [shape("rect", { class: `piece ${colour}`, x: x(i) + gap / 2, y: y(base[i]), width: Math.max(0.5, slot - gap), height: high })];
  });
}

function curve(values, colour, { slot, x, y }) {
  let drawn = "";
  let open = false;
  values.forEach((value, i) => {
    if (value !== null) drawn += `${open ? "L" : "M"}${(x(i) + slot / 2).toFixed(1)} ${y(value).toFixed(1)}`;
    open = value !== null;
  });
  return shape("path", { class: `curve ${colour}`, d: drawn });
}

/* Sums of the whole time, or what was under the pointer. */
function showLegend(made) {
  const { series, at, count } = made;
  const here = at !== null && at < count;
  const figure = (values) => (here ? values[at] ?? 0 : values.reduce((sum, v) => sum + (v ?? 0), 0));
  const items = [...series].map(([name, values]) =>
    element("li", {}, element("span", { className: `swatch ${made.colour(name)}` }), `${visible(name)} `, element("b", { text: made.format(figure(values)) })));
  items.push(element("li", { className: "moment", text: here ? `${moment(made, at)} UTC` : "in all" }));
  made.legend.replaceChildren(...items);
}

const tick = (at, every) => new Date(at).toISOString().slice(...(every < DAY ? [11, 16] : [5, 10]));

function moment({ start, width, count }, i) {
  const iso = new Date(start + i * width).toISOString();
  return width * count > DAY ? `${iso.slice(5, 10)} ${iso.slice(11, 16)}` : iso.slice(11, 16);
}

function point(made, event) {
  const box = made.svg.getBoundingClientRect();
  const i = event === null ? -1 : Math.floor((event.clientX - box.left - LEFT) / made.slot);
  const at = i >= 0 && i < made.count ? i : null;
  if (at !== made.at) {
    made.at = at;
    drawTimeline(made);
  }
}
