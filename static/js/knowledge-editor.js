// The editor's comfort: rich text, lists that grow, a preview beside the form. The form works without any of it.
// What is typed is kept by knowledge-keep.js.
import { announce } from "./shell.js";
import { keep } from "./knowledge-keep.js";

const form = document.getElementById("edit");
const previews = document.getElementById("previews");
const previewButton = form.querySelector("[data-preview]"); // a proposal has none

// --- rich text in front of the plain fields, where the bundle is there
let rich = null;
const views = new WeakMap();
const labelOf = (field) => field.getAttribute("aria-label") ?? document.querySelector(`label[for="${CSS.escape(field.id)}"]`)?.textContent.trim() ?? "";

function mountIn(place) {
  if (!rich) return;
  for (const field of place.querySelectorAll("textarea[data-rich], input[data-line]")) {
    if (views.has(field)) continue;
    const list = field.closest("[data-rows]");
    views.set(field, rich.mount(field, {
      tools: document.getElementById("rich-tools"),
      label: labelOf(field),
      onChange: () => field.dispatchEvent(new Event("input", { bubbles: true })),
      onEnter: () => nextRow(field.closest(".edit-item")),
      onPasteLines: list && ((lines) => fillRows(field.closest(".edit-item"), lines)),
    }));
  }
}

// Fields of a city that inherits are hidden: they get their editor when they are shown.
const isHidden = (cell) => Boolean(cell.querySelector('[type="radio"]:checked:not([value="own"])'));
function mountVisible() {
  for (const cell of form.querySelectorAll("[data-cell]")) if (!isHidden(cell)) mountIn(cell);
}

// With script one empty row is enough: it brings the next one.
for (const list of form.querySelectorAll("[data-rows]")) {
  const isEmpty = (row) => [...row.querySelectorAll("input[name]")].every((input) => !input.value.trim());
  const rows = [...list.querySelectorAll(".edit-item, .edit-fact")];
  while (rows.length > 1 && isEmpty(rows.at(-1)) && isEmpty(rows.at(-2))) rows.pop().remove();
}

import(form.dataset.richText).then((module) => { rich = module; mountVisible(); form.dataset.ready = "rich"; }, () => { form.dataset.ready = "plain"; });

// --- lists: the last row always has an empty one below it
const rowsOf = (list) => [...list.children].filter((row) => !row.classList.contains("edit-city"));
const inputsOf = (row) => [...row.querySelectorAll("input[name]")];

function growList(list) {
  const rows = rowsOf(list);
  if (!inputsOf(rows.at(-1)).some((input) => input.value.trim())) return;
  const next = rows.at(-1).cloneNode(true);
  next.querySelector(".rich")?.remove();
  for (const input of inputsOf(next)) {
    input.value = "";
    input.hidden = false;
    input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+$/, rows.length + 1));
  }
  list.append(next);
  mountIn(next);
}

const focusRow = (row) => { const input = inputsOf(row)[0]; (views.get(input) ?? input).focus(); };

function nextRow(row) {
  growList(row.parentElement);
  if (row.nextElementSibling) focusRow(row.nextElementSibling);
}

function setValue(input, value) {
  input.value = value;
  input.dispatchEvent(new Event("refill"));
}

// Several lines pasted into one entry: each gets its own, before what stood below.
function fillRows(row, lines) {
  const list = row.parentElement;
  const from = rowsOf(list).indexOf(row);
  const kept = rowsOf(list).map((each) => inputsOf(each)[0].value);
  const here = kept[from].trim() ? from + 1 : from;
  const values = [...kept.slice(0, here), ...lines, ...kept.slice(kept[from].trim() ? here : from + 1).filter((value) => value.trim())];
  values.forEach((value, index) => { setValue(inputsOf(rowsOf(list)[index])[0], value); growList(list); });
  focusRow(rowsOf(list)[here + lines.length - 1]);
  list.dispatchEvent(new Event("input", { bubbles: true }));
}

form.addEventListener("input", (event) => {
  const list = event.target.closest("[data-rows]");
  if (list) growList(list);
  askOthers(event.target.closest("[data-cell]"));
  kept.touched();
});

// --- a city's own text starts from the shared one
const fieldsOf = (cell) => [...cell.querySelectorAll(".edit-fields :is(input, textarea)[name]")];
const cellOf = (column, section) => form.querySelector(`[data-cell="${CSS.escape(`${column}.${section}`)}"]`);
const sectionOf = (cell) => cell.dataset.cell.split(".").slice(1).join(".");

form.addEventListener("change", (event) => {
  if (!event.target.matches('[type="radio"][value="own"]')) return;
  const cell = event.target.closest("[data-cell]");
  mountIn(cell);
  if (!fieldsOf(cell).some((field) => field.value.trim())) {
    const list = cell.querySelector("[data-rows]");
    const shared = cellOf("shared", sectionOf(cell));
    (shared ? fieldsOf(shared) : []).forEach((source, index) => {
      const target = fieldsOf(cell)[index];
      if (!target) return;
      setValue(target, source.value);
      if (list) growList(list);
    });
  }
  const first = fieldsOf(cell)[0];
  (views.get(first) ?? first)?.focus();
});

// --- the shared text changes: every city with its own words is asked at once whether they still hold
function askOthers(cell) {
  if (!cell?.dataset.cell.startsWith("shared.")) return;
  for (const other of form.querySelectorAll(`[data-cell$=".${CSS.escape(sectionOf(cell))}"]`)) {
    const flag = other.querySelector("[data-asks]");
    if (flag && other.querySelector('[value="own"]:checked, [value="omit"]:checked')) flag.hidden = false;
  }
}

// --- save by key
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    form.requestSubmit(form.querySelector('[value="save"]'));
  }
});

// --- what the Tab key reaches is never behind the bars; under a mouse nothing moves
const bar = form.querySelector(".edit-bar");
const heads = form.querySelector(".edit-heads");
let byKey = false;
document.addEventListener("keydown", () => { byKey = true; }, true);
document.addEventListener("pointerdown", () => { byKey = false; }, true);
form.addEventListener("focusin", ({ target }) => {
  if (byKey && !bar.contains(target)) requestAnimationFrame(() => clear(target)); // after the browser's own scrolling
});

function clear(field) {
  if (getComputedStyle(bar).position !== "sticky") return;
  const top = (heads?.offsetHeight ?? 0) + 16;
  const bottom = bar.getBoundingClientRect().top - 16;
  const box = field.getBoundingClientRect();
  const by = box.top < top ? box.top - top : Math.min(Math.max(0, box.bottom - bottom), box.top - top);
  if (by) scrollBy({ top: by, behavior: "instant" });
}

// --- live preview
async function showPreview() {
  const sent = (showPreview.sent = (showPreview.sent ?? 0) + 1);
  const response = await fetch(previewButton.formAction, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
  if (!response.ok || sent !== showPreview.sent) return;
  const open = new Set([...previews.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent));
  previews.innerHTML = await response.text();
  for (const summary of previews.querySelectorAll("summary")) summary.parentElement.open = open.has(summary.textContent);
}

previewButton?.addEventListener("click", async (event) => {
  event.preventDefault();
  previews.hidden = !previews.hidden;
  previewButton.setAttribute("aria-expanded", String(!previews.hidden));
  if (previews.hidden) return;
  await showPreview();
  announce(previews.querySelector("h2")?.textContent ?? "");
});

const kept = keep(form, { afterward: () => { if (previews && !previews.hidden) showPreview(); } });
document.getElementById("edit-error")?.focus();
