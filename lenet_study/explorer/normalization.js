// From a drawing or a photo to a digit as MNIST has it: the steps of `size_normalize` in
// lenet_keras/preprocessing.py. A plane is {values, height, width}, a mask one of 0 and 1.

const BOX = 20; // pixels of MNIST's digits
const FIELD = 28; // and of their images
const LARGEST = 400; // pixels: what is larger is reduced before the ink is looked for
const CONTRAST = 12; // of 255: less is no ink
const THINNEST = 1.75; // new pixels: thinner strokes are thickened

/**
 * Brings an image of one digit into the form of MNIST's digits.
 * @param {{pixels: Uint8ClampedArray, width: number, height: number}} image RGBA, as of a
 *   canvas. What is transparent is white under dark ink, black under light ink.
 * @param {"dark" | "light" | null} ink null finds it out: ink is what covers less.
 * @returns {{image: Uint8Array, box: number[], ink: string, threshold: number}} 784 greys,
 *   light ink on a background of 0. The box is [top, left, bottom, right] of the ink.
 * @throws {Error} Its `key` says why: "wrong-size", "too-faint", "no-ink" or "too-small".
 */
export function sizeNormalize({ pixels, width, height }, ink = null) {
  const [less, more] = [Math.min(width, height), Math.max(width, height)];
  refuse(less < 8 || more > Math.min(10000, 20 * less), "wrong-size");
  const { step, ...first } = greyOf(pixels, width, height);
  let grey = first;
  const size = Math.sqrt(grey.values.length);
  for (let round = 0; round < Math.floor(size / 128 + 0.5); round++) grey = mean(grey, 1);
  ink ??= skewness(grey, mean(grey, Math.floor(size / 4))) > 0 ? "light" : "dark";
  const difference = aboveBackground(grey, ink, Math.floor(size / 6));
  const threshold = otsuThreshold(difference.values);
  refuse(threshold < CONTRAST, "too-faint");
  const { mask, ruled } = inkMask(difference, threshold, Math.floor(size / 40 + 1));
  const box = boxOf(mask);
  const side = Math.max(box.bottom - box.top, box.right - box.left);
  refuse(side < size / 20, "too-small");
  const scale = BOX / side;
  const near = largest(mask, 1);
  const values = filled(difference, (at) => near.values[at] && !ruled.values[at]
    ? difference.values[at] : 0);
  return {
    image: resampled(largest(values, lacking(mask, scale)), scale, box),
    box: [box.top, box.left, box.bottom, box.right].map((end) => end * step),
    ink,
    threshold,
  };
}

function refuse(refused, key) {
  if (refused) throw Object.assign(new Error(key), { key });
}

function filled({ height, width }, value) {
  const values = new Float64Array(height * width);
  for (let at = 0; at < values.length; at++) values[at] = value(at);
  return { values, height, width };
}

// Whole greys of 0 to 255. A large image is reduced by the mean over squares of `step`.
function greyOf(pixels, width, height) {
  const reduction = Math.ceil(Math.sqrt(width * height) / LARGEST);
  const step = Math.min(reduction, Math.floor(Math.min(width, height) / 8));
  const [rows, columns] = [Math.floor(height / step), Math.floor(width / step)];
  const luma = new Float64Array(rows * columns); // times 255,000
  const alpha = new Float64Array(rows * columns);
  for (let row = 0; row < rows * step; row++) {
    for (let column = 0; column < columns * step; column++) {
      const from = 4 * (row * width + column);
      const at = Math.floor(row / step) * columns + Math.floor(column / step);
      const light = 299 * pixels[from] + 587 * pixels[from + 1] + 114 * pixels[from + 2];
      luma[at] += light * pixels[from + 3];
      alpha[at] += pixels[from + 3];
    }
  }
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const paper = sum(luma) < 127500 * sum(alpha) ? 255000 : 0;
  const area = step * step;
  const grey = filled({ height: rows, width: columns }, (at) => {
    const light = (luma[at] / area + paper * (255 - alpha[at] / area)) / 255;
    return Math.floor(light / 1000 + 0.5);
  });
  return { step, ...grey };
}

function transposed({ values, height, width }) {
  const turned = new Float64Array(values.length);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++) turned[column * height + row] = values[at++];
  }
  return { values: turned, height: width, width: height };
}

// The plane with more rows above and below, which repeat the first and the last one.
function withMoreRows({ values, height, width }, above, below) {
  const wide = new Float64Array((above + height + below) * width);
  for (let row = 0; row < above + height + below; row++) {
    const from = width * Math.min(Math.max(row - above, 0), height - 1);
    wide.set(values.subarray(from, from + width), row * width);
  }
  return wide;
}

// The mean of each square of `2 * reach + 1` pixels.
function mean(plane, reach) {
  const size = 2 * reach + 1;
  for (let way = 0; way < 2; way++) {
    const { height, width } = plane;
    const sums = withMoreRows(plane, reach + 1, reach);
    for (let at = width; at < sums.length; at++) sums[at] += sums[at - width];
    plane = transposed(filled({ height, width }, (at) => sums[at + size * width] - sums[at]));
  }
  return filled(plane, (at) => plane.values[at] / (size * size));
}

// The largest of each `2 * reach + 1` pixels of a column. The span doubles until it is wide.
function largestInColumn(plane, reach) {
  const { height, width } = plane;
  const wide = withMoreRows(plane, reach, reach);
  for (let span = 1; span < 2 * reach + 1;) {
    const step = Math.min(span, 2 * reach + 1 - span);
    span += step;
    const end = (height + 2 * reach - span + 1) * width;
    for (let at = 0, other = step * width; at < end; at++, other++) {
      if (wide[other] > wide[at]) wide[at] = wide[other];
    }
  }
  return { values: wide.subarray(0, height * width), height, width };
}

function largest(plane, reach) {
  return transposed(largestInColumn(transposed(largestInColumn(plane, reach)), reach));
}

function negative(plane) {
  return filled(plane, (at) => -plane.values[at]);
}

function smallest(plane, reach) {
  return negative(largest(negative(plane), reach));
}

function skewness(grey, around) {
  return grey.values.reduce((sum, value, at) => sum + (value - around.values[at]) ** 3, 0);
}

// How much lighter than its surroundings each pixel is. `reach` is half as wide as a
// stroke may be. Dark ink takes the same share of the light in a shadow.
function aboveBackground(grey, ink, reach) {
  const light = ink === "light" ? grey : filled(grey, (at) => 255 - grey.values[at]);
  const background = largest(smallest(light, reach), reach).values;
  return filled(light, (at) => {
    const share = ink === "light" ? 1 : 255 / Math.max(255 - background[at], 64);
    return (light.values[at] - background[at]) * share;
  });
}

// Otsu's threshold, which splits the values best into two classes.
function otsuThreshold(values) {
  const counts = new Float64Array(256);
  for (const value of values) counts[Math.min(Math.floor(value), 255)]++;
  const all = values.length;
  const total = counts.reduce((sum, count, value) => sum + count * value, 0);
  let [below, sum, best, threshold] = [0, 0, -1, 0];
  counts.forEach((count, value) => {
    below += count;
    sum += count * value;
    const apart = (total * (below / all) - sum) ** 2 / Math.max(below * (all - below), 1);
    if (apart > best) [best, threshold] = [apart, value + 1];
  });
  return threshold;
}

// The ink, without ruled lines, specks, and what lies along the border.
function inkMask(difference, threshold, thin) {
  const { values } = difference;
  const grain = median(values.filter((value) => value < threshold));
  const least = Math.min(Math.max(2 * grain, threshold / 4), threshold / 2);
  const mask = filled(difference, (at) => Number(values[at] > least));
  const [across, down] = [ruledLines(mask, thin), ruledLines(transposed(mask), thin)];
  const upright = transposed(down).values;
  const lines = filled(mask, (at) => across.values[at] || upright[at]);
  const isInk = (value, at) => value >= threshold && mask.values[at] && !lines.values[at];
  const ruled = values.some(isInk) ? lines : filled(mask, () => 0); // or the line is a one
  const free = filled(mask, (at) => mask.values[at] && !ruled.values[at]);
  return { mask: pieces(free, difference, threshold), ruled };
}

function median(values) {
  const sorted = values.sort();
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

// The thin pixels of lines that cross the mask from left to right.
function ruledLines(mask, reach) {
  const { values, height, width } = mask;
  const paths = filled(mask, () => 0);
  const place = (row, shift) => Math.min(Math.max(row + shift, 0), height - 1) * width;
  const step = Math.ceil(width / 100);
  const count = Math.ceil(width / step);
  const steepest = Math.floor(width / 12);
  let some = false;
  for (let tilt = -steepest; tilt <= steepest; tilt++) {
    const shift = (x) => Math.floor(tilt * (x / width - 0.5) + 0.5);
    const shifts = Int32Array.from({ length: width }, (_, x) => shift(x));
    for (let row = 0; row < height; row++) {
      const on = (index) => values[place(row, shifts[index * step]) + index * step];
      if (!(on(0) || on(1) || on(2))) continue;
      if (!(on(count - 1) || on(count - 2) || on(count - 3))) continue;
      let inked = 0;
      for (let index = 0; index < count; index++) inked += on(index);
      if (inked < 0.75 * count) continue;
      some = true;
      for (let x = 0; x < width; x++) paths.values[place(row, shifts[x]) + x] = 1;
    }
  }
  if (!some) return paths;
  const eroded = negative(largestInColumn(negative(mask), reach));
  const thick = largestInColumn(eroded, reach).values;
  const near = largest(paths, reach).values;
  return filled(mask, (at) => Number(values[at] && !thick[at] && near[at]));
}

// The mask of the connected pieces that are ink.
function pieces({ values, height, width }, difference, threshold) {
  const labels = new Int32Array(values.length); // from 1
  const areas = [0];
  for (let start = 0; start < values.length; start++) {
    if (!values[start] || labels[start]) continue;
    let [area, rim] = [0, 0];
    const open = [start];
    labels[start] = areas.length;
    while (open.length) {
      const at = open.pop();
      const [row, column] = [Math.floor(at / width), at % width];
      area += Number(difference.values[at] >= threshold);
      rim += Number(row % (height - 1) === 0 || column % (width - 1) === 0);
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++) {
        for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, width - 1); x++) {
          const next = y * width + x;
          if (!values[next] || labels[next]) continue;
          labels[next] = areas.length;
          open.push(next);
        }
      }
    }
    areas.push(rim ** 2 < area ? area : 0); // a table, or a shadow, lies along the border
  }
  const most = Math.max(...areas);
  refuse(most === 0, "no-ink");
  return filled({ height, width }, (at) => Number(areas[labels[at]] > most / 20));
}

function boxOf({ values, height, width }) {
  const box = { top: height, left: width, bottom: 0, right: 0 };
  values.forEach((on, at) => {
    if (!on) return;
    const [row, column] = [Math.floor(at / width), at % width];
    box.top = Math.min(box.top, row);
    box.left = Math.min(box.left, column);
    box.bottom = Math.max(box.bottom, row + 1);
    box.right = Math.max(box.right, column + 1);
  });
  return box;
}

// By how many pixels strokes are too thin at each side.
function lacking(mask, scale) {
  const inner = smallest(mask, 1).values;
  const area = mask.values.reduce((sum, on) => sum + on, 0);
  const edge = mask.values.reduce((sum, on, at) => sum + (on && !inner[at]), 0);
  return Math.floor(Math.max(THINNEST / scale - (2 * area) / edge, 0) / 2 + 0.5);
}

// The centre of mass lies in the pixel after the middle, as MNIST has it.
function resampled(plane, scale, { top, left }) {
  const right = across(transposed(plane), scale, left);
  const { values } = across(transposed(right), scale, top);
  const most = values.reduce((best, value) => Math.max(best, value), 0);
  return Uint8Array.from(values, (value) => Math.floor(value * (255 / most) + 0.5));
}

// Resamples the rows to `FIELD` ones. Each new one is the mean over what it covers.
function across({ values, height, width }, scale, first) {
  let [sum, moment] = [0, 0];
  values.forEach((value, at) => {
    sum += value;
    moment += value * (Math.floor(at / width) + 0.5);
  });
  const start = Math.ceil(FIELD / 2 - (moment / sum - first) * scale);
  const half = Math.max(1, scale) / 2;
  const small = new Float64Array(FIELD * width);
  for (let row = 0; row < FIELD; row++) {
    const [from, end] = [-half, half].map((way) => (row + 0.5 + way - start) / scale + first);
    const last = Math.min(Math.ceil(end), height);
    for (let old = Math.max(Math.floor(from), 0); old < last; old++) {
      const share = (Math.min(end, old + 1) - Math.max(from, old)) * (scale / (2 * half));
      for (let x = 0; x < width; x++) small[row * width + x] += share * values[old * width + x];
    }
  }
  return { values: small, height: FIELD, width };
}
