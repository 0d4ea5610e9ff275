// The live board: lets numbers age, and keeps the list short.
"use strict";
(() => {
  const board = document.getElementById("live-board");
  const told = document.getElementById("told");
  const events = document.getElementById("events");
  const skew = Date.now() - Number(board.dataset.now) * 1000;
  const language = document.documentElement.lang;
  const KEPT = 60;
  const TOLD_EVERY = 20000;
  let toldAt = 0;

  const ago = new Intl.RelativeTimeFormat(language, { style: "narrow", numeric: "always" });
  const words = (seconds) => {
    if (seconds < 5) return board.dataset.just;
    if (seconds < 60) return ago.format(-Math.floor(seconds), "second");
    if (seconds < 3600) return ago.format(-Math.floor(seconds / 60), "minute");
    return ago.format(-Math.floor(seconds / 3600), "hour");
  };
  const letAge = () => {
    const now = (Date.now() - skew) / 1000;
    for (const one of board.querySelectorAll("[data-since]")) {
      const text = words(Math.max(0, now - Number(one.dataset.since)));
      if (one.textContent !== text) one.textContent = text;
    }
    for (const one of board.querySelectorAll("[data-clock]")) {
      one.textContent = new Date(Date.now() - skew).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: one.dataset.clock });
    }
  };

  // A screen reader hears the numbers at most every twenty seconds, and politely.
  const tell = () => {
    if (Date.now() - toldAt < TOLD_EVERY) return;
    toldAt = Date.now();
    const list = [...board.querySelectorAll(".zone")].map((one) => `${one.querySelector("h3").textContent} ${one.querySelector("b").textContent}`);
    told.textContent = told.dataset.zones.replace("{list}", list.join(", "));
  };

  // After a break the stream sends again what this page already has: one line an event.
  document.body.addEventListener("htmx:sseBeforeMessage", (event) => {
    if (event.detail.type !== "happened") return;
    const id = /id="(event-[^"]+)"/.exec(event.detail.data)?.[1];
    if (id && document.getElementById(id)) event.preventDefault();
  });
  board.addEventListener("htmx:afterSwap", () => {
    if (events.querySelector(".event")) events.querySelector(".quiet-day")?.remove();
    while (events.children.length > KEPT) events.lastElementChild.remove();
    tell();
    letAge();
  });
  setInterval(letAge, 1000);
  letAge();
})();
