/* The dashboards: asks /v1/panels for what is chosen, again and again, and says how old the answer is. */

import { age, element, setText, visible } from "./format.js";
import { fillPanel, newPanel, redraw } from "./panels.js";

const EVERY_MS = 3000;
const LIMIT_MS = 10_000;
const STALE_MS = 12_000;
const CHOICES = ["board", "model", "look_back", "minutes"];
const byId = (id) => document.getElementById(id);
const nodes = new Map();
const chosen = new Map([...new URLSearchParams(location.search)].filter(([name]) => CHOICES.includes(name)));
let turn = 0;
let timer = null;
let readAt = null;
let problem = null;

async function ask() {
  clearTimeout(timer);
  const mine = (turn += 1);
  const query = new URLSearchParams({ board: "orders", ...Object.fromEntries(chosen) });
  try {
    const response = await fetch(`/v1/panels?${query}`, { signal: AbortSignal.timeout(LIMIT_MS) });
    const said = await response.json();
    if (mine !== turn) return;
    if (response.status === 422 && forget(said.field)) return void ask();
    problem = response.ok ? null : [said.field, said.detail].filter(Boolean).join(" ");
    const figures = response.ok ? said : said.last;
    if (figures) show(figures);
  } catch {
    if (mine !== turn) return;
    problem = "No connection";
  }
  showStatus();
  timer = setTimeout(again, EVERY_MS);
}

/* A choice that is not offered, of an old link perhaps, gives way to the usual one. */
function forget(field) {
  const was = chosen.delete(field);
  if (was) remember();
  return was;
}

const again = () => (document.visibilityState === "visible" ? ask() : undefined);

function show(figures) {
  readAt = Date.parse(figures.chosen.until);
  showChoices(figures);
  const box = byId("panels");
  const names = figures.panels.map((panel) => panel.name);
  if (names.length !== nodes.size || names.some((name) => !nodes.has(name))) {
    nodes.clear();
    for (const panel of figures.panels) nodes.set(panel.name, newPanel(panel));
    box.replaceChildren(...[...nodes.values()].map((node) => node.root));
  }
  for (const panel of figures.panels) fillPanel(nodes.get(panel.name), panel, figures.chosen);
}

function showChoices({ boards, models, chosen: now, panels }) {
  const board = chosen.get("board") ?? "orders";
  options(byId("model"), Object.keys(models).map((name) => [name, name.replaceAll("_", " ")]), now.model);
  options(byId("look_back"), (models[now.model] ?? []).map((seconds) => [String(seconds), span(seconds)]), String(now.look_back));
  byId("minutes").value = String(now.minutes);
  const taken = new Set(panels.flatMap((panel) => panel.takes));
  for (const label of document.querySelectorAll("[data-takes]")) label.hidden = !taken.has(label.dataset.takes);
  if (byId("boards").children.length !== boards.length) {
    byId("boards").replaceChildren(...boards.map((name) => {
      const button = element("button", { type: "button", "data-board": name, text: visible(name) });
      button.addEventListener("click", () => choose("board", name));
      return button;
    }));
  }
  for (const button of byId("boards").children) button.setAttribute("aria-pressed", String(button.dataset.board === board));
}

function options(select, pairs, value) {
  if (select.dataset.shown !== JSON.stringify(pairs)) {
    select.dataset.shown = JSON.stringify(pairs);
    select.replaceChildren(...pairs.map(([key, text]) => element("option", { value: key, text: visible(text) })));
  }
  select.value = value;
}

function span(seconds) {
  const [size, unit] = [[86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]].find(([one]) => seconds % one === 0);
  return `${seconds / size} ${unit}${seconds === size ? "" : "s"}`;
}

function choose(name, value) {
  chosen.set(name, value);
  if (name === "model") chosen.delete("look_back");
  remember();
  ask();
}

const remember = () => history.replaceState(null, "", `?${new URLSearchParams(Object.fromEntries(chosen))}`);

function showStatus() {
  const old = readAt === null ? null : Date.now() - readAt;
  const stale = problem ?? (old > STALE_MS ? "No answer" : null);
  const figures = old === null ? "no figures yet" : `figures are ${age(old)} old`;
  byId("status").dataset.state = stale ? "stale" : old === null ? "waiting" : "live";
  setText("status-text", stale ? `${stale.replace(/\.$/, "")}: ${figures}` : old === null ? "Connecting" : "Live");
  document.body.classList.toggle("outdated", stale !== null);
  setText("clock", `${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC`);
}

for (const name of ["model", "look_back", "minutes"]) byId(name).addEventListener("change", (event) => choose(name, event.target.value));
byId("choices").addEventListener("submit", (event) => event.preventDefault());
addEventListener("resize", () => nodes.forEach(redraw));
document.addEventListener("visibilitychange", again);
setInterval(showStatus, 1000);
showStatus();
ask();
