// All layers of the networks as maps, and their answers.

import { ARROWS } from "./drawing.js";
import { make } from "./elements.js";
import { Picture, coloursOf, figure, numeral } from "./pictures.js";
import { percent, rangeOf, shape, watchNear } from "./pictures.js";
import { CODES, sentenceOf } from "./unit.js";

// How the maps of a layer lie: maps side by side, CSS pixels a unit, units between maps.
const LAYOUTS = {
  input: { across: 1, cell: 4 },
  C1: { across: 2, cell: 3, gap: 2 },
  S2: { across: 2, cell: 4, gap: 2 },
  C3: { across: 4, cell: 4, gap: 1 },
  S4: { across: 4, cell: 6, gap: 1 },
  C5: { across: 8, cell: 12 },
  F6: { across: 7, cell: 14 },
  output: { across: 1, cell: 18 },
};
const FEW = 16; // so many maps have a frame and a line each
const CODE = { maps: 84, rows: 1, columns: 1 };
const PAUSE = 500; // milliseconds without a change, before the answer is spoken

/** Shows all layers of all networks in `parent`, and the way to one unit. */
export function layersView(parent, explorer) {
  const flows = explorer.scene.networks.map((_, index) => new Flow(explorer, index));
  const readout = make("p");
  const more = make("button", { type: "button", text: "all numbers" });
  more.addEventListener("click", () => explorer.root.querySelector(".unit").scrollIntoView());
  const choices = [
    choice(explorer, "before", { "after squashing": false, "before squashing": true }),
    choice(explorer, "scale", { "scale a layer": "layer", "scale a map": "map" }),
  ];
  parent.append(
    make("div", { className: "switches" }, ...choices, legend()),
    make("div", { className: "readout" }, readout, more),
    ...flows.map((flow) => flow.element),
  );
  explorer.root.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && explorer.state.unit) explorer.set({ unit: null, held: false });
  });
  watchNear(parent, explorer, (scene) => {
    const colours = coloursOf(explorer);
    flows.forEach((flow) => flow.update(scene, colours));
    const unit = scene.empty ? null : scene.state.unit;
    readout.textContent = unit ? sentenceOf(explorer, unit) : explorer.text("hover");
    readout.ariaLive = parent.querySelector("canvas:focus") ? "polite" : "off";
    more.hidden = !unit;
  });
}

function choice(explorer, key, options) {
  const name = `${key}-${Math.random()}`; // a page may have several explorers
  const labels = Object.entries(options).map(([text, value]) => {
    const input = make("input", { type: "radio", name });
    input.addEventListener("change", () => explorer.set({ [key]: value }));
    explorer.watch(({ state }) => (input.checked = state[key] === value));
    return make("label", {}, input, make("span", { text }));
  });
  return make("fieldset", {}, make("legend", { text: `show ${key}` }), ...labels);
}

function legend() {
  const bar = (className, ...texts) =>
    make("div", { className }, make("i"), ...texts.map((text) => make("span", { text })));
  const bars = [bar("signed", "negative", "zero", "positive"), bar("greys", "paper", "ink")];
  return make("div", { className: "legend" }, ...bars);
}

/** Shows the unit under the pointer, if there is one; a click holds it or lets it go. */
function followPointer(element, explorer, unitAt) {
  const { state } = explorer;
  element.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch" && !state.held) explorer.set({ unit: unitAt(event) });
  });
  element.addEventListener("pointerleave", () => state.held || explorer.set({ unit: null }));
  element.addEventListener("click", (event) => {
    const unit = unitAt(event);
    const isSame = JSON.stringify(unit) === JSON.stringify(state.unit);
    if (unit) explorer.set({ unit, held: !(state.held && isSame) });
  });
}

/** The layers of one network, from the input to the output. */
class Flow {
  #pictures = {};
  #scales = {};
  #outputs = Array.from({ length: 10 }, () => make("span"));
  #ways = shape("svg", { class: "ways", "aria-hidden": "true" });
  #row = make("div", { className: "flow" });
  #shown = null;

  constructor(explorer, index) {
    Object.assign(this, { explorer, index });
    const { kind, layers } = explorer.scene.networks[index];
    this.#row.append(...layers.map((layer) => this.#figure(layer, kind)), this.#ways);
    const words = [make("h3", { text: kind }), make("span", { text: `${kind} about` })];
    const open = index === 0 || matchMedia("(min-width: 700px)").matches;
    const attributes = { className: "network", open };
    this.element = make("details", attributes, make("summary", {}, ...words), this.#row);
    new ResizeObserver(() => {
      this.#shown = null;
      explorer.set({});
    }).observe(this.#row);
  }

  #figure({ name, maps, rows, columns }, kind) {
    const values = [name, maps, rows, columns];
    const isInput = name === "input";
    const role = isInput ? "img" : "application";
    const attributes = { role, tabIndex: isInput ? -1 : 0, label: `${role} maps`, values };
    const picture = new Picture({ maps, rows, columns }, LAYOUTS[name], attributes);
    this.#pictures[name] = picture;
    this.#scales[name] = make("span", { className: "scale" });
    if (!isInput) this.#listen(picture, name);
    const size = make("span", { text: "size", values: values.slice(1) });
    const numbers = make("div", { "aria-hidden": "true" }, ...this.#outputs);
    return make(
      "figure",
      { className: `layer ${name}` },
      make("figcaption", {}, make("b", { text: `name ${name}` }), size),
      make("div", {}, picture.element, ...(name === "output" ? [numbers] : [])),
      this.#scales[name],
      make("p", { text: `${kind} ${name}` }),
    );
  }

  #listen(picture, layer) {
    const { explorer, index } = this;
    const { state } = explorer;
    const unitOf = (place) => place && { network: index, layer, ...place };
    const middle = unitOf({ map: 0, row: picture.rows >> 1, column: picture.columns >> 1 });
    const isOwn = (unit) => unit?.network === index && unit.layer === layer;
    const own = () => (isOwn(state.unit) ? state.unit : null);
    const { canvas } = picture;
    followPointer(canvas, explorer, (event) => unitOf(picture.unitAt(event)));
    canvas.addEventListener("blur", () => state.held || explorer.set({ unit: null }));
    canvas.addEventListener("focus", () => {
      if (canvas.matches(":focus-visible") && !state.held) explorer.set({ unit: own() ?? middle });
    });
    canvas.addEventListener("keydown", (event) => {
      const unit = own();
      if (event.key in ARROWS) {
        event.preventDefault();
        const next = unit && unitOf(picture.step(unit, ...ARROWS[event.key]));
        explorer.set({ unit: next ?? middle, held: state.held && unit !== null });
      } else if (event.key === "Enter") {
        explorer.set({ unit: unit ?? middle, held: !(unit && state.held) });
      }
    });
  }

  update(scene, colours) {
    if (!this.element.open) return;
    const network = scene.networks[this.index];
    const activations = scene.activations[this.index];
    for (const { name } of network.layers) this.#draw(name, network, activations, colours);
    const numbers = activations?.output[scene.state.before ? "before" : "after"];
    this.#outputs.forEach((element, digit) => {
      element.textContent = numbers ? `${digit}: ${brief(numbers[digit])}` : `${digit}`;
      element.className = scene.answers[this.index]?.digit === digit ? "winner" : "";
    });
    const { unit } = scene.state;
    this.#trace(network, unit?.network === this.index ? unit : null);
  }

  #draw(name, { background, ink }, activations, colours) {
    const { before, scale } = this.explorer.state;
    const picture = this.#pictures[name];
    const { [before ? "before" : "after"]: chosen, after } = activations?.[name] ?? {};
    const values = chosen ?? after ?? null;
    if (name === "input") {
      picture.draw(values, colours.grey, values ? [background, ink] : [0, 1]);
      this.#scales[name].textContent = `${numeral(background, 1)} … ${numeral(ink, 2)}`;
      return;
    }
    const isCommon = scale === "layer" || picture.rows === 1;
    const range = values && isCommon ? rangeOf(values) : null;
    picture.draw(values, colours.signed, range);
    this.#scales[name].textContent = range ? `±${brief(range[1])}` : "\u00a0";
  }

  /** Frames what a unit takes from each layer before, and draws lines from the last one. */
  #trace(network, unit) {
    const key = JSON.stringify(unit);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#ways.replaceChildren();
    if (!unit) return;
    const reach = reachOf(network, unit);
    const whole = { top: 0, left: 0, rows: Infinity, columns: Infinity };
    const [[own], taken, ...others] = reach.map((part) => this.#boxes(part, part.maps));
    const apart = reach.flatMap(({ layer, maps }) => {
      const all = Array.from({ length: layer.maps > FEW ? 0 : layer.maps }, (_, map) => map);
      return this.#boxes({ layer, ...whole }, all.filter((map) => !maps.includes(map)));
    });
    const rects = (name, boxes) => boxes.map((box) => shape("rect", { class: name, ...box }));
    const center = ({ x, y, width, height }) => [x + width / 2, y + height / 2];
    const points = taken.map((box) => `M${center(box)}L${center(own)}`).join("");
    const lines = ["under", "line"].map((name) => shape("path", { class: name, d: points }));
    const frames = rects("frame", [...taken, ...others.flat()]);
    this.#ways.append(...rects("apart", apart), ...lines, ...frames, ...rects("own", [own]));
  }

  #boxes({ layer, ...part }, maps) {
    const picture = this.#pictures[layer.name];
    const { offsetLeft, offsetTop, offsetWidth: width, offsetHeight: height } = picture.element;
    if (maps.length > FEW) return [{ x: offsetLeft, y: offsetTop, width, height }];
    return maps.map((map) => {
      const { x, y, ...size } = picture.box(map, part);
      return { x: x + offsetLeft, y: y + offsetTop, ...size };
    });
  }
}

/** What reaches a unit, from itself down to the input: a part of some maps of each layer. */
function reachOf(network, { layer: name, map, row, column }) {
  const own = network.layer(name);
  const down = network.layers.slice(0, network.layers.indexOf(own) + 1).reverse();
  let maps = [map];
  return down.map((layer) => {
    const part = { layer, maps, ...network.field(own, row, column, layer) };
    maps = [...new Set(maps.flatMap((one) => layer.links[one]))];
    return part;
  });
}

function brief(value) {
  return numeral(value, Math.abs(value) < 100 ? 2 : 0);
}

/** Shows in `parent` what each network answers: nearest codes, distances, posterior. */
export function answersView(parent, explorer) {
  const cards = explorer.scene.networks.map((_, index) => answerCard(explorer, index));
  const spoken = make("p", { className: "spoken", role: "status" });
  const elements = cards.map((card) => card.element);
  parent.append(make("div", { className: "answers" }, ...elements), spoken);
  let timer = 0;
  explorer.watch((scene) => {
    const colours = coloursOf(explorer);
    const told = cards.map((card) => card.update(scene, colours)).join(" ");
    clearTimeout(timer);
    timer = setTimeout(() => told !== spoken.textContent && (spoken.textContent = told), PAUSE);
  });
}

function answerCard(explorer, index) {
  const { kind, j, layers } = explorer.scene.networks[index];
  const [name, sure] = [make("strong"), make("span")];
  const { codes } = layers.at(-1);
  const note = make("p", { className: "note", text: "no drawing" });
  const drawing = codes ? codesView(explorer, codes) : { element: note };
  const heads = ["digit", `${kind} cost`, "probability"];
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col", text })));
  const lines = Array.from({ length: j === null ? 10 : 11 }, (_, digit) => {
    const title = digit < 10 ? make("b", {}, `${digit}`) : make("b", { text: "rubbish" });
    const cells = [make("th", { scope: "row" }, title), make("td"), make("td")];
    const line = make("tr", {}, ...cells);
    const unit = { network: index, layer: "output", map: digit, row: 0, column: 0 };
    if (digit < 10) followPointer(line, explorer, () => unit);
    return line;
  });
  const fill = (cell, share, words) => {
    cell.style.setProperty("--share", share);
    cell.textContent = words;
  };
  return {
    element: make(
      "article",
      { className: "card" },
      make("h3", { text: kind }),
      make("p", { className: "told", "aria-hidden": "true" }, name, sure),
      drawing.element,
      make("table", { className: "classes" }, head, ...lines),
      ...(j === null ? [] : rubbishSlider(explorer, j)),
    ),
    update({ answers, activations, state }, colours) {
      const { distances, posterior, digit = 0 } = answers[index] ?? {};
      const best = digit ?? 10;
      const text = (...words) => explorer.text(...words);
      drawing.update?.(activations[index]?.F6.after, distances, colours);
      name.className = best < 10 ? "" : "words";
      name.textContent = !distances ? "–" : best < 10 ? best : text("rubbish");
      sure.textContent = distances ? text("sure", percent(posterior[best])) : text("nothing drawn");
      const costs = distances ? [...distances, state.j].slice(0, lines.length) : [];
      lines.forEach(({ cells: [, cost, chance] }, place) => {
        lines[place].className = distances && place === best ? "winner" : "";
        const [own, share] = [costs[place], posterior?.[place]];
        fill(cost, distances ? own / Math.max(...costs) : 0, distances ? brief(own) : "");
        fill(chance, share ?? 0, distances ? percent(share) : "");
      });
      return distances ? text("reads", text(kind), name.textContent) : "";
    },
  };
}

/** What F6 draws, beside the codes of the three nearest digits. */
function codesView(explorer, codes) {
  const pictures = Array.from({ length: 4 }, () => new Picture(CODE, { across: 7, cell: 9 }));
  const figures = pictures.map(({ element }) => figure("F6 draws", element));
  return {
    element: make("div", { className: "drawn" }, ...figures),
    update(drawn, distances, colours) {
      const nearest = [...(distances ?? []).keys()].sort((a, b) => distances[a] - distances[b]);
      pictures[0].draw(drawn ?? null, colours.signed, CODES);
      pictures.slice(1).forEach((picture, place) => {
        const digit = nearest[place];
        picture.draw(codes[digit] ?? null, colours.signed, CODES);
        const words = distances ? explorer.text("code", digit) : "\u00a0";
        figures[place + 1].lastChild.textContent = words;
      });
    },
  };
}

function rubbishSlider(explorer, j) {
  const slider = make("input", { type: "range", min: j / 100, max: 2 * j, step: j / 100 });
  const value = make("output");
  slider.addEventListener("input", () => explorer.set({ j: slider.valueAsNumber }));
  explorer.watch(({ state }) => {
    slider.value = state.j;
    value.textContent = brief(state.j);
  });
  const label = make("label", { className: "rubbish" }, make("span", { text: "j" }), slider, value);
  return [label, make("p", { className: "note", text: "about j" })];
}
