import { labels } from "./labels.js";

/**
 * Makes an HTML element.
 * @param {string} tag its name, "button" for example.
 * @param {object} attributes `text` and `label` are keys of the labels: the words of the
 *   element, and its aria-label. `on...` are listeners. `values` fill the words' places.
 *   All others are properties of the element, or attributes if it has no such property.
 * @param {...(Node|string)} children what it holds.
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text" || name === "label" || name === "values") {
      element.dataset[name] = name === "values" ? JSON.stringify(value) : value;
    } else if (name in element) {
      element[name] = value;
    } else {
      element.setAttribute(name, value);
    }
  }
  element.append(...children);
  return element;
}

/**
 * Returns the words of a label.
 * @param {string} language "en" or "ko".
 * @param {string} key of the label.
 * @param {...(number|string)} values for {0}, {1}, ... in the words.
 * @returns {string}
 */
export function wordsOf(language, key, ...values) {
  return labels[key][language].replace(/\{(\d)\}/g, (_, place) => values[place]);
}

/** Fills in the words of all elements that `make` gave a `text` or a `label`. */
export function translate(root, language) {
  for (const element of root.querySelectorAll("[data-text], [data-label]")) {
    const { text, label, values } = element.dataset;
    const given = values ? JSON.parse(values) : [];
    if (text) {
      element.textContent = wordsOf(language, text, ...given);
    }
    if (label) {
      element.setAttribute("aria-label", wordsOf(language, label, ...given));
    }
  }
}
