// The forward pass of LeNet-5 and of its modern variant, as in section II-B of the paper.

const AMPLITUDE = 1.7159;
const SLOPE = 2 / 3;

// Table I: the maps of S2 that feed each map of C3.
const C3_CONNECTIONS = [
  [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5],
  [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5],
  [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5],
  [0, 1, 2, 3, 4, 5],
];

const scaledTanh = (a) => AMPLITUDE * Math.tanh(SLOPE * a);
const swish = (a) => a / (1 + Math.exp(-a));

/** A network: its layers in order, and what a digit makes of them. */
class Network {
  /**
   * @param {object} record name, kind, background, ink, j and temperature of the network.
   * @param {object} weights Float32Array by the names of Keras, such as "C1/kernel".
   */
  constructor(record, weights) {
    const { name, kind, background, ink, j, temperature } = record;
    Object.assign(this, { name, kind, background, ink, j, temperature, weights });
    this.layers = kind === "lenet5" ? faithfulLayers(weights) : modernLayers(weights);
  }

  /** The layer of a name, such as "C3". */
  layer(name) {
    return this.layers.find((layer) => layer.name === name);
  }

  /**
   * Computes all units.
   * @param {ArrayLike<number>} greys 784 greys, from 0 for the background to 255 for ink.
   * @returns {object} {before, after} by the layer's name: the sums of all units, and what
   *   the squashing function makes of them, in the order [map][row][column].
   */
  forward(greys) {
    const activations = {};
    let last = this.layers[0];
    activations.input = { after: this.#pixels(greys, last.rows) };
    for (const layer of this.layers.slice(1)) {
      const inputs = padded(last, activations[last.name].after, layer.padding);
      activations[layer.name] = RULES[layer.kind](layer, inputs);
      last = layer;
    }
    return activations;
  }

  #pixels(greys, side) {
    const border = (side - 28) / 2;
    const pixels = new Float32Array(side * side).fill(this.background);
    for (let place = 0; place < 784; place++) {
      const row = border + Math.floor(place / 28);
      const column = border + (place % 28);
      pixels[row * side + column] += ((this.ink - this.background) * greys[place]) / 255;
    }
    return pixels;
  }

  /**
   * Tells what one unit takes from the layer before.
   * @param {object} layer One of `layers`, except the input.
   * @param {number} map
   * @param {number} row
   * @param {number} column
   * @param {object} activations What `forward` returned.
   * @returns {object} {bias, coefficient, sum, result, windows: [{map, top, left, size,
   *   kernel, values}]}. The sum is the bias and all products `kernel[i] * values[i]`. The
   *   kernel of subsampling holds the coefficient, which else is null; that of a maximum
   *   holds 1 at the largest value. Of a distance, the kernel holds a value of the code,
   *   and the sum is that of all `(values[i] - kernel[i]) ** 2`. Outside of the maps, the
   *   values are 0.
   */
  windows(layer, map, row, column, activations) {
    const before = this.layers[this.layers.indexOf(layer) - 1];
    const { size, stride, padding } = layer;
    const top = row * stride - padding;
    const left = column * stride - padding;
    const windows = layer.links[map].map((input, link) => {
      const values = windowOf(before, activations[before.name].after, input, top, left, size);
      return { map: input, top, left, size, kernel: kernelOf(layer, map, link, values), values };
    });
    const unit = (map * layer.rows + row) * layer.columns + column;
    return {
      bias: layer.bias?.[map] ?? 0,
      coefficient: layer.coefficient?.[map] ?? null,
      sum: activations[layer.name].before[unit],
      result: activations[layer.name].after[unit],
      windows,
    };
  }

  /**
   * Tells which part of a layer before, by default of the input, reaches a unit: its
   * receptive field.
   * @returns {object} {top, left, rows, columns}, within the maps of the layer before.
   */
  field(layer, row, column, before = this.layers[0]) {
    let [top, left, side] = [row, column, 1];
    const [start, end] = [before, layer].map((one) => this.layers.indexOf(one) + 1);
    for (const { size, stride, padding } of this.layers.slice(start, end).reverse()) {
      top = top * stride - padding;
      left = left * stride - padding;
      side = (side - 1) * stride + size;
    }
    const [firstRow, firstColumn] = [Math.max(top, 0), Math.max(left, 0)];
    return {
      top: firstRow,
      left: firstColumn,
      rows: Math.min(top + side, before.rows) - firstRow,
      columns: Math.min(left + side, before.columns) - firstColumn,
    };
  }
}

/**
 * Builds a network from its record.
 * @param {object} record One of `data.networks`.
 * @returns {Network}
 */
export function buildNetwork(record) {
  const weights = {};
  for (const [name, { data }] of Object.entries(record.weights)) {
    weights[name] = new Float32Array(bytesOf(data).buffer);
  }
  return new Network(record, weights);
}

/**
 * Returns the same network with other trainable weights.
 * @param {Network} network
 * @param {Float32Array} values All trainable weights in order, without the codes.
 * @returns {Network}
 */
export function withWeights(network, values) {
  const weights = {};
  let start = 0;
  for (const [name, { length }] of Object.entries(network.weights)) {
    const fixed = name === "output/codes";
    weights[name] = fixed ? network.weights[name] : values.slice(start, start + length);
    start += fixed ? 0 : length;
  }
  return new Network(network, weights);
}

/**
 * Returns the same network with another kernel of a map of C1.
 * @param {Network} network
 * @param {number} map From 0 to 5.
 * @param {ArrayLike<number>} values The 25 weights, row by row.
 * @returns {Network}
 */
export function withKernel(network, map, values) {
  const kernel = network.weights["C1/kernel"].map((own, place) =>
    place % 6 === map ? values[Math.floor(place / 6)] : own,
  );
  return new Network(network, { ...network.weights, "C1/kernel": kernel });
}

/**
 * Returns what decides: the smallest of ten wins.
 * @param {Network} network
 * @param {object} activations What `forward` returned.
 * @returns {Float32Array} Ten distances to the codes; of the modern variant, -log p.
 */
export function distancesOf(network, activations) {
  const { before, after } = activations.output;
  if (network.kind === "lenet5") return after;
  const highest = Math.max(...before);
  const total = before.reduce((sum, a) => sum + Math.exp(a - highest), 0);
  return before.map((a) => highest + Math.log(total) - a);
}

/**
 * Returns the posterior of equation (9) of the paper.
 * @param {ArrayLike<number>} distances Ten distances.
 * @param {number | null} j Distance of the rubbish class; null for no such class.
 * @param {number | null} temperature Divides all distances; null for 1.
 * @returns {Float32Array} Eleven probabilities of sum 1; that of rubbish is the last.
 */
export function posterior(distances, j, temperature) {
  const all = [...distances, j ?? Infinity].map((distance) => distance / (temperature ?? 1));
  const least = Math.min(...all);
  const shares = all.map((distance) => Math.exp(least - distance));
  const total = shares.reduce((sum, share) => sum + share);
  return Float32Array.from(shares, (share) => share / total);
}

/**
 * Decodes base64.
 * @param {string} base64
 * @returns {Uint8Array}
 */
export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/**
 * Decodes base64 of float16, little endian.
 * @param {string} base64
 * @returns {Float32Array}
 */
export function float16Of(base64) {
  return new Float32Array(new Uint16Array(bytesOf(base64).buffer)).map((half) => {
    const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
    const size = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24;
    return half >> 15 ? -size : size;
  });
}

// The layers

function faithfulLayers(weights) {
  const { convolution, subsampling } = makersOf(weights, scaledTanh);
  const codeOf = (digit) => weights["output/codes"].subarray(84 * digit, 84 * (digit + 1));
  const codes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(codeOf);
  return [
    layerOf("input", "input", 32, 1, [[]]),
    convolution("C1", 28, 5, full(1, 6)),
    subsampling("S2", 14, 6),
    convolution("C3", 10, 5, C3_CONNECTIONS),
    subsampling("S4", 5, 16),
    convolution("C5", 1, 5, full(16, 120)),
    convolution("F6", 1, 1, full(120, 84)),
    layerOf("output", "distances", 1, 1, full(84, 10), { codes }),
  ];
}

function modernLayers(weights) {
  const { convolution } = makersOf(weights, swish);
  return [
    layerOf("input", "input", 28, 1, [[]]),
    convolution("C1", 28, 5, full(1, 6), { padding: 2 }),
    layerOf("S2", "maximum", 14, 2, each(6), { stride: 2 }),
    convolution("C3", 10, 5, full(6, 16)),
    layerOf("S4", "maximum", 5, 2, each(16), { stride: 2 }),
    convolution("C5", 1, 5, full(16, 120)),
    convolution("F6", 1, 1, full(120, 84)),
    convolution("output", 1, 1, full(84, 10), { kind: "softmax" }),
  ];
}

function full(inputs, maps) {
  return Array(maps).fill([...Array(inputs).keys()]);
}

function each(maps) {
  return Array.from({ length: maps }, (_, map) => [map]);
}

function layerOf(name, kind, side, size, links, others) {
  const sides = { maps: links.length, rows: side, columns: side };
  return { name, kind, ...sides, size, stride: 1, padding: 0, links, ...others };
}

function makersOf(weights, squash) {
  return {
    convolution(name, side, size, links, others) {
      const kernels = kernelsOf(weights[`${name}/kernel`], size, links);
      const own = { ...kernels, bias: weights[`${name}/bias`], squash, ...others };
      return layerOf(name, "convolution", side, size, links, own);
    },
    subsampling(name, side, maps) {
      const [coefficient, bias] = [weights[`${name}/coefficient`], weights[`${name}/bias`]];
      const own = { stride: 2, coefficient, bias, squash };
      return layerOf(name, "subsampling", side, 2, each(maps), own);
    },
  };
}

// Keras stores the kernels as [row][column][input][map], those of C3 as [row][column][link].
// Here they are [map][link][row][column] in `values`, and as windows of it in `kernel`.
function kernelsOf(stored, size, links) {
  const area = size * size;
  const count = stored.length / area;
  const isFull = links.every((inputs) => inputs.length * links.length === count);
  const values = new Float32Array(stored.length);
  let number = 0;
  const kernel = links.map((inputs, map) =>
    inputs.map((input) => {
      const from = isFull ? input * links.length + map : number;
      const own = values.subarray(number * area, ++number * area);
      for (let place = 0; place < area; place++) own[place] = stored[place * count + from];
      return own;
    }),
  );
  return { values, kernel };
}

// The forward pass

const RULES = {
  convolution: convolve,
  subsampling: subsample,
  maximum: takeMaximum,
  distances: takeDistances,
  softmax: takeSoftmax,
};

function padded({ maps, rows, columns }, values, padding) {
  const [height, width] = [rows + 2 * padding, columns + 2 * padding];
  if (!padding) return { values, height, width };
  const wide = new Float32Array(maps * height * width);
  for (let line = 0; line < maps * rows; line++) {
    const row = Math.floor(line / rows) * height + (line % rows) + padding;
    wide.set(values.subarray(line * columns, (line + 1) * columns), row * width + padding);
  }
  return { values: wide, height, width };
}

function convolve({ maps, rows, columns, size, links, values: kernels, bias, squash }, inputs) {
  const { values, height, width } = inputs;
  const before = new Float32Array(maps * rows * columns);
  let unit = 0;
  let first = 0;
  for (let map = 0; map < maps; map++) {
    let weight = first;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = bias[map];
        weight = first;
        for (const input of links[map]) {
          let place = (input * height + row) * width + column;
          for (let down = 0; down < size; down++, place += width) {
            for (let right = 0; right < size; right++) {
              sum += kernels[weight++] * values[place + right];
            }
          }
        }
        before[unit++] = sum;
      }
    }
    first = weight;
  }
  return { before, after: before.map(squash) };
}

function subsample(layer, inputs) {
  const { coefficient, bias } = layer;
  const add = (map, a, b, c, d) => coefficient[map] * (a + b + c + d) + bias[map];
  const before = ofFour(layer, inputs, add);
  return { before, after: before.map(layer.squash) };
}

function takeMaximum(layer, inputs) {
  const before = ofFour(layer, inputs, (map, a, b, c, d) => Math.max(a, b, c, d));
  return { before, after: before };
}

function ofFour({ maps, rows, columns }, { values, height, width }, combine) {
  const results = new Float32Array(maps * rows * columns);
  let unit = 0;
  for (let map = 0; map < maps; map++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const place = (map * height + 2 * row) * width + 2 * column;
        const below = place + width;
        const above = [values[place], values[place + 1]];
        results[unit++] = combine(map, ...above, values[below], values[below + 1]);
      }
    }
  }
  return results;
}

function takeDistances({ codes }, { values }) {
  const before = Float32Array.from(codes, (code) =>
    code.reduce((sum, own, unit) => sum + (values[unit] - own) ** 2, 0),
  );
  return { before, after: before };
}

function takeSoftmax(layer, inputs) {
  const { before } = convolve(layer, inputs);
  return { before, after: posterior(before.map((a) => -a), null, null).subarray(0, 10) };
}

// One unit

function windowOf({ rows, columns }, values, map, top, left, size) {
  return Float32Array.from({ length: size * size }, (_, place) => {
    const row = top + Math.floor(place / size);
    const column = left + (place % size);
    const inside = row >= 0 && row < rows && column >= 0 && column < columns;
    return inside ? values[(map * rows + row) * columns + column] : 0;
  });
}

function kernelOf({ kind, kernel, coefficient, codes }, map, link, values) {
  if (kind === "subsampling") return values.map(() => coefficient[map]);
  if (kind === "maximum") {
    const largest = values.indexOf(Math.max(...values));
    return values.map((_, place) => Number(place === largest));
  }
  return kind === "distances" ? codes[map].subarray(link, link + 1) : kernel[map][link];
}
