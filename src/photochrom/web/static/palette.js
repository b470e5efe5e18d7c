/** The palette at a spot: likely colours, any colour, the present one, or one from elsewhere. */

import { abOfHex, hexOf, nameOf } from "./lab.js";
import { Plane } from "./plane.js";

const SMALLEST = 26; // pixels across, of a colour that is hardly likely
const LARGEST = 44;
const SAME = 1.5; // ab, within which a swatch counts as the chosen colour
const GAP = 22; // pixels between spot and palette

/**
 * Events: "open", "moving" and "chosen" (detail: ab), "keep", "pipette", "remove", "close".
 */
export class Palette extends EventTarget {
  /** The place it is open for, {x, y, id?}; null while it is closed. */
  place = null;

  #lightness = 50;
  #chosen = null;

  /** @param {HTMLElement} element @param {import("./stage.js").Stage} stage */
  constructor(element, stage) {
    super();
    this.element = element;
    this.stage = stage;
    const find = (selector) => element.querySelector(selector);
    this.swatches = find(".swatches");
    this.caption = find(".caption");
    this.removing = find("[data-do=remove]");
    this.more = find("[data-do=more]");
    this.any = find(".any");
    this.hex = find("input");
    this.wrong = find(".wrong");
    this.plane = new Plane(find(".plane"));
    this.plane.addEventListener("moving", ({ detail }) => this.#moving(detail));
    this.plane.addEventListener("chosen", ({ detail }) => this.#choose(detail));
    this.hex.addEventListener("keydown", (event) => event.key === "Enter" && this.#typed());
    this.hex.addEventListener("change", () => this.#typed());
    element.addEventListener("click", (event) => {
      const what = event.target.closest("[data-do]")?.dataset.do;
      if (what === "more") this.#unfold(this.any.hidden);
      else if (what) this.dispatchEvent(new Event(what));
    });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.dispatchEvent(new Event("close"));
    });
    stage.addEventListener("layout", () => this.#put());
  }

  /**
   * @param {{x: number, y: number, id?: number}} place of the photo
   * @param {number} lightness there
   * @param {import("./lab.js").Ab} ab that it has now
   * @param {boolean} own whether a point of the user's says so
   */
  open(place, lightness, ab, own) {
    this.place = place;
    this.#lightness = lightness;
    this.removing.hidden = !own;
    this.#note(ab, own);
    this.plane.begin(lightness, ab);
    this.#wait();
    this.element.hidden = false;
    document.body.classList.add("choosing");
    this.stage.layout();
    this.#put();
    this.dispatchEvent(new Event("open"));
  }

  close() {
    if (!this.place) return;
    this.plane.settle();
    this.place = null;
    this.element.hidden = true;
    document.body.classList.remove("choosing");
    this.stage.layout();
  }

  /** The palette's place is now a point. */
  settle(place) {
    this.place = place;
    this.removing.hidden = false;
  }

  #focus() {
    this.swatches.querySelector("button")?.focus({ preventScroll: true });
  }

  /**
   * @param {{ab: import("./lab.js").Ab, probability: number}[]} colors the likeliest first
   * @param {boolean} focuses the first of them
   */
  offer(colors, focuses) {
    const most = Math.sqrt(Math.max(...colors.map((color) => color.probability), 1e-6));
    this.swatches.replaceChildren(...colors.map((color) => this.#swatch(color, most)));
    this.swatches.removeAttribute("aria-busy");
    this.#mark();
    this.#tell(this.#chosen);
    this.#put();
    if (focuses && document.activeElement === this.element) this.#focus();
  }

  /** Without likely colours there is still any. */
  offerNone(sentence) {
    this.swatches.replaceChildren();
    this.swatches.removeAttribute("aria-busy");
    this.caption.textContent = sentence;
    this.#unfold(true);
  }

  #wait() {
    const blank = () => Object.assign(document.createElement("i"), { className: "blank" });
    this.swatches.replaceChildren(...Array.from({ length: 9 }, blank));
    this.swatches.setAttribute("aria-busy", "true");
    this.caption.textContent = "Looking which colours are likely here…";
    this.caption.removeAttribute("data-swatch");
  }

  #swatch({ ab, probability }, most) {
    const button = document.createElement("button");
    const dot = document.createElement("i");
    const size = SMALLEST + (LARGEST - SMALLEST) * (Math.sqrt(probability) / most);
    const words = `${nameOf(this.#lightness, ab)}, ${percent(probability)} likely`;
    button.type = "button";
    button.setAttribute("aria-label", words);
    dot.style.width = dot.style.height = `${size.toFixed(1)}px`;
    dot.style.backgroundColor = hexOf(this.#lightness, ab);
    button.append(dot);
    button.ab = ab;
    button.addEventListener("click", () => this.#choose(ab));
    const tell = () => this.#say(words);
    button.addEventListener("pointerenter", tell);
    button.addEventListener("focus", tell);
    button.addEventListener("pointerleave", () => this.#tell(this.#chosen));
    return button;
  }

  #say(words) {
    this.caption.textContent = words[0].toUpperCase() + words.slice(1);
  }

  #tell(ab) {
    this.#say(ab ? `Now ${nameOf(this.#lightness, ab)}` : "The larger, the likelier here");
  }

  /** Chooses a colour for the place, as a click on it would. */
  take(ab) {
    this.#choose(ab);
  }

  #moving(ab) {
    this.#note(ab, true);
    this.dispatchEvent(new CustomEvent("moving", { detail: ab }));
  }

  #choose(ab) {
    this.#note(ab, true);
    this.plane.set(ab);
    this.dispatchEvent(new CustomEvent("chosen", { detail: ab }));
  }

  /** Shows a colour as the one that is chosen, or not yet. */
  #note(ab, chosen) {
    this.#chosen = chosen ? ab : null;
    this.hex.value = hexOf(this.#lightness, ab);
    this.#complain(false);
    this.#mark();
    if (chosen) this.#tell(ab);
  }

  #mark() {
    const chosen = this.#chosen;
    for (const button of this.swatches.querySelectorAll("button")) {
      const [a, b] = button.ab;
      const same = chosen && Math.hypot(a - chosen[0], b - chosen[1]) < SAME;
      button.setAttribute("aria-pressed", String(Boolean(same)));
    }
  }

  #typed() {
    const ab = abOfHex(this.hex.value);
    this.#complain(!ab);
    if (ab && this.hex.value !== hexOf(this.#lightness, this.plane.ab)) this.#choose(ab);
  }

  #complain(wrong) {
    this.wrong.hidden = !wrong;
    this.hex.setAttribute("aria-invalid", String(wrong));
  }

  #unfold(open) {
    this.any.hidden = !open;
    this.more.setAttribute("aria-expanded", String(open));
    this.#put();
  }

  /** Beside its spot, where there is room; on a phone CSS makes it a sheet below the photo. */
  #put() {
    if (!this.place) return;
    const { element } = this;
    const sheet = getComputedStyle(element).position !== "absolute";
    if (sheet) {
      element.style.transform = "";
      return;
    }
    const { x, y } = this.stage.toStage(this.place);
    const box = this.stage.element.getBoundingClientRect();
    const [width, height] = [element.offsetWidth, element.offsetHeight];
    const [after, before] = [x + GAP, x - GAP - width];
    // Away from the photo's middle, where there is room.
    const outwards = x < box.width / 2 ? [before, after] : [after, before];
    const left = outwards.find((place) => place >= 8 && place + width <= box.width - 8) ?? after;
    const fit = (value, room) => Math.max(8, Math.min(room - 8, value));
    const top = fit(y - height / 3, box.height - height);
    element.style.transform = `translate(${fit(left, box.width - width)}px, ${top}px)`;
  }
}

const percent = (share) => (share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`);
