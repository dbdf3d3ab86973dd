// A convolution: the window that slides over the digit, and a kernel to change.

import { ARROWS } from "./drawing.js";
import { make } from "./elements.js";
import { distancesOf, posterior } from "./network.js";
import { NumberTable, Picture, coloursOf, numeral, rangeOf } from "./pictures.js";
import { withSigns } from "./unit.js";

const SIZE = 5;
const AREA = SIZE * SIZE;
const STEADY = { across: 1, cell: 7 };

const grid = (weight) =>
  Float32Array.from({ length: AREA }, (_, place) => weight(Math.floor(place / SIZE), place % SIZE));
const DROP = [0.1, 0.1, 0, -0.1, -0.1];
// Kernels by name. The weights of each but the last two add up to 0: it is blind to an area.
const KERNELS = {
  across: grid((row) => -DROP[row]),
  down: grid((_, column) => -DROP[column]),
  corner: grid((row, column) => (row > 1 && column > 1 ? 0.16 : -0.09)),
  blur: grid(() => 1 / AREA),
  unchanged: grid((row, column) => Number(row === 2 && column === 2)),
};

/**
 * Shows how a map of C1 comes about, window by window, and lets its kernel be changed.
 * @param {HTMLElement} parent
 * @param {object} explorer
 */
export function convolutionView(parent, explorer) {
  const slide = new Slide(explorer);
  const editor = new Editor(explorer, slide);
  parent.append(editor.choice, slide.element, editor.element);
  explorer.watch((scene) => {
    const colours = coloursOf(explorer);
    slide.update(scene, colours);
    editor.update(scene, colours);
  });
}

/** The window over the digit, its products, and the map that they fill. */
class Slide {
  map = 0;
  #explorer;
  #side; // of the map
  #step; // the place of the window, row by row
  #timer = 0;
  #input;
  #output;
  #frames = [make("i", { className: "box" }), make("i", { className: "box" })];
  #tables;
  #chain = make("p", { className: "sum" });
  #place = make("p", { className: "caption" });
  #speed = make("input", { type: "range", min: 1, max: 60, value: 12, label: "speed" });
  #play = make("button", { type: "button" });

  constructor(explorer) {
    this.#explorer = explorer;
    const [input, { rows, columns }] = explorer.scene.networks[0].layers;
    this.#side = rows;
    this.#step = 10 * columns + 13;
    this.#input = new Picture(input, STEADY, {
      tabIndex: 0,
      role: "application",
      label: "window slides",
    });
    this.#output = new Picture({ maps: 1, rows, columns }, STEADY, { className: "filling" });
    const edit = (place, value) => this.#edit(place, value);
    this.#tables = [
      new NumberTable(SIZE, SIZE),
      new NumberTable(SIZE, SIZE, {}, edit),
      new NumberTable(SIZE, SIZE),
    ];
    this.#listen();
    const figure = (text, ...content) =>
      make("figure", {}, ...content, make("figcaption", { text }));
    const field = ({ element }, place) =>
      make("div", { className: "framed" }, element, this.#frames[place]);
    const pieces = [
      figure("the digit", field(this.#input, 0)),
      ...["window", "kernel to edit", "products"].map((text, place) =>
        figure(text, this.#tables[place].element),
      ),
      figure("the map", field(this.#output, 1)),
    ];
    const row = make("div", { className: "row" }, ...withSigns(pieces, ["", "×", "=", "→"]));
    this.element = make("div", { className: "slide" }, row, this.#place, this.#chain, this.#buttons());
  }

  #buttons() {
    const button = (text, step) => {
      const element = make("button", { type: "button", text });
      element.addEventListener("click", () => this.#go(step()));
      return element;
    };
    this.#play.addEventListener("click", () => this.#toggle());
    return make(
      "div",
      { className: "buttons" },
      button("start", () => 0),
      button("step back", () => this.#step - 1),
      this.#play,
      button("step", () => this.#step + 1),
      button("end", () => this.#last),
      make("label", {}, make("span", { text: "speed" }), this.#speed),
    );
  }

  get #last() {
    return this.#side ** 2 - 1;
  }

  #listen() {
    const { element } = this.#input;
    const reach = (this.#input.rows - this.#side) / 2;
    const point = (event) => {
      const unit = this.#input.unitAt(event);
      const within = (place) => Math.max(0, Math.min(this.#side - 1, place - reach));
      if (unit) this.#go(within(unit.row) * this.#side + within(unit.column));
    };
    element.addEventListener("pointerdown", point);
    element.addEventListener("pointermove", (event) => event.buttons && point(event));
    element.addEventListener("keydown", (event) => {
      if (!(event.key in ARROWS)) return;
      event.preventDefault();
      const [right, down] = ARROWS[event.key];
      this.#go(this.#step + right + down * this.#side);
    });
  }

  #edit(place, value) {
    const values = this.kernel().slice();
    values[place] = value;
    this.#explorer.set({ kernel: { map: this.map, values } });
  }

  /** The kernel of the chosen map, as it is now. */
  kernel() {
    return this.#explorer.scene.networks[0].layers[1].kernel[this.map][0];
  }

  #go(step) {
    this.#stop();
    this.#move(step);
  }

  #move(step) {
    this.#step = Math.max(0, Math.min(this.#last, step));
    this.update(this.#explorer.scene, coloursOf(this.#explorer));
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #toggle() {
    if (this.#timer) this.#go(this.#step);
    else if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.#go(this.#last);
    else this.#run(this.#step < this.#last ? this.#step : -1);
  }

  #run(step) {
    const pause = 1000 / this.#speed.valueAsNumber;
    this.#timer = setTimeout(() => this.#run(this.#step), pause);
    if (step + 1 >= this.#last) this.#stop();
    this.#move(step + 1);
  }

  update({ empty, networks, activations }, colours) {
    this.element.hidden = empty;
    if (empty) return;
    const [network] = networks;
    const [, layer] = network.layers;
    const [row, column] = [Math.floor(this.#step / this.#side), this.#step % this.#side];
    const account = network.windows(layer, this.map, row, column, activations[0]);
    this.#drawEnds(network, activations[0], row, column, account.windows[0], colours);
    this.#drawTables(account.windows[0], colours);
    const { bias, sum, result } = account;
    const text = (...words) => this.#explorer.text(...words);
    this.#place.textContent = text("place", this.#step + 1, this.#last + 1, row, column);
    const numbers = [sum - bias, bias, sum, result].map((value) => numeral(value, 3));
    this.#chain.textContent = text(`${layer.squash.name} chain`, ...numbers);
    this.#play.textContent = text(this.#timer ? "pause" : "play");
  }

  #drawEnds({ background, ink }, { input, C1 }, row, column, { top, left }, colours) {
    this.#input.draw(input.after, colours.grey, [background, ink]);
    const map = C1.after.slice(this.map * this.#side ** 2, (this.map + 1) * this.#side ** 2);
    const range = rangeOf(map);
    this.#output.draw(map.fill(NaN, this.#step + 1), colours.signed, range);
    const boxes = [
      this.#input.box(0, { top, left, rows: SIZE, columns: SIZE }),
      this.#output.box(0, { top: row, left: column, rows: 1, columns: 1 }),
    ];
    boxes.forEach(({ x, y, width, height }, place) => {
      const box = { left: x, top: y, width, height };
      for (const [name, value] of Object.entries(box)) {
        this.#frames[place].style[name] = `${value}px`;
      }
    });
  }

  #drawTables({ values, kernel }, colours) {
    const products = kernel.map((weight, place) => weight * values[place]);
    const ranges = [rangeOf(values), rangeOf(this.kernel()), rangeOf(products)];
    [values, kernel, products].forEach((numbers, place) => {
      this.#tables[place].draw(numbers, colours.signed, ranges[place]);
    });
  }
}

/** The choice of a map and of a kernel, and what another kernel does to the answer. */
class Editor {
  #explorer;
  #slide;
  #maps;
  #pictures;
  #before; // the map of the kernel that was not edited
  #compared;
  #outcome = make("p", { className: "outcome" });

  constructor(explorer, slide) {
    this.#explorer = explorer;
    this.#slide = slide;
    const [network] = explorer.scene.networks;
    this.#pictures = network.layers[1].kernel.map(
      () => new Picture({ maps: 1, rows: SIZE, columns: SIZE }, { across: 1, cell: 7 }),
    );
    this.#maps = this.#pictures.map(({ element }, map) => {
      const button = make("button", { type: "button", label: "choose map", values: [map] }, element);
      button.append(String(map));
      button.addEventListener("click", () => {
        this.#slide.map = map;
        explorer.set({});
      });
      return button;
    });
    this.choice = make(
      "div",
      { className: "maps", role: "group", label: "map of C1" },
      make("span", { text: "map of C1" }),
      ...this.#maps,
    );
    const named = Object.entries(KERNELS).map(([name, values]) => {
      const button = make("button", { type: "button", text: `kernel ${name}` });
      button.addEventListener("click", () => this.#set(values));
      return button;
    });
    const reset = make("button", { type: "button", text: "trained kernel" });
    reset.addEventListener("click", () => explorer.set({ kernel: null }));
    const { rows, columns } = network.layers[1];
    this.#before = new Picture({ maps: 1, rows, columns }, { across: 1, cell: 3 });
    this.#compared = make(
      "div",
      { className: "compared" },
      make("figure", {}, this.#before.element, make("figcaption", { text: "trained map" })),
      this.#outcome,
    );
    this.element = make(
      "div",
      { className: "editor" },
      make("p", { text: "edit about" }),
      make("div", { className: "buttons" }, ...named, reset),
      this.#compared,
    );
  }

  #set(values) {
    this.#explorer.set({ kernel: { map: this.#slide.map, values } });
  }

  update({ empty, networks, unedited, greys, state }, colours) {
    const kernels = networks[0].layers[1].kernel;
    kernels.forEach(([kernel], map) => {
      this.#pictures[map].draw(kernel, colours.signed);
      this.#maps[map].setAttribute("aria-pressed", map === this.#slide.map);
    });
    this.#compared.hidden = empty || !state.kernel;
    if (this.#compared.hidden) return;
    const activations = unedited.forward(greys);
    const { map } = state.kernel;
    const area = this.#before.rows * this.#before.columns;
    const own = activations.C1.after.subarray(map * area, (map + 1) * area);
    this.#before.draw(own, colours.signed);
    const was = this.#told(unedited, distancesOf(unedited, activations));
    const is = this.#told(unedited, this.#explorer.scene.answers[0].distances);
    this.#outcome.textContent = this.#explorer.text("outcome", map, was, is);
  }

  #told({ j, temperature }, distances) {
    const chances = posterior(distances, j === null ? null : this.#explorer.state.j, temperature);
    const best = chances.indexOf(Math.max(...chances));
    const name = best < 10 ? String(best) : this.#explorer.text("rubbish");
    return this.#explorer.text("told", name, numeral(100 * chances[best], 0));
  }
}
