/** The points on the photo: seen, dragged, moved by keys; and the crosshair that places more. */

import { arrowOf, clamp, Emitter, find, make, onDrag } from "./dom.js";
import { hexOf } from "./lab.js";
import { nameOf } from "./names.js";
import { announce } from "./messages.js";

const FINE = 0.005; // of the photo's long side, that an arrow key moves; ten times that with Shift
const COARSE = 0.05;
const STILL = 4; // pixels that a click on a point may stray

/** Where an arrow key moves a point of the photo; null for any other key. */
function moved({ x, y }, event, { width, height }) {
  const way = arrowOf(event);
  if (!way || event.ctrlKey || event.metaKey || event.altKey) return null;
  const step = Math.max(width, height) * (event.shiftKey ? COARSE : FINE);
  return { x: clamp(x + step * way[0], 0, width), y: clamp(y + step * way[1], 0, height) };
}

/**
 * Events: "open" (a point is asked for its colours), "moving" and "moved" (with where to),
 * "delete", "stretch" (with a way, -1 or 1), and "place" (the crosshair, with where); `detail` holds
 * the point's id, x and y.
 */
export class Points extends Emitter {
  #buttons = new Map(); // by the point's id
  #points = [];
  #size = { width: 1, height: 1 };
  #cross = { x: 0, y: 0 };
  #lightness = () => 50;

  /** @param {HTMLElement} layer over the stage @param {import("./stage.js").Stage} stage */
  constructor(layer, stage) {
    super();
    Object.assign(this, { layer, stage });
    this.crosshair = layer.querySelector(".crosshair");
    this.spot = layer.querySelector(".spot");
    stage.addEventListener("layout", () => this.#put());
    this.crosshair.addEventListener("keydown", (event) => this.#crossKey(event));
    this.crosshair.addEventListener("focus", () => stage.reveal(this.#cross));
  }

  /** Another photo. @param {(point: {x: number, y: number}) => number} lightness at its pixels */
  begin(size, lightness) {
    this.#size = size;
    this.#lightness = lightness;
    this.#cross = { x: size.width / 2, y: size.height / 2 };
    this.mark(null);
  }

  /** Whether they are seen. */
  get shown() {
    return !this.stage.element.classList.contains("without-points");
  }

  set shown(shown) {
    this.stage.element.classList.toggle("without-points", !shown);
    find("show").ariaPressed = String(shown);
  }

  /** Shows these points. @param {import("./picture.js").Point[]} points */
  show(points) {
    this.#points = points;
    for (const [id, button] of this.#buttons) {
      if (points.some((point) => point.id === id)) continue;
      button.remove();
      this.#buttons.delete(id);
    }
    points.forEach((point, i) => {
      const button = this.#buttons.get(point.id) ?? this.#make(point.id);
      const lightness = this.#lightness(point);
      button.style.backgroundColor = hexOf(lightness, point.ab);
      button.ariaLabel = `Point ${i + 1}, ${nameOf(lightness, point.ab)}`;
    });
    this.#put();
  }

  /** Marks a place for which colours are being chosen, a point of its own or none. */
  mark(place) {
    this.marked = place;
    this.spot.hidden = !place || place.id !== undefined;
    for (const [id, button] of this.#buttons) {
      button.classList.toggle("chosen", id === place?.id);
    }
    this.#put();
  }

  focus(id) {
    (this.#buttons.get(id) ?? this.crosshair).focus({ preventScroll: true });
  }

  get ids() {
    return this.#points.map((point) => point.id);
  }

  #put() {
    const at = (element, place) => {
      const { x, y } = this.stage.toStage(place);
      element.style.transform = `translate(${x}px, ${y}px)`;
    };
    for (const point of this.#points) at(this.#buttons.get(point.id), point);
    at(this.crosshair, this.#cross);
    if (this.marked) at(this.spot, this.marked);
  }

  #make(id) {
    const button = make("button", { className: "point" });
    button.setAttribute("aria-describedby", "point-keys");
    this.layer.insertBefore(button, this.crosshair);
    this.#buttons.set(id, button);
    this.#drag(button, id);
    button.addEventListener("keydown", (event) => this.press(event, id));
    button.addEventListener("focus", () => this.stage.reveal(this.#find(id)));
    return button;
  }

  #find(id) {
    return this.#points.find((point) => point.id === id);
  }

  #drag(button, id) {
    let start = null;
    const down = (event) => {
      const at = this.stage.toStage(this.#find(id));
      start = { x: event.clientX, y: event.clientY, at };
    };
    const move = (event) => {
      if (!start) return;
      const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
      if (!start.to && Math.hypot(dx, dy) <= STILL) return;
      button.classList.add("dragged");
      const box = this.stage.element.getBoundingClientRect();
      start.to = this.stage.toNearest(box.left + start.at.x + dx, box.top + start.at.y + dy);
      this.emit("moving", { id, ...start.to });
    };
    const up = (event) => {
      if (!start) return;
      const { to } = start;
      start = null;
      button.classList.remove("dragged");
      if (to) this.emit("moved", { id, ...to });
      else if (event.type === "pointerup") this.emit("open", { id });
    };
    onDrag(button, { down, move, up });
    // By keyboard or a screen reader; a pointer's own click was answered above.
    button.addEventListener("click", ({ detail }) => {
      if (detail === 0) this.emit("open", { id, keys: true });
    });
  }

  /** A key is pressed for a point. */
  press(event, id) {
    const to = moved(this.#find(id), event, this.#size);
    if (to) {
      event.preventDefault();
      this.emit("moved", { id, ...to, bit: true });
      this.stage.reveal(to);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.emit("delete", { id });
    } else if (event.key === "[" || event.key === "]") {
      this.emit("stretch", { id, way: event.key === "[" ? -1 : 1 });
    }
  }

  #crossKey(event) {
    const to = moved(this.#cross, event, this.#size);
    if (to) {
      event.preventDefault();
      this.#cross = to;
      this.stage.reveal(this.#cross);
      this.#put();
      const share = (value, whole) => Math.round((100 * value) / whole);
      const { width, height } = this.#size;
      announce(`${share(this.#cross.x, width)} % across, ${share(this.#cross.y, height)} % down`);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.emit("place", { ...this.#cross, keys: true });
    }
  }
}
