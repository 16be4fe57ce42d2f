/* The streaming queries: how each stands, and what that says of the page as a whole. */

import { age, duration, element, number, short, visible } from "./format.js";

const QUIET_MS = 15_000;
const STOPPED_MS = 20_000;
const IDLE_MS = 10_000;
const AT_WORK = new Set(["starting", "running", "waiting"]);
const TONES = { running: "good", starting: "warn", waiting: "warn", failed: "bad" };
const FACTS = ["lag, records", "batch p50", "batch p95", "watermark age", "state rows", "rows a minute"];
const nodes = new Map();

const roughly = (n) => (n === null || n < 1_000_000 ? number(n) : short(n));
const ago = (from, to) => new Date(to) - new Date(from);

/* Milliseconds without a sign of life: of a running query itself, of its driver otherwise. */
function silence(one, now) {
  const signs = [one.alive_at, one.state === "running" ? null : one.seen_at].filter((moment) => moment !== null);
  return Math.min(...(signs.length ? signs : [one.since]).map((moment) => ago(moment, now)));
}

/* [state, text] of the whole page. */
export function judgeQueries(queries, now) {
  if (!queries.length) return ["waiting", "Waiting for the first batch"];
  const named = (state) => queries.filter((one) => one.state === state).map((one) => visible(one.query)).join(", ");
  const silent = queries.filter((one) => silence(one, now) > STOPPED_MS);
  if (queries.some((one) => one.state === "failed" && !silent.includes(one))) return ["failed", `Failed: ${named("failed")}`];
  if (queries.every((one) => one.state === "stopped")) {
    return ["idle", `Stopped ${age(Math.min(...queries.map((one) => ago(one.since, now))))} ago, all batches finished`];
  }
  if (silent.length) {
    const longest = Math.max(...silent.map((one) => silence(one, now)));
    return ["stale", `Streams stopped (${silent.map((one) => visible(one.layer)).join(", ")}): last heard of ${age(longest)} ago`];
  }
  if (named("waiting")) return ["restarting", `Starting again after a fault: ${named("waiting")}`];
  const idle = queries.every((one) => one.committed_at === null || ago(one.committed_at, now) > IDLE_MS);
  return idle ? ["idle", "Live, nothing arriving"] : ["live", "Live"];
}

export function showQueries(queries, now) {
  const box = document.getElementById("queries");
  document.getElementById("queries-empty").hidden = queries.length > 0;
  const names = queries.map((one) => one.query);
  if (names.length !== nodes.size || names.some((name) => !nodes.has(name))) {
    nodes.clear();
    names.forEach((name) => nodes.set(name, newQuery(name)));
    box.replaceChildren(...names.map((name) => nodes.get(name).root));
  }
  for (const one of queries) fill(nodes.get(one.query), one, now);
}

function newQuery(name) {
  const state = element("span");
  const facts = FACTS.map((fact) => element("div", {}, element("dt", { text: fact }), element("dd")));
  const fault = element("p", { className: "fault" });
  const head = element("h3", { text: visible(name) });
  const standing = element("p", { className: "standing" }, element("span", { className: "dot", "aria-hidden": "true" }), state);
  const root = element("article", { className: "query" }, head, standing, element("dl", { className: "facts" }, ...facts), fault);
  return { root, state, facts, fault };
}

function fill(node, one, now) {
  const [tone, text] = standing(one, now);
  node.root.dataset.tone = tone;
  node.state.textContent = text;
  const figures = [
    roughly(one.lag_records),
    duration(one.batch_p50_ms),
    duration(one.batch_p95_ms),
    one.watermark === null ? "–" : age(ago(one.watermark, now)),
    roughly(one.state_rows),
    roughly(one.rows_last_minute),
  ];
  figures.forEach((figure, i) => { node.facts[i].lastChild.textContent = figure; });
  node.fault.hidden = one.last_error === null;
  node.fault.textContent = one.last_error === null ? "" : `Last fault: ${visible(one.last_error)}`;
}

/* [tone, text] of one query. */
function standing(one, now) {
  const quiet = silence(one, now);
  if (one.state === null) return ["soft", `heard of ${age(quiet)} ago`];
  if (AT_WORK.has(one.state) && quiet > QUIET_MS) return ["bad", `${one.state}, but no heartbeat for ${age(quiet)}`];
  const parts = [`${one.state} for ${age(ago(one.since, now))}`];
  if (one.state === "waiting" && one.retry_at !== null) parts.push(`next start in ${age(ago(now, one.retry_at))}`);
  if (one.restarts > 0) parts.push(one.restarts === 1 ? "1 restart" : `${number(one.restarts)} restarts`);
  return [TONES[one.state] ?? "soft", parts.join(", ")];
}
