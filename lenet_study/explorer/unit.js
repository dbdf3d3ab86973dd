// One unit: what it takes, its products, their sum, and what it makes of the sum.

import { make, translate } from "./elements.js";
import { NumberTable, Picture, coloursOf, rangeOf, rangeOfProducts } from "./pictures.js";
import { figure, numeral, shape, watchNear, withSigns } from "./pictures.js";

const ACROSS = { 16: 4, 84: 7, 120: 8 }; // windows side by side, by their number
const LISTED = 10; // products, the largest first
const WIDEST = 4; // the squashing function is drawn from -4 to 4
export const CODES = [-1.7159, 1.7159]; // the scale of what F6 draws and of the codes
const PARTS = ["values", "kernel", "products"];

/** Returns a sentence about a unit of the state: what it takes, and what it makes of it. */
export function sentenceOf(explorer, unit) {
  const { layer, account } = lookedUp(explorer.scene, unit);
  const count = account.windows.length * layer.size ** 2;
  const told = [count, numeral(account.sum), numeral(account.result)];
  return `${titleOf(explorer, unit)}: ${explorer.text(`${layer.kind} told`, ...told)}`;
}

function titleOf(explorer, { network, layer, map, row, column }) {
  const kind = explorer.text(explorer.scene.networks[network].kind);
  const places = layer === "F6" ? [Math.floor(map / 7), map % 7] : [row, column];
  const key = ["C5", "F6", "output"].includes(layer) ? layer : "map";
  return `${kind}, ${explorer.text(`${key} unit`, map, ...places, layer)}`;
}

function lookedUp({ networks, activations }, { network: index, layer: name, map, row, column }) {
  const network = networks[index];
  const layer = network.layer(name);
  return { network, layer, account: network.windows(layer, map, row, column, activations[index]) };
}

/** Shows in `parent` one unit: its receptive field, windows, products, sum and result. */
export function unitView(parent, explorer) {
  const hint = make("p", { className: "note", text: "no unit" });
  const title = make("h3");
  const hold = make("button", { type: "button" });
  hold.addEventListener("click", () => {
    explorer.set(explorer.state.held ? { unit: null, held: false } : { held: true });
  });
  const head = make("div", { className: "switches" }, title, hold);
  const body = make("div");
  parent.append(hint, head, body);
  const benches = {};
  watchNear(parent, explorer, (scene) => {
    const { unit, held, language } = scene.state;
    const isShown = unit !== null && !scene.empty;
    hint.hidden = isShown;
    head.hidden = body.hidden = !isShown;
    if (!isShown) return;
    const found = lookedUp(scene, unit);
    const key = [language, unit.network, unit.layer, found.account.windows.length].join();
    const bench = (benches[key] ??= new Bench(explorer, found));
    if (body.firstChild !== bench.element) {
      body.replaceChildren(bench.element);
      translate(body, language);
    }
    title.textContent = titleOf(explorer, unit);
    hold.textContent = explorer.text(held ? "let go" : "hold");
    bench.update(found, scene, coloursOf(explorer));
  });
}

/** Returns each window with its products and their sum. */
function productsOf({ kind }, windows) {
  return windows.map(({ map, values, kernel }) => {
    const product = (weight, place) =>
      kind === "distances" ? (values[place] - weight) ** 2 : values[place] * weight;
    const products = kernel.map(product);
    return { map, values, kernel, products, sum: total(products) };
  });
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Shows any unit of a layer that takes the same number of windows. */
class Bench {
  #field;
  #pictures = [];
  #sums = [];
  #tables = [];
  #caption = make("p", { className: "note" });
  #list = make("table", { className: "largest" });
  #chain = make("table", { className: "chain" });
  #curve;
  #chosen = 0; // the window whose numbers are shown
  #unit = null;

  constructor(explorer, { network, layer, account }) {
    const { size, kind, squash } = layer;
    const count = account.windows.length;
    const isDistance = kind === "distances";
    this.explorer = explorer;
    this.names = isDistance ? ["F6 drew", "the code", "squared"] : ["takes", "kernel", "products"];
    this.signs = isDistance ? ["−", "→"] : ["×", "=", "→"];
    this.#field = new Picture(network.layers[0], { across: 1, cell: 5 });
    this.#curve = squash && kind !== "softmax" ? new Curve(squash) : null;
    const pieces = [figure("receptive field", this.#field.element)];
    if (count > 1) pieces.push(this.#allWindows(count, size));
    if (size > 1) pieces.push(this.#oneWindow(size, kind === "convolution" ? 3 : 1));
    else pieces.push(this.#list);
    const end = make("div", { className: "row" }, this.#chain, this.#curve?.element ?? "");
    this.element = make("div", { className: "bench" }, ...pieces, end);
  }

  #allWindows(count, size) {
    const across = ACROSS[count] ?? 3;
    const layout = size === 1 ? { across, cell: 12 } : { across, cell: count > 6 ? 8 : 10, gap: 1 };
    const layer = { maps: count, rows: size, columns: size };
    this.#pictures = PARTS.map(() => new Picture(layer, layout));
    if (size === 1) return this.#row(this.#pictures);
    this.#sums = Array.from({ length: count }, (_, link) => {
      const button = make("button", { type: "button" });
      button.addEventListener("click", () => {
        this.#chosen = link;
        this.explorer.set({});
      });
      return button;
    });
    const sums = make("div", { className: "sums" }, ...this.#sums);
    sums.style.setProperty("--across", across);
    return this.#row(this.#pictures, figure("sums", sums));
  }

  #oneWindow(size, tables) {
    this.#tables = Array.from({ length: tables }, () => new NumberTable(size));
    return make("div", {}, this.#caption, this.#row(this.#tables));
  }

  #row(pictures, ...others) {
    const shown = pictures.map(({ element }, place) => figure(this.names[place], element));
    return make("div", { className: "row" }, ...withSigns([...shown, ...others], this.signs));
  }

  update({ network, layer, account }, { activations, state }, colours) {
    const { background, ink } = network;
    const windows = productsOf(layer, account.windows);
    if (JSON.stringify(state.unit) !== this.#unit) {
      const sizes = windows.map(({ sum }) => Math.abs(sum));
      this.#chosen = sizes.indexOf(Math.max(...sizes));
      this.#unit = JSON.stringify(state.unit);
    }
    const own = activations[state.unit.network];
    const { name } = network.layers[network.layers.indexOf(layer) - 1];
    const all = PARTS.map((part) => Float32Array.from(windows.flatMap((one) => [...one[part]])));
    const [taken, kernel] = [own[name].after, all[1]].map(rangeOf);
    const isDistance = layer.kind === "distances";
    const products = isDistance ? rangeOf(all[2]) : rangeOfProducts(taken, kernel);
    const ranges = isDistance ? [CODES, CODES, products] : [taken, kernel, products];
    this.#field.draw(own.input.after, colours.grey, [background, ink]);
    this.#field.frame(0, network.field(layer, state.unit.row, state.unit.column));
    this.#pictures.forEach((picture, at) => picture.draw(all[at], colours.signed, ranges[at]));
    this.#sums.forEach((button, link) => {
      button.textContent = `${windows[link].map}: ${numeral(windows[link].sum)}`;
      button.ariaPressed = link === this.#chosen;
    });
    if (layer.size > 1) this.#drawOne(layer, windows[this.#chosen], ranges, colours);
    else this.#fillList(name, windows);
    this.#fillChain(layer, account, total(windows.map(({ sum }) => sum)));
    this.#curve?.show(account);
  }

  #drawOne({ kind, size }, window, ranges, colours) {
    const won = kind === "maximum" ? window.kernel.indexOf(1) : -1;
    this.#tables.forEach((table, place) => {
      table.draw(window[PARTS[place]], colours.signed, ranges[place], won);
    });
    const key = size === 2 ? "four of map" : "window of map";
    this.#caption.textContent = this.explorer.text(key, window.map, numeral(window.sum, 3));
  }

  #fillList(before, windows) {
    const text = (...words) => this.explorer.text(...words);
    const order = [...windows].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
    const rest = order.splice(LISTED);
    const others = numeral(total(rest.map(({ sum }) => sum)), 3);
    const line = (tag, ...cells) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
    this.#list.replaceChildren(
      make("caption", {}, text("largest first")),
      line("th", before, ...this.names.map((key) => text(key))),
      ...order.map(({ map, values: [value], kernel: [weight], sum }) =>
        line("td", `${map}`, numeral(value), numeral(weight), numeral(sum, 3)),
      ),
      line("td", text("others", rest.length), "", "", others),
    );
  }

  #fillChain({ kind, size, squash }, { bias, coefficient, sum, result, windows }, products) {
    const lines = [];
    if (kind === "subsampling") {
      lines.push(["sum of four", total(windows[0].values)], ["coefficient", coefficient]);
    }
    const key = kind === "subsampling" ? "product" : "sum of products";
    if (squash) lines.push([key, products], ["bias", bias], ["sum", sum]);
    lines.push([this.#curve ? squash.name : `${kind} result`, result]);
    const count = windows.length * size ** 2;
    const rows = lines.map(([name, value]) => {
      const head = make("th", { scope: "row" }, this.explorer.text(name, count));
      return make("tr", {}, head, make("td", {}, numeral(value, 3)));
    });
    this.#chain.replaceChildren(...rows);
  }
}

/** A plot of the squashing function, with the sum of a unit on it. */
class Curve {
  #point = shape("circle", { r: 5, class: "point" });
  #drop = shape("path", { class: "drop" });

  constructor(squash) {
    const places = Array.from({ length: 81 }, (_, step) => (step / 40 - 1) * WIDEST);
    this.highest = Math.max(...places.map(squash)) + 0.3;
    this.lowest = Math.min(...places.map(squash)) - 0.3;
    const points = places.map((a) => this.#at(a, squash(a))).join(" ");
    const [x, y] = this.#at(0, 0);
    const axes = shape("path", { class: "axis", d: `M0,${y}H200M${x},0V120` });
    const curve = shape("polyline", { points });
    const attributes = { class: "curve", viewBox: "0 0 200 120", "aria-hidden": "true" };
    this.element = shape("svg", attributes, axes, curve, this.#drop, this.#point);
  }

  #at(a, value) {
    const share = (value - this.lowest) / (this.highest - this.lowest);
    const within = (number) => Math.max(0, Math.min(1, number));
    return [200 * within((a / WIDEST + 1) / 2), 120 * (1 - within(share))];
  }

  show({ sum, result }) {
    const [x, y] = this.#at(sum, result);
    const [left, ground] = this.#at(0, 0);
    this.#point.setAttribute("cx", x);
    this.#point.setAttribute("cy", y);
    this.#drop.setAttribute("d", `M${x},${ground}V${y}H${left}`);
  }
}
