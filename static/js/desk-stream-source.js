// Server-Sent Events with our own reconnect: each connection brings a fresh ticket and says by ?after=
// which message came last, because EventSource forgets that after a proxy's error page.

const KINDS = ["ring", "ring_ended", "connected", "ended", "changed", "presence", "article", "notice", "report", "session_ended"];
const SILENCE = 40_000; // ms; the server beats every 15 s, so more than two beats missing is a dead line

export function openStream({ stream, ticket, tell }) {
  let source = null, last = "", wait = 500, again = 0, watch = 0, stopped = false;

  async function connect() {
    if (stopped) return;
    try {
      const answer = await fetch(ticket, { credentials: "same-origin", cache: "no-store" });
      if (answer.redirected || answer.status === 403) { tell({ type: "message", kind: "session_ended", detail: {} }); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const query = new URLSearchParams({ ticket: await answer.text() });
      if (last) query.set("after", last);
      source = new EventSource(`${stream}?${query}`);
    } catch {
      retry();
      return;
    }
    // Open is what has sent its first beat: before that the server may not listen yet, and a ring could slip through.
    let open = false;
    source.onerror = retry;
    source.onmessage = receive;
    source.addEventListener("beat", () => {
      alive();
      if (open) return;
      open = true;
      wait = 500;
      tell({ type: "open" });
    });
    for (const kind of KINDS) source.addEventListener(kind, receive);
    alive();
  }

  function alive() {
    clearTimeout(watch);
    watch = setTimeout(retry, SILENCE);
  }

  function receive(event) {
    alive();
    if (event.lastEventId) last = event.lastEventId;
    let detail = {};
    try { detail = JSON.parse(event.data || "{}"); } catch { /* a message without details still means: look again */ }
    tell({ type: "message", kind: detail.kind || event.type, detail });
  }

  // Waits longer each time, with some chance in it, so that a whole floor does not come back at once.
  function retry() {
    source?.close();
    source = null;
    clearTimeout(watch);
    clearTimeout(again);
    tell({ type: "lost" });
    again = setTimeout(connect, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, 15_000);
  }

  connect();
  return {
    stop() {
      stopped = true;
      clearTimeout(again);
      clearTimeout(watch);
      source?.close();
    },
  };
}
