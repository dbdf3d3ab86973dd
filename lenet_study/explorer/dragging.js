// What the networks see: the size normalization, and the changes of the digit.

import { CHANGES } from "./changes.js";
import { make } from "./elements.js";
import { Picture, coloursOf, numeral } from "./pictures.js";

// How far each change goes to both sides while it plays, in turn, and for how long.
const SWINGS = { right: 5, down: 5, angle: 40, scale: 0.4, squeeze: 0.35, thickness: 0.9 };
const SWING_TIME = 5000; // milliseconds
const CELL = 7; // CSS pixels of a pixel of the digit

/** The amounts with which nothing changes. */
export const UNCHANGED = Object.fromEntries(CHANGES.map(({ name, start }) => [name, start]));

/** The digit as the networks see it, its size normalization, and sliders for its changes. */
export function seenView(parent, explorer) {
  const change = (name, amount) => {
    const { least, most } = CHANGES.find((one) => one.name === name);
    const inside = Math.min(Math.max(amount, least), most);
    explorer.set({ changes: { ...explorer.state.changes, [name]: inside } });
  };
  const play = player(explorer, change);
  const reset = make("button", { type: "button", text: "reset" });
  reset.addEventListener("click", () => explorer.set({ changes: UNCHANGED }));
  const steady = make("p", { className: "steady" });
  parent.append(
    digitPicture(explorer, change),
    normalizing(explorer),
    make("div", { className: "tools" }, play, reset),
    steady,
    make("div", { className: "changes" }, ...CHANGES.map((one) => slider(one, change, explorer))),
  );
  const told = steadiness();
  explorer.watch((scene) => {
    steady.textContent = told(scene)
      .map(({ flips, digit }, index) => {
        const name = explorer.text(scene.networks[index].kind);
        const answer = digit ?? explorer.text("rubbish");
        return explorer.text(flips ? "flipped" : "still", name, answer, flips);
      })
      .join(" ");
  });
}

/** The picture of 28x28 pixels: whoever drags it shifts the digit. */
function digitPicture(explorer, change) {
  const attributes = { role: "img", label: "seen digit" };
  const layer = { maps: 1, rows: 28, columns: 28 };
  const picture = new Picture(layer, { across: 1, cell: CELL }, attributes);
  const { canvas } = picture;
  let from = null; // where the pointer and the digit were when the drag began
  canvas.addEventListener("pointerdown", ({ pointerId, clientX, clientY }) => {
    canvas.setPointerCapture(pointerId);
    const { right, down } = explorer.state.changes;
    from = { x: clientX, y: clientY, right, down };
  });
  canvas.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (!from) return;
    change("right", from.right + (clientX - from.x) / CELL);
    change("down", from.down + (clientY - from.y) / CELL);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => (from = null));
  }
  explorer.watch(({ greys }) => picture.draw(greys, coloursOf(explorer).grey, [0, 255]));
  return picture.element;
}

/** The switch of the size normalization, and in words what it did. */
function normalizing(explorer) {
  const input = make("input", { type: "checkbox" });
  input.addEventListener("change", () => explorer.set({ normalize: input.checked }));
  const words = make("p", { className: "small" });
  explorer.watch((scene) => {
    const { source, normalize } = explorer.state;
    input.checked = normalize;
    words.textContent = wordsOfNormalization(explorer, scene, source, normalize);
  });
  const label = make("label", { className: "switch" }, input, make("span", { text: "normalize" }));
  return make("div", {}, label, words);
}

function wordsOfNormalization(explorer, { normalized }, source, normalize) {
  if (source?.kind === "digit") return explorer.text("already normalized");
  if (!normalize) return explorer.text("not normalized");
  if (!normalized) return explorer.text("normalizes");
  const [top, left, bottom, right] = normalized.box;
  const [height, width] = [bottom - top, right - left];
  const factor = numeral(20 / Math.max(height, width), 2);
  return explorer.text("normalized", width, height, factor);
}

function slider({ name, least, most, step, start }, change, explorer) {
  const input = make("input", { type: "range", min: least, max: most, step, value: start });
  const value = make("output");
  input.addEventListener("input", () => change(name, input.valueAsNumber));
  explorer.watch(({ state }) => {
    const amount = state.changes[name];
    input.value = amount;
    value.textContent = numeral(amount, step < 0.5 ? 2 : step < 1 ? 1 : 0);
  });
  return make("label", {}, make("span", { text: `change ${name}` }), input, value);
}

/** A button that lets one change after another move slowly by itself. */
function player(explorer, change) {
  const button = make("button", { type: "button", className: "main" });
  let began = null; // when it started to play
  let own = null; // the amounts that it set: other ones stop it
  function start() {
    began = performance.now();
    own = explorer.state.changes;
    step(began);
  }
  function step(now) {
    if (began === null || explorer.state.changes !== own) return stop();
    const names = Object.keys(SWINGS);
    const turns = Math.max(now - began, 0) / SWING_TIME;
    const name = names[Math.floor(turns) % names.length];
    const amount = UNCHANGED[name] + SWINGS[name] * Math.sin(2 * Math.PI * turns);
    explorer.set({ changes: UNCHANGED });
    change(name, amount);
    own = explorer.state.changes;
    requestAnimationFrame(step);
  }
  function stop() {
    began = null;
    explorer.set({});
  }
  button.addEventListener("click", () => (began === null ? start() : stop()));
  explorer.closed.addEventListener("abort", stop);
  explorer.watch(() => {
    button.textContent = explorer.text(began === null ? "play" : "pause");
  });
  return button;
}

/** Counts how often each answer changes while the digit is dragged. */
function steadiness() {
  let before = {}; // the digit before the changes, the network, and what was told of both
  return ({ digit, networks: [network], answers, state }) => {
    const isDragged = CHANGES.some(({ name, start }) => state.changes[name] !== start);
    const isSame = before.digit === digit && before.network === network && isDragged;
    const told = answers.map((answer, index) => {
      const last = isSame ? before.told[index] : { digit: answer.digit, flips: 0 };
      return { digit: answer.digit, flips: last.flips + (answer.digit !== last.digit) };
    });
    before = { digit, network, told };
    return told;
  };
}
