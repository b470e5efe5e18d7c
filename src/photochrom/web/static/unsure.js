/** Where the model is unsure: a few numbered areas on the photo, and in a list that leads there. */

import { aborted } from "./api.js";
import { find, icon, make } from "./dom.js";

const SMALLEST = 20; // pixels of the screen, as an area's radius
const NEAR = 36; // pixels that its radius has at least once one is there
const CLOSER = 3; // times that one goes nearer, at most
const GENTLY = 300; // milliseconds

/** @typedef {{x: number, y: number, radius: number}} Place in pixels of the photo */

export class Unsure {
  #asking = new AbortController();
  /** @type {{place: Place, mark: HTMLElement, chip: HTMLElement}[]} */
  #areas = [];

  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.stage = editor.stage;
    this.button = find("unsure");
    this.list = find("areas");
    this.words = find("areas-say");
    this.marks = find("marks");
    this.veil = find("veil");
    this.again = find("areas-again");
    this.button.addEventListener("click", () => this.show(this.list.hidden));
    this.again.addEventListener("click", () => this.#ask());
    this.veil.addEventListener("change", () => editor.guess(this.veil.checked));
    this.stage.on("layout", () => this.#put());
    editor.on("points", () => this.#tick());
    editor.on("opened", () => this.show(false));
  }

  /** Shows the areas, or no longer. */
  show(on) {
    this.button.ariaExpanded = String(on);
    this.list.hidden = this.marks.hidden = !on;
    this.#asking.abort();
    this.#clear();
    this.veil.checked = false;
    this.editor.guess(false);
    if (on) this.#ask();
  }

  #clear() {
    this.#areas = [];
    this.marks.replaceChildren();
    this.list.querySelector("ol").replaceChildren();
    this.again.hidden = true;
  }

  async #ask() {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const { picture } = this.editor;
    this.#clear();
    this.words.textContent = "Finding unsure areas…";
    try {
      const { hints } = picture.wishes();
      const { places } = await (await picture.ask("unsure", { hints }, signal)).json();
      signal.throwIfAborted();
      this.#areas = places.map((place, i) => this.#makeArea(place, i + 1));
      this.list.querySelector("ol").append(...this.#areas.map(({ chip }) => make("li", {}, chip)));
      this.marks.append(...this.#areas.map(({ mark }) => mark));
      this.#tick();
      this.#put();
      this.list.scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (!aborted(error)) this.words.textContent = error.message;
    }
  }

  #makeArea(place, number) {
    const go = (event) => this.#go(place, event.detail === 0);
    const chip = make("button", { onclick: go }, `${number}`);
    const badge = make("button", { onclick: go, tabIndex: -1 }, `${number}`);
    badge.addEventListener("pointerdown", (event) => event.stopPropagation());
    return { place, number, chip, mark: make("div", { className: "mark" }, badge) };
  }

  /** Ticks off the areas that have got a point. */
  #tick() {
    const points = this.editor.picture?.points ?? [];
    let left = 0;
    for (const { place, number, chip, mark } of this.#areas) {
      const within = ({ x, y }) => Math.hypot(x - place.x, y - place.y) <= place.radius;
      const done = points.some(within);
      left += !done;
      mark.hidden = done;
      chip.className = done ? "done" : "";
      chip.replaceChildren(done ? icon("done") : `${number}`);
      chip.ariaLabel = `Unsure area ${number}${done ? ", has a point" : ""}`;
    }
    if (!this.#areas.length) this.words.textContent = "No unsure areas found.";
    else if (left) this.words.textContent = "Your colours help most here.";
    else this.words.textContent = "That was the last one.";
    this.again.hidden = left > 0;
  }

  /** Puts the marks where they are on the stage. */
  #put() {
    for (const { place, mark } of this.#areas) {
      const { x, y } = this.stage.toStage(place);
      const radius = Math.max(SMALLEST, place.radius * this.stage.scale);
      mark.style.transform = `translate(${x}px, ${y}px)`;
      mark.style.setProperty("--radius", `${radius}px`);
    }
  }

  /** Goes to an area, nearer if it is small, and asks for the colours there. */
  async #go(place, keys) {
    const factor = Math.min(CLOSER, NEAR / (place.radius * this.stage.scale));
    if (factor > 1) await this.#approach(place, factor);
    this.stage.emit("point", { x: place.x, y: place.y, keys });
  }

  #approach(place, factor) {
    const box = this.stage.element.getBoundingClientRect();
    const closer = (by) => {
      const { x, y } = this.stage.toStage(place);
      this.stage.zoomBy(by, box.left + x, box.top + y);
    };
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return closer(factor);
    return new Promise((resolve) => {
      const begin = performance.now();
      let done = 0;
      const step = (now) => {
        const share = Math.min(1, (now - begin) / GENTLY);
        closer(factor ** (share - done));
        done = share;
        if (share < 1) requestAnimationFrame(step);
        else resolve();
      };
      requestAnimationFrame(step);
    });
  }
}
