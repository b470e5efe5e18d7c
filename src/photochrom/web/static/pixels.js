/** A photo's lightness at the size of its preview, asked for in pixels of the full photo. */

import { clamp, make } from "./dom.js";
import { greyToLightness } from "./lab.js";

const REACH = 1; // pixels around that are averaged, as the network's own are larger

/** The pixels of a file, as they are. @param {Blob} blob */
export const decode = (blob) =>
  createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });

export class Lightness {
  /** @param {ImageBitmap} bitmap of grey levels @param {{width: number, height: number}} size of the photo */
  constructor(bitmap, size) {
    Object.assign(this, { bitmap, size });
    this.pixels = this.#read(bitmap.width, bitmap.height);
  }

  static async of(blob, size) {
    return new Lightness(await decode(blob), size);
  }

  #read(width, height) {
    const context = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(this.bitmap, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  /** The whole photo as grey pixels, at most so many along its long side. */
  shrunk(side) {
    const { width, height } = this.bitmap;
    const scale = Math.min(1, side / Math.max(width, height));
    return this.#read(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  }

  /** L, 0..100, at a place of the full photo. */
  at({ x, y }) {
    const { data, width, height } = this.pixels;
    const column = Math.floor((x / this.size.width) * width);
    const row = Math.floor((y / this.size.height) * height);
    let sum = 0;
    for (let dy = -REACH; dy <= REACH; dy++) {
      for (let dx = -REACH; dx <= REACH; dx++) {
        const above = clamp(row + dy, 0, height - 1) * width;
        sum += greyToLightness(data[4 * (above + clamp(column + dx, 0, width - 1))]);
      }
    }
    return sum / (2 * REACH + 1) ** 2;
  }

  close() {
    this.bitmap.close();
  }
}
