// A page that is leaving by a form asks nothing more and goes nowhere else: a second way would cut off the first.
let left = false;

document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented && event.target.method !== "dialog") left = true;
});
addEventListener("pageshow", () => { left = false; }); // back by the browser's own history
document.addEventListener("htmx:confirm", (event) => { if (left) event.preventDefault(); });
document.addEventListener("htmx:beforeOnLoad", (event) => { if (left) event.preventDefault(); });

export function leaving() {
  return left;
}
