// A convolution: a window slides over the digit, and its kernel can be changed.

import { ARROWS } from "./drawing.js";
import { make } from "./elements.js";
import { distancesOf, posterior } from "./network.js";
import { NumberTable, Picture, coloursOf, rangeOf, rangeOfProducts } from "./pictures.js";
import { figure, numeral, percent, watchNear, withSigns } from "./pictures.js";

const WINDOW = 5; // rows and columns
const LARGE = { across: 1, cell: 7 };
const RISE = [-0.1, -0.1, 0, 0.1, 0.1];
const kernelFrom = (weight) =>
  Float32Array.from({ length: 25 }, (_, at) => weight(Math.floor(at / WINDOW), at % WINDOW));
// The weights of the first three add up to 0: where all pixels are equal, they find nothing.
const KERNELS = {
  across: kernelFrom((row) => RISE[row]),
  down: kernelFrom((_, column) => RISE[column]),
  corner: kernelFrom((row, column) => (row > 1 && column > 1 ? 0.16 : -0.09)),
  blur: kernelFrom(() => 1 / 25),
  unchanged: kernelFrom((row, column) => Number(row === 2 && column === 2)),
};

/** Shows in `parent` how a map of C1 arises, step by step; its kernel can be changed. */
export function convolutionView(parent, explorer) {
  const [input, layer] = explorer.scene.networks[0].layers;
  const { rows: side } = layer;
  const last = side ** 2 - 1;
  const text = (...words) => explorer.text(...words);
  const button = (attributes, act, ...children) => {
    const element = make("button", { type: "button", ...attributes }, ...children);
    element.addEventListener("click", act);
    return element;
  };
  let map = 0;
  let step = 10 * side + 13; // the place of the window, row by row
  let timer = 0;

  // The map of C1
  const pictureOf = (rows, layout, attributes) =>
    new Picture({ maps: 1, rows, columns: rows }, layout, attributes);
  const kernels = layer.kernel.map(() => pictureOf(WINDOW, LARGE));
  const choices = kernels.map(({ element }, number) => {
    const choose = () => {
      map = number;
      explorer.set({});
    };
    return button({ label: "choose map", values: [number] }, choose, element, `${number}`);
  });

  // Window times kernel
  const attributes = { tabIndex: 0, role: "application", label: "window slides" };
  const digit = new Picture(input, LARGE, attributes);
  const filling = pictureOf(side, LARGE, { className: "filling" });
  const edit = (place, weight) => {
    const values = explorer.scene.networks[0].layers[1].kernel[map][0].with(place, weight);
    explorer.set({ kernel: { map, values } });
  };
  const tables = [null, edit, null].map((onEdit) => new NumberTable(WINDOW, onEdit));
  const names = ["window", "kernel to edit", "products"];
  const figures = [
    figure("the digit", digit.element),
    ...names.map((name, place) => figure(name, tables[place].element)),
    figure("the map", filling.element),
  ];
  const sum = make("p", { className: "sum" });

  // The window moves
  const play = button({}, () => {
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (timer || isStill) go(timer ? step : last);
    else run(step < last ? step : -1);
  });
  const speed = make("input", { type: "range", min: 1, max: 60, value: 12 });
  const go = (next) => {
    clearTimeout(timer);
    timer = 0;
    step = Math.max(0, Math.min(last, next));
    show(explorer.scene, coloursOf(explorer));
  };
  const run = (from) => {
    go(from + 1);
    if (step < last) timer = setTimeout(run, 1000 / speed.valueAsNumber, step);
    play.textContent = text(timer ? "pause" : "play");
  };
  const point = (event) => {
    const unit = digit.unitAt(event);
    const within = (place) => Math.max(0, Math.min(side - 1, place - (input.rows - side) / 2));
    if (unit) go(within(unit.row) * side + within(unit.column));
  };
  digit.canvas.addEventListener("pointerdown", point);
  digit.canvas.addEventListener("pointermove", (event) => event.buttons && point(event));
  digit.canvas.addEventListener("keydown", (event) => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    const [right, down] = ARROWS[event.key];
    go(step + right + down * side);
  });
  const steps = [
    button({ text: "start" }, () => go(0)),
    button({ text: "step back" }, () => go(step - 1)),
    play,
    button({ text: "step" }, () => go(step + 1)),
    button({ text: "end" }, () => go(last)),
    make("label", {}, make("span", { text: "speed" }), speed),
  ];

  // Another kernel
  const named = Object.entries(KERNELS).map(([name, values]) =>
    button({ text: `kernel ${name}` }, () => explorer.set({ kernel: { map, values } })),
  );
  named.push(button({ text: "trained kernel" }, () => explorer.set({ kernel: null })));
  const before = pictureOf(side, { across: 1, cell: 3 });
  const outcome = make("p", { className: "outcome", role: "status" });
  const trained = figure("trained map", before.element);
  const compared = make("div", { className: "row" }, trained, outcome);

  function show({ empty, networks, activations }, colours) {
    const [network] = networks;
    slide.hidden = empty;
    if (empty) return;
    const [row, column] = [Math.floor(step / side), step % side];
    const account = network.windows(network.layers[1], map, row, column, activations[0]);
    const [{ top, left, values, kernel }] = account.windows;
    const pixels = activations[0].input.after;
    const products = kernel.map((weight, place) => weight * values[place]);
    const ranges = [rangeOf(pixels), rangeOf(kernel)];
    ranges.push(rangeOfProducts(...ranges));
    [values, kernel, products].forEach((own, at) => {
      tables[at].draw(own, colours.signed, ranges[at]);
    });
    digit.draw(pixels, colours.grey, [network.background, network.ink]);
    digit.frame(0, { top, left, rows: WINDOW, columns: WINDOW });
    const own = activations[0].C1.after.slice(map * side ** 2, (map + 1) * side ** 2);
    const range = rangeOf(own);
    filling.draw(own.fill(NaN, step + 1), colours.signed, range);
    filling.frame(0, { top: row, left: column, rows: 1, columns: 1 });
    const { bias, sum: a, result } = account;
    const numbers = [a - bias, bias, a, result].map((number) => numeral(number, 3));
    sum.textContent = text(`${network.layers[1].squash.name} sum`, row, column, ...numbers);
    play.textContent = text(timer ? "pause" : "play");
  }

  function compare({ empty, networks, unedited, greys, answers, state }, colours) {
    compared.hidden = empty || !state.kernel;
    if (compared.hidden) return;
    const activations = unedited.forward(greys);
    const start = state.kernel.map * side ** 2;
    before.draw(activations.C1.after.subarray(start, start + side ** 2), colours.signed);
    const was = told(unedited, distancesOf(unedited, activations));
    const is = told(networks[0], answers[0].distances);
    outcome.textContent = text("outcome", state.kernel.map, was, is);
  }

  function told({ j, temperature }, distances) {
    const chances = posterior(distances, j && explorer.state.j, temperature);
    const best = chances.indexOf(Math.max(...chances));
    return text("told", best < 10 ? best : text("rubbish"), percent(chances[best]));
  }

  const row = make("div", { className: "row" }, ...withSigns(figures, ["", "×", "=", "→"]));
  const buttons = (...all) => make("div", { className: "switches" }, ...all);
  const slide = make("div", {}, buttons(...steps), row, sum);
  parent.append(
    buttons(make("span", { text: "map of C1" }), ...choices),
    slide,
    make("p", { text: "edit about" }),
    buttons(...named),
    compared,
  );
  watchNear(parent, explorer, (scene) => {
    const colours = coloursOf(explorer);
    const shown = scene.networks[0].layers[1].kernel;
    kernels.forEach((picture, number) => {
      picture.draw(shown[number][0], colours.signed);
      choices[number].ariaPressed = number === map;
    });
    show(scene, colours);
    compare(scene, colours);
  });
}
