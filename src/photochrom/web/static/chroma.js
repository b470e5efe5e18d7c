/**
 * A photo's colours, as the server tells them: lines over its lightness, one a pixel of what the
 * network saw. Enlarged bicubically, slope * L + offset is ab (photochrom/inference/chroma_upsampling.py).
 */

import { clamp } from "./dom.js";
import { fitGamut, greyToLightness, labToRgb } from "./lab.js";

const KEYS = -0.75; // a of Keys 1981, as the engine has it

/** How much the four values around count for a place that is so far, 0..1, beyond the second. */
export function cubicWeights(t) {
  const inner = (x) => ((KEYS + 2) * x - (KEYS + 3)) * x * x + 1;
  const outer = (x) => (((x - 5) * x + 8) * x - 4) * KEYS;
  return [outer(1 + t), inner(t), inner(1 - t), outer(2 - t)];
}

/** The number that 16 bits of IEEE 754 say. */
function fromHalf(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;
}

let halves = null; // what each of the 65536 says, once it is needed

export class Chroma {
  /**
   * @param {Float32Array} lines row by row: slope of a, of b, offset of a, of b
   * @param {{width: number, height: number, low: number[], high: number[]}} facts
   */
  constructor(lines, facts) {
    Object.assign(this, facts, { lines });
  }

  /** @param {Response} answer of the server */
  static async of(answer) {
    halves ??= Float32Array.from({ length: 65536 }, (_, bits) => fromHalf(bits));
    const view = new DataView(await answer.arrayBuffer());
    const lines = new Float32Array(view.byteLength / 2);
    for (let i = 0; i < lines.length; i++) lines[i] = halves[view.getUint16(2 * i, true)];
    return new Chroma(lines, JSON.parse(answer.headers.get("X-Photochrom-Chroma")));
  }

  /** The colour of a place, given as shares of the photo's width and height, where L is such. */
  ab(x, y, lightness) {
    const [across, down] = [this.#taps(x, this.width), this.#taps(y, this.height)];
    const sum = [0, 0, 0, 0];
    down.forEach(([row, much]) => across.forEach(([column, share]) => {
      for (let c = 0; c < 4; c++) {
        sum[c] += much * share * this.lines[4 * (row * this.width + column) + c];
      }
    }));
    return this.#within(sum, lightness);
  }

  /** Which of so many values count for a place, and how much. @returns {[number, number][]} */
  #taps(share, count) {
    const centre = share * count - 0.5;
    const base = Math.floor(centre);
    return cubicWeights(centre - base).map((weight, i) =>
      [clamp(base + i - 1, 0, count - 1), weight]);
  }

  #within([slopeA, slopeB, a, b], lightness) {
    const { low, high } = this;
    return [clamp(slopeA * lightness + a, low[0], high[0]),
      clamp(slopeB * lightness + b, low[1], high[1])];
  }

  /** Colours grey pixels that show the whole photo, in place. @param {ImageData} pixels */
  paint({ data, width, height }, strength) {
    const columns = Array.from({ length: width }, (_, x) =>
      this.#taps((x + 0.5) / width, this.width));
    const row = new Float32Array(4 * this.width);
    const sum = [0, 0, 0, 0];
    for (let y = 0; y < height; y++) {
      const down = this.#taps((y + 0.5) / height, this.height);
      for (let i = 0; i < row.length; i++) {
        row[i] = 0;
        for (const [from, much] of down) row[i] += much * this.lines[row.length * from + i];
      }
      for (let x = 0, at = 4 * y * width; x < width; x++, at += 4) {
        sum.fill(0);
        for (const [column, share] of columns[x]) {
          for (let c = 0; c < 4; c++) sum[c] += share * row[4 * column + c];
        }
        const lightness = greyToLightness(data[at]);
        const [a, b] = this.#within(sum, lightness);
        data.set(labToRgb(lightness, ...fitGamut(lightness, a * strength, b * strength)), at);
      }
    }
  }
}
