/** Paints a photo without a graphics card: at the preview's size, pixel by pixel. */

import { make } from "./dom.js";

export class PlainPainter {
  takesTiles = false;

  #context;
  #parts = {};
  #colored = make("canvas"); // the preview in colour; null while that is an old one
  #fresh = false;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  /** As of Painter. */
  show(parts) {
    Object.assign(this.#parts, parts);
    this.#fresh = false;
  }

  #paint() {
    const { lightness, chroma, strength = 1 } = this.#parts;
    const { data, width, height } = lightness.pixels;
    const pixels = new ImageData(new Uint8ClampedArray(data), width, height);
    if (chroma && strength) chroma.paint(pixels, strength);
    Object.assign(this.#colored, { width, height });
    this.#colored.getContext("2d").putImageData(pixels, 0, 0);
    this.#fresh = true;
  }

  /** As of Painter. */
  draw({ left, top, width, height }, split) {
    const { canvas } = this;
    const { lightness, original } = this.#parts;
    this.#context.clearRect(0, 0, canvas.width, canvas.height);
    if (!lightness) return;
    if (!this.#fresh) this.#paint();
    const side = (picture, from, to) => {
      this.#context.save();
      this.#context.beginPath();
      this.#context.rect(from, 0, to - from, canvas.height);
      this.#context.clip();
      this.#context.imageSmoothingQuality = "high";
      this.#context.drawImage(picture, left, top, width, height);
      this.#context.restore();
    };
    if (split > 0) side(original ?? lightness.bitmap, 0, split);
    side(this.#colored, Math.max(0, split), canvas.width);
  }
}
