// What is typed outlives a lost session: the server keeps it while somebody writes, and this browser where the server
// does not answer. The form is continued by the server; only what the browser kept is offered here.
import { announce } from "./shell.js";

const PAUSE = 1500; // milliseconds after the last key

export function keep(form, { afterward = () => {} } = {}) {
  const address = form.dataset.keep;
  const state = document.getElementById("edit-state");
  const here = `article:${address}:${form.dataset.user}`;
  let dirty = false, unsent = false, timer = 0, lost = false, others = "";

  const snapshot = () => [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken");

  async function send() {
    afterward();
    if (!address) return;
    try {
      const response = await fetch(address, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
      if (!response.ok || response.redirected || response.headers.has("HX-Redirect")) throw new Error(response.status);
      state.innerHTML = await response.text();
      if (!state.querySelector("[data-kept]")) throw new Error("another page");
      unsent = lost = false;
      forget();
      const writing = state.querySelector("[data-writing]")?.textContent.trim() ?? "";
      if (writing && writing.split("(")[0] !== others.split("(")[0]) announce(writing);
      others = writing;
    } catch {
      state.textContent = form.dataset.lost;
      if (!lost) announce(form.dataset.lost);
      lost = true;
      remember();
    }
  }

  function remember() {
    try { localStorage.setItem(here, JSON.stringify({ at: Date.now(), fields: snapshot() })); } catch { /* a full or closed store takes only this comfort away */ }
  }
  function forget() {
    try { localStorage.removeItem(here); } catch { /* as above */ }
  }

  function touched() {
    dirty = unsent = true;
    clearTimeout(timer);
    timer = setTimeout(send, PAUSE);
  }

  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("data-preview")) return;
    dirty = unsent = false;
    clearTimeout(timer);
  });
  window.addEventListener("pagehide", () => {
    if (!unsent || !address) return;
    if (lost) remember(); else navigator.sendBeacon(address, new FormData(form));
  });
  window.addEventListener("beforeunload", (event) => { if (dirty && (!address || lost)) event.preventDefault(); });

  offer();
  return { touched };

  function offer() {
    if (!address) return;
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(here)); } catch { /* unreadable: nothing to offer */ }
    if (!kept || JSON.stringify(kept.fields) === JSON.stringify(snapshot())) return;
    const row = document.getElementById("kept-here").content.cloneNode(true).firstElementChild;
    row.querySelector("time").textContent = new Date(kept.at).toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });
    row.addEventListener("click", (event) => {
      const choice = event.target.closest("button")?.value;
      if (!choice) return;
      if (choice === "take") { refill(form, kept.fields); touched(); }
      forget();
      row.remove();
      form.querySelector("input:not([type=hidden])").focus();
    });
    form.before(row);
  }
}

function refill(form, fields) {
  const byName = new Map();
  for (const [name, value] of fields) byName.set(name, [...(byName.get(name) ?? []), value]);
  for (const [name, values] of byName) {
    if (/\.(token|seen(-\w+)?)$/.test(name)) continue;
    const inputs = () => [...form.elements].filter((element) => element.name === name);
    if (inputs()[0]?.type === "radio") {
      for (const input of inputs()) input.checked = input.value === values[0];
      continue;
    }
    values.forEach((value, index) => {
      const input = inputs()[index];
      if (!input) return;
      input.value = value;
      input.dispatchEvent(new Event("refill"));
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
}
