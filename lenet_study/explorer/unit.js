// One unit: what it takes, its products, their sum, and what it makes of the sum.

import { make, translate } from "./elements.js";
import { NumberTable, Picture, coloursOf, numeral, rangeOf, shape } from "./pictures.js";

const ACROSS = { 16: 4, 84: 7, 120: 8 }; // windows side by side, by their number
const LISTED = 10; // so many products are listed
const WIDEST = 4; // the squashing function is drawn from -4 to 4
const CODES = [-1.7159, 1.7159]; // the scale of what F6 draws and of the codes

/** Returns the name of a unit: its layer, map, row and column. */
export function nameOf(explorer, { layer, map, row, column }) {
  if (layer === "F6") return explorer.text("F6 unit", map, Math.floor(map / 7), map % 7);
  if (layer === "C5" || layer === "output") return explorer.text(`${layer} unit`, map);
  return explorer.text("map unit", layer, map, row, column);
}

/** Returns a sentence about a unit: what it takes, and what it makes of it. */
export function sentenceOf(explorer, unit) {
  const { layer, account } = lookedUp(explorer.scene, unit);
  const count = account.windows.length * layer.size ** 2;
  const told = [count, numeral(account.sum), numeral(account.result)];
  return `${nameOf(explorer, unit)}: ${explorer.text(`${layer.kind} told`, ...told)}`;
}

function lookedUp({ networks, activations }, { network: index, layer: name, map, row, column }) {
  const network = networks[index];
  const layer = network.layer(name);
  const account = network.windows(layer, map, row, column, activations[index]);
  return { network, layer, account };
}

/**
 * Shows one unit: its receptive field, windows, kernels, products, sum and result.
 * @param {HTMLElement} parent
 * @param {object} explorer
 */
export function unitView(parent, explorer) {
  const hint = make("p", { className: "note", text: "no unit" });
  const title = make("h3");
  const hold = make("button", { type: "button" });
  hold.addEventListener("click", () => {
    explorer.set(explorer.state.held ? { unit: null, held: false } : { held: true });
  });
  const head = make("div", { className: "unit-head" }, title, hold);
  const body = make("div");
  parent.append(hint, head, body);
  const benches = {};
  explorer.watch((scene) => {
    const { unit, held, language } = scene.state;
    const isShown = unit !== null && !scene.empty;
    hint.hidden = isShown;
    head.hidden = body.hidden = !isShown;
    if (!isShown) return;
    const { network, layer, account } = lookedUp(scene, unit);
    const key = [language, unit.network, unit.layer, account.windows.length].join();
    if (!benches[key]) {
      benches[key] = new Bench(explorer, network, layer, account.windows.length);
      translate(benches[key].element, language);
    }
    if (body.firstChild !== benches[key].element) body.replaceChildren(benches[key].element);
    title.textContent = `${explorer.text(network.kind)}: ${nameOf(explorer, unit)}`;
    hold.textContent = explorer.text(held ? "let go" : "hold");
    benches[key].update(network, layer, account, scene, coloursOf(explorer));
  });
}

/** Returns the windows with the products of each one, and their sum. */
function partsOf({ kind }, windows) {
  return windows.map(({ map, values, kernel }) => {
    const products = kernel.map((own, place) =>
      kind === "distances" ? (values[place] - own) ** 2 : values[place] * own,
    );
    return { map, values, kernel, products, sum: total(products) };
  });
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

function joined(parts, name) {
  return Float32Array.from(parts.flatMap((part) => [...part[name]]));
}

/** Shows any unit of a layer that takes a given number of windows. */
class Bench {
  #explorer;
  #field;
  #frame = make("i", { className: "box" });
  #seen = make("figcaption");
  #pictures = [];
  #sums = [];
  #tables = [];
  #caption = make("p", { className: "caption" });
  #list = make("table", { className: "largest" });
  #chain = make("table", { className: "chain" });
  #curve;
  #chosen = 0;
  #unit = null;

  constructor(explorer, network, layer, count) {
    const { size, kind, squash } = layer;
    this.#explorer = explorer;
    this.#field = new Picture(network.layers[0], { across: 1, cell: 5 });
    const field = make("div", { className: "framed" }, this.#field.element, this.#frame);
    const pieces = [make("figure", {}, field, this.#seen)];
    const isDistance = kind === "distances";
    const names = isDistance ? ["F6 drew", "the code", "squared"] : ["takes", "kernel", "products"];
    const signs = isDistance ? ["−", "→"] : ["×", "=", "→"];
    if (count > 1) pieces.push(this.#threePictures(count, size, names, signs));
    if (kind === "convolution" && size > 1) pieces.push(this.#threeTables(size, names, signs));
    if (size === 2) pieces.push(this.#threeTables(size, names.slice(0, 1), []));
    if (size === 1) pieces.push(this.#list);
    this.#curve = squash && kind !== "softmax" ? new Curve(squash) : null;
    const end = make("div", { className: "end" }, this.#chain, ...(this.#curve?.elements ?? []));
    this.element = make("div", { className: "bench" }, ...pieces, end);
  }

  #threePictures(count, size, names, signs) {
    const across = ACROSS[count] ?? 3;
    const layout = size === 1 ? { across, cell: 14 } : { across, cell: count > 6 ? 8 : 10, gap: 1 };
    const shown = names.map((text) => {
      const picture = new Picture({ maps: count, rows: size, columns: size }, layout);
      this.#pictures.push(picture);
      return make("figure", {}, picture.element, make("figcaption", { text }));
    });
    if (size > 1) shown.push(this.#sumsByMap(count, across));
    return make("div", { className: "row" }, ...withSigns(shown, signs));
  }

  #sumsByMap(count, across) {
    this.#sums = Array.from({ length: count }, (_, link) => {
      const button = make("button", { type: "button" });
      button.addEventListener("click", () => {
        this.#chosen = link;
        this.#explorer.set({});
      });
      return button;
    });
    const grid = make("div", { className: "sums" }, ...this.#sums);
    grid.style.setProperty("--across", across);
    return make("figure", {}, grid, make("figcaption", { text: "sums" }));
  }

  #threeTables(size, names, signs) {
    const shown = names.map((text) => {
      const table = new NumberTable(size, size);
      this.#tables.push(table);
      return make("figure", {}, table.element, make("figcaption", { text }));
    });
    const row = make("div", { className: "row" }, ...withSigns(shown, signs));
    return make("div", { className: "close" }, this.#caption, row);
  }

  update(network, layer, account, { activations, state }, colours) {
    const parts = partsOf(layer, account.windows);
    const sizes = parts.map(({ sum }) => Math.abs(sum));
    const unit = JSON.stringify(state.unit);
    if (unit !== this.#unit) this.#chosen = sizes.indexOf(Math.max(...sizes));
    this.#unit = unit;
    this.#drawField(network, layer, activations[state.unit.network], colours);
    if (this.#pictures.length) this.#drawPictures(layer, parts, colours);
    if (this.#tables.length) this.#drawTables(layer, parts[this.#chosen], colours);
    if (layer.size === 1) this.#fillList(network, layer, parts);
    this.#fillChain(layer, account, parts);
    this.#curve?.show(account);
  }

  #drawField(network, layer, activations, colours) {
    const { row, column } = this.#explorer.state.unit;
    const field = network.field(layer, row, column);
    const { background, ink } = network;
    this.#field.draw(activations.input.after, colours.grey, [background, ink]);
    const { x, y, width, height } = this.#field.box(0, field);
    const box = { left: x, top: y, width, height };
    for (const [name, value] of Object.entries(box)) this.#frame.style[name] = `${value}px`;
    this.#seen.textContent = this.#explorer.text("field", field.rows, field.columns);
  }

  #drawPictures({ kind }, parts, colours) {
    ["values", "kernel", "products"].forEach((name, place) => {
      const values = joined(parts, name);
      const range = kind === "distances" && place < 2 ? CODES : rangeOf(values);
      this.#pictures[place].draw(values, colours.signed, range);
    });
    this.#sums.forEach((button, link) => {
      const { map, sum } = parts[link];
      button.textContent = numeral(sum);
      button.setAttribute("aria-pressed", link === this.#chosen);
      button.setAttribute("aria-label", this.#explorer.text("sum of map", map, numeral(sum)));
    });
  }

  #drawTables({ kind, size }, part, colours) {
    ["values", "kernel", "products"].slice(0, this.#tables.length).forEach((name, place) => {
      this.#tables[place].draw(part[name], colours.signed, rangeOf(part[name]));
    });
    if (kind === "maximum") this.#tables[0].mark(part.kernel.indexOf(1));
    const key = size === 2 ? "four of map" : "window of map";
    this.#caption.textContent = this.#explorer.text(key, part.map, numeral(part.sum, 3));
  }

  #fillList(network, layer, parts) {
    const order = [...parts].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
    const rest = order.slice(LISTED);
    const isDistance = layer.kind === "distances";
    const heads = isDistance ? ["F6 drew", "the code", "squared"] : ["takes", "weight of", "product"];
    const line = (tag, ...cells) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
    const text = (...words) => this.#explorer.text(...words);
    const before = network.layers[network.layers.indexOf(layer) - 1].name;
    this.#list.replaceChildren(
      make("caption", {}, text("largest first")),
      line("th", before, ...heads.map((key) => text(key))),
      ...order.slice(0, LISTED).map(({ map, values, kernel, sum }) =>
        line("td", String(map), numeral(values[0]), numeral(kernel[0]), numeral(sum, 3)),
      ),
      line("td", text("others", rest.length), "", "", numeral(total(rest.map(({ sum }) => sum)), 3)),
    );
  }

  #fillChain({ kind, size, squash }, { bias, coefficient, sum, result, windows }, parts) {
    const products = total(parts.map((part) => part.sum));
    const steps = {
      convolution: () => [["sum of products", products], ["bias", bias], ["sum", sum]],
      subsampling: () => [
        ["sum of four", total(windows[0].values)],
        ["coefficient", coefficient],
        ["product", products],
        ["bias", bias],
        ["sum", sum],
      ],
      maximum: () => [],
      distances: () => [],
      softmax: () => [["sum of products", products], ["bias", bias], ["sum", sum]],
    };
    const end = kind === "convolution" || kind === "subsampling" ? squash.name : `${kind} result`;
    const lines = [...steps[kind](), [end, result]];
    const count = windows.length * size ** 2;
    this.#chain.replaceChildren(
      ...lines.map(([key, value]) => {
        const head = make("th", { scope: "row" }, this.#explorer.text(key, count));
        return make("tr", {}, head, make("td", {}, numeral(value, 3)));
      }),
    );
  }
}

/**
 * Puts signs of arithmetic between elements.
 * @param {HTMLElement[]} elements
 * @param {string[]} signs
 * @returns {HTMLElement[]}
 */
export function withSigns(elements, signs) {
  const [first, ...others] = elements;
  const sign = (place) => make("b", { className: "sign", "aria-hidden": "true" }, signs[place]);
  return [first, ...others.flatMap((element, place) => [sign(place), element])];
}

/** A plot of the squashing function, with the sum of a unit on it. */
class Curve {
  #top;
  #bottom;
  #point = shape("circle", { r: 5, class: "point" });
  #drop = shape("path", { class: "drop" });

  constructor(squash) {
    const places = Array.from({ length: 81 }, (_, step) => ((step - 40) * WIDEST) / 40);
    const heights = places.map(squash);
    this.#top = Math.max(...heights) + 0.3;
    this.#bottom = Math.min(...heights) - 0.3;
    const [x, y] = [this.#x(0), this.#y(0)];
    const line = places.map((a) => `${this.#x(a)},${this.#y(squash(a))}`).join(" ");
    const plot = shape(
      "svg",
      { class: "curve", viewBox: "0 0 200 120", "aria-hidden": "true" },
      shape("path", { class: "axis", d: `M0,${y}H200M${x},0V120` }),
      shape("polyline", { points: line }),
      this.#drop,
      this.#point,
    );
    this.elements = [plot];
  }

  #x(a) {
    return 100 + (Math.max(-WIDEST, Math.min(WIDEST, a)) * 96) / WIDEST;
  }

  #y(value) {
    const height = Math.max(this.#bottom, Math.min(this.#top, value));
    return 120 - (120 * (height - this.#bottom)) / (this.#top - this.#bottom);
  }

  show({ sum, result }) {
    const [x, y] = [this.#x(sum), this.#y(result)];
    this.#point.setAttribute("cx", x);
    this.#point.setAttribute("cy", y);
    this.#drop.setAttribute("d", `M${x},${this.#y(0)}V${y}H${this.#x(0)}`);
  }
}
