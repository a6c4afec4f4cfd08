// The desk: joins keys, search, clocks, rings and the stream. Every part also works as plain pages.
import { startKeys } from "./desk-keys.js";
import { startSearch } from "./desk-search.js";
import { startRings } from "./desk-rings.js";
import { startClocks } from "./desk-clock.js";
import { announce } from "./shell.js";
import "./desk-leaving.js";

document.documentElement.classList.add("scripted");

// After a swap focus goes to the new heading, unless somebody is typing elsewhere by then.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id !== "answer") return;
  const invalid = event.detail.target.querySelector("[aria-invalid=true]");
  const heading = event.detail.target.querySelector("[data-focus], .answer-title");
  event.detail.target.scrollTop = 0;
  (invalid || heading)?.focus({ preventScroll: true });
  // Where the columns stand below each other, the page itself moves to the answer.
  (invalid || heading)?.scrollIntoView({ block: "nearest" });
  if (matchMedia("(max-width: 68rem)").matches) event.detail.target.scrollIntoView({ block: "start" });
});

document.addEventListener("htmx:sendError", () => showLost());
document.addEventListener("htmx:responseError", (event) => {
  const saved = document.getElementById("saved");
  if (event.target.id === "concern" && saved) saved.textContent = saved.dataset.failed || "";
  else if (event.detail.xhr.status === 404) location.reload();
});

function showLost() {
  const line = document.getElementById("link-state");
  line.textContent = line.dataset.lost;
}

// The help sheet is a page of its own without the script.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  const sheet = opener && document.getElementById(opener.dataset.opens);
  if (sheet?.showModal) {
    event.preventDefault();
    sheet.showModal();
  }
});

// A result that leads on: "Rückruf durch das Amt" opens its form in the middle column.
document.addEventListener("change", (event) => {
  const url = event.target.dataset?.leads;
  if (url && event.target.checked) htmx.ajax("GET", url, { target: "#answer" });
});

// With a result the contact fills itself: an article that was used says that the answer stood there. It can be changed.
document.addEventListener("change", (event) => {
  if (event.target.name !== "disposition" || event.target.form?.id !== "concern") return;
  const { found } = event.target.form.elements;
  if (!found.value && document.querySelector("#opened [name=used]:checked")) found.value = "yes";
});

// Somebody published a newer text while this article is open: say so, never swap it under the eyes.
document.addEventListener("desk:article", (event) => {
  const note = document.getElementById("article-note");
  if (note && note.dataset.article === event.detail.article) {
    note.hidden = false;
    note.textContent = note.dataset.text;
  }
});

startKeys();
startClocks();
startSearch(announce);
startRings(announce);
