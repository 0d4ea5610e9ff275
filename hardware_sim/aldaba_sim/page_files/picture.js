// A door drawn from what its wires say: frame, leaf, bolt and the light of its reader. CSS moves the parts.
const SVG = "http://www.w3.org/2000/svg";

const part = (tag, attributes, ...children) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

const reader = () => part("g", { class: "reader" },
  part("rect", { x: 121, y: 48, width: 15, height: 26, rx: 4 }),
  part("circle", { class: "lamp", cx: 128.5, cy: 55, r: 3.2 }),
  part("path", { d: "M124.500 64c2.600-2 5.400-2 8 0M126 67.500c1.700-1.300 3.300-1.300 5 0" }));

const leafDoor = () => [
  part("path", { class: "gap", d: "M34 14h74v96H34z" }),
  part("g", { class: "leaf" },
    part("path", { class: "wood", d: "M36 16h70v94H36z" }),
    part("path", { class: "panel", d: "M45 26h52v32H45zM45 68h52v32H45z" }),
    part("circle", { class: "knob", cx: 99, cy: 64, r: 2.6 })),
  part("path", { class: "frame", d: "M32 112V12h78v100" }),
  part("path", { class: "bolt", d: "M103 60h11v7h-11z" }),
];

const turnstile = () => [
  part("path", { class: "gap", d: "M22 110V52h26v58z" }),
  part("path", { class: "post", d: "M22 112V50q0-8 8-8h12q8 0 8 8v62z" }),
  part("g", { class: "arm" },
    part("path", { d: "M52 62h48" }), part("path", { d: "M52 62 30 96" }), part("path", { d: "M52 62 30 28" }),
    part("circle", { cx: 52, cy: 62, r: 5 })),
  part("path", { class: "frame", d: "M108 112V50" }),
];

/** The picture of a door or a turnstile; it says nothing to a screen reader, the facts beside it do. */
export function drawPicture(isTurnstile) {
  return part("svg", { viewBox: "0 0 144 120", class: "picture", "aria-hidden": "true" },
    part("path", { class: "floor", d: "M4 112h136" }), ...(isTurnstile ? turnstile() : leafDoor()), reader());
}
