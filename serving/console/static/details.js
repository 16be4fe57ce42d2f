/* Dead letters with their examples, and the newest rows of a table. Nodes are kept while they live. */

import { clockTime, element, number, setText, visible } from "./format.js";

const letterNodes = new Map();
const tables = new Map();
const POSITION = new Set(["topic", "partition", "offset", "ingested_at", "ingested_date"]);
let chosen = null;

export function showLetters(groups) {
  const box = document.getElementById("letters");
  const total = groups.reduce((sum, group) => sum + group.count, 0);
  setText("letters-sum", total ? `${number(total)} records set aside, their bytes kept` : "");
  document.getElementById("letters-empty").hidden = groups.length > 0;
  const reasons = new Set(groups.map((group) => group.reason));
  for (const [reason, node] of letterNodes) {
    if (!reasons.has(reason)) {
      node.root.remove();
      letterNodes.delete(reason);
    }
  }
  groups.forEach((group, place) => {
    const node = letterNodes.get(group.reason) ?? newLetter(group.reason);
    node.count.textContent = number(group.count);
    node.meaning.textContent = group.meaning;
    const examples = JSON.stringify(group.examples);
    if (node.shown !== examples && !node.root.matches(":hover")) {
      node.list.replaceChildren(...group.examples.map(exampleNode));
      node.shown = examples;
    }
    if (box.children[place] !== node.root) box.insertBefore(node.root, box.children[place] ?? null);
  });
}

function newLetter(reason) {
  const count = element("span", { className: "count" });
  const meaning = element("span", { className: "meaning" });
  const list = element("div");
  const summary = element("summary", {}, count, element("span", { className: "reason", text: visible(reason) }), meaning);
  const root = element("details", { className: "letter" }, summary, list);
  const node = { root, count, meaning, list, shown: null };
  letterNodes.set(reason, node);
  return node;
}

function exampleNode(example) {
  const where = [`${example.stage} of ${example.position}`, clockTime(example.ingested_at), `${number(example.bytes)} bytes`];
  if (example.field) where.push(`field ${example.field}`);
  if (example.detail) where.push(example.detail);
  return element(
    "div",
    { className: "example" },
    element("p", { text: visible(where.join(" · ")) }),
    element("pre", { text: example.value ? visible(example.value) : "(empty)", tabindex: "0" }),
  );
}

export function showTable({ table, rows }) {
  const isNew = !tables.has(table);
  tables.set(table, { rows, seen: tables.get(table)?.seen ?? new Set() });
  document.getElementById("latest-empty").hidden = true;
  if (isNew) showTabs();
  const panel = document.getElementById("latest");
  // Rows stay while somebody points at them.
  if (table === chosen && !panel.matches(":hover")) showRows();
}

function showTabs() {
  const names = [...tables.keys()].sort(bySilverFirst);
  chosen = chosen ?? names[0];
  const box = document.getElementById("tabs");
  const before = document.activeElement?.dataset?.table;
  box.replaceChildren(...names.map((name) => tab(name)));
  if (before) box.querySelector(`[data-table="${CSS.escape(before)}"]`)?.focus();
}

const bySilverFirst = (a, b) => b.startsWith("silver") - a.startsWith("silver") || a.localeCompare(b);

function tab(name) {
  const button = element("button", {
    type: "button", role: "tab", text: visible(name), "data-table": name, "aria-controls": "latest",
    "aria-selected": String(name === chosen), tabindex: name === chosen ? "0" : "-1",
  });
  button.addEventListener("click", () => choose(name));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = [...tables.keys()].sort(bySilverFirst);
    choose(names[(names.indexOf(name) + step + names.length) % names.length]);
    document.querySelector('#tabs [aria-selected="true"]').focus();
  });
  return button;
}

function choose(name) {
  chosen = name;
  showTabs();
  showRows();
}

function showRows() {
  const { rows, seen } = tables.get(chosen);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
    (name) => !POSITION.has(name) && rows.some((row) => tells(row, name)),
  );
  const first = seen.size === 0;
  const body = rows.map((row) => {
    const id = `${row.topic}/${row.partition}/${row.offset}/${row.line_number ?? 1}`;
    const fresh = !first && !seen.has(id);
    const cells = columns.map((name) => cell(name, row[name]));
    return element(
      "tr",
      { className: fresh ? "new" : "", "data-id": id },
      element("td", { text: clockTime(row.ingested_at) }),
      element("td", { text: `${row.partition}/${row.offset}` }),
      ...cells,
    );
  });
  seen.clear();
  body.forEach((row) => seen.add(row.dataset.id));
  const names = ["arrived (UTC)", "position", ...columns.map(visible)];
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col", text: name })));
  const caption = element("caption", { className: "hidden", text: `Latest rows of ${chosen}` });
  const table = element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...body));
  document.getElementById("latest").replaceChildren(table);
}

/* Whether the value says something that the first columns do not. */
function tells(row, name) {
  const repeated = name === "known_at" && row.known_at === row.ingested_at;
  return row[name] !== undefined && row[name] !== null && row[name] !== "" && !repeated;
}

function cell(name, value) {
  if (value === null || value === undefined) return element("td");
  const plain = typeof value === "object" ? JSON.stringify(value) : value;
  const text = visible(name.endsWith("_at") ? clockTime(plain) : plain);
  return element("td", { text, title: text });
}
