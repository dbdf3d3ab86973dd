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
  return {
    image: resized(mask, ruled, difference, box, BOX / side),
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
  let apart = 0; // of all from the middle between black and white
  for (let row = 0; row < rows * step; row++) {
    const start = Math.floor(row / step) * columns;
    for (let column = 0, from = 4 * row * width; column < columns * step; column++, from += 4) {
      const at = start + (step === 1 ? column : Math.floor(column / step));
      const light = 299 * pixels[from] + 587 * pixels[from + 1] + 114 * pixels[from + 2];
      luma[at] += light * pixels[from + 3];
      alpha[at] += pixels[from + 3];
      apart += (light - 127500) * pixels[from + 3];
    }
  }
  const paper = apart < 0 ? 255000 : 0;
  const area = step * step;
  const grey = filled({ height: rows, width: columns }, (at) => {
    const light = (luma[at] / area + paper * (255 - alpha[at] / area)) / 255;
    return Math.floor(light / 1000 + 0.5);
  });
  return { step, ...grey };
}

// Replaces each column by what `work` makes of it, or each row. The line that `work` gets
// repeats its first and its last pixel `reach + 1` times beyond the ends.
function along({ values, height, width }, isDown, reach, work, sign = 1) {
  const [count, length] = isDown ? [width, height] : [height, width];
  const [apart, step] = isDown ? [1, width] : [width, 1];
  const line = new Float64Array(length + 2 * reach + 2);
  const results = new Float64Array(length);
  const all = new Float64Array(values.length);
  const spare = [new Float64Array(line.length), new Float64Array(line.length)];
  for (let number = 0; number < count; number++) {
    const start = number * apart;
    line.fill(sign * values[start], 0, reach + 1);
    for (let at = 0; at < length; at++) line[reach + 1 + at] = sign * values[start + at * step];
    line.fill(line[reach + length], reach + 1 + length);
    work(line, results, 2 * reach + 1, ...spare);
    for (let at = 0; at < length; at++) all[start + at * step] = sign * results[at];
  }
  return { values: all, height, width };
}

function alongBoth(plane, reach, work, sign) {
  if (reach === 0) return plane;
  return along(along(plane, true, reach, work, sign), false, reach, work, sign);
}

function transposed({ values, height, width }) {
  const turned = new Float64Array(values.length);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++) turned[column * height + row] = values[at++];
  }
  return { values: turned, height: width, width: height };
}

// The mean of each square of `2 * reach + 1` pixels.
function mean(plane, reach) {
  const { values, ...sides } = alongBoth(plane, reach, sumsOf);
  const area = (2 * reach + 1) ** 2;
  for (let at = 0; at < values.length; at++) values[at] /= area;
  return { values, ...sides };
}

function sumsOf(line, results, span) {
  for (let at = 1; at < line.length; at++) line[at] += line[at - 1];
  for (let at = 0; at < results.length; at++) results[at] = line[at + span] - line[at];
}

// The largest of each square of `2 * reach + 1` pixels.
function largest(plane, reach) {
  return alongBoth(plane, reach, largestOf);
}

// In blocks as long as the span: the largest from the start of the block to each pixel, and
// from there to its end. A span reaches over two blocks.
function largestOf(line, results, span, before, after) {
  for (let start = 0; start < line.length; start += span) {
    const end = Math.min(start + span, line.length);
    let best = -Infinity;
    for (let at = start; at < end; at++) {
      if (line[at] > best) best = line[at];
      before[at] = best;
    }
    best = -Infinity;
    for (let at = end - 1; at >= start; at--) {
      if (line[at] > best) best = line[at];
      after[at] = best;
    }
  }
  for (let at = 0; at < results.length; at++) {
    const [left, right] = [after[at + 1], before[at + span]];
    results[at] = left > right ? left : right;
  }
}

function smallest(plane, reach) {
  return alongBoth(plane, reach, largestOf, -1);
}

function skewness(grey, around) {
  let sum = 0;
  for (let at = 0; at < grey.values.length; at++) {
    const apart = grey.values[at] - around.values[at];
    sum += apart * apart * apart;
  }
  return sum;
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
  const least = Math.min(Math.max(2 * grainOf(values, threshold), threshold / 4), threshold / 2);
  const mask = filled(difference, (at) => Number(values[at] > least));
  const ruled = ruledLines(mask, thin);
  const upright = transposed(ruledLines(transposed(mask), thin)).values;
  const free = filled(mask, (at) => {
    ruled.values[at] ||= upright[at];
    return Number(mask.values[at] && !ruled.values[at]);
  });
  if (free.values.some((on, at) => on && values[at] >= threshold)) {
    return { mask: pieces(free, values, threshold), ruled };
  }
  ruled.values.fill(0); // the line is a one
  return { mask: pieces(mask, values, threshold), ruled };
}

// The median of what is below the threshold; or less, if it is so little that its double
// is no more than a quarter of the threshold.
function grainOf(values, threshold) {
  const least = threshold / 8;
  let [faint, fainter] = [0, 0];
  for (const value of values) {
    if (value < threshold) faint++;
    if (value < least) fainter++;
  }
  if (fainter > faint / 2 + 1) return least;
  const low = values.filter((value) => value < threshold).sort();
  const middle = low.length / 2;
  return (low[Math.ceil(middle) - 1] + low[Math.floor(middle)]) / 2;
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
  const eroded = along(mask, true, reach, largestOf, -1);
  const thick = along(eroded, true, reach, largestOf).values;
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
      area += Number(difference[at] >= threshold);
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
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (!values[at++]) continue;
      box.top = Math.min(box.top, row);
      box.left = Math.min(box.left, column);
      box.bottom = row + 1;
      box.right = Math.max(box.right, column + 1);
    }
  }
  return box;
}

// The digit in the field. The centre of mass lies in the pixel after the middle, as MNIST
// has it. Strokes that are too thin are thickened before.
function resized(mask, ruled, difference, box, scale) {
  const margin = Math.ceil(BOX / scale / 20) + 2; // no stroke gets thicker by more
  const top = Math.max(box.top - margin, 0);
  const left = Math.max(box.left - margin, 0);
  const bottom = Math.min(box.bottom + margin, mask.height);
  const right = Math.min(box.right + margin, mask.width);
  const planes = [mask, ruled, difference];
  const [ink, lines, light] = planes.map((plane) => part(plane, top, left, bottom, right));
  const [near, inner] = [largest(ink, 1).values, smallest(ink, 1).values];
  let [area, edge] = [0, 0];
  const values = filled(ink, (at) => {
    area += ink.values[at];
    edge += ink.values[at] - inner[at];
    return near[at] && !lines.values[at] ? light.values[at] : 0;
  });
  const lack = Math.max(THINNEST / scale - (2 * area) / edge, 0);
  const thick = largest(values, Math.floor(lack / 2 + 0.5));
  const narrow = across(transposed(thick), scale, box.left - left);
  const small = across(transposed(narrow), scale, box.top - top).values;
  const most = small.reduce((best, value) => Math.max(best, value));
  return Uint8Array.from(small, (value) => Math.floor(value * (255 / most) + 0.5));
}

function part({ values, width }, top, left, bottom, right) {
  const sides = { height: bottom - top, width: right - left };
  const all = new Float64Array(sides.height * sides.width);
  for (let row = 0; row < sides.height; row++) {
    const from = (top + row) * width;
    all.set(values.subarray(from + left, from + right), row * sides.width);
  }
  return { values: all, ...sides };
}

// Resamples the rows to `FIELD` ones. Each new one is the mean over what it covers.
function across({ values, height, width }, scale, first) {
  let [sum, moment] = [0, 0];
  for (let row = 0, at = 0; row < height; row++) {
    for (let end = at + width; at < end; at++) {
      sum += values[at];
      moment += values[at] * (row + 0.5);
    }
  }
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
