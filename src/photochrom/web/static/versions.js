/** Other versions of the photo, four at a time; one of them is gone on from. */

import { aborted } from "./api.js";
import { newPoint } from "./picture.js";

const FOUR = 4;
const SIDE = 480;

export class Versions {
  #seed = 0;
  #asking = new AbortController();

  /** @param {HTMLDialogElement} dialog @param {import("./editor.js").Editor} editor */
  constructor(dialog, editor) {
    Object.assign(this, { dialog, editor });
    this.grid = dialog.querySelector(".grid");
    this.words = dialog.querySelector("[role=status]");
    this.greeting = this.words.textContent;
    dialog.addEventListener("close", () => this.#asking.abort());
    dialog.addEventListener("click", (event) => {
      const what = event.target.closest("[data-do]")?.dataset.do;
      if (what === "close" || event.target === dialog) dialog.close();
      if (what === "again") this.#ask();
    });
    editor.addEventListener("opened", () => (this.#seed = 0));
  }

  open() {
    this.dialog.showModal();
    this.#ask();
  }

  async #ask() {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const { picture } = this.editor;
    this.words.textContent = this.greeting;
    const tiles = Array.from({ length: FOUR }, (_, i) => tile(i, picture.facts));
    this.grid.classList.toggle("tall", picture.facts.height > picture.facts.width);
    this.grid.replaceChildren(...tiles);
    try {
      const wish = { k: FOUR, seed: this.#seed++, hints: picture.wishes().hints };
      const { versions } = await (await picture.ask("samples", wish, signal)).json();
      await Promise.all(versions.map(({ hints }, i) => this.#paint(tiles[i], hints, signal)));
    } catch (error) {
      if (!aborted(error)) this.words.textContent = error.message;
    }
  }

  async #paint(button, hints, signal) {
    const { picture } = this.editor;
    const wish = { ...picture.wishes(), hints, side: SIDE };
    const answer = await picture.ask("colorize", wish, signal);
    const image = new Image();
    image.alt = "";
    image.src = URL.createObjectURL(await answer.blob());
    await image.decode();
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    button.replaceChildren(image);
    button.disabled = false;
    button.addEventListener("click", () => {
      const points = hints.map(({ x, y, color }) => newPoint(x, y, color));
      this.dialog.close();
      this.editor.setPoints(points);
    });
  }
}

function tile(i, { width, height }) {
  const button = document.createElement("button");
  const spinner = document.createElement("i");
  spinner.className = "spinner";
  button.type = "button";
  button.disabled = true;
  button.style.aspectRatio = `${width} / ${height}`;
  button.setAttribute("aria-label", `Version ${i + 1}`);
  button.append(spinner);
  return button;
}
