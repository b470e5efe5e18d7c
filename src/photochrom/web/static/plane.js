/** All colours that a lightness can have, on a canvas: the ab plane within sRGB. */

import { arrowOf, Emitter, onDrag } from "./dom.js";
import { fitGamut, gamutSquare, inGamut, labToRgb } from "./lab.js";
import { nameOf } from "./names.js";

const STEP = 2; // ab, that an arrow key moves
const WIDE = 10; // with Shift

/** Events: "moving" while a colour is dragged about, "chosen" at the end of that. */
export class Plane extends Emitter {
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
    const move = (event) => this.#drag(event, "moving");
    const up = (event) => {
      if (event.type === "pointerup") this.#drag(event, "chosen");
      else this.emit("chosen", this.ab);
    };
    onDrag(element, { down: move, move, up });
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
    this.emit("chosen", this.ab);
  }

  set(ab) {
    this.ab = fitGamut(this.#lightness, ...ab);
    const { a, b, half } = this.#square;
    const { style } = this.thumb;
    style.left = `${50 + (50 * (this.ab[0] - a)) / half}%`;
    style.top = `${50 - (50 * (this.ab[1] - b)) / half}%`;
    style.backgroundColor = `rgb(${labToRgb(this.#lightness, ...this.ab).join(" ")})`;
    const hue = Math.round((Math.atan2(this.ab[1], this.ab[0]) * 180) / Math.PI + 360) % 360;
    const ariaValueText = nameOf(this.#lightness, this.ab);
    Object.assign(this.element, { ariaValueNow: hue, ariaValueText });
  }

  #drag(event, type) {
    const box = this.element.getBoundingClientRect();
    const { a, b, half } = this.#square;
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    this.set([a + (2 * x - 1) * half, b + (1 - 2 * y) * half]);
    this.emit(type, this.ab);
  }

  #key(event) {
    const way = arrowOf(event);
    if (!way && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (way) {
      const step = event.shiftKey ? WIDE : STEP;
      this.set([this.ab[0] + step * way[0], this.ab[1] - step * way[1]]);
      this.emit("moving", this.ab);
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.settle(), 500); // one step to undo, not many
    } else {
      this.#settling ||= 1;
      this.settle();
    }
  }

  #paint() {
    const side = this.canvas.width;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(side, side);
    const { a, b, half } = this.#square;
    const offset = (i) => ((2 * (i + 0.5)) / side - 1) * half;
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const lab = [this.#lightness, a + offset(column), b - offset(row)];
        if (inGamut(...lab)) image.data.set([...labToRgb(...lab), 255], 4 * (row * side + column));
      }
    }
    context.putImageData(image, 0, 0);
  }
}
