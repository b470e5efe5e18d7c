/** The canvas that a photo is seen on: as sharp as the screen, in the colours of the moment. */

import { make } from "./dom.js";
import { Painter } from "./painter.js";
import { PlainPainter } from "./painter2d.js";
import { Tiles } from "./tiles.js";

const ROUND = 4; // pixels, the photo's corners

/** The best that this browser has; `?canvas=2d` does without a graphics card. */
function painterFor(canvas) {
  if (new URLSearchParams(location.search).get("canvas") !== "2d") {
    try {
      return new Painter(canvas);
    } catch {
      // Then without.
    }
  }
  return new PlainPainter(canvas);
}

/** How many pixels of the screen a length in CSS pixels is, which the browser may have told. */
function devicePixels(length, told) {
  const pixels = length * devicePixelRatio;
  return Math.abs(told - pixels) < 1 ? told : Math.round(pixels);
}

export class PhotoCanvas {
  #parts = {};
  #frame = null; // of the photo, in CSS pixels of the canvas
  #split = 0;
  #size = { width: 1, height: 1 };
  #busy = false;
  #next = 0;

  /** @param {HTMLCanvasElement} element */
  constructor(element) {
    this.element = element;
    this.painter = painterFor(element);
    this.tiles = new Tiles(this.painter, () => this.#later());
    element.addEventListener("webglcontextlost", (event) => event.preventDefault());
    element.addEventListener("webglcontextrestored", () => {
      this.painter.restore();
      this.tiles.forget();
      this.#later();
    });
    this.#watchSize();
  }

  /** Pixels of the screen, as the browser has rounded them where it tells. */
  #watchSize() {
    const watch = new ResizeObserver(([entry]) => {
      const [{ inlineSize, blockSize }] = entry.devicePixelContentBoxSize ?? [{}];
      const { width, height } = entry.contentRect;
      this.element.width = devicePixels(width, inlineSize);
      this.element.height = devicePixels(height, blockSize);
      this.#draw(); // at once, as it is empty now
    });
    try {
      watch.observe(this.element, { box: "device-pixel-content-box" });
    } catch {
      watch.observe(this.element); // Safari
    }
  }

  /**
   * Another photo, of which nothing is seen yet.
   *
   * @param {{width: number, height: number, preview?: {width: number}}} photo
   * @param {(place: import("./tiles.js").Place) => Promise<Blob>} [load] a part of its lightness
   */
  begin(photo, load) {
    this.#size = photo;
    this.#parts.lightness?.close();
    this.#parts.original?.close();
    this.show({ lightness: null, original: null, chroma: null, strength: 1 });
    this.tiles.begin(load && this.painter.takesTiles ? photo : null, load);
  }

  /** What the photo is made of, as of Painter: parts that are others now. */
  show(parts) {
    Object.assign(this.#parts, parts);
    this.painter.show(parts);
    if ("chroma" in parts) this.element.dataset.turn = Number(this.element.dataset.turn ?? 0) + 1;
    this.#later();
  }

  /** Whether other colours are on their way. */
  set busy(on) {
    this.#busy = on;
    this.#later();
  }

  /** Where the photo is, and up to where it is as it came; in CSS pixels of the canvas. */
  place(frame, split, zoomed) {
    this.#frame = frame;
    this.#split = split;
    const [right, bottom] = [frame.left + frame.width, frame.top + frame.height];
    const { clientWidth, clientHeight } = this.element;
    this.element.style.clipPath = zoomed ? "" : `inset(${Math.max(0, frame.top)}px `
      + `${Math.max(0, clientWidth - right)}px ${Math.max(0, clientHeight - bottom)}px `
      + `${Math.max(0, frame.left)}px round ${ROUND}px)`;
    this.#later();
  }

  #later() {
    this.#next ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#next);
    this.#next = 0;
    const { width, height, clientWidth } = this.element;
    if (!this.#frame || !clientWidth) return;
    const ratio = width / clientWidth;
    // Whole pixels, so that one of the photo may be just one of the screen.
    const frame = { left: Math.round(this.#frame.left * ratio), top: Math.round(this.#frame.top * ratio),
      width: this.#frame.width * ratio, height: this.#frame.height * ratio };
    const scale = frame.width / this.#size.width;
    const seen = { left: -frame.left / scale, top: -frame.top / scale,
      right: (width - frame.left) / scale, bottom: (height - frame.top) / scale };
    this.painter.draw(frame, this.#split * ratio, this.tiles.over(seen, scale));
    this.element.ariaBusy = String(this.#busy || this.tiles.lacking);
  }

  /** The photo in its colours, small, as a file. @param {number} side of it, at most */
  async thumbnail(side) {
    const { lightness, chroma, strength } = this.#parts;
    const pixels = lightness.shrunk(side);
    chroma?.paint(pixels, strength);
    const canvas = make("canvas", { width: pixels.width, height: pixels.height });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  }
}
