/** Three looks of the photo, from quiet to lively, of which a click chooses one. */

import { aborted } from "./api.js";
import { find, make } from "./dom.js";

const QUIET = 0; // of the dial "vivid"
const LIVELY = 0.85;
const SIDE = 240; // pixels of a thumbnail's long side
const CALM = 500; // milliseconds without new colours before thumbnails are made anew

export class Looks {
  #buttons = [];
  #shown = ""; // the wishes that the thumbnails show
  #timer = 0;
  #asking = new AbortController();

  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.element = find("looks");
    this.offer(undefined);
    editor.on("opened", () => this.#begin());
    editor.on("points", () => this.#mark());
    editor.on("previewed", () => this.#later());
    // It is hidden while colours are chosen, and on phones until it is asked for.
    new IntersectionObserver(() => this.#later()).observe(this.element);
  }

  /**
   * @param {number | null | undefined} usual that the model takes for vivid; null if it has no such
   *   dial, undefined while that is not known
   */
  offer(usual) {
    const looks = { Quiet: QUIET, Natural: null, Lively: LIVELY };
    this.#buttons = usual === null ? [] : Object.entries(looks).map(([name, vivid]) => {
      const onclick = () => this.editor.picture.set({ vivid });
      const face = make("i", { className: "face" }, make("img", { alt: "", hidden: true }));
      return make("button", { vivid, onclick, disabled: true }, face, make("span", {}, name));
    });
    this.usual = usual;
    this.element.querySelector(".thumbs").replaceChildren(...this.#buttons);
    this.element.hidden = !this.#buttons.length;
    this.#begin();
  }

  #begin() {
    this.#asking.abort();
    this.#shown = "";
    for (const button of this.#buttons) {
      button.disabled = !this.editor.ready;
      button.querySelector("img").hidden = true;
    }
    this.#mark();
    this.#later(0);
  }

  #mark() {
    const vivid = this.editor.picture?.vivid ?? this.usual;
    for (const button of this.#buttons) {
      const chosen = this.editor.ready && (button.vivid ?? this.usual) === vivid;
      button.ariaPressed = String(chosen);
    }
  }

  /** Has the thumbnails follow the photo's points, once these rest and if anybody sees it. */
  #later(wait = CALM) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#follow(), wait);
  }

  async #follow() {
    const { picture, ready } = this.editor;
    if (!ready || this.usual === undefined || !this.element.offsetParent) return;
    const { hints, strength } = picture.wishes();
    const wished = JSON.stringify({ hints, strength });
    if (wished === this.#shown) return;
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    this.#shown = wished;
    try {
      for (const button of this.#buttons) {
        const wishes = { hints, strength, vivid: button.vivid, side: SIDE };
        const answer = await picture.ask("colorize", wishes, signal);
        await showIn(button.querySelector("img"), await answer.blob(), signal);
      }
    } catch (error) {
      this.#shown = "";
      if (!aborted(error)) this.#begin(); // the dial is there without them
    }
  }
}

/** Shows a picture once it is decoded; until then the one before stays. */
async function showIn(image, blob, signal) {
  const src = URL.createObjectURL(blob);
  const ready = make("img", { src });
  await ready.decode();
  if (!signal.aborted) {
    URL.revokeObjectURL(image.src);
    Object.assign(image, { src, hidden: false });
  }
}
