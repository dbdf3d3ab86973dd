// The network at moments of its training.

import { make } from "./elements.js";
import { Picture, coloursOf, numeral, rangeOf } from "./pictures.js";

const EPOCH = 60000; // patterns

/** A slider over the moments of the film, with the kernels of C1 and what F6 draws. */
export function trainingView(parent, explorer) {
  const { moments } = explorer.data.film;
  const last = moments.length; // the network of this page
  const slider = make("input", { type: "range", max: last, value: last, label: "moment" });
  slider.addEventListener("input", () => {
    const moment = slider.valueAsNumber;
    explorer.set({ moment: moment === last ? null : moment });
  });
  const bars = make("div", { className: "bars", "aria-hidden": "true" });
  for (const { test_error: error } of moments) {
    const bar = make("i");
    bar.style.height = `${0.75 * error}%`;
    bars.append(make("span", {}, `${numeral(error, 1)} %`, bar));
  }
  bars.append(make("span"));
  const timeline = make("div", { className: "timeline" }, bars, slider);
  timeline.style.setProperty("--count", last + 1);
  const told = make("p", { role: "status" });
  const kernels = new Picture({ maps: 6, rows: 5, columns: 5 }, { across: 6, cell: 8, gap: 1 });
  const drawing = new Picture({ maps: 1, rows: 12, columns: 7 }, { across: 1, cell: 8 });
  const figure = ({ element }, text) => make("figure", {}, element, make("figcaption", { text }));
  parent.append(
    timeline,
    told,
    make("div", { className: "row" }, figure(kernels, "film C1"), figure(drawing, "film F6")),
  );

  explorer.watch(({ networks, activations, answers, state }) => {
    const name = momentName(explorer, state.moment);
    slider.value = state.moment ?? last;
    slider.setAttribute("aria-valuetext", name);
    [...bars.children].forEach((bar, place) => bar.classList.toggle("now", place == slider.value));
    const digit = answers.length ? (answers[0].digit ?? explorer.text("rubbish")) : null;
    told.textContent = digit === null ? name : `${name} ${explorer.text("moment reads", digit)}`;
    const { signed } = coloursOf(explorer);
    const values = Float32Array.from(networks[0].layer("C1").kernel.flatMap(([own]) => [...own]));
    kernels.draw(values, signed, rangeOf(values));
    drawing.draw(activations[0]?.F6.after ?? null, signed, [-1.7159, 1.7159]);
  });
}

/** A moment in words: the patterns seen, and the test error. */
function momentName(explorer, moment) {
  if (moment === null) return explorer.text("moment last");
  const { label: seen, test_error: error } = explorer.data.film.moments[moment];
  const epochs = seen / EPOCH;
  const count = epochs < 1 ? seen.toLocaleString("en") : epochs;
  const key = seen === 0 ? "moment first" : epochs < 1 ? "moment patterns" : "moment epochs";
  return explorer.text(key, numeral(error, 1), count);
}
