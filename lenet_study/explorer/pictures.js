// Maps on a canvas, and numbers on the same colours.

import { make } from "./elements.js";

const LAST = 255; // of the 256 colours
const PATIENCE = 200; // milliseconds
let latest = {}; // colours, their middle, and the frame in which it was read
const THEME = ["--negative", "--zero", "--positive", "--board", "--ink"];

/** Returns an SVG element: its tag, its attributes, its children. */
export function shape(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Returns a figure: the key of its caption's label, and what it holds. */
export function figure(text, ...content) {
  return make("figure", {}, ...content, make("figcaption", { text }));
}

/** Returns elements with a sign of arithmetic between each two of them. */
export function withSigns([first, ...others], signs) {
  const sign = (place) => make("b", { className: "sign", "aria-hidden": "true" }, signs[place]);
  return [first, ...others.flatMap((element, place) => [sign(place), element])];
}

/** Watches the explorer. Far from the window, the view waits until nothing changes. */
export function watchNear(element, explorer, view) {
  let isNear = true;
  let timer = 0;
  const observe = (entries) => (isNear = entries.at(-1).isIntersecting);
  new IntersectionObserver(observe, { rootMargin: "50%" }).observe(element);
  explorer.watch((scene) => {
    clearTimeout(timer);
    if (isNear) view(scene);
    else timer = setTimeout(view, PATIENCE, scene);
  });
}

/** Writes a number with some digits after the point, and with a real minus sign. */
export function numeral(value, digits = 2) {
  const text = value.toFixed(digits);
  return text.replace("-", Number(text) === 0 ? "" : "−");
}

/** Writes a number from 0 to 1 as percent, near the ends with a digit after the point. */
export function percent(share) {
  const isFine = share >= 0.0005 && share <= 0.9995 && (share <= 0.1 || share >= 0.99);
  return `${numeral(100 * share, isFine ? 1 : 0)} %`;
}

/**
 * Reads the colours of the theme.
 * @returns {{signed: Uint32Array, grey: Uint32Array}} 256 colours of a canvas each: from
 *   negative over zero to positive, and from the background to the ink.
 */
export function coloursOf(explorer) {
  // Once a frame: to read a style of a page that has changed takes time.
  const frame = document.timeline.currentTime;
  const zero = frame === latest.frame ? latest.zero : explorer.color("--zero");
  const colours = zero === latest.zero ? latest.colours : readColours(explorer);
  latest = { frame, zero, colours };
  return colours;
}

function readColours(explorer) {
  const read = (name) => explorer.color(name).match(/\d+/g).map(Number);
  if (explorer.colours) return explorer.colours;
  const [negative, zero, positive, board, ink] = THEME.map(read);
  const range = (colour) => Uint32Array.from({ length: LAST + 1 }, (_, at) => colour(at / LAST));
  explorer.colours = {
    signed: range((at) => mixed(zero, at < 0.5 ? negative : positive, Math.abs(2 * at - 1))),
    grey: range((at) => mixed(board, ink, at)),
  };
  return explorer.colours;
}

function mixed(from, to, share) {
  const [red, green, blue] = from.map((own, part) => Math.round(own + share * (to[part] - own)));
  return (LAST << 24) | (blue << 16) | (green << 8) | red;
}

/** Returns minus the largest magnitude, and the largest magnitude: 0 is in the middle. */
export function rangeOf(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return [-largest || -1, largest || 1];
}

/** Returns the range of the products of numbers of two ranges. */
export function rangeOfProducts([, most], [, mostOther]) {
  return [-most * mostOther, most * mostOther];
}

function colourOf(value, low, high) {
  const at = Math.round(((value - low) / (high - low)) * LAST);
  return at < 0 ? 0 : at > LAST ? LAST : at;
}

/**
 * Maps on one canvas: a pixel of it is a unit, and CSS enlarges it. `layer` has the number of
 * maps, rows and columns; `layout` the maps side by side, the CSS pixels of a unit and the
 * units between two maps; `attributes` are those of the canvas, as for `make`.
 */
export class Picture {
  #frame = make("i", { className: "box", hidden: true });

  constructor({ maps, rows, columns }, { across, cell, gap = 0 }, attributes = {}) {
    const [wide, high] = [columns + gap, rows + gap]; // a map with its gap
    Object.assign(this, { maps, rows, columns, across, cell, wide, high });
    this.width = across * wide - gap;
    this.height = Math.ceil(maps / across) * high - gap;
    this.canvas = make("canvas", { width: this.width, height: this.height, ...attributes });
    this.canvas.style.width = `${this.width * cell}px`;
    this.element = make("div", { className: "picture" }, this.canvas, this.#frame);
    this.image = new ImageData(this.width, this.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /**
   * Draws the maps.
   * @param {Float32Array | null} values [map][row][column]; NaN stays transparent; null: zeros.
   * @param {Uint32Array} colours 256 colours.
   * @param {[number, number] | null} range The values of the first and the last colour; null:
   *   each map has its own.
   */
  draw(values, colours, range = null) {
    const { maps, rows, columns } = this;
    const area = rows * columns;
    values ??= new Float32Array(maps * area);
    for (let map = 0, unit = 0; map < maps; map++) {
      const [low, high] = range ?? rangeOf(values.subarray(unit, unit + area));
      const [x, y] = this.#corner(map);
      for (let row = 0; row < rows; row++) {
        let pixel = (y + row) * this.width + x;
        for (const end = pixel + columns; pixel < end; pixel++) {
          this.pixels[pixel] = colours[colourOf(values[unit++], low, high)];
        }
      }
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
  }

  #corner(map) {
    return [(map % this.across) * this.wide, Math.floor(map / this.across) * this.high];
  }

  /** Returns x, y, width and height in CSS pixels of a part of a map; it is cut off at its end. */
  box(map, { top, left, rows, columns }) {
    const { cell } = this;
    const [x, y] = this.#corner(map);
    const [right, down] = [Math.max(left, 0), Math.max(top, 0)];
    const width = (Math.min(left + columns, this.columns) - right) * cell;
    const height = (Math.min(top + rows, this.rows) - down) * cell;
    return { x: (x + right) * cell, y: (y + down) * cell, width, height };
  }

  /** Frames a part of a map: its top, left, rows and columns, in units. */
  frame(map, part) {
    const { x: left, y: top, width, height } = this.box(map, part);
    const sides = Object.entries({ left, top, width, height });
    for (const [name, value] of sides) this.#frame.style[name] = `${value}px`;
    this.#frame.hidden = false;
  }

  /** Returns map, row and column of the unit under the pointer, or null. */
  unitAt({ offsetX, offsetY }) {
    const { maps, rows, columns, across, wide, high } = this;
    const within = (at, count) => Math.max(0, Math.min(count - 1, Math.floor(at / this.cell)));
    const [x, y] = [within(offsetX, this.width), within(offsetY, this.height)];
    const [column, row] = [x % wide, y % high];
    const map = Math.floor(y / high) * across + Math.floor(x / wide);
    return map < maps && row < rows && column < columns ? { map, row, column } : null;
  }

  /** Returns the unit so many units to the right and down, over the borders of maps. */
  step({ map, row, column }, right, down) {
    const { maps, rows, columns, across } = this;
    const x = (map % across) * columns + column + right;
    const y = Math.floor(map / across) * rows + row + down;
    const other = Math.floor(y / rows) * across + Math.floor(x / columns);
    const isInside = x >= 0 && y >= 0 && x < across * columns && other < maps;
    return isInside ? { map: other, row: y % rows, column: x % columns } : { map, row, column };
  }
}

/**
 * A square table of numbers on their colours. With `onEdit`, a function of a place and its
 * new number, the cells are fields.
 */
export class NumberTable {
  constructor(side, onEdit = null) {
    this.element = make("table", { className: "numbers" });
    this.cells = Array.from({ length: side ** 2 }, (_, place) => {
      const [row, column] = [Math.floor(place / side), place % side];
      const cell = (this.element.rows[row] ?? this.element.insertRow()).insertCell();
      if (!onEdit) return cell;
      const values = [row, column];
      const field = make("input", { type: "number", step: 0.05, label: "weight at", values });
      field.addEventListener("input", () => {
        if (Number.isFinite(field.valueAsNumber)) onEdit(place, field.valueAsNumber);
      });
      cell.append(field);
      return field;
    });
  }

  /** Shows numbers, row by row, on 256 colours of a range, and marks one place. */
  draw(values, colours, range, marked = -1) {
    this.cells.forEach((cell, place) => {
      const colour = colours[colourOf(values[place], ...range)];
      const parts = [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
      const [red, green, blue] = parts.map((part) => (part / 255) ** 2.2);
      cell.style.background = `rgb(${parts})`;
      cell.style.color = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff";
      cell.classList.toggle("won", place === marked);
      if (cell.tagName === "TD") cell.textContent = numeral(values[place]);
      else if (!cell.matches(":focus")) cell.value = values[place].toFixed(2);
    });
  }
}
