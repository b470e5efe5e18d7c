/** The two dials, with words for what they say. */

import { find } from "./dom.js";

const WORDS = {
  vivid: [[0.2, "quiet"], [0.6, "natural"], [0.9, "lively"], [9, "bold"]],
  strength: [[0.02, "none"], [0.45, "a touch"], [0.92, "soft"], [1.08, "full"], [9, "extra"]],
};

const DEFAULTS = { vivid: null, strength: 1 };

/** A word for what a dial says. @param {"vivid" | "strength"} name @param {number} value */
export const wordFor = (name, value) => WORDS[name].find(([end]) => value < end)[1];

export class Dials {
  /** What the model takes for vivid if it is not told; null if it has no such dial. */
  usual = undefined;

  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    for (const name of Object.keys(WORDS)) {
      const dial = find(name);
      dial.addEventListener("input", () => this.#turned(name, Number(dial.value)));
      for (const begins of ["pointerdown", "focus"]) {
        dial.addEventListener(begins, () => editor.picture?.rest());
      }
      dial.addEventListener("dblclick", () => this.#reset(name));
      find(`reset-${name}`).addEventListener("click", () => {
        dial.focus(); // as the button goes away
        this.#reset(name);
      });
    }
    editor.on("opened", () => this.show());
    editor.on("points", () => this.show());
  }

  #reset(name) {
    this.editor.picture?.rest();
    this.#turned(name, DEFAULTS[name]);
  }

  #turned(name, value) {
    if (!this.editor.ready) return;
    this.editor.picture.set({ [name]: value }, name);
  }

  show() {
    const { picture, ready } = this.editor;
    find("vivid-dial").hidden = this.usual === null;
    const values = { vivid: picture?.vivid ?? this.usual ?? 0, strength: picture?.strength ?? 1 };
    for (const [name, value] of Object.entries(values)) {
      find(`reset-${name}`).disabled = !ready || value === (DEFAULTS[name] ?? this.usual);
      const word = wordFor(name, value);
      Object.assign(find(name), { value, disabled: !ready, ariaValueText: word });
      find(`${name}-word`).textContent = word;
    }
  }
}
