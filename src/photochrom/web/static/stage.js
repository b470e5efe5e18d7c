/**
 * The photo on its stage: before and after under one divider, zoom and pan for both at once.
 *
 * Three frames of coordinates: the photo's own pixels, which points have; the stage's CSS pixels,
 * from its top left; and the client's, which events have.
 */

import { PhotoCanvas } from "./canvas.js";
import { clamp, Emitter, onDrag } from "./dom.js";
import { watch } from "./gestures.js";

const MOST_ZOOM = 16;
const STEP = 1.4;
const KNOB = 24; // pixels the divider's knob keeps from the photo's edge

/** Events: "point" (detail: a pixel of the photo), "beside" (a click, but not on it), "layout". */
export class Stage extends Emitter {
  /** Where the divider is, 0..1 of the part of the photo that is seen. */
  divider = 0;

  #size = { width: 1, height: 1 }; // of the photo
  #zoom = 1; // 1 fits the stage
  #middle = { x: 0.5, y: 0.5 }; // of the photo, that is in the middle of the stage
  #sweep = null;
  #turns = {}; // by the picture's name, so that an older one never comes last

  /** @param {HTMLElement} element with canvas.photo, .view (img.guesses), .divider, .knob */
  constructor(element) {
    super();
    this.element = element;
    this.view = element.querySelector(".view");
    this.photo = new PhotoCanvas(element.querySelector(".photo"));
    this.images = { guesses: element.querySelector(".guesses") };
    this.line = element.querySelector(".divider");
    this.knob = element.querySelector(".knob");
    new ResizeObserver(() => this.layout()).observe(element);
    this.#listen();
  }

  // --- pictures ----------------------------------------------------------------------------

  /** Another photo, of this size; zoom and divider as at first. @param load as of PhotoCanvas */
  begin(size, load) {
    this.#size = size;
    this.photo.begin(size, load);
    this.#zoom = 1;
    this.#middle = { x: 0.5, y: 0.5 };
    this.setDivider(0);
    for (const name of Object.keys(this.images)) this.show(name, null);
  }

  /** Shows a picture once it is decoded; until then the one before stays. */
  async show(name, blob) {
    const image = this.images[name];
    const turn = (this.#turns[name] = (this.#turns[name] ?? 0) + 1);
    if (!blob) {
      image.hidden = true;
      URL.revokeObjectURL(image.src);
      image.removeAttribute("src");
    } else {
      const url = URL.createObjectURL(blob);
      const ready = new Image();
      ready.src = url;
      await ready.decode();
      if (turn !== this.#turns[name]) return URL.revokeObjectURL(url); // there is a newer one
      URL.revokeObjectURL(image.src);
      image.src = url;
      image.hidden = false;
    }
    return this.layout();
  }

  // --- frames ------------------------------------------------------------------------------

  get scale() {
    const { width, height } = this.element.getBoundingClientRect();
    const margin = width > 400 ? 12 : 0;
    const fit = Math.min((width - 2 * margin) / this.#size.width,
      (height - 2 * margin) / this.#size.height);
    return Math.max(fit, 1e-6) * this.#zoom;
  }

  /** Where the photo is on the stage: left, top, width, height. */
  get frame() {
    const box = this.element.getBoundingClientRect();
    const [width, height] = [this.#size.width * this.scale, this.#size.height * this.scale];
    return {
      left: box.width / 2 - this.#middle.x * width,
      top: box.height / 2 - this.#middle.y * height,
      width,
      height,
    };
  }

  toStage({ x, y }) {
    const { left, top } = this.frame;
    return { x: left + x * this.scale, y: top + y * this.scale };
  }

  /** The photo's pixel under a place of the client; null beside the photo. */
  toPhoto(clientX, clientY) {
    const place = this.#unbounded(clientX, clientY);
    const nearest = this.toNearest(clientX, clientY);
    return place.x === nearest.x && place.y === nearest.y ? place : null;
  }

  /** The same, at the photo's edge where it lies beside. */
  toNearest(clientX, clientY) {
    const { x, y } = this.#unbounded(clientX, clientY);
    return { x: clamp(x, 0, this.#size.width), y: clamp(y, 0, this.#size.height) };
  }

  #unbounded(clientX, clientY) {
    const box = this.element.getBoundingClientRect();
    const { left, top } = this.frame;
    const { scale } = this;
    return { x: (clientX - box.left - left) / scale, y: (clientY - box.top - top) / scale };
  }

  // --- zoom and pan ------------------------------------------------------------------------

  /** Zooms by a factor; what is at a place of the client stays there. */
  zoomBy(factor, clientX, clientY) {
    const box = this.element.getBoundingClientRect();
    const at = { x: (clientX ?? box.left + box.width / 2) - box.left - box.width / 2,
      y: (clientY ?? box.top + box.height / 2) - box.top - box.height / 2 };
    const before = this.frame;
    const zoom = clamp(this.#zoom * factor, 1, MOST_ZOOM);
    const gain = 1 - this.#zoom / zoom;
    this.#middle = { x: this.#middle.x + (at.x * gain) / before.width,
      y: this.#middle.y + (at.y * gain) / before.height };
    this.#zoom = zoom;
    this.layout();
  }

  zoomIn = () => this.zoomBy(STEP);
  zoomOut = () => this.zoomBy(1 / STEP);
  zoomToPixels = () => this.zoomBy(1 / (this.scale * devicePixelRatio)); // one by one on the screen
  zoomToFit = () => this.zoomBy(1 / this.#zoom);

  panBy(dx, dy) {
    const { width, height } = this.frame;
    this.#middle = { x: this.#middle.x - dx / width, y: this.#middle.y - dy / height };
    this.layout();
  }

  /** Pans just so far that a pixel of the photo is well in view. */
  reveal(point) {
    const { x, y } = this.toStage(point);
    const { width, height } = this.element.getBoundingClientRect();
    const margin = Math.min(60, width / 5, height / 5);
    const dx = clamp(x, margin, width - margin) - x;
    const dy = clamp(y, margin, height - margin) - y;
    if (dx || dy) this.panBy(dx, dy);
  }

  /** From where to where the photo is seen, across the stage. */
  #seen(room) {
    const { left, width } = this.frame;
    return [Math.max(0, left), Math.min(room, left + width)];
  }

  /** Puts everything where it belongs. */
  layout() {
    const box = this.element.getBoundingClientRect();
    if (!box.width) return;
    const { width, height } = this.frame;
    const held = (middle, length, room) => {
      const half = Math.max(0, (length - room) / 2) / length;
      return clamp(middle, 0.5 - half, 0.5 + half);
    };
    this.#middle = {
      x: held(this.#middle.x, width, box.width),
      y: held(this.#middle.y, height, box.height),
    };
    const { left, top } = this.frame;
    Object.assign(this.view.style, { width: `${width}px`, height: `${height}px`,
      transform: `translate(${left}px, ${top}px)` });
    const [from, to] = this.#seen(box.width);
    const x = from + this.divider * (to - from);
    const [above, below] = [Math.max(0, top), Math.min(box.height, top + height)];
    const split = this.divider <= 0 ? 0 : this.divider >= 1 ? box.width : x;
    this.photo.place(this.frame, split, this.#zoom > 1);
    this.line.style.transform = `translate(${x}px, ${above}px)`;
    this.line.style.height = `${below - above}px`;
    this.line.hidden = this.divider <= 0 || this.divider >= 1;
    const hold = clamp(x, from + KNOB, Math.max(from + KNOB, to - KNOB));
    this.knob.style.transform = `translate(${hold}px, ${(above + below) / 2}px)`;
    this.element.classList.toggle("zoomed", this.#zoom > 1);
    this.emit("layout");
  }

  // --- before and after --------------------------------------------------------------------

  /** @param {number} share of the part seen that shows the photo as it was */
  setDivider(share) {
    cancelAnimationFrame(this.#sweep);
    this.#divide(share);
  }

  #divide(share) {
    this.divider = clamp(share, 0, 1);
    const percent = Math.round(this.divider * 100);
    this.knob.ariaValueNow = percent;
    this.knob.ariaValueText =
      percent === 0 ? "all in colour" : percent === 100 ? "all as before" : `${percent} % before`;
    this.layout();
  }

  /** Colour comes in from the right, once. */
  unveil() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.setDivider(0);
    const began = performance.now();
    const step = (now) => {
      const share = Math.min(1, (now - began) / 1100);
      this.#divide((1 - share) ** 3);
      if (share < 1) this.#sweep = requestAnimationFrame(step);
    };
    this.setDivider(1);
    this.#sweep = requestAnimationFrame(step);
    return undefined;
  }

  #slideTo(clientX) {
    const box = this.element.getBoundingClientRect();
    const [from, to] = this.#seen(box.width);
    this.setDivider((clientX - box.left - from) / (to - from));
  }

  // --- events ------------------------------------------------------------------------------

  #listen() {
    onDrag(this.knob, { move: ({ clientX }) => this.#slideTo(clientX) });
    this.knob.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02,
        PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      this.setDivider(this.divider + steps[event.key]);
    });
    watch(this);
  }
}
