"use strict";
// The page asks every 400 ms what the doors look like, and changes only what changed, so that focus stays.
const only = location.pathname.startsWith("/doors/") ? decodeURIComponent(location.pathname.slice(7)) : "";
const at = (id) => document.getElementById(id);
const make = (tag, text = "", attributes = {}) => {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
const SIDES = { in: "outside", out: "inside", egress: "inside" };
let held = "";

async function send(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "content-type": "application/json", "x-aldaba": "page" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) at("said").textContent = (await answer.json()).error || "That did not work.";
}

function hand(text, act) {
  const button = make("button", text, { type: "button" });
  button.addEventListener("click", act);
  return button;
}

function drawDoor(door) {
  const box = make("article", "", { class: "door", "data-door": door.id });
  const title = make("h3");
  title.append(make("a", door.name, { href: only ? "/" : `/doors/${encodeURIComponent(door.id)}` }));
  const facts = make("dl", "", { class: "facts" });
  for (const name of ["bolt", "leaf", "light"]) facts.append(make("dt", name === "leaf" && door.turnstile ? "arm" : name), make("dd", "", { "data-fact": name }));
  const hands = make("div", "", { class: "hands" });
  for (const side of door.sides) {
    const where = SIDES[side.side];
    if (side.reader) hands.append(hand(`Tap ${where}`, () => held ? send(`/doors/${door.id}/tap`, { card: held, side: side.side }) : (at("said").textContent = "Pick up a card first.")));
    else hands.append(hand("Press exit button", () => send(`/doors/${door.id}/press`)));
  }
  if (door.turnstile) hands.append(hand("Walk through", () => send(`/doors/${door.id}/push`, { open: true })));
  else hands.append(hand("Push the door", () => send(`/doors/${door.id}/push`, { open: true })), hand("Shut it", () => send(`/doors/${door.id}/push`, { open: false })));
  box.append(title, make("p", `from ${door.outer} to ${door.inner}`, { class: "way" }), facts, make("p", "", { class: "answer", "data-fact": "answer" }), hands);
  return box;
}

function show(box, fact, text, kind = "") {
  const element = box.querySelector(`[data-fact=${fact}]`);
  if (element.textContent !== text) element.textContent = text;
  if (element.className !== kind) element.className = kind;
}

function refresh(door) {
  let box = document.querySelector(`[data-door="${CSS.escape(door.id)}"]`);
  if (!box) { box = drawDoor(door); at("doors").append(box); }
  box.classList.toggle("released", door.released);
  show(box, "bolt", door.alive ? (door.released ? "lets through" : "holds") : "no controller", door.released ? "open" : "");
  show(box, "leaf", door.leaf_open ? (door.turnstile ? "turning" : "open") : "shut", door.leaf_open ? "open" : "");
  const light = (door.sides[0] || { light: "off" }).light;
  show(box, "light", light);
  const lamp = make("span", "", { class: `lamp ${light}`, "aria-hidden": "true" });
  box.querySelector("[data-fact=light]").prepend(lamp);
  const words = door.sentences ? `${door.granted ? "Yes" : "No"}: ${door.sentences.en} (${door.reason})` : "No answer yet.";
  const before = box.querySelector("[data-fact=answer]").dataset.at;
  show(box, "answer", words, `answer ${door.sentences ? (door.granted ? "yes" : "no") : ""}`);
  if (only && door.answered_at && before !== undefined && before !== door.answered_at) at("said").textContent = `${door.name}. ${words}`;
  box.querySelector("[data-fact=answer]").dataset.at = door.answered_at;
}

function drawCards(cards) {
  if (at("cards").childElementCount === cards.length) return;
  at("cards").replaceChildren(...cards.map((card) => {
    const label = make("label"), radio = make("input", "", { type: "radio", name: "card", value: card.id });
    radio.addEventListener("change", () => { held = card.id; });
    label.append(radio, ` ${card.label}`, make("small", card.note));
    return label;
  }));
}

async function look() {
  try {
    const now = await (await fetch("/now")).json();
    drawCards(now.cards);
    for (const door of now.doors) if (!only || door.id === only) refresh(door);
    at("lost").hidden = true;
  } catch { at("lost").hidden = false; }
  setTimeout(look, 400);
}

at("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const label of at("cards").children) label.hidden = !label.textContent.toLowerCase().includes(wanted);
});
look();
