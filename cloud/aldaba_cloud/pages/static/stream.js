// A page with a stream says whether it lives, and since when it does not. The stream may come later than the page.
"use strict";
(() => {
  let heardAt = Date.now();

  const show = (alive) => {
    const state = document.querySelector("[data-stream-state]");
    if (!state) return;
    const at = new Date(heardAt).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const kind = alive ? "live" : "live broken";
    const words = alive ? state.dataset.live : state.dataset.broken.replace("{at}", at);
    if (state.className !== kind) state.className = kind;
    if (state.textContent !== words) state.textContent = words;
  };
  const quiet = () => {
    const state = document.querySelector("[data-stream-state]");
    return state && Date.now() - heardAt > Number(state.dataset.quietAfter) * 1000;
  };
  const heard = () => { heardAt = Date.now(); show(true); };
  for (const kind of ["htmx:sseOpen", "htmx:sseMessage"]) document.body.addEventListener(kind, heard);
  for (const kind of ["htmx:sseError", "htmx:sseClose"]) document.body.addEventListener(kind, () => show(false));
  setInterval(() => { if (quiet()) show(false); }, 1000);
})();
