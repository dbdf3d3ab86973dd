// The explorer: its state, what is computed from it, and the sections that show it.

import { changed } from "./changes.js";
import { convolutionView } from "./convolution.js";
import { digitsView } from "./digits.js";
import { UNCHANGED, seenView } from "./dragging.js";
import { drawingView, pixelsOf, reducedField } from "./drawing.js";
import { make, translate, wordsOf } from "./elements.js";
import { answersView, layersView } from "./layers.js";
import { buildNetwork, bytesOf, distancesOf, float16Of } from "./network.js";
import { posterior, withKernel, withWeights } from "./network.js";
import { sizeNormalize } from "./normalization.js";
import { tasksView } from "./tasks.js";
import { trainingView } from "./training.js";
import { unitView } from "./unit.js";

const VIEWS = {
  draw: drawingView,
  answer: answersView,
  digits: digitsView,
  seen: seenView,
  layers: layersView,
  unit: unitView,
  convolution: convolutionView,
  training: trainingView,
  tasks: tasksView,
};
const LANGUAGES = { en: "English", ko: "한국어" };
const PAUSE_OF_SENDING = 100; // milliseconds between two images that go to Python

/**
 * Builds the explorer.
 * @param {HTMLElement} element Where it goes.
 * @param {object} data Networks, film and digits, as `lenet_study.explorer` writes them.
 * @param {{onAnswer: function}} hooks `onAnswer(explorer)` is called after each answer.
 * @returns {object} The explorer. `image` is what the networks see, a Uint8Array of 784
 *   greys or null, and `answers` is what they say: {distances, posterior, digit} each, with
 *   `digit` null for rubbish. `close()` ends all listening.
 */
export function mount(element, data, { onAnswer = () => {} } = {}) {
  const trained = data.networks.map(buildNetwork);
  const images = bytesOf(data.digits.images);
  const closing = new AbortController();
  const views = [];
  const stale = new Set(["source", "language"]);
  let frame = 0;
  const state = {
    source: null, // {kind: "drawing", strokes}, {kind: "image", ...} or {kind: "digit", index}
    normalize: true,
    changes: UNCHANGED,
    moment: null, // of the film; null: the trained network
    kernel: null, // {map, values} in place of one of C1
    before: false, // maps show the sums before the squashing function
    scale: "layer",
    unit: null,
    held: false,
    j: trained[0].j,
    language: navigator.language.startsWith("ko") ? "ko" : "en",
  };
  const scene = {
    state,
    empty: true,
    digit: null, // 784 greys before the changes
    greys: null, // and after them: what the networks see
    normalized: null, // what `sizeNormalize` told
    refusal: null, // or why it refused: a key of the labels
    networks: trained,
    unedited: trained[0], // network 0 at the moment, with its own kernels
    activations: [],
    answers: [],
  };
  // A form of its own keeps the radio buttons of several explorers apart.
  const root = make("form", { className: "explorer", "data-lm-suppress-shortcuts": "true" });
  const probe = make("i", { hidden: true });

  const explorer = {
    data,
    state,
    scene,
    root,
    past: [], // the sources before, for undo
    closed: closing.signal,
    close: () => closing.abort(),
    /** Changes the state. The views follow in the next frame. */
    set(patch) {
      Object.assign(state, patch);
      Object.keys(patch).forEach((key) => stale.add(key));
      if (!closing.signal.aborted) frame ||= requestAnimationFrame(update);
    },
    /** Puts another source into the field. */
    take(source) {
      explorer.past.push(state.source);
      explorer.set({ source });
    },
    /** Puts back what was in the field before. */
    undo() {
      if (explorer.past.length) explorer.set({ source: explorer.past.pop() });
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
    if (!root.isConnected) return explorer.set({}); // a notebook may attach it later
    const has = (...keys) => keys.some((key) => stale.has(key));
    const isOther = has("source", "normalize", "changes");
    if (has("source", "normalize")) {
      Object.assign(scene, seenOf(state, explorer));
    }
    if (isOther) {
      scene.greys = changed(scene.digit, state.changes);
      scene.empty = scene.digit.every((grey) => grey === 0);
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

  const names = Object.keys(VIEWS).filter((name) => name !== "training" || data.film);
  root.addEventListener("submit", (event) => event.preventDefault());
  const sections = names.map((name) => section(name, explorer));
  root.append(probe, make("div", { className: "sheet" }, opening(explorer), ...sections));
  element.append(root);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => explorer.set({}), { signal: closing.signal });
  return explorer;
}

/** What this is, what to do first, and in which language. */
function opening(explorer) {
  const buttons = Object.entries(LANGUAGES).map(([language, text]) => {
    const onclick = () => explorer.set({ language });
    const button = make("button", { type: "button", lang: language, onclick }, text);
    explorer.watch(({ state }) => {
      button.setAttribute("aria-pressed", state.language === language);
    });
    return button;
  });
  return make(
    "header",
    {},
    make("h1", { text: "title" }),
    make("div", { className: "tools" }, ...buttons),
    make("p", { text: "opening" }),
  );
}

/** A section: its heading, what is seen there, and its view. */
function section(name, explorer) {
  const parent = make("section", { className: `part ${name}`, label: name });
  parent.append(make("h2", { text: name }), make("p", { text: `${name} about` }));
  VIEWS[name](parent, explorer);
  return parent;
}

/** The digit of a source before the changes, and what the size normalization told. */
function seenOf({ source, normalize }, explorer) {
  const told = { normalized: null, refusal: null };
  const empty = new Float32Array(784);
  if (source === null) return { ...told, digit: empty };
  if (source.kind === "broken") return { ...told, digit: empty, refusal: "broken" };
  if (source.kind === "digit") return { ...told, digit: explorer.stored(source.index) };
  if (!normalize) return { ...told, digit: reducedField(source) };
  try {
    const normalized = sizeNormalize(pixelsOf(source), source.kind === "drawing" ? "light" : null);
    return { ...told, digit: normalized.image, normalized };
  } catch (error) {
    if (!error.key) throw error;
    return { ...told, digit: empty, refusal: error.key };
  }
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

/**
 * Builds the explorer of a notebook, for anywidget. What is drawn and the ten outputs of
 * the network go back to Python.
 * @param {{model: object, el: HTMLElement}} widget
 * @returns {function} Ends all listening.
 */
export function render({ model, el }) {
  let timer = null;
  const send = () => {
    timer = null;
    const [answer] = explorer.answers;
    const isFaithful = explorer.scene.networks[0].kind === "lenet5";
    const outputs = isFaithful ? answer?.distances : answer?.posterior.slice(0, 10);
    model.set("image", explorer.image);
    model.set("answers", outputs ?? null);
    model.save_changes();
  };
  const onAnswer = () => (timer ??= setTimeout(send, PAUSE_OF_SENDING));
  const explorer = mount(el, model.get("data"), { onAnswer });
  const gone = make("p", { className: "refusal", role: "alert" });
  model.on("comm_live_update", () => {
    gone.textContent = explorer.text("kernel gone");
    explorer.root.querySelector(".draw").append(gone);
  });
  return explorer.close;
}
