// The stored digits to take.

import { ARROWS } from "./drawing.js";
import { make } from "./elements.js";
import { Picture, coloursOf } from "./pictures.js";

/** The stored digits, one kind at a time. Arrow keys go from one to the next. */
export function digitsView(parent, explorer) {
  const { kinds, index, labels } = explorer.data.digits;
  const strip = make("div", { className: "strip", role: "group", label: "stored digits" });
  const list = make("select", { label: "kind of digit" });
  const another = make("button", { type: "button", text: "another" });
  parent.append(make("div", { className: "tools" }, list, another), strip);

  const choose = (place) => explorer.take({ kind: "digit", index: place });
  const places = () => [...kinds.keys()].filter((place) => kinds[place] === list.value);
  let shown = null; // the kind on the strip
  const fill = () => {
    shown = list.value;
    const { grey } = coloursOf(explorer);
    const buttons = places().map((place, order) => {
      const picture = new Picture({ maps: 1, rows: 28, columns: 28 }, { across: 1, cell: 1.5 });
      picture.draw(explorer.stored(place), grey, [0, 255]);
      const values = [labels[place], index[place]];
      const name = { label: "stored digit", values, tabIndex: order ? -1 : 0 };
      const onclick = () => choose(place);
      return make("button", { type: "button", onclick, ...name }, picture.canvas);
    });
    strip.replaceChildren(...buttons);
    explorer.set({ language: explorer.state.language });
  };
  strip.addEventListener("keydown", (event) => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    const [right, down] = ARROWS[event.key];
    const all = [...strip.children];
    const next = all[all.indexOf(document.activeElement) + right + down];
    if (!next) return;
    all.forEach((one) => (one.tabIndex = one === next ? 0 : -1));
    next.focus();
  });
  for (const kind of new Set(kinds)) {
    list.append(make("option", { value: kind, text: `kind ${kind}` }));
  }
  list.addEventListener("change", () => explorer.set({}));
  another.addEventListener("click", () => {
    const all = places();
    choose(all[Math.floor(Math.random() * all.length)]);
  });
  explorer.watch(() => {
    if (shown !== list.value) fill();
  });
}
