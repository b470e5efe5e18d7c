/** Other versions of the photo, four at a time; one of them is gone on from. */

import { aborted } from "./api.js";
import { commandOf, make, spinner } from "./dom.js";
import { pointsOf } from "./picture.js";

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
      const command = commandOf(event);
      if (command === "close" || event.target === dialog) dialog.close();
      if (command === "again") this.#ask();
    });
    editor.on("opened", () => (this.#seed = 0));
  }

  open() {
    this.dialog.showModal();
    this.#ask();
  }

  async #ask() {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const { picture } = this.editor;
    const { width, height } = picture.facts;
    this.words.textContent = this.greeting;
    const tiles = Array.from({ length: FOUR }, (_, i) =>
      make("button", { disabled: true, ariaLabel: `Version ${i + 1}` }, spinner()));
    for (const tile of tiles) tile.style.aspectRatio = `${width} / ${height}`;
    this.grid.classList.toggle("tall", height > width);
    this.grid.replaceChildren(...tiles);
    try {
      const wanted = { k: FOUR, seed: this.#seed++, hints: picture.wishes().hints };
      const { versions } = await (await picture.ask("samples", wanted, signal)).json();
      await Promise.all(versions.map(({ hints }, i) => this.#paint(tiles[i], hints, signal)));
    } catch (error) {
      if (!aborted(error)) this.words.textContent = error.message;
    }
  }

  async #paint(tile, hints, signal) {
    const { picture } = this.editor;
    const wanted = { ...picture.wishes(), hints, side: SIDE };
    const answer = await picture.ask("colorize", wanted, signal);
    const image = make("img", { alt: "", src: URL.createObjectURL(await answer.blob()) });
    await image.decode();
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    tile.replaceChildren(image);
    tile.disabled = false;
    tile.onclick = () => {
      this.dialog.close();
      picture.set({ points: pointsOf(hints) });
    };
  }
}
