// A member's phone as a key: a P-256 key that never leaves this browser, and a code that is new every few seconds.
//
// The bytes are those of `aldaba_shared.phone`: schema, key id, time in milliseconds, signature over them and the site.
// Everything a code needs is in this browser, so codes go on while there is no network.

const SCHEMA = 1;
const KEY_ID_BYTES = 8;
const EVERY_MS = 4000;
const CLOCK_EVERY_MS = 60000;
const AHEAD_MS = 15000; // A moment further ahead than a door believes was the clock's mistake and binds nobody.
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SVG = "http://www.w3.org/2000/svg";

const root = document.getElementById("phone");
const { default: encodeQR } = await import(root.dataset.qr); // Its address holds a digest, so it is fetched once.
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const text = new TextEncoder();

// What is kept: the key in IndexedDB, because only that can hold one that cannot be exported; numbers beside it.
const opened = () =>
  new Promise((resolve, reject) => {
    const asked = indexedDB.open("aldaba", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("keys");
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });

const kept = async (mode, act) => {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const asked = act(database.transaction("keys", mode).objectStore("keys"));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  } finally {
    database.close();
  }
};

const name = root.dataset.holder;
const findKey = () => kept("readonly", (store) => store.get(name));
const keepKey = (pair) => kept("readwrite", (store) => store.put(pair, name));
const remembered = (what) => Number(localStorage.getItem(`aldaba-phone-${what}`)) || 0;
const remember = (what, value) => localStorage.setItem(`aldaba-phone-${what}`, String(value));

// The phone's clock as the cloud last corrected it; half the way there and back is the best guess of when it answered.
const correctClock = async () => {
  const asked = Date.now();
  try {
    const answer = await fetch(root.dataset.clock, { cache: "no-store" });
    if (!answer.ok) return;
    const { now_ms: now } = await answer.json();
    remember("offset", Math.round(now - (asked + Date.now()) / 2));
  } catch {
    // Without a network the last correction holds.
  }
};

// Each code is newer than the one before, also when the clock was put back by a little.
const nextMoment = () => {
  const now = Date.now() + remembered("offset");
  const last = remembered("moment");
  const moment = last >= now && last - now < AHEAD_MS ? last + 1 : now;
  remember("moment", moment);
  return moment;
};

const base45 = (bytes) => {
  let out = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = at + 1 < bytes.length;
    let value = pair ? bytes[at] * 256 + bytes[at + 1] : bytes[at];
    for (let digit = 0; digit < (pair ? 3 : 2); digit += 1) {
      out += ALPHABET[value % 45];
      value = Math.floor(value / 45);
    }
  }
  return out;
};

const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((length, one) => length + one.length, 0));
  parts.reduce((at, one) => (whole.set(one, at), at + one.length), 0);
  return whole;
};

const rawPublic = async (pair) => new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));

const codeText = async (pair, site) => {
  const id = new Uint8Array(await crypto.subtle.digest("SHA-256", await rawPublic(pair))).slice(0, KEY_ID_BYTES);
  const moment = new DataView(new ArrayBuffer(8));
  moment.setBigUint64(0, BigInt(nextMoment()));
  const signed = joined([SCHEMA], id, new Uint8Array(moment.buffer).slice(2));
  const message = joined(text.encode("aldaba/1/phone"), [0], text.encode(site), [0], signed);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, message);
  return base45(joined(signed, new Uint8Array(signature)));
};

// The picture stays and only its path changes: nothing flickers under a scanner.
const picture = document.createElementNS(SVG, "svg");
const path = document.createElementNS(SVG, "path");
picture.setAttribute("shape-rendering", "crispEdges");
picture.setAttribute("role", "img");
picture.setAttribute("aria-label", root.dataset.codeLabel);
picture.append(path);

const draw = (content) => {
  const rows = encodeQR(content, "raw", { encoding: "alphanumeric", ecc: "medium", border: 4 });
  const dark = rows.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x} ${y}h1v1h-1z`] : [])));
  picture.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  path.setAttribute("d", dark.join(""));
  if (!picture.isConnected) part("code").append(picture);
};

const show = (wanted) => {
  for (const one of root.querySelectorAll("[data-part]")) one.hidden = !wanted.includes(one.dataset.part);
};

let pair;
const refresh = async () => {
  if (!pair || document.hidden) return;
  const site = root.querySelector("select")?.value || root.dataset.site;
  draw(await codeText(pair, site));
};

const enrol = async () => {
  const fresh = await crypto.subtle.generateKey(ALGORITHM, false, ["sign"]);
  const body = JSON.stringify({ public_key: btoa(String.fromCharCode(...(await rawPublic(fresh)))), label: root.dataset.label });
  const headers = { "content-type": "application/json", "x-csrf-token": root.dataset.csrf };
  const answer = await fetch(root.dataset.enrol, { method: "POST", headers, body });
  if (!answer.ok) throw new Error(String(answer.status));
  await keepKey(fresh);
  await navigator.storage?.persist?.();
  return fresh;
};

const begin = async () => {
  if (!crypto.subtle) return show(["insecure"]);
  pair = await findKey();
  // The page names the keys that still open doors: a revoked one is enrolled anew, by the member's own press.
  if (pair && !root.dataset.keys.split(" ").includes(await keyName(pair))) pair = undefined;
  await correctClock();
  show(pair ? ["code", "choice"] : ["enrol"]);
  await refresh();
};

const keyName = async (known) => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await rawPublic(known))).slice(0, KEY_ID_BYTES);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

part("enrol")
  .querySelector("button")
  .addEventListener("click", async (event) => {
    event.target.disabled = true;
    try {
      pair = await enrol();
      show(["code", "choice"]);
      await refresh();
    } catch {
      show(["enrol", "failed"]);
    }
    event.target.disabled = false;
  });
root.querySelector("select")?.addEventListener("change", refresh);
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, EVERY_MS);
setInterval(correctClock, CLOCK_EVERY_MS);
begin();
