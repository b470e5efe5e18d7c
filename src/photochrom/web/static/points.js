/** The points on the photo: seen, dragged, moved by keys; and the crosshair that places more. */

import { hexOf, nameOf } from "./lab.js";

const FINE = 0.005; // of the photo's long side, that an arrow key moves; ten times that with Shift
const COARSE = 0.05;
const STILL = 4; // pixels that a click on a point may stray

/** Pixels of the photo that an arrow key stands for; null for any other key. */
function arrow(event, { width, height }) {
  const step = Math.max(width, height) * (event.shiftKey ? COARSE : FINE);
  const way = {
    ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
  }[event.key];
  return way && !event.ctrlKey && !event.metaKey && !event.altKey ? way : null;
}

const within = (point, size, [dx, dy]) => ({
  x: Math.min(size.width, Math.max(0, point.x + dx)),
  y: Math.min(size.height, Math.max(0, point.y + dy)),
});

/**
 * Events: "open" (a point is asked for its colours), "moving" and "moved" (with where to),
 * "delete", and "place" (the crosshair, with where); `detail` holds the point's id, x and y.
 */
export class Points extends EventTarget {
  #buttons = new Map(); // by the point's id
  #points = [];
  #size = { width: 1, height: 1 };
  #cross = { x: 0, y: 0 };
  #lightness = () => 50;

  /**
   * @param {HTMLElement} layer over the stage
   * @param {import("./stage.js").Stage} stage
   * @param {(text: string) => void} say to those who do not see
   */
  constructor(layer, stage, say) {
    super();
    this.layer = layer;
    this.stage = stage;
    this.say = say;
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
      button.setAttribute("aria-label", `Point ${i + 1}, ${nameOf(lightness, point.ab)}`);
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
    const button = document.createElement("button");
    button.type = "button";
    button.className = "point";
    button.setAttribute("aria-describedby", "point-keys");
    this.layer.insertBefore(button, this.crosshair);
    this.#buttons.set(id, button);
    this.#drag(button, id);
    button.addEventListener("keydown", (event) => this.#pointKey(event, id));
    button.addEventListener("focus", () => this.stage.reveal(this.#find(id)));
    return button;
  }

  #find(id) {
    return this.#points.find((point) => point.id === id);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #drag(button, id) {
    let start = null;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.stopPropagation();
      button.setPointerCapture(event.pointerId);
      const at = this.stage.toStage(this.#find(id));
      start = { x: event.clientX, y: event.clientY, moved: false, at };
    });
    button.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
      if (!start.moved && Math.hypot(dx, dy) <= STILL) return;
      start.moved = true;
      button.classList.add("dragged");
      const box = this.stage.element.getBoundingClientRect();
      const to = this.stage.toNearest(box.left + start.at.x + dx, box.top + start.at.y + dy);
      start.to = to;
      this.#tell("moving", { id, ...to });
    });
    const end = (event) => {
      if (!start) return;
      const { moved, to } = start;
      start = null;
      button.classList.remove("dragged");
      if (moved) this.#tell("moved", { id, ...to });
      else if (event.type === "pointerup") this.#tell("open", { id });
    };
    button.addEventListener("pointerup", end);
    button.addEventListener("pointercancel", end);
    // By keyboard or a screen reader; a pointer's own click was answered above.
    button.addEventListener("click", ({ detail }) => {
      if (detail === 0) this.#tell("open", { id, keys: true });
    });
  }

  #pointKey(event, id) {
    const step = arrow(event, this.#size);
    if (step) {
      event.preventDefault();
      const to = within(this.#find(id), this.#size, step);
      this.#tell("moved", { id, ...to, bit: true });
      this.stage.reveal(to);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.#tell("delete", { id });
    }
  }

  #crossKey(event) {
    const step = arrow(event, this.#size);
    if (step) {
      event.preventDefault();
      this.#cross = within(this.#cross, this.#size, step);
      this.stage.reveal(this.#cross);
      this.#put();
      const share = (value, whole) => Math.round((100 * value) / whole);
      const { width, height } = this.#size;
      this.say(`${share(this.#cross.x, width)} % across, ${share(this.#cross.y, height)} % down`);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#tell("place", { ...this.#cross, keys: true });
    }
  }
}
