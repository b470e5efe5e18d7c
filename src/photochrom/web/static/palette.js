/** The palette at a spot: likely colours, any colour, the present one, or one from elsewhere. */

import { commandOf, Emitter, make } from "./dom.js";
import { abOfHex, hexOf } from "./lab.js";
import { nameOf } from "./names.js";
import { Plane } from "./plane.js";

const SAME = 1.5; // ab, within which a swatch counts as the chosen colour

/**
 * @typedef {{ab: import("./lab.js").Ab, probability: number, name?: string}} Swatch
 *
 * A place of the photo: a point of the user's, or where one may come.
 * @typedef {{x: number, y: number, reach: string, id?: number, ab?: import("./lab.js").Ab}} Place
 */

/**
 * Events: "open"; "moving" (detail: ab that is tried), "left" (it is not tried any more) and
 * "chosen" (detail: ab); "reach" (detail: "small", "normal" or "large"); "pipette", "remove", "close".
 */
export class Palette extends Emitter {
  /** @type {Place | null} what it is open for; null while it is closed */
  place = null;

  #lightness = 50;
  #present = [0, 0]; // ab that the place had when it was opened
  #chosen = null;
  #trying = false; // whether a swatch is tried that the pointer or the focus is on

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
    this.hex = find("#hex");
    this.wrong = find(".wrong");
    this.plane = new Plane(find(".plane"));
    this.plane.on("moving", (ab) => this.#moving(ab));
    this.plane.on("chosen", (ab) => this.choose(ab));
    this.hex.addEventListener("keydown", (event) => event.key === "Enter" && this.#typed());
    this.hex.addEventListener("change", () => this.#typed());
    this.reaches = [...element.querySelectorAll("[name=reach]")];
    for (const input of this.reaches) {
      input.addEventListener("change", () => this.emit("reach", input.value));
    }
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
   * @param {Place} place
   * @param {number} lightness there
   * @param {import("./lab.js").Ab} ab that it has now
   */
  open(place, lightness, ab) {
    this.place = place;
    this.#lightness = lightness;
    this.#present = ab;
    this.#trying = false;
    this.#chosen = null;
    this.#describePlace(ab);
    this.plane.begin(lightness, ab);
    this.#wait();
    this.element.hidden = false;
    document.body.classList.add("choosing");
    this.stage.layout();
    this.emit("open");
  }

  /** Its place is another one now, or has become a point, of another colour or reach. */
  update(place, lightness = this.#lightness) {
    this.place = place;
    if (lightness !== this.#lightness) this.plane.begin(lightness, place.ab);
    else if (place.ab) this.plane.set(place.ab);
    this.#lightness = lightness;
    this.#describePlace(place.ab ?? this.plane.ab);
  }

  #describePlace(ab) {
    const { id, reach } = this.place;
    this.removing.hidden = id === undefined;
    for (const input of this.reaches) input.checked = input.value === reach;
    const named = this.#chosen && near(ab, this.#chosen.ab) ? this.#chosen.name : undefined;
    this.#show(ab, id !== undefined, named);
  }

  close() {
    if (!this.place) return;
    this.plane.settle();
    if (this.#trying) this.emit("left");
    this.#trying = false;
    this.place = null;
    this.element.hidden = true;
    document.body.classList.remove("choosing");
    this.stage.layout();
  }

  /**
   * @param {{keep?: Swatch, colors: Swatch[]}} found what it has now, and the likeliest first
   * @param {boolean} focuses the first of them
   */
  offer({ keep, colors }, focuses) {
    const own = this.place.id !== undefined; // of which others do not know
    const present = own || !keep ? { ab: this.#present } : keep;
    const offered = own && keep ? [keep, ...colors.slice(0, -1)] : colors;
    this.swatches.replaceChildren(
      this.#swatch(present, "Keep"), ...offered.map((color) => this.#swatch(color)));
    this.swatches.ariaBusy = null;
    this.#mark();
    this.#describe();
    if (focuses && document.activeElement === this.element) {
      this.swatches.firstChild.focus({ preventScroll: true });
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
    this.swatches.replaceChildren(...Array.from({ length: 10 }, blank));
    this.swatches.ariaBusy = "true";
    this.caption.textContent = "Finding likely colours…";
  }

  /** @param {Swatch} color @param {string} [label] of the one that it has now */
  #swatch({ ab, probability, name = nameOf(this.#lightness, ab) }, label = "") {
    const words = label ? `${label}: ${name}` : `${name}, ${percent(probability)} likely`;
    const dot = make("i", {}, label);
    const onclick = () => this.choose(ab, name);
    const button = make("button", { ariaLabel: words, ab, onclick }, dot);
    dot.style.backgroundColor = hexOf(this.#lightness, ab);
    dot.style.color = this.#lightness > 50 ? "#000" : "#fff";
    const show = () => {
      this.#setCaption(words);
      if (button.ariaPressed !== "true") this.#try(ab);
    };
    const hide = () => {
      this.#describe();
      if (this.#trying) this.emit("left");
      this.#trying = false;
    };
    button.onpointerenter = ({ pointerType }) => pointerType === "mouse" && show();
    button.onpointerleave = ({ pointerType }) => pointerType === "mouse" && hide();
    button.onfocus = () => button.matches(":focus-visible") && show();
    button.onblur = hide;
    return button;
  }

  #try(ab) {
    this.#trying = true;
    this.emit("moving", ab);
  }

  #setCaption(words) {
    this.caption.textContent = words[0].toUpperCase() + words.slice(1);
  }

  #describe() {
    this.#setCaption(this.#chosen ? `Now: ${this.#chosen.name}` : "Most likely first");
  }

  #moving(ab) {
    this.#show(ab, true);
    this.emit("moving", ab);
  }

  /** Chooses a colour for the place, as a click on it does. */
  choose(ab, name) {
    this.#trying = false;
    this.#show(ab, true, name);
    this.plane.set(ab);
    this.emit("chosen", ab);
  }

  /** Shows a colour as the one that is chosen, or not yet. */
  #show(ab, chosen, name = nameOf(this.#lightness, ab)) {
    this.#chosen = chosen ? { ab, name } : null;
    this.hex.value = hexOf(this.#lightness, ab);
    this.#complain(false);
    this.#mark();
    if (chosen) this.#describe();
  }

  #mark() {
    for (const button of this.swatches.querySelectorAll("button")) {
      button.ariaPressed = String(Boolean(this.#chosen && near(button.ab, this.#chosen.ab)));
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

const near = ([a, b], [c, d]) => Math.hypot(a - c, b - d) < SAME;
const percent = (share) => (share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`);
