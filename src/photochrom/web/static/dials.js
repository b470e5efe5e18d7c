/** The two dials, with words for what they say. */

const VIVID = [[0.12, "careful"], [0.42, "natural"], [0.72, "lively"], [9, "bold"]];
const STRENGTH = [[0.02, "none"], [0.45, "a touch"], [0.92, "soft"], [1.08, "full"], [9, "extra"]];
const WAIT = 150; // milliseconds a dial rests before it counts

const word = (words, value) => words.find(([end]) => value < end)[1];

export class Dials {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    const find = (id) => document.getElementById(id);
    Object.assign(this, { editor, vivid: find("vivid"), strength: find("strength") });
    /** What the model takes for vivid if it is not told; null if it has no such dial. */
    this.usual = null;
    this.words = { vivid: find("vivid-word"), strength: find("strength-word") };
    for (const name of ["vivid", "strength"]) {
      this[name].addEventListener("input", () => this.#turned(name, Number(this[name].value)));
      const usual = name === "vivid" ? null : 1;
      this[name].addEventListener("dblclick", () => this.#turned(name, usual));
    }
    editor.addEventListener("opened", () => this.show());
  }

  #turned(name, value) {
    if (!this.editor.ready) return;
    this.editor.picture.set({ [name]: value });
    this.show();
    this.editor.refresh(WAIT);
  }

  show() {
    const { picture, ready } = this.editor;
    document.getElementById("vivid-dial").hidden = this.usual === null;
    const values = { vivid: picture?.vivid ?? this.usual ?? 0, strength: picture?.strength ?? 1 };
    for (const [name, words] of [["vivid", VIVID], ["strength", STRENGTH]]) {
      const said = word(words, values[name]);
      this[name].value = values[name];
      this[name].disabled = !ready;
      this[name].setAttribute("aria-valuetext", said);
      this.words[name].textContent = said;
    }
  }
}
