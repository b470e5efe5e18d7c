/** All colours that a lightness can have, on a canvas: the ab plane within sRGB. */

import { fitGamut, gamutSquare, inGamut, labToRgb, nameOf } from "./lab.js";

const STEP = 2; // ab, that an arrow key moves
const WIDE = 10; // with Shift

/** Events: "moving" while a colour is dragged about, "chosen" at the end of that. */
export class Plane extends EventTarget {
  /** @type {import("./lab.js").Ab} */
  ab = [0, 0];

  #lightness = 50;
  #square = gamutSquare(50);
  #settling = 0;

  /** @param {HTMLElement} element with canvas and .thumb; it has the role of a slider */
  constructor(element) {
    super();
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.thumb = element.querySelector(".thumb");
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      this.#drag(event, "moving");
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) this.#drag(event, "moving");
    });
    element.addEventListener("pointerup", (event) => this.#drag(event, "chosen"));
    element.addEventListener("pointercancel", () => this.#tell("chosen"));
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows the colours of a lightness, one of them chosen. */
  begin(lightness, ab) {
    clearTimeout(this.#settling);
    this.#settling = 0;
    this.#lightness = lightness;
    this.#square = gamutSquare(lightness);
    this.set(ab);
    this.#paint();
  }

  /** A colour that keys are still moving is chosen now. */
  settle() {
    if (!this.#settling) return;
    clearTimeout(this.#settling);
    this.#settling = 0;
    this.#tell("chosen");
  }

  set(ab) {
    this.ab = fitGamut(this.#lightness, ...ab);
    const { a, b, half } = this.#square;
    const share = (value, middle) => (50 * (value - middle)) / half;
    this.thumb.style.left = `${50 + share(this.ab[0], a)}%`;
    this.thumb.style.top = `${50 - share(this.ab[1], b)}%`;
    this.thumb.style.backgroundColor = `rgb(${labToRgb(this.#lightness, ...this.ab).join(" ")})`;
    const hue = Math.round((Math.atan2(this.ab[1], this.ab[0]) * 180) / Math.PI + 360) % 360;
    this.element.setAttribute("aria-valuenow", String(hue));
    this.element.setAttribute("aria-valuetext", nameOf(this.#lightness, this.ab));
  }

  #tell(type) {
    this.dispatchEvent(new CustomEvent(type, { detail: this.ab }));
  }

  #drag(event, type) {
    const box = this.element.getBoundingClientRect();
    const { a, b, half } = this.#square;
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    this.set([a + (2 * x - 1) * half, b + (1 - 2 * y) * half]);
    this.#tell(type);
  }

  #key(event) {
    const step = event.shiftKey ? WIDE : STEP;
    const way = {
      ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step],
    }[event.key];
    if (way) {
      event.preventDefault();
      this.set([this.ab[0] + way[0], this.ab[1] + way[1]]);
      this.#tell("moving");
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.settle(), 500); // one step to undo, not many
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#settling ||= 1;
      this.settle();
    }
  }

  #paint() {
    const side = this.canvas.width;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(side, side);
    const { a, b, half } = this.#square;
    const at = (i, middle, sign) => middle + sign * ((2 * (i + 0.5)) / side - 1) * half;
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const ab = [at(column, a, 1), at(row, b, -1)];
        if (!inGamut(this.#lightness, ...ab)) continue;
        image.data.set([...labToRgb(this.#lightness, ...ab), 255], 4 * (row * side + column));
      }
    }
    context.putImageData(image, 0, 0);
  }
}
