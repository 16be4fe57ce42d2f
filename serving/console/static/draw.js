/* Small line charts in SVG: a list of values on an even grid of time, null where nothing is known. */

const NS = "http://www.w3.org/2000/svg";
const LEFT = 44;
const BOTTOM = 18;
const TOP = 8;

export function shape(tag, attributes, text) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/* The smallest of 1, 2, 2.5, 5 × 10^n that reaches the top value in at most `most` steps. */
export function niceStep(top, most) {
  const raw = Math.max(top / most, 1e-9);
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw);
}

/* Runs of known neighbours, as lists of [x, y]. */
function runs(values, x, y) {
  const found = [];
  let run = [];
  values.forEach((value, i) => {
    if (value === null) {
      if (run.length) found.push(run);
      run = [];
    } else run.push([x(i), y(value)]);
  });
  if (run.length) found.push(run);
  return found;
}

const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/* series: [{values, area, second}]; format: value -> label; seconds: what the width stands for. */
export function drawChart(svg, { series, format, seconds, mostSteps = 4, floor = 1 }) {
  const { width, height } = svg.getBoundingClientRect();
  if (width < 60) return;
  const known = series.flatMap((one) => one.values.filter((value) => value !== null));
  const highest = Math.max(floor, ...known);
  const step = niceStep(highest, mostSteps);
  const steps = Math.ceil(highest / step);
  const top = step * steps;
  const count = series[0].values.length;
  const x = (i) => LEFT + ((width - LEFT - 6) * i) / Math.max(count - 1, 1);
  const y = (value) => height - BOTTOM - ((height - BOTTOM - TOP) * value) / top;
  const parts = [];
  for (let i = 0; i <= steps; i += 1) {
    parts.push(shape("line", { class: "grid", x1: LEFT, x2: width, y1: y(i * step), y2: y(i * step) }));
    parts.push(shape("text", { x: LEFT - 8, y: y(i * step) + 4, "text-anchor": "end" }, i ? format(i * step) : "0"));
  }
  for (let ago = 0; ago <= seconds; ago += 60) {
    const at = x(((seconds - ago) / seconds) * (count - 1));
    const anchor = ago === 0 ? "end" : ago === seconds ? "start" : "middle";
    parts.push(shape("text", { x: at, y: height - 3, "text-anchor": anchor }, ago ? `−${ago / 60} min` : "now"));
  }
  for (const one of series) parts.push(...lines(one, x, y));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...parts);
}

function lines({ values, area, second }, x, y) {
  const parts = [];
  const found = runs(values, x, y);
  for (const run of found) {
    if (area && run.length > 1) {
      const closed = `${path(run)}L${run.at(-1)[0].toFixed(1)} ${y(0)}L${run[0][0].toFixed(1)} ${y(0)}Z`;
      parts.push(shape("path", { class: "area", d: closed }));
    }
    parts.push(shape("path", { class: second ? "line second" : "line", d: path(run.length > 1 ? run : [run[0], run[0]]) }));
  }
  if (found.length && !second) {
    const [cx, cy] = found.at(-1).at(-1);
    parts.push(shape("circle", { class: "head", cx, cy, r: 3.5 }));
  }
  return parts;
}
