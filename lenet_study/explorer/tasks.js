// Five small tasks, each checked from what is on the page.

import { CANVAS } from "./drawing.js";
import { make } from "./elements.js";
import { Picture, coloursOf } from "./pictures.js";

const SMALL = CANVAS / 2;
const PAUSE_OF_TASK = 600; // milliseconds that a solution must stay
const CORNER = CANVAS / 3; // so near to two borders is the middle of a digit in a corner

/**
 * Makes the tasks. `check(scene)` says whether what it was shown is the solution; a task
 * keeps what it must remember.
 */
function tasksOf(explorer) {
  const answers = (scene) => scene.answers.map(({ digit }) => digit).join();
  const film = explorer.data.film;
  return [
    { name: "corner", check: inCorner },
    { name: "normalization", check: breaksWithout(answers) },
    { name: "otherwise", check: readOtherwise() },
    { name: "links", check: (scene, count) => linksOf(scene) === count, asks: [1, 2, 3, 4, 5, 6] },
    film ? { name: "moment", check: firstRight() } : { name: "kernel", check: otherKernel() },
  ];
}

/** A small drawing in a corner, that all networks read alike. */
function inCorner({ state, normalized, answers }) {
  if (state.source?.kind !== "drawing" || !normalized) return false;
  const [top, left, bottom, right] = normalized.box;
  const isNear = (from, to) => Math.min(from + to, 2 * CANVAS - from - to) / 2 < CORNER;
  const isSmall = Math.max(bottom - top, right - left) < SMALL;
  const [{ digit }] = answers;
  const agree = digit !== null && answers.every((answer) => answer.digit === digit);
  return isSmall && isNear(top, bottom) && isNear(left, right) && agree;
}

/** The same drawing has other answers without size normalization. */
function breaksWithout(told) {
  let last = null; // the drawing and its answers with it
  return (scene) => {
    const { source, normalize } = scene.state;
    if (normalize) {
      last = { source, answers: told(scene) };
      return false;
    }
    return source !== null && last?.source === source && last.answers !== told(scene);
  };
}

/** Network 0 reads the changed digit otherwise than before, and a unit of its C1 is shown. */
function readOtherwise() {
  let before = null; // the digit without changes, and its answer
  return ({ digit, greys, answers, state: { unit } }) => {
    if (answers.length === 0) return false;
    if (digit.every((grey, place) => Math.abs(grey - greys[place]) < 1)) {
      before = { digit, answer: answers[0].digit };
      return false;
    }
    const isOther = before?.digit === digit && before.answer !== answers[0].digit;
    return isOther && unit?.layer === "C1" && unit.network === 0;
  };
}

/** How many maps of S2 the held unit of C3 takes. */
function linksOf({ state: { unit, held }, networks }) {
  const isShown = held && unit?.layer === "C3";
  return isShown ? networks[unit.network].layer("C3").links[unit.map].length : null;
}

/** A moment of the training that reads the digit rightly, after the one before did not. */
function firstRight() {
  let last = null; // the moment before that read it wrongly, and the digit
  return ({ greys, answers, state: { source, moment } }, _, explorer) => {
    if (answers.length === 0 || moment === null) return false;
    const { labels } = explorer.data.digits;
    const right = source.kind === "digit" ? labels[source.index] : answers.at(-1).digit;
    if (answers[0].digit !== right) {
      last = { greys, moment };
      return false;
    }
    return last?.greys === greys && last.moment === moment - 1;
  };
}

/** An edited kernel of C1 changes the answer. */
function otherKernel() {
  let last = null; // the digit and its answer with the own kernels
  return ({ greys, answers, state: { kernel } }) => {
    if (answers.length === 0) return false;
    if (!kernel) last = { greys, answer: answers[0].digit };
    return kernel !== null && last?.greys === greys && last.answer !== answers[0].digit;
  };
}

/** The bar at the lower edge: the digit, the answers, and the task to do. */
export function tasksView(parent, explorer) {
  const tasks = tasksOf(explorer);
  let now = 0;
  let timer = null;
  const digit = new Picture({ maps: 1, rows: 28, columns: 28 }, { across: 1, cell: 2 });
  const answers = make("span");
  const steps = tasks.map((_, place) =>
    make("button", { type: "button", onclick: () => go(place) }),
  );
  const next = make("button", { type: "button", text: "next task", className: "main" });
  next.addEventListener("click", () => go(tasks.findIndex((task) => !task.done)));
  const [title, words, done] = [make("b"), make("p"), make("p", { className: "done" })];
  const hint = make("p");
  const hints = make("details", {}, make("summary", { text: "hint" }), hint);
  const field = make("select", { label: "how many" });
  const spoken = make("div", { role: "status" }, words, done);
  const details = make(
    "details",
    {},
    make("summary", {}, title),
    make("div", { className: "task" }, spoken, field, next, hints),
  );
  parent.append(
    make("div", { className: "short", "aria-hidden": "true" }, digit.element, answers),
    details,
    make("div", { className: "steps" }, ...steps),
  );

  function go(place) {
    now = place;
    hints.open = false;
    details.open = true;
    const { asks = [] } = tasks[now];
    field.replaceChildren(...["", ...asks].map((value) => make("option", {}, String(value))));
    explorer.set({});
  }
  field.addEventListener("change", () => explorer.set({}));
  go(0);
  details.open = matchMedia("(min-width: 760px)").matches;

  explorer.watch((scene) => {
    const task = tasks[now];
    const solved = tasks.filter((one) => one.check(scene, Number(field.value), explorer));
    clearTimeout(timer);
    if (solved.includes(task) && !task.done) {
      timer = setTimeout(() => {
        task.done = true;
        explorer.set({});
      }, PAUSE_OF_TASK);
    }
    const count = tasks.filter(({ done }) => done).length;
    const { text } = explorer;
    const { name } = task;
    title.textContent = text("task", now + 1, tasks.length, text(`task ${name}`));
    words.textContent = text(`task ${name} words`);
    hint.textContent = text(`task ${name} hint`);
    const praise = () => `${text("tasks done", count, tasks.length)} ${text(`task ${name} done`)}`;
    const isWrong = field.value !== "" && !solved.includes(task);
    done.textContent = task.done ? praise() : isWrong ? text("wrong") : "";
    field.hidden = !task.asks;
    next.hidden = !task.done || count === tasks.length;
    steps.forEach((step, place) => {
      const { name, done } = tasks[place];
      step.textContent = `${place + 1}${done ? "✓" : ""}`;
      step.ariaLabel = `${step.textContent}: ${explorer.text(`task ${name}`)}`;
      step.setAttribute("aria-current", place === now ? "step" : "false");
    });
    digit.draw(scene.greys, coloursOf(explorer).grey, [0, 255]);
    const told = scene.answers.map((answer) => answer.digit ?? "?").join(" · ");
    answers.textContent = told && `→ ${told}`;
  });
}
