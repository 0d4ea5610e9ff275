// A page with a stream says whether it lives, and since when it does not.
"use strict";
(() => {
  const state = document.querySelector("[data-stream-state]");
  const stream = state.closest("[sse-connect]");
  const quietAfter = Number(state.dataset.quietAfter) * 1000;
  let heardAt = Date.now();

  const show = (alive) => {
    const kind = alive ? "live" : "live broken";
    const at = new Date(heardAt).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const words = alive ? state.dataset.live : state.dataset.broken.replace("{at}", at);
    if (state.className !== kind) state.className = kind;
    if (state.textContent !== words) state.textContent = words;
  };
  const heard = () => { heardAt = Date.now(); show(true); };
  for (const kind of ["htmx:sseOpen", "htmx:sseMessage"]) stream.addEventListener(kind, heard);
  for (const kind of ["htmx:sseError", "htmx:sseClose"]) stream.addEventListener(kind, () => show(false));
  setInterval(() => { if (Date.now() - heardAt > quietAfter) show(false); }, 1000);
})();
