import { buildNetwork, distancesOf, posterior, withWeights } from "./network.js";
import { make, translate, wordsOf } from "./elements.js";
import { drawingView } from "./drawing.js";
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

/**
 * Builds the explorer.
 * @param {HTMLElement} element where it goes.
 * @param {object} data networks, film and digits, as `lenet_study.explorer` writes them.
 * @param {{onAnswer: function}} hooks `onAnswer(explorer)` is called after each answer.
 * @returns {object} the explorer. `image` is what the networks see, a Uint8Array of 784
 *   greys or null, and `answers` what they say.
 */
export function mount(element, data, { onAnswer = () => {} } = {}) {
  const trained = data.networks.map(buildNetwork);
  const views = [];
  const changed = new Set(["source", "language"]);
  let frame = 0;
  const state = {
    source: null,
    normalize: true,
    changes: {},
    moment: null,
    kernel: null,
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
    greys: new Float32Array(784),
    normalized: null,
    networks: trained,
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
    set(patch) {
      Object.assign(state, patch);
      Object.keys(patch).forEach((key) => changed.add(key));
      frame ||= requestAnimationFrame(update);
    },
    watch(view) {
      views.push(view);
      explorer.set({});
    },
    text: (key, ...values) => wordsOf(state.language, key, ...values),
    color(name) {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    },
    get image() {
      return scene.empty ? null : Uint8Array.from(scene.greys, Math.round);
    },
    get answers() {
      return scene.answers;
    },
  };

  function update() {
    frame = 0;
    const has = (...keys) => keys.some((key) => changed.has(key));
    if (has("source", "normalize", "changes")) {
      scene.greys = Float32Array.from(reduced(state.source));
      scene.empty = scene.greys.every((grey) => grey === 0);
    }
    if (has("source", "normalize", "changes", "moment", "kernel")) {
      scene.activations = scene.empty
        ? []
        : scene.networks.map((network) => network.forward(scene.greys));
    }
    if (has("source", "normalize", "changes", "moment", "kernel", "j")) {
      scene.answers = scene.activations.map((activations, index) =>
        answerOf(scene.networks[index], activations, state.j),
      );
      onAnswer(explorer);
    }
    if (has("language")) {
      root.lang = state.language;
      translate(root, state.language);
    }
    changed.clear();
    views.forEach((view) => view(scene));
  }

  root.append(probe, ...SECTIONS.map(([name, view]) => section(name, view, explorer)));
  element.append(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => explorer.set({}));
  return explorer;
}

/** Builds a section with its heading, what is seen there, and its view. */
function section(name, view, explorer) {
  const id = `explorer-${name}`;
  const parent = make("section", { className: `part ${name}`, "aria-labelledby": id });
  parent.append(make("h2", { id, text: name }), make("p", { text: `${name} about` }));
  view(parent, explorer);
  return parent;
}

function answerOf(network, activations, j) {
  const distances = distancesOf(network, activations);
  const chances = posterior(distances, network.j === null ? null : j, network.temperature);
  const best = chances.indexOf(Math.max(...chances));
  return { distances, posterior: chances, digit: best === 10 ? null : best };
}

/** Reduces a square drawing to 28x28 greys, by area. */
function reduced(source) {
  return source === null ? new Float32Array(784) : source.image;
}
