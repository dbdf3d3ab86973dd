// All layers of the networks as maps, and their answers.

import { ARROWS } from "./drawing.js";
import { make } from "./elements.js";
import { Picture, coloursOf, numeral, rangeOf, shape } from "./pictures.js";
import { nameOf, sentenceOf } from "./unit.js";

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
const DRAWN = { maps: 84, rows: 1, columns: 1 };
const SQUASHED = [-1.7159, 1.7159];
const FEW = 16; // so many maps have a line and a frame of their own
const NEAREST = 3;
const PAUSE = 500; // milliseconds without a change, before the answer is spoken

/**
 * Shows all layers of all networks, with the way to each unit.
 * @param {HTMLElement} parent
 * @param {object} explorer
 */
export function layersView(parent, explorer) {
  const flows = explorer.scene.networks.map((_, index) => new Flow(explorer, index));
  const readout = make("p", { className: "readout", "aria-live": "polite" });
  const more = make("button", { type: "button", text: "all numbers", hidden: true });
  more.addEventListener("click", () => {
    explorer.root.querySelector(".part.unit").scrollIntoView({ block: "start" });
  });
  parent.append(
    make("div", { className: "switches" }, ...switches(explorer), legend()),
    ...flows.map((flow) => flow.element),
    make("div", { className: "readout-line" }, readout, more),
  );
  explorer.root.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && explorer.state.unit) explorer.set({ unit: null, held: false });
  });
  explorer.watch((scene) => {
    const colours = coloursOf(explorer);
    flows.forEach((flow) => flow.update(scene, colours));
    const { unit } = scene.state;
    more.hidden = !unit || scene.empty;
    readout.textContent = unit && !scene.empty ? sentenceOf(explorer, unit) : explorer.text("hover");
  });
}

function switches(explorer) {
  const choices = (key, options) => {
    const inputs = options.map(([value, text]) => {
      const input = make("input", { type: "radio", name: `explorer-${key}` });
      input.addEventListener("change", () => explorer.set({ [key]: value }));
      explorer.watch(({ state }) => (input.checked = state[key] === value));
      return make("label", {}, input, make("span", { text }));
    });
    return make("fieldset", {}, make("legend", { text: `show ${key}` }), ...inputs);
  };
  return [
    choices("before", [[false, "after squashing"], [true, "before squashing"]]),
    choices("scale", [["layer", "scale a layer"], ["map", "scale a map"]]),
  ];
}

function legend() {
  const bar = (className, ...texts) =>
    make("div", { className }, make("i"), ...texts.map((text) => make("span", { text })));
  return make(
    "div",
    { className: "legend" },
    bar("signed", "negative", "zero", "positive"),
    bar("greys", "paper", "ink"),
  );
}

/** The layers of one network, from the input to the output. */
class Flow {
  #explorer;
  #index;
  #network;
  #pictures = {};
  #scales = {};
  #values = [];
  #lines = shape("svg", { class: "ways", "aria-hidden": "true" });
  #row = make("div", { className: "flow" });
  #traced = null;

  constructor(explorer, index) {
    this.#explorer = explorer;
    this.#index = index;
    this.#network = explorer.scene.networks[index];
    const { kind, layers } = this.#network;
    this.#row.append(...layers.map((layer) => this.#figure(layer, kind)), this.#lines);
    this.element = make(
      "details",
      { className: "network", open: index === 0 || matchMedia("(min-width: 700px)").matches },
      make("summary", {}, make("h3", { text: kind }), make("span", { text: `${kind} about` })),
      this.#row,
    );
    this.element.addEventListener("toggle", () => explorer.set({}));
    new ResizeObserver(() => {
      this.#traced = null;
      explorer.set({});
    }).observe(this.#row);
  }

  #figure(layer, kind) {
    const { name, maps, rows, columns } = layer;
    const picture = new Picture(layer, LAYOUTS[name], {
      tabIndex: name === "input" ? -1 : 0,
      role: "application",
      label: "layer maps",
      values: [name, maps, rows, columns],
    });
    this.#pictures[name] = picture;
    if (name !== "input") this.#listen(picture, name);
    const size = make("span", { text: "size", values: [maps, rows, columns] });
    this.#scales[name] = make("span", { className: "scale" });
    return make(
      "figure",
      { className: `layer ${name}` },
      make("figcaption", {}, make("b", { text: `name ${name}` }), size),
      name === "output" ? this.#outputs(picture) : picture.element,
      this.#scales[name],
      make("p", { text: `${kind} ${name}` }),
    );
  }

  #outputs(picture) {
    const lines = Array.from({ length: 10 }, (_, digit) => make("b", {}, String(digit)));
    this.#values = lines.map(() => make("span"));
    const column = (...cells) => make("div", { "aria-hidden": "true" }, ...cells);
    return make(
      "div",
      { className: "outputs" },
      column(...lines),
      picture.element,
      column(...this.#values),
    );
  }

  #listen(picture, layer) {
    const explorer = this.#explorer;
    const { element } = picture;
    const point = (unit, held) => explorer.set({ unit: unit && this.#unit(layer, unit), held });
    element.addEventListener("pointermove", (event) => {
      const unit = picture.unitAt(event);
      const hovers = event.pointerType !== "touch" && !explorer.state.held;
      if (hovers && !this.#isUnit(layer, unit)) point(unit, false);
    });
    element.addEventListener("pointerleave", () => this.#leave());
    element.addEventListener("blur", () => this.#leave());
    element.addEventListener("click", (event) => {
      const unit = picture.unitAt(event);
      if (unit) point(unit, !(explorer.state.held && this.#isUnit(layer, unit)));
    });
    element.addEventListener("focus", () => {
      const { unit, held } = explorer.state;
      const isHere = unit?.network === this.#index && unit.layer === layer;
      if (element.matches(":focus-visible") && !isHere && !held) point(this.#middle(picture), false);
    });
    element.addEventListener("keydown", (event) => {
      const { unit, held } = explorer.state;
      const isHere = unit?.network === this.#index && unit.layer === layer;
      const from = isHere ? unit : this.#middle(picture);
      if (event.key in ARROWS) {
        event.preventDefault();
        point(isHere ? picture.step(from, ...ARROWS[event.key]) : from, isHere && held);
      } else if (event.key === "Enter") {
        point(from, !(isHere && held));
      }
    });
  }

  #middle({ rows, columns }) {
    return { map: 0, row: rows >> 1, column: columns >> 1 };
  }

  #unit(layer, { map, row, column }) {
    return { network: this.#index, layer, map, row, column };
  }

  #isUnit(layer, unit) {
    const now = this.#explorer.state.unit;
    return JSON.stringify(unit && this.#unit(layer, unit)) === JSON.stringify(now);
  }

  #leave() {
    if (!this.#explorer.state.held) this.#explorer.set({ unit: null });
  }

  update(scene, colours) {
    if (!this.element.open) return;
    this.#network = scene.networks[this.#index];
    this.#network.layers.forEach((layer) => this.#draw(layer, scene, colours));
    this.#tell(scene);
    this.#trace(scene.state.unit);
  }

  #draw({ name }, { empty, activations, state }, colours) {
    const picture = this.#pictures[name];
    const isInput = name === "input";
    const scale = this.#scales[name];
    scale.textContent = "\u00a0";
    if (empty) {
      picture.clear(isInput ? colours.grey.map(() => colours.grey[0]) : colours.signed);
      return;
    }
    const { before, after } = activations[this.#index][name];
    const values = state.before && before ? before : after;
    const { background, ink } = this.#network;
    const whole = rangeOf(values);
    if (isInput) {
      picture.draw(values, colours.grey, [background, ink]);
      scale.textContent = `${numeral(background, 1)} … ${numeral(ink, 2)}`;
    } else {
      const together = state.scale === "layer" || picture.rows === 1;
      picture.draw(values, colours.signed, together ? whole : null);
      if (together) scale.textContent = `±${numeral(whole[1], whole[1] < 100 ? 2 : 0)}`;
    }
  }

  #tell({ empty, activations, answers, state }) {
    const output = activations[this.#index]?.output;
    const values = state.before ? output?.before : output?.after;
    const { digit } = answers[this.#index] ?? { digit: null };
    this.#values.forEach((element, place) => {
      element.textContent = empty ? "" : numeral(values[place], values[place] < 100 ? 2 : 0);
      element.className = place === digit ? "winner" : "";
    });
  }

  /** Draws the way to a unit: what it takes from each layer before. */
  #trace(unit) {
    const own = unit?.network === this.#index ? unit : null;
    const key = JSON.stringify(own);
    if (key === this.#traced) return;
    this.#traced = key;
    this.#lines.replaceChildren();
    if (!own) return;
    const reach = reachOf(this.#network, own);
    const { clientWidth: width, clientHeight: height } = this.#row;
    this.#lines.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const fits = reach.map(({ layer, maps, ...part }) => {
      const { element } = this.#pictures[layer.name];
      const all = Array.from({ length: layer.maps }, (_, map) => map);
      const at = (map, piece) => placed(this.#pictures[layer.name].box(map, piece), element);
      for (const map of all.filter((other) => layer.maps <= FEW && !maps.includes(other))) {
        this.#lines.append(shape("rect", { class: "apart", ...at(map) }));
      }
      if (maps.length <= FEW) return maps.map((map) => at(map, part));
      const { offsetLeft: x, offsetTop: y, offsetWidth, offsetHeight } = element;
      return [{ x, y, width: offsetWidth, height: offsetHeight }];
    });
    const [[to], from] = fits;
    this.#lines.append(
      ...from.flatMap((box) => lineBetween(box, to)),
      ...fits.flat().map((box) => shape("rect", { class: "frame", ...box })),
      shape("rect", { class: "own", ...to }),
    );
  }
}

/** What a unit takes from all layers before, from itself down to the input. */
function reachOf(network, { layer: name, map, row, column }) {
  const { layers } = network;
  let index = layers.findIndex((layer) => layer.name === name);
  let part = { layer: layers[index], maps: [map], top: row, left: column, rows: 1, columns: 1 };
  const reach = [part];
  for (; index > 0; index--) {
    const { size, stride, padding, links } = layers[index];
    part = {
      layer: layers[index - 1],
      maps: [...new Set(part.maps.flatMap((own) => links[own]))],
      top: part.top * stride - padding,
      left: part.left * stride - padding,
      rows: (part.rows - 1) * stride + size,
      columns: (part.columns - 1) * stride + size,
    };
    reach.push(part);
  }
  return reach;
}

function placed({ x, y, width, height }, { offsetLeft, offsetTop }) {
  return { x: x + offsetLeft, y: y + offsetTop, width, height };
}

function lineBetween(from, to) {
  const start = { x1: from.x + from.width / 2, y1: from.y + from.height / 2 };
  const end = { x2: to.x + to.width / 2, y2: to.y + to.height / 2 };
  return ["under", "line"].map((name) => shape("line", { class: name, ...start, ...end }));
}

/**
 * Shows what each network answers: what F6 draws, the nearest codes, distances, posterior.
 * @param {HTMLElement} parent
 * @param {object} explorer
 */
export function answersView(parent, explorer) {
  const cards = explorer.scene.networks.map((_, index) => answerCard(explorer, index));
  const spoken = make("p", { className: "spoken", role: "status" });
  parent.append(
    make("div", { className: "answers" }, ...cards.map(({ element }) => element)),
    spoken,
  );
  let timer = 0;
  explorer.watch((scene) => {
    const colours = coloursOf(explorer);
    cards.forEach((card) => card.update(scene, colours));
    clearTimeout(timer);
    timer = setTimeout(() => {
      const told = cards.map(({ sentence }) => sentence(scene)).join(" ");
      if (spoken.textContent !== told) spoken.textContent = told;
    }, PAUSE);
  });
}

function answerCard(explorer, index) {
  const { kind, j, layers } = explorer.scene.networks[index];
  const { codes } = layers.at(-1);
  const digit = make("strong");
  const sure = make("span");
  const drawing = codes && drawingBesideCodes(explorer, codes);
  const table = new AnswerTable(explorer, index);
  const element = make(
    "article",
    { className: "card" },
    make("h3", { text: kind }),
    make("p", { className: "told", "aria-hidden": "true" }, digit, sure),
    ...(drawing ? [drawing.element] : [make("p", { className: "note", text: "no drawing" })]),
    table.element,
    ...(j === null ? [] : rubbishSlider(explorer, j)),
  );
  const nameOfAnswer = (answer) =>
    answer.digit === null ? explorer.text("rubbish") : String(answer.digit);
  return {
    element,
    update(scene, colours) {
      const answer = scene.answers[index];
      digit.textContent = answer ? nameOfAnswer(answer) : "–";
      digit.className = answer?.digit === null ? "words" : "";
      sure.textContent = answer
        ? explorer.text("sure", percent(answer.posterior[answer.digit ?? 10]))
        : explorer.text("nothing drawn");
      drawing?.update(scene.activations[index]?.F6.after, answer?.distances, colours);
      table.update(answer, scene.state);
    },
    sentence({ answers }) {
      const answer = answers[index];
      const name = explorer.text(kind);
      return answer ? explorer.text("reads", name, nameOfAnswer(answer)) : "";
    },
  };
}

function percent(share) {
  const digits = share > 0.0005 && share < 0.9995 && (share < 0.1 || share > 0.99) ? 1 : 0;
  return `${numeral(100 * share, digits)} %`;
}

/** What F6 draws, and the codes of the nearest digits. */
function drawingBesideCodes(explorer, codes) {
  const layout = { across: 7, cell: 9 };
  const pictures = Array.from({ length: NEAREST + 1 }, () => new Picture(DRAWN, layout));
  const captions = pictures.map(() => make("figcaption"));
  const figures = pictures.map(({ element }, place) =>
    make("figure", {}, element, captions[place]),
  );
  return {
    element: make("div", { className: "drawn" }, ...figures),
    update(drawn, distances, colours) {
      const order = distances ? [...distances.keys()].sort((a, b) => distances[a] - distances[b]) : [];
      captions[0].textContent = explorer.text("F6 draws");
      pictures.forEach((picture, place) => {
        const values = place ? codes[order[place - 1]] : drawn;
        if (values) picture.draw(values, colours.signed, SQUASHED);
        else picture.clear(colours.signed);
        if (place) captions[place].textContent = values ? explorer.text("code", order[place - 1]) : "";
      });
    },
  };
}

/** The distances and the posterior, a line a digit, and one for what is no digit. */
class AnswerTable {
  #lines;
  #j;

  constructor(explorer, index) {
    const { kind, j } = explorer.scene.networks[index];
    this.#j = j;
    const count = j === null ? 10 : 11;
    this.element = make("table", { className: "classes" });
    const heads = ["digit", `${kind} cost`, "probability"];
    const cells = heads.map((text) => make("th", { scope: "col", text }));
    this.element.createTHead().append(make("tr", {}, ...cells));
    const body = this.element.createTBody();
    this.#lines = Array.from({ length: count }, (_, place) => {
      const name = place < 10 ? make("b", {}, String(place)) : make("b", { text: "rubbish" });
      const [cost, chance] = [make("td"), make("td")];
      const line = make("tr", {}, make("th", { scope: "row" }, name), cost, chance);
      body.append(line);
      if (place < 10) listenToLine(line, explorer, { network: index, map: place });
      return { line, cost, chance };
    });
  }

  update(answer, { j, unit }) {
    const costs = answer ? [...answer.distances, j] : [];
    const most = Math.max(...costs.slice(0, this.#lines.length));
    this.#lines.forEach(({ line, cost, chance }, place) => {
      const isBest = answer && (answer.digit ?? 10) === place;
      line.className = isBest ? "winner" : "";
      cost.textContent = answer ? numeral(costs[place], costs[place] < 100 ? 1 : 0) : "";
      cost.style.setProperty("--share", answer ? costs[place] / most : 0);
      chance.textContent = answer ? percent(answer.posterior[place]) : "";
      chance.style.setProperty("--share", answer ? answer.posterior[place] : 0);
    });
  }
}

function listenToLine(line, explorer, { network, map }) {
  const unit = { network, layer: "output", map, row: 0, column: 0 };
  line.addEventListener("pointerenter", ({ pointerType }) => {
    if (pointerType !== "touch" && !explorer.state.held) explorer.set({ unit });
  });
  line.addEventListener("pointerleave", () => {
    if (!explorer.state.held) explorer.set({ unit: null });
  });
  line.addEventListener("click", () => explorer.set({ unit, held: true }));
}

function rubbishSlider(explorer, j) {
  const slider = make("input", { type: "range", min: j / 100, max: 2 * j, step: j / 100 });
  const value = make("output");
  slider.addEventListener("input", () => explorer.set({ j: slider.valueAsNumber }));
  explorer.watch(({ state }) => {
    slider.value = state.j;
    value.textContent = numeral(state.j, state.j < 10 ? 1 : 0);
  });
  return [
    make("label", { className: "rubbish" }, make("span", { text: "j" }), slider, value),
    make("p", { className: "note", text: "about j" }),
  ];
}
