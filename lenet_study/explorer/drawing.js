// The field to draw in: by pointer or keyboard, or with an image.

import { make } from "./elements.js";
import { Picture, coloursOf } from "./pictures.js";

export const CANVAS = 4 * 28; // pixels of a drawing, each way: small, so that it is quick
const PEN = 7; // the width of a stroke, in these pixels
const PEN_STEP = 4; // of the keyboard's cursor
const SHARPNESS = 4; // so many pixels of the screen show one of them
const LARGEST_PHOTO = 2000; // pixels: what is larger is reduced when it is loaded

/** The arrow keys as steps to the right and down. */
export const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const board = new OffscreenCanvas(CANVAS, CANVAS).getContext("2d", { willReadFrequently: true });

/**
 * Returns all pixels of a drawing or of an image.
 * @param {object} source
 * @returns {{pixels: Uint8ClampedArray, width: number, height: number}} RGBA.
 */
export function pixelsOf(source) {
  return source.kind === "image" ? source : fieldOf(source);
}

function fieldOf(source) {
  paint(board, source, "#000", "#fff");
  const pixels = board.getImageData(0, 0, CANVAS, CANVAS).data;
  return { pixels, width: CANVAS, height: CANVAS };
}

/**
 * Reduces the field to 28x28. Each new pixel is the mean of a square.
 * @param {object} source A drawing or an image.
 * @returns {Float32Array} 784 greys, light ink on about 0.
 */
export function reducedField(source) {
  const { pixels } = fieldOf(source);
  const size = CANVAS / 28;
  const greys = new Float32Array(784);
  for (let pixel = 0; pixel < CANVAS * CANVAS; pixel++) {
    const [y, x] = [Math.floor(pixel / CANVAS), pixel % CANVAS];
    greys[28 * Math.floor(y / size) + Math.floor(x / size)] += pixels[4 * pixel + 1] / size ** 2;
  }
  const mean = greys.reduce((sum, grey) => sum + grey) / 784;
  return mean > 127 ? greys.map((grey) => 255 - grey) : greys;
}

function paint(context, source, paper, ink) {
  context.fillStyle = paper;
  context.fillRect(0, 0, CANVAS, CANVAS);
  if (source?.kind === "drawing") {
    source.strokes.forEach((stroke) => trace(context, stroke, ink));
  } else if (source?.kind === "image") {
    const { left, top, scale } = placeOf(source);
    context.drawImage(source.canvas, left, top, scale * source.width, scale * source.height);
  }
}

/** Draws one stroke: smooth, a curve through the middles between its points. */
function trace(context, stroke, ink) {
  context.strokeStyle = ink;
  context.lineWidth = PEN;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(...stroke[0]);
  for (let i = 1; i < stroke.length - 1; i++) {
    const [[x, y], [nextX, nextY]] = [stroke[i], stroke[i + 1]];
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  const [x, y] = stroke.at(-1);
  context.lineTo(x + 0.01, y); // a dot has a length too
  context.stroke();
}

/** Where a whole source lies in the field. */
function placeOf({ width = CANVAS, height = CANVAS }) {
  const scale = CANVAS / Math.max(width, height);
  return { scale, left: (CANVAS - scale * width) / 2, top: (CANVAS - scale * height) / 2 };
}

/** The field and its tools. */
export function drawingView(parent, explorer) {
  const pen = { point: null, stroke: null }; // the keyboard's cursor; the stroke that grows
  const field = make("canvas", {
    className: "field",
    width: SHARPNESS * CANVAS,
    height: SHARPNESS * CANVAS,
    tabIndex: 0,
    role: "application",
    label: "drawing field",
  });
  const change = (step) => {
    pen.stroke = null;
    step();
  };
  const clear = () => change(() => explorer.state.source && explorer.take(null));
  const undo = () => change(explorer.undo);
  const begin = (point) => {
    const { source } = explorer.state;
    const before = source?.kind === "drawing" ? source.strokes : [];
    pen.stroke = [point];
    explorer.take({ kind: "drawing", strokes: [...before, pen.stroke] });
  };
  const extend = (point) => {
    pen.stroke.push(point);
    explorer.set({ source: { ...explorer.state.source } });
  };
  listenToPointers(field, pen, begin, extend);
  listenToKeys(field, pen, { begin, extend, undo, clear, tell: () => explorer.set({}) });

  const load = async (files) => {
    const file = [...files].find(({ type }) => type.startsWith("image/"));
    if (file) explorer.take(await imageOf(file).catch(() => ({ kind: "broken" })));
  };
  parent.addEventListener("dragover", (event) => event.preventDefault());
  parent.addEventListener("drop", (event) => {
    event.preventDefault();
    load(event.dataTransfer.files);
  });
  const paste = ({ target, clipboardData }) => {
    if (target === document.body || explorer.root.contains(target)) load(clipboardData.files);
  };
  document.addEventListener("paste", paste, { signal: explorer.closed });

  const button = (text, onclick) => make("button", { type: "button", text, onclick });
  const file = make("input", { type: "file", accept: "image/*", hidden: true });
  file.addEventListener("change", () => load(file.files));
  const [back, empty] = [button("undo", undo), button("clear", clear)];
  const photo = button("file", () => file.click());
  const told = make("p", { className: "status", role: "status" });
  const hint = make("span", { text: "field hint" });
  parent.append(
    make("div", { className: "stage" }, field, hint),
    make("div", { className: "tools" }, back, empty, photo, file),
    told,
    make("p", { className: "small", text: "keys" }),
  );

  const context = field.getContext("2d");
  context.scale(SHARPNESS, SHARPNESS);
  const stored = new Picture({ maps: 1, rows: 28, columns: 28 }, { across: 1, cell: 1 });
  explorer.watch(({ normalized, refusal }) => {
    const { source } = explorer.state;
    paint(context, source, explorer.color("--board"), explorer.color("--ink"));
    if (source?.kind === "digit") {
      stored.draw(explorer.stored(source.index), coloursOf(explorer).grey, [0, 255]);
      context.imageSmoothingEnabled = false;
      context.drawImage(stored.canvas, 0, 0, CANVAS, CANVAS);
    }
    context.strokeStyle = context.fillStyle = explorer.color("--found");
    if (normalized) frameInk(context, placeOf(source), normalized.box);
    if (pen.point) drawCursor(context, pen);
    hint.hidden = source !== null || pen.point !== null;
    back.disabled = explorer.past.length === 0;
    empty.disabled = source === null;
    const words = [];
    if (refusal) words.push(explorer.text(refusal));
    if (source?.kind === "digit") words.push(wordsOfStored(explorer, source.index));
    if (pen.point) words.push(explorer.text(pen.stroke ? "pen down" : "pen up"));
    told.textContent = words.join(" ");
    told.classList.toggle("refusal", refusal !== null);
  });
}

/** Mouse, finger and pen: one of them draws at a time. */
function listenToPointers(field, pen, begin, extend) {
  let pointer = null;
  const pointAt = ({ clientX, clientY }) => {
    const { left, top, width, height } = field.getBoundingClientRect();
    return [((clientX - left) / width) * CANVAS, ((clientY - top) / height) * CANVAS];
  };
  field.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    field.setPointerCapture(pointer);
    pen.point = null;
    begin(pointAt(event));
  });
  field.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer || !pen.stroke) return;
    const events = event.getCoalescedEvents();
    (events.length ? events : [event]).forEach((one) => extend(pointAt(one)));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    field.addEventListener(name, ({ pointerId }) => {
      if (pointerId === pointer) pointer = pen.stroke = null;
    });
  }
}

/** Arrow keys move the pen, two of them aslant; Space puts it down and lifts it. */
function listenToKeys(field, pen, { begin, extend, undo, clear, tell }) {
  const held = new Set();
  const inside = (place) => Math.min(Math.max(place, 0), CANVAS);
  const move = () => {
    const steps = [...held].map((key) => ARROWS[key]);
    pen.point = pen.point.map((place, axis) =>
      inside(steps.reduce((sum, step) => sum + PEN_STEP * step[axis], place)),
    );
    if (pen.stroke) extend(pen.point);
  };
  const turn = () => {
    if (pen.stroke) pen.stroke = null;
    else begin(pen.point);
  };
  const actions = { Backspace: undo, Delete: clear, " ": turn };
  field.addEventListener("keydown", (event) => {
    const { key, repeat, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey || !(key in ARROWS || key in actions)) return;
    event.preventDefault();
    pen.point ??= [CANVAS / 2, CANVAS / 4];
    if (key in ARROWS) {
      held.add(key);
      move();
    } else if (!repeat) {
      actions[key]();
    }
    tell();
  });
  field.addEventListener("keyup", ({ key }) => held.delete(key));
  field.addEventListener("blur", () => {
    held.clear();
    pen.point = pen.stroke = null;
    tell();
  });
}

/** Decodes a file. */
async function imageOf(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LARGEST_PHOTO / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.ceil(side * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height).data;
  return { kind: "image", canvas, pixels, width, height };
}

/** Frames the ink that the size normalization found. */
function frameInk(context, { left: x, top: y, scale }, [top, left, bottom, right]) {
  const size = [scale * (right - left), scale * (bottom - top)];
  context.lineWidth = 0.6;
  context.setLineDash([2, 2]);
  context.strokeRect(x + scale * left, y + scale * top, ...size);
  context.setLineDash([]);
}

function drawCursor(context, { point, stroke }) {
  context.beginPath();
  context.arc(...point, PEN / 2 + 1, 0, 2 * Math.PI);
  context.lineWidth = 1;
  context.stroke();
  if (stroke) context.fill();
}

function wordsOfStored(explorer, place) {
  const { kinds, index, labels, told } = explorer.data.digits;
  return explorer.text(`told ${kinds[place]}`, index[place], labels[place], told[place]);
}
