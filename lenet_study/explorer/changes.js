// Changes of a digit of 28x28 greys, for which section III-E of the paper names tolerances.

const SIDE = 28;
const CENTRE = (SIDE - 1) / 2;

/**
 * All changes, for sliders: {name, least, most, step, start}. At `start` nothing changes.
 * Pixels: right, down, occlusion (the width of an empty bar) and place (its middle, from
 * the centre). Degrees, counter-clockwise: angle. Factors: scale of both sides, squeeze of
 * the width, by which the height shrinks. Pixels at each edge of a stroke: thickness. Share
 * of the pixels that become empty or ink: noise.
 */
export const CHANGES = [
  { name: "right", least: -14, most: 14, step: 0.5, start: 0 },
  { name: "down", least: -14, most: 14, step: 0.5, start: 0 },
  { name: "angle", least: -180, most: 180, step: 1, start: 0 },
  { name: "scale", least: 0.4, most: 2, step: 0.05, start: 1 },
  { name: "squeeze", least: 0.5, most: 2, step: 0.05, start: 1 },
  { name: "thickness", least: -1, most: 2, step: 0.1, start: 0 },
  { name: "noise", least: 0, most: 0.5, step: 0.01, start: 0 },
  { name: "occlusion", least: 0, most: 14, step: 1, start: 0 },
  { name: "place", least: -14, most: 14, step: 1, start: 0 },
];

/**
 * Changes a digit.
 * @param {ArrayLike<number>} greys 784 greys, from 0 for the background to 255 for ink.
 * @param {object} amounts Amount of each of `CHANGES` by its name.
 * @returns {Float32Array} 784 greys.
 */
export function changed(greys, amounts) {
  return spoilt(moved(thickened(greys, amounts.thickness), amounts), amounts);
}

function thickened(greys, thickness) {
  let image = Float32Array.from(greys);
  const extreme = thickness > 0 ? Math.max : Math.min;
  for (let rest = Math.abs(thickness); rest > 0; rest--) {
    const edge = ofNine(image, extreme);
    const share = Math.min(rest, 1);
    image = image.map((grey, place) => grey + share * (edge[place] - grey));
  }
  return image;
}

function ofNine(image, extreme) {
  const at = (row, column) => image[inside(row) * SIDE + inside(column)];
  return everywhere((row, column) => {
    let best = at(row, column);
    for (let down = -1; down <= 1; down++) {
      for (let right = -1; right <= 1; right++) {
        best = extreme(best, at(row + down, column + right));
      }
    }
    return best;
  });
}

function inside(place) {
  return Math.min(Math.max(place, 0), SIDE - 1);
}

function everywhere(value) {
  return Float32Array.from({ length: SIDE * SIDE }, (_, place) =>
    value(Math.floor(place / SIDE), place % SIDE),
  );
}

// Scaled and squeezed, then turned, then shifted. Each pixel looks back where it was.
function moved(image, { right, down, angle, scale, squeeze }) {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  return everywhere((row, column) => {
    const [x, y] = [column - CENTRE - right, row - CENTRE - down];
    const oldX = (cos * x - sin * y) / (scale * squeeze);
    const oldY = ((sin * x + cos * y) * squeeze) / scale;
    return between(image, CENTRE + oldY, CENTRE + oldX);
  });
}

function between(image, y, x) {
  const [row, column] = [Math.floor(y), Math.floor(x)];
  let sum = 0;
  for (const r of [row, row + 1]) {
    for (const c of [column, column + 1]) {
      const exists = r >= 0 && r < SIDE && c >= 0 && c < SIDE;
      const share = (1 - Math.abs(y - r)) * (1 - Math.abs(x - c));
      if (exists) sum += share * image[r * SIDE + c];
    }
  }
  return sum;
}

function spoilt(image, { noise, occlusion, place }) {
  const random = randomNumbers();
  return everywhere((row, column) => {
    const [chance, value] = [random(), random() < 0.5 ? 0 : 255];
    if (chance < noise) return value;
    const isHidden = Math.abs(column - CENTRE - place) < occlusion / 2;
    return isHidden ? 0 : image[row * SIDE + column];
  });
}

// The same numbers each time, so that the noise stays where it is: a linear congruence.
function randomNumbers() {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
