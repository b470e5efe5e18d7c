/** The palette at a spot: likely colours, any colour, the present one, or one from elsewhere. */

import { commandOf, Emitter, make } from "./dom.js";
import { abOfHex, hexOf, nameOf } from "./lab.js";
import { Plane } from "./plane.js";

const SAME = 1.5; // ab, within which a swatch counts as the chosen colour

/**
 * Events: "open", "moving" and "chosen" (detail: ab), "left" (that is not chosen), "keep", "pipette", "remove", "close".
 */
export class Palette extends Emitter {
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
    this.plane.on("moving", (ab) => this.#moving(ab));
    this.plane.on("chosen", (ab) => this.choose(ab));
    this.hex.addEventListener("keydown", (event) => event.key === "Enter" && this.#typed());
    this.hex.addEventListener("change", () => this.#typed());
    element.addEventListener("click", (event) => {
      const command = commandOf(event);
      if (command === "more") this.#unfold(this.any.hidden);
      else if (command) this.emit(command);
    });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.emit("close");
    });
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
    this.#show(ab, own);
    this.plane.begin(lightness, ab);
    this.#wait();
    this.element.hidden = false;
    document.body.classList.add("choosing");
    this.stage.layout();
    this.emit("open");
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

  /**
   * @param {{ab: import("./lab.js").Ab, probability: number}[]} colors the likeliest first
   * @param {boolean} focuses the first of them
   */
  offer(colors, focuses) {
    this.swatches.replaceChildren(...colors.map((color) => this.#swatch(color)));
    this.swatches.ariaBusy = null;
    this.#mark();
    this.#describe(this.#chosen);
    if (focuses && document.activeElement === this.element) {
      this.swatches.firstChild?.focus({ preventScroll: true });
    }
  }

  /** Without likely colours there is still any. */
  offerNone(sentence) {
    this.swatches.replaceChildren();
    this.swatches.ariaBusy = null;
    this.caption.textContent = sentence;
    this.#unfold(true);
  }

  #wait() {
    const blank = () => make("i", { className: "blank" });
    this.swatches.replaceChildren(...Array.from({ length: 9 }, blank));
    this.swatches.ariaBusy = "true";
    this.caption.textContent = "Looking which colours are likely here…";
  }

  #swatch({ ab, probability }) {
    const words = `${nameOf(this.#lightness, ab)}, ${percent(probability)} likely`;
    const dot = make("i");
    const button = make("button", { ariaLabel: words, ab, onclick: () => this.choose(ab) }, dot);
    dot.style.backgroundColor = hexOf(this.#lightness, ab);
    const look = () => {
      this.#setCaption(words);
      this.emit("moving", ab);
    };
    const leave = () => {
      this.#describe(this.#chosen);
      this.emit("left");
    };
    button.onpointerenter = ({ pointerType }) => pointerType === "mouse" && look();
    button.onfocus = () => button.matches(":focus-visible") && look();
    button.onpointerleave = button.onblur = leave;
    return button;
  }

  #setCaption(words) {
    this.caption.textContent = words[0].toUpperCase() + words.slice(1);
  }

  #describe(ab) {
    this.#setCaption(ab ? `Now ${nameOf(this.#lightness, ab)}` : "The likeliest first");
  }

  #moving(ab) {
    this.#show(ab, true);
    this.emit("moving", ab);
  }

  /** Chooses a colour for the place, as a click on it does. */
  choose(ab) {
    this.#show(ab, true);
    this.plane.set(ab);
    this.emit("chosen", ab);
  }

  /** Shows a colour as the one that is chosen, or not yet. */
  #show(ab, chosen) {
    this.#chosen = chosen ? ab : null;
    this.hex.value = hexOf(this.#lightness, ab);
    this.#complain(false);
    this.#mark();
    if (chosen) this.#describe(ab);
  }

  #mark() {
    const chosen = this.#chosen;
    for (const button of this.swatches.querySelectorAll("button")) {
      const [a, b] = button.ab;
      const same = chosen && Math.hypot(a - chosen[0], b - chosen[1]) < SAME;
      button.ariaPressed = String(Boolean(same));
    }
  }

  #typed() {
    const ab = abOfHex(this.hex.value);
    this.#complain(!ab);
    if (ab && this.hex.value !== hexOf(this.#lightness, this.plane.ab)) this.choose(ab);
  }

  #complain(wrong) {
    this.wrong.hidden = !wrong;
    this.hex.ariaInvalid = String(wrong);
  }

  #unfold(open) {
    this.any.hidden = !open;
    this.more.ariaExpanded = String(open);
  }
}

const percent = (share) => (share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`);
