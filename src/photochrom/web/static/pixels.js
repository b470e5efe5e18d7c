/** The pixels of a preview, asked for in pixels of the full photo. */

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
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return new Pixels(context.getImageData(0, 0, canvas.width, canvas.height), size);
  }

  /** Lab at a place of the full photo. @returns {[number, number, number]} */
  at({ x, y }) {
    const { data, width, height } = this.#data;
    const inside = (value, whole) => Math.min(whole - 1, Math.max(0, value));
    const column = Math.floor((x / this.size.width) * width);
    const row = Math.floor((y / this.size.height) * height);
    const sum = [0, 0, 0];
    let count = 0;
    for (let dy = -REACH; dy <= REACH; dy++) {
      for (let dx = -REACH; dx <= REACH; dx++) {
        const i = 4 * (inside(row + dy, height) * width + inside(column + dx, width));
        for (let c = 0; c < 3; c++) sum[c] += data[i + c];
        count++;
      }
    }
    return rgbToLab(sum.map((value) => value / count));
  }
}
