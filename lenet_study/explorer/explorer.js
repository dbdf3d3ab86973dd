import { buildNetwork, bytesOf, distancesOf, float16Of } from "./network.js";
import { posterior, withKernel, withWeights } from "./network.js";
import { CHANGES, changed } from "./changes.js";
import { make, translate, wordsOf } from "./elements.js";
import { FIELD, drawingView, fieldOf } from "./drawing.js";
import { answersView, layersView } from "./layers.js";
import { unitView } from "./unit.js";
import { convolutionView } from "./convolution.js";

const SECTIONS = [
  ["draw", drawingView],
  ["answer", answersView],
  ["layers", layersView],
  ["unit", unitView],
  ["convolution", convolutionView],
];

/** The amounts of all changes that change nothing. */
export const UNCHANGED = Object.fromEntries(CHANGES.map(({ name, start }) => [name, start]));

/**
 * Builds the explorer.
 * @param {HTMLElement} element Where it goes.
 * @param {object} data Networks, film and digits, as `lenet_study.explorer` writes them.
 * @param {{onAnswer: function}} hooks `onAnswer(explorer)` is called after each answer.
 * @returns {object} The explorer. `image` is what the networks see, a Uint8Array of 784
 *   greys or null, and `answers` is what they say: {distances, posterior, digit} each, with
 *   `digit` null for rubbish.
 */
export function mount(element, data, { onAnswer = () => {} } = {}) {
  const trained = data.networks.map(buildNetwork);
  const images = bytesOf(data.digits.images);
  const views = [];
  const stale = new Set(["source", "language"]);
  let frame = 0;
  const state = {
    source: null, // {kind: "drawing", strokes}, {kind: "image", ...} or {kind: "digit", index}
    normalize: true,
    changes: UNCHANGED,
    moment: null, // of the film; null: the trained network
    kernel: null, // {map, values} in place of one of C1
    before: false,
    scale: "layer",
    unit: null,
    held: false,
    j: trained[0].j,
    language: navigator.language.startsWith("ko") ? "ko" : "en",
  };
  const scene = {
    state,
    empty: true,
    greys: new Float32Array(784), // what the networks see
    normalized: null, // what `sizeNormalize` told
    refusal: null, // or why it refused: a key of the labels
    networks: trained,
    unedited: trained[0], // network 0 at the moment, with its own kernels
    activations: [],
    answers: [],
  };
  const root = make("div", { className: "explorer" });
  const probe = make("i", { hidden: true });

  const explorer = {
    data,
    state,
    scene,
    root,
    /** Changes the state. The views follow in the next frame. */
    set(patch) {
      Object.assign(state, patch);
      Object.keys(patch).forEach((key) => stale.add(key));
      frame ||= requestAnimationFrame(update);
    },
    /** Calls `view(scene)` after each change. */
    watch(view) {
      views.push(view);
      explorer.set({});
    },
    /** The words of a label in the language of the state. */
    text: (key, ...values) => wordsOf(state.language, key, ...values),
    /** A colour of the style sheet, such as "--ink", as a canvas takes it. */
    color(name) {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    },
    /** One of the stored digits: 784 greys. */
    stored: (index) => images.subarray(784 * index, 784 * index + 784),
    get image() {
      return scene.empty ? null : Uint8Array.from(scene.greys, Math.round);
    },
    get answers() {
      return scene.answers;
    },
  };

  /** Computes what depends on the changed part of the state, and tells all views. */
  function update() {
    frame = 0;
    const has = (...keys) => keys.some((key) => stale.has(key));
    const isOther = has("source", "normalize", "changes");
    if (has("source", "normalize")) {
      Object.assign(scene, seen(state, explorer));
    }
    if (isOther) {
      scene.greys = changed(scene.digit, state.changes);
      scene.empty = scene.greys.every((grey) => grey === 0);
    }
    if (has("moment")) {
      scene.unedited = networkAt(state.moment, trained[0], data.film);
    }
    if (has("moment", "kernel")) {
      const { kernel } = state;
      const edited = kernel && withKernel(scene.unedited, kernel.map, kernel.values);
      scene.networks = [edited ?? scene.unedited, ...trained.slice(1)];
    }
    if (isOther || has("moment", "kernel")) {
      scene.activations = scene.empty
        ? []
        : scene.networks.map((network) => network.forward(scene.greys));
    }
    if (isOther || has("moment", "kernel", "j")) {
      scene.answers = scene.activations.map((activations, index) =>
        answerOf(scene.networks[index], activations, state.j),
      );
      onAnswer(explorer);
    }
    if (has("language")) {
      root.lang = state.language;
      translate(root, state.language);
    }
    stale.clear();
    views.forEach((view) => view(scene));
  }

  root.append(probe, ...SECTIONS.map(([name, view]) => section(name, view, explorer)));
  element.append(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => explorer.set({}));
  return explorer;
}

/** Builds a section: its heading, what is seen there, and its view. */
function section(name, view, explorer) {
  const id = `explorer-${name}`;
  const parent = make("section", { className: `part ${name}`, "aria-labelledby": id });
  parent.append(make("h2", { id, text: name }), make("p", { text: `${name} about` }));
  view(parent, explorer);
  return parent;
}

/** The digit before the changes. */
function seen({ source }, explorer) {
  if (source === null) {
    return { digit: new Float32Array(784), normalized: null, refusal: null };
  }
  if (source.kind === "digit") {
    return { digit: explorer.stored(source.index), normalized: null, refusal: null };
  }
  return { digit: reduced(fieldOf(source)), normalized: null, refusal: null };
}

/** Network 0 at a moment of its training; null is its end. */
function networkAt(moment, trained, film) {
  if (moment === null) return trained;
  return withWeights(trained, float16Of(film.moments[moment].weights));
}

function answerOf(network, activations, j) {
  const distances = distancesOf(network, activations);
  const chances = posterior(distances, network.j === null ? null : j, network.temperature);
  const best = chances.indexOf(Math.max(...chances));
  return { distances, posterior: chances, digit: best === 10 ? null : best };
}

/** Reduces the field to 28x28: each new pixel is the mean over the area that it covers. */
function reduced(greys) {
  const size = FIELD / 28;
  const share = (old, place) =>
    Math.max(0, Math.min(old + 1, (place + 1) * size) - Math.max(old, place * size));
  return Float32Array.from({ length: 784 }, (_, pixel) => {
    const [row, column] = [Math.floor(pixel / 28), pixel % 28];
    let sum = 0;
    for (let y = Math.floor(row * size); y < (row + 1) * size; y++) {
      for (let x = Math.floor(column * size); x < (column + 1) * size; x++) {
        sum += share(y, row) * share(x, column) * greys[y * FIELD + x];
      }
    }
    return sum / size ** 2;
  });
}
