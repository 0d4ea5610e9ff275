// The page asks every 400 ms what the doors look like, and changes only what changed, so that focus stays.
import { drawPicture } from "./picture.js";
import { WORDS, firstLanguage } from "./words.js";

const LOOK_EVERY_MS = 400;
const KEPT = "aldaba-language";
const only = location.pathname.startsWith("/doors/") ? decodeURIComponent(location.pathname.slice(7)) : "";
const at = (id) => document.getElementById(id);

let language = firstLanguage(localStorage.getItem(KEPT), navigator.languages);
let held = "";

const say = (word) => WORDS[language][word] ?? word;
const announce = (text) => { at("said").textContent = text; };

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// ---- language -------------------------------------------------------------

function speak(chosen) {
  language = chosen;
  localStorage.setItem(KEPT, chosen);
  document.documentElement.lang = chosen;
  document.title = `Aldaba: ${say("title")}`;
  for (const element of document.querySelectorAll("[data-say]")) setText(element, say(element.dataset.say));
  for (const element of document.querySelectorAll("[data-name]")) element.setAttribute("aria-label", say(element.dataset.name));
  for (const button of at("languages").children) button.setAttribute("aria-pressed", String(button.lang === chosen));
}

function drawLanguages() {
  for (const code of Object.keys(WORDS)) {
    const button = make("button", { type: "button", lang: code }, code);
    button.addEventListener("click", () => speak(code));
    at("languages").append(button);
  }
}

// ---- hands ----------------------------------------------------------------

async function send(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-aldaba": "page" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) announce((await answer.json()).error ?? say("failed"));
  } catch {
    announce(say("failed"));
  }
}

function hand(word, act) {
  const button = make("button", { type: "button", "data-say": word }, say(word));
  button.addEventListener("click", act);
  return button;
}

function tap(door, side) {
  if (held === "") announce(say("pick"));
  else send(`/doors/${encodeURIComponent(door)}/tap`, { card: held, side });
}

function drawHands(door) {
  const to = (verb, body) => () => send(`/doors/${encodeURIComponent(door.id)}/${verb}`, body);
  const sides = door.sides.map(({ side, reader }) => reader
    ? hand(side === "in" ? "tap_in" : "tap_out", () => tap(door.id, side))
    : hand("press", to("press")));
  const leaf = door.turnstile
    ? [hand("walk", to("push", { open: true }))]
    : [hand("push", to("push", { open: true })), hand("close", to("push", { open: false }))];
  return make("div", { class: "hands", role: "group", "aria-label": door.name }, ...sides, ...leaf);
}

// ---- doors ----------------------------------------------------------------

function drawFacts(door) {
  const facts = make("dl", { class: "facts" });
  for (const [fact, word] of [["bolt", "bolt"], ["leaf", door.turnstile ? "arm" : "leaf"], ["light", "light"]]) {
    facts.append(make("dt", { "data-say": word }, say(word)), make("dd", { "data-fact": fact }));
  }
  return facts;
}

function drawDoor(door) {
  const link = make("a", { href: `/doors/${encodeURIComponent(door.id)}` }, door.name);
  return make("article", { class: "door", "data-door": door.id },
    make("h3", {}, only ? door.name : link),
    make("p", { class: "way", "data-fact": "way" }),
    make("div", { class: "seen" }, drawPicture(door.turnstile), drawFacts(door)),
    make("p", { class: "answer", "data-fact": "answer" }),
    drawHands(door));
}

const leafWord = (door) => door.turnstile ? (door.leaf_open ? "turning" : "still") : (door.leaf_open ? "open" : "shut");
const boltWord = (door) => door.alive ? (door.released ? "lets" : "holds") : "gone";
const lightOf = (door) => door.sides[0]?.light ?? "off";
const place = (name) => name === "street" ? say("street") : name;

function answerOf(door) {
  if (!door.sentences) return say("silent");
  return `${say(door.granted ? "yes" : "no")}: ${door.sentences[language]}`;
}

function refresh(door) {
  let box = document.querySelector(`[data-door="${CSS.escape(door.id)}"]`);
  if (!box) at("doors").append(box = drawDoor(door));
  const fact = (name, text) => setText(box.querySelector(`[data-fact=${name}]`), text);
  box.dataset.bolt = boltWord(door);
  box.dataset.leaf = door.leaf_open ? "open" : "shut";
  box.dataset.light = lightOf(door);
  box.dataset.answer = door.sentences ? (door.granted ? "yes" : "no") : "none";
  fact("way", say("way")(place(door.outer), place(door.inner)));
  fact("bolt", say(boltWord(door)));
  fact("leaf", say(leafWord(door)));
  fact("light", say(lightOf(door)));
  fact("answer", answerOf(door));
  if (box.dataset.at !== undefined && box.dataset.at !== door.answered_at) answered(box, door);
  box.dataset.at = door.answered_at;
}

/** A new answer is lit for a moment; on the page of one door it is read out too. */
function answered(box, door) {
  box.classList.remove("fresh");
  requestAnimationFrame(() => box.classList.add("fresh"));
  if (only) announce(`${door.name}. ${answerOf(door)}`);
}

// ---- cards ----------------------------------------------------------------

function drawCard(card) {
  const radio = make("input", { type: "radio", name: "card", value: card.id });
  radio.addEventListener("change", () => {
    held = card.id;
    announce(say("held")(card.label));
  });
  return make("label", {}, radio, make("span", {}, card.label, make("small", {}, card.note)));
}

function drawCards(cards) {
  if (at("cards").childElementCount === cards.length) return;
  at("cards").replaceChildren(...cards.map(drawCard));
  findCards();
}

function findCards() {
  const wanted = at("filter").value.trim().toLowerCase();
  const labels = [...at("cards").children];
  for (const label of labels) label.hidden = !label.textContent.toLowerCase().includes(wanted);
  at("no-card").hidden = labels.length === 0 || labels.some((label) => !label.hidden);
}

// ---- looking --------------------------------------------------------------

function show(now) {
  document.querySelector(".loading")?.remove();
  drawCards(now.cards);
  for (const door of now.doors) if (!only || door.id === only) refresh(door);
}

async function look() {
  try {
    show(await (await fetch("/now")).json());
    at("lost").hidden = true;
  } catch {
    at("lost").hidden = false;
  }
  setTimeout(look, LOOK_EVERY_MS);
}

at("all").hidden = !only;
at("filter").addEventListener("input", findCards);
drawLanguages();
speak(language);
look();
