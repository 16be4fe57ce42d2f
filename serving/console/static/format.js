/* Figures and texts for people. Payloads are hostile: they reach the page as text only. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const number = (n) => (n === null || n === undefined ? "–" : whole.format(n));
export const rate = (n) => (n === null || n === undefined ? "–" : (n < 10 && n > 0 ? tenth : whole).format(n));
export const short = (n) => (n < 10_000 ? whole : compact).format(n);

export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${whole.format(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 7_200_000) return `${tenth.format(ms / 60_000)} min`;
  return `${tenth.format(ms / 3_600_000)} h`;
}

/* How long ago, in whole seconds, minutes, hours or days; what lies ahead counts as nought. */
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${whole.format(Math.floor(seconds / 86_400))} d`;
}

/* A time of the lake: ISO text (UTC when it names no zone) or UTC microseconds. */
export function clockTime(value) {
  const text = typeof value === "string" && !/(Z|[+-]\d\d:?\d\d)$/.test(value) ? `${value}Z` : value;
  const moment = new Date(typeof value === "number" ? value / 1000 : text);
  return Number.isNaN(moment.getTime()) ? String(value) : moment.toISOString().slice(11, 23);
}

/* Control, format and bidi characters shown by their code, so that no payload looks like another. */
export const visible = (text) =>
  String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    c === "\n" || c === "\t" ? c : `\\u{${c.codePointAt(0).toString(16)}}`);

export function element(tag, { className, text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function setText(id, text) {
  const found = document.getElementById(id);
  if (found.textContent !== text) found.textContent = text;
}
