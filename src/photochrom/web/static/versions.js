/** Other versions of the photo, four at a time, beside the present one: one can be gone on from. */

import { aborted } from "./api.js";
import { commandOf, make, spinner } from "./dom.js";
import { pointsOf } from "./picture.js";

const FOUR = 4;
const SIDE = 800;

/** @typedef {{name: string, label: string, button: HTMLElement, src?: string, points?: object[]}} Face of a version */

export class Versions {
  #seed = 0;
  #asking = new AbortController();
  /** @type {Face[]} the present one first */
  #faces = [];
  /** @type {Face | null} */
  #marked = null;

  /** @param {HTMLDialogElement} dialog @param {import("./editor.js").Editor} editor */
  constructor(dialog, editor) {
    Object.assign(this, { dialog, editor });
    const find = (selector) => dialog.querySelector(selector);
    this.row = find(".grid");
    this.large = find(".seen img");
    this.caption = find(".seen figcaption");
    this.use = find("[data-do=use]");
    this.words = find("[role=status]");
    this.greeting = this.words.textContent;
    this.row.addEventListener("pointerleave", () => this.#show(this.#marked));
    dialog.addEventListener("close", () => this.#clear());
    dialog.addEventListener("click", (event) => {
      const command = commandOf(event);
      if (command === "close" || event.target === dialog) dialog.close();
      if (command === "again") this.#ask(++this.#seed);
      if (command === "use") this.#choose();
    });
    editor.on("opened", () => (this.#seed = 0));
  }

  open() {
    this.dialog.showModal();
    this.#ask(this.#seed);
  }

  async #ask(seed) {
    this.#clear();
    const { signal } = (this.#asking = new AbortController());
    const { picture } = this.editor;
    const { hints } = picture.wishes();
    this.#faces = Array.from({ length: 1 + FOUR }, (_, i) => this.#makeFace(i));
    this.row.replaceChildren(...this.#faces.map(({ button }) => button));
    this.words.textContent = this.greeting;
    const [now, ...others] = this.#faces;
    this.#mark(now);
    const sample = async () => {
      const answer = await picture.ask("samples", { k: FOUR, seed, hints }, signal);
      const { versions } = await answer.json();
      await Promise.all(versions.map(({ hints: found }, i) => {
        others[i].points = pointsOf(found);
        return this.#paint(others[i], found, signal);
      }));
    };
    try {
      await Promise.all([this.#paint(now, hints, signal), sample()]);
    } catch (error) {
      if (!aborted(error)) this.words.textContent = error.message;
    }
  }

  /** Lets go of the versions that were shown. */
  #clear() {
    this.#asking.abort();
    for (const { src } of this.#faces) URL.revokeObjectURL(src);
    this.#faces = [];
    this.#show(null);
  }

  #makeFace(number) {
    const name = number ? `Version ${number}` : "Now";
    const { width, height } = this.editor.picture.facts;
    const button = make("button", { disabled: true, ariaLabel: name }, spinner());
    button.style.aspectRatio = `${width} / ${height}`;
    const face = { name, label: `${number || name}`, button };
    button.onpointerenter = ({ pointerType }) => pointerType === "mouse" && this.#show(face);
    button.onfocus = () => this.#show(face);
    button.onclick = () => (face === this.#marked ? this.#choose() : this.#mark(face));
    return face;
  }

  async #paint(face, hints, signal) {
    const { picture } = this.editor;
    const answer = await picture.ask("colorize", { ...picture.wishes(), hints, side: SIDE }, signal);
    const blob = await answer.blob();
    signal.throwIfAborted();
    face.src = URL.createObjectURL(blob);
    face.button.replaceChildren(make("img", { alt: "", src: face.src }), make("span", {}, face.label));
    face.button.disabled = false;
    if (face === this.#marked) this.#show(face);
  }

  /** Shows one at large. @param {Face | null} face */
  #show(face) {
    this.large.hidden = !face?.src;
    this.caption.textContent = face?.name ?? "";
    if (face?.src) this.large.src = face.src;
    else this.large.removeAttribute("src");
  }

  #mark(face) {
    this.#marked = face;
    for (const one of this.#faces) one.button.ariaPressed = String(one === face);
    this.use.disabled = !face.points;
    this.#show(face);
  }

  #choose() {
    const { points } = this.#marked;
    this.dialog.close();
    if (points) this.editor.picture.set({ points });
  }
}
