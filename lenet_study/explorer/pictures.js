// Colours, maps on a canvas, tables of numbers on the same colours, lines and curves.

import { make } from "./elements.js";

const STEPS = 255;

/**
 * Makes an SVG element.
 * @param {string} tag Its name, "line" for example.
 * @param {object} attributes
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function shape(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Writes a number for people, with a real minus sign.
 * @param {number} value
 * @param {number} digits Digits after the point.
 * @returns {string}
 */
export function numeral(value, digits = 2) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/**
 * Reads the colours of the theme.
 * @param {object} explorer
 * @returns {{signed: Uint32Array, grey: Uint32Array}} 256 colours each, for a canvas:
 *   `signed` from negative over zero to positive, `grey` from the background to the ink.
 */
export function coloursOf(explorer) {
  const names = ["--negative", "--zero", "--positive", "--board", "--ink"];
  const ends = names.map((name) => explorer.color(name).match(/\d+/g).map(Number));
  const [negative, zero, positive, board, ink] = ends;
  return {
    signed: Uint32Array.from({ length: STEPS + 1 }, (_, step) => {
      const share = (2 * step) / STEPS - 1;
      return mixed(zero, share < 0 ? negative : positive, Math.abs(share));
    }),
    grey: Uint32Array.from({ length: STEPS + 1 }, (_, step) => mixed(board, ink, step / STEPS)),
  };
}

function mixed(from, to, share) {
  const [red, green, blue] = from.map((own, place) => own + share * (to[place] - own));
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}

/**
 * Returns the range of a scale with zero in the middle.
 * @param {Float32Array} values
 * @returns {[number, number]} minus the largest magnitude, and the largest magnitude.
 */
export function rangeOf(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value) || 0);
  return [-(largest || 1), largest || 1];
}

function stepOf(value, [low, high]) {
  return Math.max(0, Math.min(STEPS, Math.round(((value - low) / (high - low)) * STEPS)));
}

/** All maps of a layer on one canvas: one canvas pixel a unit, which CSS enlarges. */
export class Picture {
  #context;
  #image;
  #pixels;

  /**
   * @param {{maps: number, rows: number, columns: number}} layer
   * @param {{across: number, cell: number, gap: number}} layout Maps side by side, the side
   *   of a unit in CSS pixels, and the units between two maps.
   * @param {object} attributes Those of the canvas, as for `make`.
   */
  constructor({ maps, rows, columns }, { across, cell, gap = 0 }, attributes = {}) {
    Object.assign(this, { maps, rows, columns, across, cell, gap });
    const width = across * (columns + gap) - gap;
    const height = Math.ceil(maps / across) * (rows + gap) - gap;
    this.element = make("canvas", { width, height, ...attributes });
    this.element.style.width = `${width * cell}px`;
    this.#context = this.element.getContext("2d");
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /**
   * Draws the maps.
   * @param {Float32Array} values [map][row][column]; NaN stays transparent.
   * @param {Uint32Array} colours 256 colours.
   * @param {[number, number]} range The values of the first and the last colour. Without
   *   it, each map has its own scale.
   */
  draw(values, colours, range = null) {
    const { maps, rows, columns } = this;
    const { width } = this.element;
    for (let map = 0, unit = 0; map < maps; map++) {
      const [low, high] = range ?? rangeOf(values.subarray(unit, unit + rows * columns));
      const factor = STEPS / (high - low);
      const [x, y] = this.#corner(map);
      for (let row = 0; row < rows; row++) {
        for (let place = (y + row) * width + x, end = place + columns; place < end; place++) {
          const step = Math.round((values[unit++] - low) * factor);
          this.#pixels[place] = colours[step < 0 ? 0 : step > STEPS ? STEPS : step];
        }
      }
    }
    this.#context.putImageData(this.#image, 0, 0);
  }

  /** Draws maps of zeros: of an empty field. */
  clear(colours) {
    this.draw(new Float32Array(this.maps * this.rows * this.columns), colours, [-1, 1]);
  }

  #corner(map) {
    const { across, rows, columns, gap } = this;
    return [(map % across) * (columns + gap), Math.floor(map / across) * (rows + gap)];
  }

  /**
   * Tells where a part of a map lies.
   * @param {number} map
   * @param {{top: number, left: number, rows: number, columns: number}} part In units; what
   *   is outside of the map is cut off. Without it, the whole map.
   * @returns {{x: number, y: number, width: number, height: number}} CSS pixels, from the
   *   top left corner of the canvas.
   */
  box(map, { top, left, rows, columns } = { top: 0, left: 0, ...this }) {
    const { cell } = this;
    const [x, y] = this.#corner(map);
    const [first, above] = [Math.max(left, 0), Math.max(top, 0)];
    return {
      x: (x + first) * cell,
      y: (y + above) * cell,
      width: (Math.min(left + columns, this.columns) - first) * cell,
      height: (Math.min(top + rows, this.rows) - above) * cell,
    };
  }

  /**
   * Finds the unit under the pointer.
   * @param {PointerEvent} event
   * @returns {{map: number, row: number, column: number} | null}
   */
  unitAt({ offsetX, offsetY }) {
    const { maps, rows, columns, across, cell, gap } = this;
    const [x, y] = [Math.floor(offsetX / cell), Math.floor(offsetY / cell)];
    const [column, row] = [x % (columns + gap), y % (rows + gap)];
    const [right, down] = [Math.floor(x / (columns + gap)), Math.floor(y / (rows + gap))];
    const map = down * across + right;
    const inside = x >= 0 && y >= 0 && right < across && map < maps;
    return inside && row < rows && column < columns ? { map, row, column } : null;
  }

  /**
   * Goes from a unit to another one, also over the borders of its map.
   * @param {{map: number, row: number, column: number}} unit
   * @param {number} right Units to the right.
   * @param {number} down Units down.
   * @returns {{map: number, row: number, column: number}} The same unit at the end of all.
   */
  step({ map, row, column }, right, down) {
    const { maps, rows, columns, across } = this;
    const x = (map % across) * columns + column + right;
    const y = Math.floor(map / across) * rows + row + down;
    const other = Math.floor(y / rows) * across + Math.floor(x / columns);
    const inside = x >= 0 && y >= 0 && x < across * columns && other < maps;
    return inside ? { map: other, row: y % rows, column: x % columns } : { map, row, column };
  }
}

/** A table of numbers on their colours. */
export class NumberTable {
  #fields = [];

  /**
   * @param {number} rows
   * @param {number} columns
   * @param {object} attributes Those of the table, as for `make`.
   * @param {function} onEdit Of a place and a number: makes the cells number fields.
   */
  constructor(rows, columns, attributes, onEdit = null) {
    this.element = make("table", { className: "numbers", ...attributes });
    for (let row = 0; row < rows; row++) {
      const line = this.element.insertRow();
      for (let column = 0; column < columns; column++) {
        const cell = line.insertCell();
        this.#fields.push(onEdit ? this.#input(row * columns + column, onEdit) : cell);
        if (onEdit) cell.append(this.#fields.at(-1));
      }
    }
  }

  #input(place, onEdit) {
    const values = [Math.floor(place / 5) + 1, (place % 5) + 1];
    const field = make("input", { type: "number", step: 0.1, label: "weight", values });
    field.addEventListener("input", () => {
      if (Number.isFinite(field.valueAsNumber)) onEdit(place, field.valueAsNumber);
    });
    return field;
  }

  /**
   * Shows numbers.
   * @param {Float32Array} values Row by row.
   * @param {Uint32Array} colours 256 colours.
   * @param {[number, number]} range The values of the first and the last colour.
   */
  draw(values, colours, range) {
    this.#fields.forEach((field, place) => {
      const colour = colours[stepOf(values[place], range)];
      const parts = [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
      field.style.background = `rgb(${parts})`;
      field.style.color = isLight(parts) ? "#000" : "#fff";
      if (field.tagName === "TD") field.textContent = numeral(values[place]);
      else if (!field.matches(":focus")) field.value = values[place].toFixed(2);
    });
  }

  /** Marks one cell, or none for -1. */
  mark(place) {
    this.#fields.forEach((field, own) => field.classList.toggle("won", own === place));
  }
}

function isLight(parts) {
  const [red, green, blue] = parts.map((part) => (part / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18;
}
