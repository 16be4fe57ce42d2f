/* clicklake, the browser's side of POST /v1/events: see docs/collector.md */
((w, d) => {
  "use strict";
  if (w.clicklake) return;
  const me = d.currentScript, url = new URL("events", me.src).href, our = "clicklake_", memory = {};
  let busy = 0, wait = 0, timer;
  const get = (k) => {
    try { return JSON.parse(localStorage.getItem(our + k)); } catch (e) { return memory[k]; }
  };
  const put = (k, v) => {
    memory[k] = v;
    try { localStorage.setItem(our + k, JSON.stringify(v)); } catch (e) {}
  };
  const id = () => Array.from(
    crypto.getRandomValues(new Uint8Array(16)), (b) => (b + 256).toString(16).slice(1)).join("");
  const visitor = () => {
    const v = get("visitor") || id();
    put("visitor", v);
    return v;
  };
  const session = (now) => {
    let s = get("session");
    if (!s || now - s.at > 18e5) s = { id: id() };
    put("session", { id: s.id, at: now });
    return s.id;
  };
  const queue = () => get("queue") || [];
  const batch = () => { // below the 64 KiB of a beacon, but never empty
    let size = 0;
    return queue().filter((e, i) => (size += JSON.stringify(e).length) < 2e4 || !i);
  };
  const drop = (sent) => put("queue", queue().filter((e) => !sent.some((s) => s.event_id == e.event_id)));
  const later = (ms) => { clearTimeout(timer); timer = setTimeout(flush, ms); };
  const flush = () => {
    const sent = batch();
    if (busy || !sent.length) return;
    busy = 1;
    fetch(url, { method: "POST", body: JSON.stringify(sent) }).then((r) => {
      if (r.status == 429 || r.status > 499) throw r;
      drop(sent);
      busy = wait = 0;
      later(0);
    }).catch(() => {
      busy = 0;
      wait = Math.min(wait * 2 || 1e3, 6e4);
      later(wait * (0.5 + Math.random()));
    });
  };
  const track = (type, fields) => {
    const now = Date.now(), sequence = (get("sequence") || 0) + 1;
    put("sequence", sequence);
    put("queue", queue().concat({
      event_id: id(), event_type: type, occurred_at: now, visitor_id: visitor(), session_id: session(now),
      sequence, page_url: location.href, referrer_url: d.referrer, ...fields
    }).slice(-500));
    if (!wait) later(200);
  };
  w.addEventListener("pagehide", () => {
    const sent = batch();
    if (sent.length && navigator.sendBeacon(url, JSON.stringify(sent))) drop(sent);
  });
  w.clicklake = { track, flush, visitor };
  if (me.dataset.auto != "off") track("page_view", { page_type: me.dataset.pageType });
})(window, document);
