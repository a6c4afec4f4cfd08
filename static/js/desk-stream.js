// One stream per browser: a shared worker holds it and tells every tab. Without shared workers each tab
// holds its own, with the same code.
import { openStream } from "./desk-stream-source.js";

export function listen({ stream, ticket }, { message, open }) {
  let live = false;
  const take = (news) => {
    if (news.type === "open") { live = true; open(); }
    else if (news.type === "lost") live = false;
    else message(news.kind, news.detail);
  };
  if (!stream) return { live: () => false };
  if (window.SharedWorker) {
    const worker = new SharedWorker(new URL("./desk-stream-worker.js", import.meta.url), { type: "module", name: "desk" });
    worker.port.onmessage = (event) => take(event.data);
    worker.port.start();
    worker.port.postMessage({ type: "hello", stream, ticket });
    window.addEventListener("pagehide", () => worker.port.postMessage({ type: "bye" }));
    // Back from the browser's page cache: the port was let go, so the page says hello again.
    window.addEventListener("pageshow", (event) => { if (event.persisted) worker.port.postMessage({ type: "hello", stream, ticket }); });
  } else {
    const source = openStream({ stream, ticket, tell: take });
    window.addEventListener("pagehide", () => source.stop());
  }
  return { live: () => live };
}
