// Holds the one stream of this browser for all its tabs; lives as long as one tab of the desk does.
import { openStream } from "./desk-stream-source.js";

const tabs = new Set();
let source = null, address = "", live = false;

function tell(news) {
  if (news.type === "open") live = true;
  if (news.type === "lost") live = false;
  for (const tab of tabs) tab.postMessage(news);
}

addEventListener("connect", (event) => {
  const [port] = event.ports;
  port.onmessage = ({ data }) => {
    if (data.type === "bye") { tabs.delete(port); return; }
    tabs.add(port);
    if (!source || address !== data.stream) {
      source?.stop();
      address = data.stream;
      source = openStream({ stream: data.stream, ticket: data.ticket, tell });
    } else if (live) {
      port.postMessage({ type: "open" });
    }
  };
});
