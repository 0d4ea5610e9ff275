// What every page needs beyond HTML: saying that the cloud did not answer, and dialogs.
"use strict";
(() => {
  const toast = document.getElementById("toast");
  const offline = document.getElementById("toast-offline");
  let hiding;
  const say = (node) => {
    toast.replaceChildren(node);
    clearTimeout(hiding);
    hiding = setTimeout(() => toast.replaceChildren(), 8000);
  };
  document.body.addEventListener("htmx:sendError", () => say(offline.content.cloneNode(true)));
  document.body.addEventListener("htmx:timeout", () => say(offline.content.cloneNode(true)));
  // A refusal comes as a fragment with its own words: show it where it was asked for.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 422 || event.detail.xhr.status === 409) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  // The bar at the top has one row or three: what is scrolled to stays clear of it.
  const bar = document.querySelector(".top");
  new ResizeObserver(() => {
    const covers = getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0;
    document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`);
    document.documentElement.style.scrollPaddingTop = `${covers + 16}px`;
  }).observe(bar);
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog")?.close();
  });
})();
