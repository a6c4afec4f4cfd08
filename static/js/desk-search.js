// The search box: a combobox whose focus never leaves the input. Answers are asked for from the second
// letter on; an older answer never overtakes a newer one. One search is recorded once, when it ends.

const PAUSE = 25; // ms between two questions while letters keep coming
const LONGEST = 250; // letters that are asked for; what is pasted beyond says nothing more
const SPEAK = 700; // ms of quiet before a screen reader hears the count

export function startSearch(announce) {
  const form = document.getElementById("search-form");
  if (!form) return;
  const input = form.querySelector("[role=combobox]");
  const hits = document.getElementById("hits");
  const picks = document.getElementById("hits-form");
  const empty = hits.innerHTML;
  const call = document.getElementById("banner").dataset.call;
  // What hits are narrowed to; back to everything when the box is emptied.
  let kind = "", everywhere = "";
  let sequence = 0, shown = 0, asked = 0, timer = 0, speech = 0, running = null, pending = null;

  const typed = () => input.value.trim().slice(0, LONGEST).trim();
  const options = () => [...hits.querySelectorAll("[role=option]")];
  const selected = () => hits.querySelector("[role=option][aria-selected=true]");

  function prepare() {
    for (const option of options()) option.tabIndex = -1;
    input.setAttribute("aria-expanded", String(options().length > 0));
    input.removeAttribute("aria-activedescendant");
  }

  async function ask(query) {
    const mine = ++sequence;
    asked = performance.now();
    running?.abort();
    running = new AbortController();
    const parameters = new URLSearchParams({ q: query, city: form.elements.city.value, call });
    if (kind) parameters.set("art", kind);
    if (everywhere) parameters.set("ueberall", everywhere);
    const url = `${form.dataset.url}?${parameters}`;
    let answer, text;
    try {
      answer = await fetch(url, { signal: running.signal, headers: { "X-Requested-With": "fetch" }, credentials: "same-origin" });
      // An answer that a newer question stops may be half here already.
      text = answer.ok && !answer.redirected ? await answer.text() : "";
    } catch (error) {
      if (error.name !== "AbortError") window.dispatchEvent(new Event("desk:lost"));
      return;
    }
    if (answer.redirected || !answer.ok) {
      if (answer.redirected || answer.status === 403) location.reload();
      return;
    }
    if (mine < shown || mine < sequence) return;
    shown = mine;
    hits.innerHTML = text;
    htmx.process(hits);
    prepare();
    remember(query);
    performance.mark("desk-hits-shown", { detail: query });
    clearTimeout(speech);
    speech = setTimeout(speak, SPEAK);
  }

  function speak() {
    const first = selected()?.querySelector("strong")?.textContent;
    const count = hits.querySelector("#hit-count b")?.textContent;
    if (count) announce(first ? `${count}. ${first}` : count);
  }

  // What was typed last and not chosen from: recorded when the agent goes on to something else.
  function remember(query) {
    if (pending && !query.startsWith(pending.query.slice(0, 2))) flush();
    pending = {
      query,
      hits: hits.querySelector("[name=hits]")?.value || "0",
      milliseconds: hits.querySelector("[name=milliseconds]")?.value || "0",
    };
  }

  function flush() {
    if (!pending || !form.dataset.ended) return; // practice is no search of a caller's
    const body = new FormData();
    for (const [name, value] of Object.entries(pending)) body.append(name, value);
    body.append("city", form.elements.city.value);
    body.append("csrfmiddlewaretoken", picks.elements.csrfmiddlewaretoken.value);
    pending = null;
    navigator.sendBeacon(form.dataset.ended, body);
  }

  function move(step) {
    const all = options();
    if (!all.length) return;
    const now = all.indexOf(selected());
    // The first arrow down keeps the first hit, which Enter would open anyway, and tells it.
    const next = input.hasAttribute("aria-activedescendant") ? (now + step + all.length) % all.length : step > 0 ? Math.max(now, 0) : all.length - 1;
    for (const option of all) option.setAttribute("aria-selected", "false");
    all[next].setAttribute("aria-selected", "true");
    all[next].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", all[next].id);
  }

  function open(option) {
    pending = null;
    option.click(); // htmx takes the value of the button that was clicked
  }

  input.addEventListener("input", () => {
    const query = typed();
    clearTimeout(timer);
    clearTimeout(speech);
    if (query.length < 2) {
      sequence += 1;
      kind = everywhere = "";
      running?.abort();
      flush();
      hits.innerHTML = empty;
      prepare();
      return;
    }
    const wait = Math.max(0, asked + PAUSE - performance.now());
    if (wait === 0) ask(query);
    else timer = setTimeout(() => ask(query), wait);
  });

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape" && input.value) {
      event.preventDefault();
      input.value = "";
      input.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (event.key === "Enter" && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      // The hits of what stands in the box now: an Enter faster than the answer waits for it.
      const query = typed();
      const known = hits.querySelector("[name=query]")?.value;
      if (selected() && (known === query || (!known && !query))) open(selected());
      else if (query.length >= 2) { clearTimeout(timer); ask(query).then(() => selected() && open(selected())); }
    }
  });

  hits.addEventListener("click", (event) => {
    const suggestion = event.target.closest("[data-suggestion]");
    const filter = event.target.closest("[data-kind], [data-everywhere]");
    if (filter) {
      event.preventDefault();
      if ("kind" in filter.dataset) kind = filter.dataset.kind;
      else everywhere = filter.dataset.everywhere;
      input.focus();
      ask(typed());
    } else if (suggestion) {
      event.preventDefault();
      input.value = suggestion.dataset.suggestion;
      input.focus();
      input.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (event.target.closest("[role=option], [data-keys]")) {
      pending = null;
    }
  });

  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("pagehide", flush);
  prepare();
}
