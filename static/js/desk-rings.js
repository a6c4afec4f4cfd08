// Rings and the state of calls: a message of the stream, or the clock while there is none, fetches the
// same fragment that the page was made of. One sentence is spoken for each new ring.
import { leaving } from "./desk-leaving.js";
import { listen } from "./desk-stream.js";

const FALLBACK = 4000; // ms between two looks while the stream is away

export function startRings(announce) {
  const state = document.getElementById("desk-state");
  const line = document.getElementById("link-state");
  const area = document.getElementById("rings");
  if (!state || !area) return;
  const banner = document.getElementById("banner");
  const voice = document.getElementById("ring-voice");
  const title = document.title;
  let known = new Set();
  let online = true, busy = false, again = false, poll = 0;

  function rings() {
    return [...area.querySelectorAll("[data-ring]")];
  }

  function tell() {
    const now = new Set(rings().map((ring) => ring.dataset.ring));
    const fresh = rings().filter((ring) => !known.has(ring.dataset.ring));
    const gone = [...known].some((id) => !now.has(id));
    known = now;
    const first = rings()[0];
    document.title = first ? `☎ ${first.dataset.sentence}` : title;
    if (fresh.length) {
      voice.textContent = fresh[0].dataset.sentence;
      if ("sound" in state.dataset) chime();
    } else if (gone) {
      voice.textContent = "";
    }
  }

  async function look() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const call = banner?.dataset.call || "";
      const answer = await fetch(`${state.dataset.rings}?call=${call}`, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
      if (leaving()) return;
      if (answer.redirected || answer.status === 403) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const goTo = answer.headers.get("X-Desk-Call");
      if (goTo && !banner) { location.assign(goTo); return; }
      update(await answer.text());
      if (!online && navigator.onLine) back(); // an answer from before the line broke proves nothing
    } catch {
      lost();
    } finally {
      busy = false;
      if (again) { again = false; look(); }
    }
  }

  function update(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const part of page.querySelectorAll("[data-part]")) {
      const place = document.getElementById(part.dataset.part);
      // Only what changed is swapped, so that focus and open menus stay.
      if (!place || place.dataset.version === part.dataset.version) continue;
      const held = place.contains(document.activeElement);
      place.dataset.version = part.dataset.version;
      place.innerHTML = part.innerHTML;
      htmx.process(place);
      if (held) document.getElementById("main").focus({ preventScroll: true });
    }
    tell();
  }

  function pass(kind, detail) {
    if (kind !== "article") document.body.dispatchEvent(new Event(kind)); // notice, report
    else document.dispatchEvent(new CustomEvent("desk:article", { detail }));
  }

  function lost() {
    if (online) line.textContent = line.dataset.lost;
    online = false;
  }

  function back() {
    online = true;
    line.textContent = line.dataset.back;
    setTimeout(() => { if (online) line.textContent = ""; }, 5000);
  }

  const stream = listen(state.dataset, {
    message(kind, detail) {
      if (["article", "notice", "report"].includes(kind)) { pass(kind, detail); return; }
      look();
      if (banner && (!detail.call || detail.call === banner.dataset.call)) document.body.dispatchEvent(new Event("desk:call"));
      if (kind === "session_ended" && !leaving()) location.reload();
    },
    open() { look(); document.body.dispatchEvent(new Event("desk:call")); },
  });

  function schedule() {
    clearTimeout(poll);
    poll = setTimeout(() => { if (!stream.live()) look(); schedule(); }, FALLBACK);
  }

  window.addEventListener("desk:lost", lost);
  window.addEventListener("offline", lost);
  window.addEventListener("online", look);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  known = new Set();
  tell();
  schedule();
}

// Two short, soft tones; browsers allow them after the first key or click of the day.
function chime() {
  const sound = new AudioContext();
  for (const [at, pitch] of [[0, 660], [0.18, 880]]) {
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.12, sound.currentTime + at);
    volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + 0.16);
    tone.connect(volume).connect(sound.destination);
    tone.start(sound.currentTime + at);
    tone.stop(sound.currentTime + at + 0.17);
  }
  setTimeout(() => sound.close(), 800);
}
