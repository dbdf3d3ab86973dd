import { make } from "./elements.js";

export const FIELD = 200; // pixels of a drawing, each way
const PEN = 12; // width of a stroke, in these pixels
const STEP = 5; // of the keyboard's cursor
const LARGEST_PHOTO = 2000; // pixels: what is larger is reduced when it is loaded
export const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const raster = new OffscreenCanvas(FIELD, FIELD).getContext("2d", { willReadFrequently: true });

/**
 * Returns the field as the networks would see it.
 * @param {object} source A drawing or an image.
 * @returns {Uint8Array} 200x200 greys: light ink on about 0.
 */
export function fieldOf(source) {
  paint(raster, source, "#000", "#fff");
  const { data } = raster.getImageData(0, 0, FIELD, FIELD);
  const greys = Uint8Array.from({ length: FIELD * FIELD }, (_, pixel) => data[4 * pixel]);
  const mean = greys.reduce((sum, grey) => sum + grey) / greys.length;
  return mean > 127 ? greys.map((grey) => 255 - grey) : greys;
}

/** Paints what is in the field. */
function paint(context, source, board, ink) {
  context.fillStyle = board;
  context.fillRect(0, 0, FIELD, FIELD);
  if (source?.kind === "drawing") {
    source.strokes.forEach((stroke) => trace(context, stroke, ink));
  } else if (source?.kind === "image") {
    const { left, top, scale } = fitted(source);
    context.drawImage(source.canvas, left, top, scale * source.width, scale * source.height);
  }
}

/** Where a whole image goes in the field. */
function fitted({ width, height }) {
  const scale = FIELD / Math.max(width, height);
  return { scale, left: (FIELD - scale * width) / 2, top: (FIELD - scale * height) / 2 };
}

/** Draws one stroke, smooth: a curve through the middles between its points. */
function trace(context, stroke, color) {
  context.strokeStyle = color;
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

/** The field to draw in, its tools, and the digits to take. */
export function drawingView(parent, explorer) {
  const past = []; // the sources before, for undo
  const held = new Set(); // arrow keys that are down
  let cursor = null; // of the keyboard: {x, y}
  let stroke = null; // the one that grows
  let pointer = null; // the one that draws it

  const field = make("canvas", {
    className: "field",
    width: 2 * FIELD,
    height: 2 * FIELD,
    tabIndex: 0,
    role: "application",
    label: "field",
    "aria-describedby": "explorer-keys",
  });
  const hint = make("span", { className: "hint", text: "field hint" });
  const told = make("p", { className: "told", role: "status" });
  const context = field.getContext("2d");
  context.scale(2, 2);

  /** Replaces what is in the field, and remembers what was there. */
  function take(source) {
    past.push(explorer.state.source);
    stroke = null;
    explorer.set({ source });
  }

  function undo() {
    if (past.length > 0) {
      stroke = null;
      explorer.set({ source: past.pop() });
    }
  }

  function clear() {
    if (explorer.state.source !== null) {
      take(null);
    }
  }

  function begin(point) {
    const { source } = explorer.state;
    const strokes = source?.kind === "drawing" ? source.strokes : [];
    const started = [point];
    take({ kind: "drawing", strokes: [...strokes, started] });
    stroke = started;
  }

  /** Adds a point to the stroke that grows. */
  function extend(point) {
    stroke.push(point);
    explorer.set({ source: { ...explorer.state.source } });
  }

  function place(event) {
    const { left, top, width, height } = field.getBoundingClientRect();
    return [
      ((event.clientX - left) / width) * FIELD,
      ((event.clientY - top) / height) * FIELD,
    ];
  }

  field.addEventListener("pointerdown", (event) => {
    if (pointer === null && event.button === 0) {
      pointer = event.pointerId;
      field.setPointerCapture(pointer);
      cursor = null;
      begin(place(event));
    }
  });
  field.addEventListener("pointermove", (event) => {
    if (event.pointerId === pointer && stroke) {
      const events = event.getCoalescedEvents();
      (events.length ? events : [event]).forEach((each) => extend(place(each)));
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    field.addEventListener(name, (event) => {
      if (event.pointerId === pointer) {
        pointer = stroke = null;
      }
    });
  }

  field.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    cursor ??= { x: FIELD / 2, y: FIELD / 4 };
    if (event.key in ARROWS) {
      held.add(event.key);
      for (const key of held) {
        cursor.x = Math.min(Math.max(cursor.x + STEP * ARROWS[key][0], 0), FIELD);
        cursor.y = Math.min(Math.max(cursor.y + STEP * ARROWS[key][1], 0), FIELD);
      }
      if (stroke) {
        extend([cursor.x, cursor.y]);
      }
    } else if (event.key === " " && !event.repeat) {
      if (stroke) {
        stroke = null;
      } else {
        begin([cursor.x, cursor.y]);
      }
    } else if (event.key === "Backspace") {
      undo();
    } else if (event.key === "Delete") {
      clear();
    } else {
      return;
    }
    event.preventDefault();
    explorer.set({});
  });
  field.addEventListener("keyup", (event) => held.delete(event.key));
  field.addEventListener("blur", () => {
    held.clear();
    cursor = stroke = null;
    explorer.set({});
  });

  /** Takes a photo or a scan of a digit from a file. */
  async function load(file) {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, LARGEST_PHOTO / Math.max(bitmap.width, bitmap.height));
    const width = Math.round(bitmap.width * scale);
    const height = Math.round(bitmap.height * scale);
    const canvas = new OffscreenCanvas(width, height);
    const photo = canvas.getContext("2d");
    photo.drawImage(bitmap, 0, 0, width, height);
    take({ kind: "image", canvas, width, height, data: photo.getImageData(0, 0, width, height).data });
  }

  function loadFirst(files) {
    const file = [...files].find(({ type }) => type.startsWith("image/"));
    if (file) {
      load(file).catch(() => explorer.set({ source: { kind: "broken" } }));
    }
  }

  parent.append(make("div", { className: "stage" }, field, hint), told);
  explorer.watch(() => {
    const { source } = explorer.state;
    paint(context, source, explorer.color("--board"), explorer.color("--ink"));
    hint.hidden = source !== null;
  });
}
