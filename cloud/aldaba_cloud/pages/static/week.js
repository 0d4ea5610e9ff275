// The week grid: draws what the time fields say, and writes into them what is painted.
"use strict";
(() => {
  const grid = document.getElementById("week-grid");
  const form = document.getElementById("week-form");
  const NS = "http://www.w3.org/2000/svg";
  const DAY = 1440;
  const STEP = 15;
  const draw = (name, attributes, parent) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    parent.append(node);
    return node;
  };
  const minutes = (text) => {
    const [, hours, rest] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
    return hours === undefined ? null : Math.min(Number(hours) * 60 + Number(rest), DAY);
  };
  const text = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

  const windowsOf = (day) => [...day.querySelectorAll(".window")].map((row) => {
    const [start, end] = [...row.querySelectorAll("input")].map((one) => minutes(one.value));
    return start === null || end === null ? null : [start, end || DAY];
  }).filter((one) => one && one[0] < one[1]).sort((a, b) => a[0] - b[0]);

  const write = (day, windows) => {
    const box = day.querySelector(".windows");
    const blank = box.querySelector(".window").cloneNode(true);
    for (const one of blank.querySelectorAll("input")) { one.value = ""; one.removeAttribute("value"); }
    box.replaceChildren(...[...windows, null].map((one) => {
      const row = blank.cloneNode(true);
      if (one) [...row.querySelectorAll("input")].forEach((field, index) => { field.value = text(one[index]); });
      return row;
    }));
  };

  const paint = (windows, from, to, open) => {
    const cut = windows.flatMap(([start, end]) => [[start, Math.min(end, from)], [Math.max(start, to), end]]).filter(([start, end]) => start < end);
    if (!open) return cut;
    const all = [...cut, [from, to]].sort((a, b) => a[0] - b[0]);
    return all.reduce((found, one) => {
      const last = found.at(-1);
      if (last && one[0] <= last[1]) last[1] = Math.max(last[1], one[1]);
      else found.push([...one]);
      return found;
    }, []);
  };
  const isOpen = (windows, minute) => windows.some(([start, end]) => start <= minute && minute < end);

  const table = document.createElement("table");
  table.className = "week";
  const head = table.createTHead().insertRow();
  head.append(document.createElement("td"));
  const ruler = document.createElement("th");
  ruler.className = "ruler num";
  ruler.setAttribute("aria-hidden", "true");
  const marks = draw("svg", { viewBox: "0 0 1440 16", class: "marks", "aria-hidden": "true" }, ruler);
  for (let hour = 0; hour < 24; hour += 3) draw("text", { x: hour * 60, y: 12 }, marks).textContent = `${String(hour).padStart(2, "0")}:00`;
  head.append(ruler);
  const body = table.createTBody();

  const bars = [...form.querySelectorAll(".day")].map((day) => {
    const row = body.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = day.dataset.name;
    row.append(name);
    const cell = row.insertCell();
    cell.className = "bar";
    const svg = draw("svg", { viewBox: "0 0 1440 36", preserveAspectRatio: "none", tabindex: "0", role: "slider", "aria-label": day.dataset.name, "aria-valuemin": 0, "aria-valuemax": DAY - STEP, "aria-describedby": "week-help" }, cell);
    const bar = { day, svg, at: 9 * 60 };

    bar.show = () => {
      const windows = windowsOf(day);
      svg.replaceChildren();
      for (const [start, end] of windows) draw("rect", { class: "open", x: start, width: end - start, y: 0, height: 36 }, svg);
      for (let hour = 1; hour < 24; hour += 1) draw("line", { class: "hour", x1: hour * 60, x2: hour * 60, y1: 0, y2: 36 }, svg);
      draw("rect", { class: "cursor", x: bar.at, width: STEP, y: 1, height: 34 }, svg);
      svg.setAttribute("aria-valuenow", bar.at);
      svg.setAttribute("aria-valuetext", `${text(bar.at)}, ${isOpen(windows, bar.at) ? grid.dataset.open : grid.dataset.closed}`);
    };
    bar.paint = (from, to, open) => { write(day, paint(windowsOf(day), from, to, open)); bar.show(); changed(); };

    const minuteAt = (event) => {
      const box = svg.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.9999);
      return Math.floor((share * DAY) / STEP) * STEP;
    };
    svg.addEventListener("pointerdown", (event) => {
      bar.at = minuteAt(event);
      const first = bar.at;
      const before = windowsOf(day);
      const open = !isOpen(before, first);
      svg.setPointerCapture(event.pointerId);
      const move = (moved) => {
        bar.at = minuteAt(moved);
        write(day, paint(before, Math.min(first, bar.at), Math.max(first, bar.at) + STEP, open));
        bar.show();
      };
      move(event);
      svg.addEventListener("pointermove", move);
      svg.addEventListener("pointerup", () => { svg.removeEventListener("pointermove", move); changed(); }, { once: true });
    });
    svg.addEventListener("keydown", (event) => {
      const by = { ArrowRight: STEP, ArrowLeft: -STEP, PageUp: 60, PageDown: -60 }[event.key];
      if (by !== undefined) {
        const open = isOpen(windowsOf(day), bar.at);
        const to = Math.min(Math.max(bar.at + by, 0), DAY - STEP);
        if (event.shiftKey) bar.paint(Math.min(bar.at, to), Math.max(bar.at, to) + STEP, open);
        bar.at = to;
        bar.show();
      } else if (event.key === "Home" || event.key === "End") {
        bar.at = event.key === "Home" ? 0 : DAY - STEP;
        bar.show();
      } else if (event.key === " " || event.key === "Enter") {
        bar.paint(bar.at, bar.at + STEP, !isOpen(windowsOf(day), bar.at));
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const next = bars[bars.indexOf(bar) + (event.key === "ArrowDown" ? 1 : -1)];
        if (next) { next.at = bar.at; next.show(); next.svg.focus(); }
      } else return;
      event.preventDefault();
    });
    day.addEventListener("change", () => {
      // What was typed stays as it is, right or wrong: the service says what cannot be used. One row stays free.
      const rows = [...day.querySelectorAll(".window")];
      const last = rows.at(-1);
      if ([...last.querySelectorAll("input")].some((one) => one.value)) {
        const blank = last.cloneNode(true);
        for (const one of blank.querySelectorAll("input")) { one.value = ""; one.removeAttribute("value"); }
        last.after(blank);
      }
      bar.show();
      changed();
    });
    return bar;
  });

  // What was rehearsed is not what stands in the fields any more: it has to be seen again before it is published.
  const changed = () => {
    for (const one of document.querySelectorAll("#rehearsal [data-publishes]")) one.disabled = true;
  };
  grid.append(table);
  grid.hidden = false;
  for (const bar of bars) bar.show();
})();
