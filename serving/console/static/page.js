/* The live page: listens to /v1/live, draws what comes, and says when nothing does. */

import { showLetters, showTable } from "./details.js";
import { drawChart } from "./draw.js";
import { age, duration, element, number, rate, setText, short, visible } from "./format.js";
import { judgeQueries, showQueries } from "./queries.js";

const SILENT_MS = 4000;
const SPEED_WINDOW_MS = 10_000;
let pulse = null;
let heardAt = null;
let source = null;
let totalsBefore = [];

const byId = (id) => document.getElementById(id);

function connect() {
  source = new EventSource("/v1/live");
  source.addEventListener("pulse", (event) => {
    heardAt = performance.now();
    pulse = JSON.parse(event.data);
    show();
  });
  source.addEventListener("dead_letters", (event) => showLetters(JSON.parse(event.data)));
  source.addEventListener("table", (event) => showTable(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // The browser comes back by itself after a lost connection, but not after an error answer.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  });
}

function show() {
  showStatus();
  showServices();
  if (!pulse.rate) return;
  showRate();
  for (const layer of ["bronze", "silver"]) showLayer(layer);
  showQueries(pulse.queries, readAt());
  showTotals();
  byId("letters-empty").hidden = Object.keys(pulse.rejects).length > 0;
}

function showStatus() {
  const [state, text] = judge();
  byId("status").dataset.state = state;
  setText("status-text", text);
  document.body.classList.toggle("stale", state === "stale");
  document.body.classList.toggle("outdated", outdated() !== null);
  setText("clock", `${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC`);
}

function judge() {
  if (heardAt === null) return ["waiting", "Connecting"];
  const why = outdated();
  return why ? ["stale", why] : judgeQueries(pulse.queries ?? [], readAt());
}

/* While Postgres is away a query is not blamed for being silent. */
const readAt = () => pulse.read_at ?? pulse.now;

/* Why the figures are not those of now, or null. */
function outdated() {
  if (heardAt === null) return null;
  const silence = performance.now() - heardAt;
  if (silence > SILENT_MS) return `No connection: figures are ${age(silence)} old`;
  if (pulse.read_at === null) return "Postgres does not answer: no figures yet";
  const old = new Date(pulse.now) - new Date(pulse.read_at);
  return old > SILENT_MS ? `Postgres does not answer: figures are ${age(old)} old` : null;
}

function showRate() {
  const values = pulse.rate.per_second;
  const known = values.filter((value) => value !== null);
  const recent = known.slice(-10);
  const mean = (list) => (list.length ? list.reduce((a, b) => a + b, 0) / list.length : null);
  const peak = known.length ? Math.max(...known) : null;
  const landed = Object.entries(pulse.totals).filter(([name]) => name.startsWith("bronze."));
  setText("rate-now", rate(mean(recent)));
  setText("rate-mean", rate(mean(known)));
  setText("rate-peak", rate(peak));
  setText("landed", number(landed.reduce((sum, [, rows]) => sum + rows, 0)));
  setText("duplicates", number(pulse.totals["silver.duplicates"] ?? 0));
  setText("set-aside", number(Object.values(pulse.rejects).reduce((sum, count) => sum + count, 0)));
  drawChart(byId("rate-chart"), { series: [{ values, area: true }], format: short, seconds: values.length, floor: 5 });
  byId("rate-chart").setAttribute("aria-label",
    `Events per second in the last three minutes: now ${rate(mean(recent))}, on average ${rate(mean(known))}, at most ${rate(peak)}`);
  document.title = `${rate(mean(recent))}/s · clicklake`;
}

function showLayer(layer) {
  const { p50_ms, p95_ms, p99_ms, mean_ms, count } = pulse.freshness[layer];
  setText(`${layer}-p50`, duration(p50_ms));
  const facts = [["p95", duration(p95_ms)], ["p99", duration(p99_ms)], ["mean", duration(mean_ms)], ["rows a minute", number(count)]];
  const box = byId(`${layer}-facts`);
  if (!box.children.length) {
    box.append(...facts.map(([name]) => element("div", { className: name }, element("dt", { text: name }), element("dd"))));
  }
  facts.forEach(([, text], i) => { box.children[i].lastChild.textContent = text; });
  const history = pulse.history[layer];
  const series = [
    { values: history.map((point) => point.p95_ms), second: true },
    { values: history.map((point) => point.p50_ms), area: true },
  ];
  drawChart(byId(`${layer}-chart`), { series, format: axisDuration, seconds: pulse.rate.per_second.length, mostSteps: 3, floor: 500 });
  byId(`${layer}-chart`).setAttribute("aria-label",
    `Time from the broker to ${layer} in the last three minutes; in the last minute half within ${duration(p50_ms)}, 95 of 100 within ${duration(p95_ms)}`);
}

const axisDuration = (ms) => (ms < 1000 ? `${ms} ms` : ms < 120_000 ? `${ms / 1000} s` : `${Math.round(ms / 60_000)} min`);

function showTotals() {
  const now = performance.now();
  totalsBefore.push({ at: now, totals: pulse.totals });
  totalsBefore = totalsBefore.filter((one) => now - one.at <= SPEED_WINDOW_MS);
  const { at, totals: before } = totalsBefore[0];
  const most = Math.max(1, ...Object.values(pulse.totals));
  const names = Object.keys(pulse.totals).sort();
  byId("totals-empty").hidden = names.length > 0;
  const body = byId("totals");
  if (body.children.length !== names.length || names.some((name, i) => body.children[i].dataset.table !== name)) {
    body.replaceChildren(...names.map(totalRow));
  }
  names.forEach((name, i) => {
    const [, track, rows, speed] = body.children[i].children;
    const passed = (now - at) / 1000;
    const perSecond = passed > 2 ? (pulse.totals[name] - (before[name] ?? 0)) / passed : 0;
    track.firstChild.style.width = `${(100 * pulse.totals[name]) / most}%`;
    rows.textContent = number(pulse.totals[name]);
    speed.textContent = perSecond >= 0.05 ? `+${rate(perSecond)}/s` : "";
  });
}

function totalRow(name) {
  const bar = element("td", { className: "track" }, element("span", { className: "bar" }));
  const head = element("th", { scope: "row", text: visible(name) });
  const rest = [element("td"), element("td", { className: "speed" })];
  return element("tr", { "data-table": name, "data-layer": name.split(".")[0] }, head, bar, ...rest);
}

function showServices() {
  const { accepted = 0, not_acknowledged = 0, ...refused } = pulse.door;
  const bad = Object.values(refused).reduce((a, b) => a + b, 0);
  const kept = not_acknowledged ? `, ${number(not_acknowledged)} sent back while Kafka was away` : "";
  setText("door", `Browser's door since its start: ${number(accepted)} events accepted, ${number(bad)} refused${kept}`);
  const box = byId("services");
  const wanted = JSON.stringify(pulse.services);
  if (box.dataset.shown === wanted) return;
  box.dataset.shown = wanted;
  box.replaceChildren(...pulse.services.map(({ name, version, url }) => {
    const label = element("b", { text: name });
    const linked = /^https?:\/\//.test(url ?? "") ? element("a", { href: url, rel: "noreferrer" }, label) : label;
    return element("li", {}, linked, ` ${version ?? ""}`);
  }));
}

addEventListener("resize", () => pulse && show());
setInterval(showStatus, 1000);
showStatus();
connect();
