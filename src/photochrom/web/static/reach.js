/** The ring round the chosen point: how far its colour reaches, to be drawn wider or narrower. */

import { arrowOf, clamp, Emitter, make, onDrag } from "./dom.js";
import { REACHES } from "./picture.js";

const RADIUS = 0.115; // of the photo's short side: half of the length over which a hint fades
const ROOM = 20; // pixels the handle keeps from the stage's edges, if it can
const SIDES = [[1, 0], [-1, 0], [0, 1], [0, -1]];
const NAMES = Object.keys(REACHES);

/** The next wider reach, or by -1 the next narrower; at the end the same. */
export const nextReach = (reach, way) => NAMES[clamp(NAMES.indexOf(reach) + way, 0, NAMES.length - 1)];

/** Events: "moving" and "chosen" (detail: "small", "normal" or "large"). */
export class ReachRing extends Emitter {
  #point = null;
  #unit = 1; // pixels of the photo, the radius of "normal"
  #side = null; // where the handle stays while it is dragged

  /** @param {HTMLElement} layer over the stage @param {import("./stage.js").Stage} stage */
  constructor(layer, stage) {
    super();
    this.stage = stage;
    this.circle = make("i", { className: "ring", hidden: true });
    this.handle = make("div", { className: "handle", role: "slider", tabIndex: 0, hidden: true,
      ariaLabel: "Reach", ariaValueMin: 0, ariaValueMax: NAMES.length - 1 });
    layer.prepend(this.circle);
    layer.append(this.handle);
    stage.addEventListener("layout", () => this.#put());
    this.handle.addEventListener("keydown", (event) => this.#key(event));
    this.#listen();
  }

  /** Another photo. */
  begin({ width, height }) {
    this.#unit = RADIUS * Math.min(width, height);
    this.show(null);
  }

  /** Shows the reach of a point; null: none is chosen. @param {import("./picture.js").Point} point */
  show(point) {
    this.#point = point ?? null;
    this.circle.hidden = this.handle.hidden = !point;
    if (!point) return;
    const { reach } = point;
    Object.assign(this.handle, { ariaValueNow: NAMES.indexOf(reach), ariaValueText: reach });
    this.#put();
  }

  #put() {
    if (!this.#point) return;
    const { x, y } = this.stage.toStage(this.#point);
    const radius = this.#unit * REACHES[this.#point.reach] * this.stage.scale;
    const { clientWidth: width, clientHeight: height } = this.stage.element;
    const fits = (at, room) => at >= ROOM && at <= room - ROOM;
    const [right, down] = this.#side ?? SIDES.find((side) =>
      fits(x + side[0] * radius, width) && fits(y + side[1] * radius, height)) ?? SIDES[0];
    const { style } = this.circle;
    style.width = style.height = `${2 * radius}px`;
    style.transform = `translate(${x - radius}px, ${y - radius}px)`;
    this.handle.style.transform = `translate(${x + right * radius}px, ${y + down * radius}px)`;
  }

  #listen() {
    const { handle, stage } = this;
    let from = null; // the reach at first
    const at = (event) => {
      const box = stage.element.getBoundingClientRect();
      const { x, y } = stage.toStage(this.#point);
      const [dx, dy] = [event.clientX - box.left - x, event.clientY - box.top - y];
      const factor = Math.hypot(dx, dy) / (this.#unit * stage.scale);
      const off = (name) => Math.abs(Math.log2(Math.max(factor, 0.01) / REACHES[name]));
      if (Math.abs(dx) > Math.abs(dy)) this.#side = [Math.sign(dx), 0];
      else this.#side = [0, Math.sign(dy)];
      return NAMES.reduce((best, name) => (off(name) < off(best) ? name : best));
    };
    const move = (event) => {
      const reach = at(event);
      if (reach === this.#point.reach) return this.#put();
      this.show({ ...this.#point, reach });
      return this.emit("moving", reach);
    };
    const up = (event) => {
      if (from === null || !this.#point) return;
      this.#side = null;
      this.emit("chosen", event.type === "pointerup" ? this.#point.reach : from);
      from = null;
    };
    onDrag(handle, { down: () => (from = this.#point.reach), move, up });
  }

  #key(event) {
    const [right, down] = arrowOf(event) ?? [0, 0];
    if (!right && !down) return;
    event.preventDefault();
    this.emit("chosen", nextReach(this.#point.reach, right - down));
  }
}
