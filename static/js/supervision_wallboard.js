// The wallboard says when its figures are old, and fills the screen on request.
const lost = document.querySelector("[data-lost]");

function connection(isThere) {
  lost.hidden = isThere;
  document.getElementById("wall").classList.toggle("is-stale", !isThere);
}
document.body.addEventListener("htmx:sendError", () => connection(false));
document.body.addEventListener("htmx:responseError", () => connection(false));
document.body.addEventListener("htmx:afterSettle", () => connection(true));

const button = document.querySelector("[data-full-screen]");
if (document.fullscreenEnabled) {
  button.hidden = false;
  button.addEventListener("click", () => document.documentElement.requestFullscreen());
  document.addEventListener("fullscreenchange", () => { button.hidden = Boolean(document.fullscreenElement); });
}
