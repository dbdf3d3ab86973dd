// The field to draw in, and the digits to take.

import { make } from "./elements.js";

export const CANVAS = 200; // pixels of a drawing, each way
const PEN = 12; // the width of a stroke, in these pixels
const STEP = 5; // of the keyboard's cursor
const LARGEST_PHOTO = 2000; // pixels: what is larger is reduced when it is loaded
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

/**
 * Reduces the field to 28x28. Each new pixel is the mean over the area that it covers.
 * @param {object} source A drawing or an image.
 * @returns {Float32Array} 784 greys, light ink on about 0.
 */
export function reducedField(source) {
  const { pixels } = fieldOf(source);
  const size = CANVAS / 28;
  const share = (old, place) =>
    Math.max(0, Math.min(old + 1, (place + 1) * size) - Math.max(old, place * size)) / size;
  const greys = Float32Array.from({ length: 784 }, (_, pixel) => {
    const [row, column] = [Math.floor(pixel / 28), pixel % 28];
    let sum = 0;
    for (let y = Math.floor(row * size); y < (row + 1) * size; y++) {
      for (let x = Math.floor(column * size); x < (column + 1) * size; x++) {
        sum += share(y, row) * share(x, column) * pixels[4 * (y * CANVAS + x) + 1];
      }
    }
    return sum;
  });
  const mean = greys.reduce((sum, grey) => sum + grey) / 784;
  return mean > 127 ? greys.map((grey) => 255 - grey) : greys;
}

function fieldOf(source) {
  paint(board, source, "#000", "#fff");
  const pixels = board.getImageData(0, 0, CANVAS, CANVAS).data;
  return { pixels, width: CANVAS, height: CANVAS };
}

function paint(context, source, paper, ink, digit) {
  context.fillStyle = paper;
  context.fillRect(0, 0, CANVAS, CANVAS);
  if (source?.kind === "drawing") {
    source.strokes.forEach((stroke) => trace(context, stroke, ink));
  } else if (source?.kind === "image") {
    const { left, top, scale } = placeOf(source);
    context.drawImage(source.canvas, left, top, scale * source.width, scale * source.height);
  } else if (source?.kind === "digit") {
    context.imageSmoothingEnabled = false;
    context.drawImage(digit, 0, 0, CANVAS, CANVAS);
    context.imageSmoothingEnabled = true;
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

/** Where a whole image lies in the field. */
function placeOf({ width, height }) {
  const scale = CANVAS / Math.max(width, height);
  return { scale, left: (CANVAS - scale * width) / 2, top: (CANVAS - scale * height) / 2 };
}

/** Makes a canvas of 28x28 pixels with a digit on it. */
function digitCanvas(greys, attributes) {
  const canvas = make("canvas", { width: 28, height: 28, ...attributes });
  const image = new ImageData(28, 28);
  new Uint32Array(image.data.buffer).set(
    Uint32Array.from(greys, (grey) => (255 << 24) | (grey << 16) | (grey << 8) | grey),
  );
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** The field, its tools, and the stored digits. */
export function drawingView(parent, explorer) {
  const past = []; // the sources before, for undo
  const keys = new Set(); // the arrow keys that are down
  let cursor = null; // of the keyboard: {x, y}
  let stroke = null; // the one that grows
  let pointer = null; // the one that draws it

  /** Replaces what is in the field, and remembers what was there. */
  function take(source) {
    past.push(explorer.state.source);
    stroke = null;
    explorer.set({ source });
  }

  function undo() {
    stroke = null;
    if (past.length) explorer.set({ source: past.pop() });
  }

  function clear() {
    if (explorer.state.source) take(null);
  }

  function begin(point) {
    const { source } = explorer.state;
    const strokes = source?.kind === "drawing" ? source.strokes : [];
    const started = [point];
    take({ kind: "drawing", strokes: [...strokes, started] });
    stroke = started;
  }

  function extend(point) {
    stroke.push(point);
    explorer.set({ source: { ...explorer.state.source } });
  }

  async function load(files) {
    const file = [...files].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    try {
      take(await imageOf(file));
    } catch {
      take({ kind: "broken" });
    }
  }

  const field = make("canvas", {
    className: "field",
    width: 2 * CANVAS,
    height: 2 * CANVAS,
    tabIndex: 0,
    role: "application",
    label: "drawing field",
  });
  const context = field.getContext("2d");
  context.scale(2, 2);

  const pointAt = (event) => {
    const { left, top, width, height } = field.getBoundingClientRect();
    return [
      ((event.clientX - left) / width) * CANVAS,
      ((event.clientY - top) / height) * CANVAS,
    ];
  };
  field.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    field.setPointerCapture(pointer);
    cursor = null;
    begin(pointAt(event));
  });
  field.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer || !stroke) return;
    const events = event.getCoalescedEvents();
    (events.length ? events : [event]).forEach((one) => extend(pointAt(one)));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    field.addEventListener(name, ({ pointerId }) => {
      if (pointerId === pointer) pointer = stroke = null;
    });
  }

  const move = (key) => {
    keys.add(key);
    for (const held of keys) {
      cursor.x = Math.min(Math.max(cursor.x + STEP * ARROWS[held][0], 0), CANVAS);
      cursor.y = Math.min(Math.max(cursor.y + STEP * ARROWS[held][1], 0), CANVAS);
    }
    if (stroke) extend([cursor.x, cursor.y]);
  };
  field.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    const isArrow = key in ARROWS;
    if (!isArrow && ![" ", "Backspace", "Delete"].includes(key)) return;
    event.preventDefault();
    cursor ??= { x: CANVAS / 2, y: CANVAS / 4 };
    if (isArrow) move(key);
    else if (key === "Backspace") undo();
    else if (key === "Delete") clear();
    else if (stroke) stroke = null;
    else if (!event.repeat) begin([cursor.x, cursor.y]);
    explorer.set({});
  });
  field.addEventListener("keyup", ({ key }) => keys.delete(key));
  field.addEventListener("blur", () => {
    keys.clear();
    cursor = stroke = null;
    explorer.set({});
  });

  parent.addEventListener("dragover", (event) => event.preventDefault());
  parent.addEventListener("drop", (event) => {
    event.preventDefault();
    load(event.dataTransfer.files);
  });
  const paste = ({ target, clipboardData }) => {
    const isOurs = target === document.body || explorer.root.contains(target);
    if (isOurs) load(clipboardData.files);
  };
  document.addEventListener("paste", paste, { signal: explorer.closed });

  const button = (text, onclick) => make("button", { type: "button", text, onclick });
  const file = make("input", { type: "file", accept: "image/*", hidden: true });
  file.addEventListener("change", () => {
    load(file.files);
    file.value = "";
  });
  const [back, empty] = [button("undo", undo), button("clear", clear)];
  const told = make("p", { className: "status", role: "status" });
  parent.append(
    make("div", { className: "stage" }, field, make("span", { text: "field hint" })),
    make("div", { className: "tools" }, back, empty, button("file", () => file.click()), file),
    told,
    shelf(explorer, take),
    make("p", { className: "small", text: "keys" }),
  );

  explorer.watch(({ normalized, refusal }) => {
    const { source } = explorer.state;
    const digit = source?.kind === "digit" ? digitCanvas(explorer.stored(source.index)) : null;
    paint(context, source, explorer.color("--board"), explorer.color("--ink"), digit);
    if (normalized) frameBox(context, source, normalized.box, explorer.color("--found"));
    if (cursor) drawCursor(context, cursor, stroke, explorer.color("--found"));
    field.nextSibling.hidden = source !== null || cursor !== null;
    back.disabled = past.length === 0;
    empty.disabled = source === null;
    told.textContent = toldOf(explorer, refusal, cursor && (stroke ? "pen down" : "pen up"));
    told.classList.toggle("refusal", refusal !== null);
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
function frameBox(context, source, [top, left, bottom, right], colour) {
  const place = source.kind === "image" ? placeOf(source) : { scale: 1, left: 0, top: 0 };
  const { scale } = place;
  const [x, y] = [place.left + scale * left, place.top + scale * top];
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash([4, 3]);
  context.strokeRect(x, y, scale * (right - left), scale * (bottom - top));
  context.setLineDash([]);
}

function drawCursor(context, { x, y }, isDown, colour) {
  context.beginPath();
  context.arc(x, y, PEN / 2 + 2, 0, 2 * Math.PI);
  context.lineWidth = 2;
  context.strokeStyle = context.fillStyle = colour;
  context.stroke();
  if (isDown) context.fill();
}

/** What is in the field, in words. */
function toldOf(explorer, refusal, pen) {
  const { source } = explorer.state;
  const words = [];
  if (refusal) words.push(explorer.text(refusal));
  if (source?.kind === "digit") {
    const { kinds, index, labels, told } = explorer.data.digits;
    const place = source.index;
    words.push(explorer.text(`told ${kinds[place]}`, index[place], labels[place], told[place]));
  }
  if (pen) words.push(explorer.text(pen));
  return words.join(" ");
}

/** The stored digits, one kind at a time: arrow keys go from one to the next. */
function shelf(explorer, take) {
  const { kinds, index, labels } = explorer.data.digits;
  const strip = make("div", { className: "strip", role: "group", label: "stored digits" });
  const choose = (place) => take({ kind: "digit", index: place });
  const places = (kind) => [...kinds.keys()].filter((place) => kinds[place] === kind);

  function fill(kind) {
    const buttons = places(kind).map((place, order) =>
      make(
        "button",
        {
          type: "button",
          label: "stored digit",
          values: [labels[place], index[place]],
          tabIndex: order ? -1 : 0,
          onclick: () => choose(place),
        },
        digitCanvas(explorer.stored(place), {}),
      ),
    );
    strip.replaceChildren(...buttons);
    explorer.set({ language: explorer.state.language });
  }
  strip.addEventListener("keydown", (event) => {
    const all = [...strip.children];
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = step && all[all.indexOf(document.activeElement) + step];
    if (!step) return;
    event.preventDefault();
    if (next) {
      all.forEach((one) => (one.tabIndex = one === next ? 0 : -1));
      next.focus();
    }
  });

  const list = make("select", { label: "kind of digit" });
  list.append(...new Set(kinds).values().map((kind) => make("option", { value: kind, text: `kind ${kind}` })));
  list.addEventListener("change", () => fill(list.value));
  const another = make("button", { type: "button", text: "another" });
  another.addEventListener("click", () => {
    const all = places(list.value);
    choose(all[Math.floor(Math.random() * all.length)]);
  });
  fill(list.value);
  return make("div", { className: "shelf" }, make("div", { className: "tools" }, list, another), strip);
}
