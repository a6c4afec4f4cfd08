// Keys: an element says by data-keys which key acts on it; the server prints the same key beside it.
// A key without Ctrl or Alt never acts while text is typed; there the same letter works with Alt.

const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=submit]), textarea, select, [contenteditable]";

function keyName(event) {
  if (event.key === " ") return "Space";
  // With Alt some layouts report another character: letters and digits are then told by their position.
  if (event.altKey && /^(Key[A-Z]|Digit\d|Numpad\d)$/.test(event.code) && !/^[a-z0-9]$/i.test(event.key)) return event.code.slice(-1);
  return event.key.length === 1 ? event.key.toUpperCase() : event.key;
}

export function combination(event) {
  const key = keyName(event);
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  // Shift is part of how signs like ? are typed; it counts for letters, digits and named keys only.
  if (event.shiftKey && (key.length > 1 || /[A-Z0-9]/.test(key))) parts.push("Shift");
  return [...parts, key].join("+");
}

function visible(element) {
  return !element.disabled && (element.getClientRects().length > 0 || element.closest("details:not([open])"));
}

function find(keys) {
  const dialog = document.querySelector("dialog[open]");
  const root = dialog || document;
  return [...root.querySelectorAll(`[data-keys="${CSS.escape(keys)}"]`)].find(visible);
}

// The band of situations comes from the knowledge base; its key counts for the city that is calling.
function counter(pressed) {
  const key = document.getElementById("desk-state")?.dataset.countKey;
  if (!key || (pressed !== key && pressed !== `Alt+${key}`)) return null;
  const city = document.querySelector(".banner")?.dataset.city;
  return document.querySelector(city ? `[data-notice-count="${CSS.escape(city)}"]` : "[data-notice-count]");
}

function act(element) {
  if (element.matches("textarea, input:not([type=radio]):not([type=checkbox]):not([type=submit])")) {
    element.focus();
    if (element.type === "search") element.select();
  } else {
    element.click();
  }
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.getModifierState("AltGraph")) return;
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
      const back = document.querySelector("#answer [data-escape]");
      if (back && !event.target.closest?.("#search-form")) back.click();
      return;
    }
    const typing = event.target.matches?.(TYPING);
    const pressed = combination(event);
    if (typing && !/^(Ctrl|Alt)\+/.test(pressed)) return;
    const letter = pressed.match(/^Alt\+([A-Z])$/);
    const element = find(pressed) || (letter && find(letter[1])) || counter(pressed);
    if (!element) return;
    event.preventDefault();
    if (!event.repeat) act(element);
  });
}
