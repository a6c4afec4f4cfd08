// Clocks: data-since holds the moment they count from; data-limit (seconds) ends the wrap-up.
// The server's clock counts, so the first look measures how far this machine's is off.

function asText(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const rest = String(total % 60).padStart(2, "0");
  const minutes = Math.floor(total / 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

function shownSeconds(text) {
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

const starts = new WeakMap();
let ending = false; // the banner may be drawn anew while the page is already leaving

function tick() {
  for (const clock of document.querySelectorAll("[data-since]")) {
    if (!starts.has(clock)) starts.set(clock, performance.now() - shownSeconds(clock.textContent.trim()) * 1000);
    const seconds = (performance.now() - starts.get(clock)) / 1000;
    const text = asText(seconds);
    if (clock.textContent !== text) clock.textContent = text;
    const limit = Number(clock.dataset.limit || 0);
    if (!limit) continue;
    clock.parentElement.classList.toggle("over", seconds > limit * 0.75);
    if (seconds >= limit && !ending) {
      ending = true;
      closeByItself();
    }
  }
}

function closeByItself() {
  const form = document.getElementById("concern");
  const mark = document.createElement("input");
  Object.assign(mark, { type: "hidden", name: "timeout", value: "1" });
  form?.append(mark);
  form?.requestSubmit(document.getElementById("close"));
}

export function startClocks() {
  tick();
  setInterval(tick, 500);
}
