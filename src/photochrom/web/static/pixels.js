/** The pixels of a preview, asked for in pixels of the full photo. */

import { clamp, make } from "./dom.js";
import { rgbToLab } from "./lab.js";

const REACH = 1; // pixels around, over which JPEG's noise is averaged

export class Pixels {
  #data;

  /** @param {ImageData} data @param {{width: number, height: number}} size of the full photo */
  constructor(data, size) {
    this.#data = data;
    this.size = size;
  }

  static async of(blob, size) {
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const context = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return new Pixels(context.getImageData(0, 0, width, height), size);
  }

  /** Lab at a place of the full photo. @returns {[number, number, number]} */
  at({ x, y }) {
    const { data, width, height } = this.#data;
    const column = Math.floor((x / this.size.width) * width);
    const row = Math.floor((y / this.size.height) * height);
    const sum = [0, 0, 0];
    for (let dy = -REACH; dy <= REACH; dy++) {
      for (let dx = -REACH; dx <= REACH; dx++) {
        const above = clamp(row + dy, 0, height - 1) * width;
        const i = 4 * (above + clamp(column + dx, 0, width - 1));
        for (let c = 0; c < 3; c++) sum[c] += data[i + c];
      }
    }
    return rgbToLab(sum.map((value) => value / (2 * REACH + 1) ** 2));
  }
}
