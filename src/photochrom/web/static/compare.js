/** Before and after: side by side under a line that is dragged, or the original while one holds. */

import { clamp, find, isTyping } from "./dom.js";

const INSET = 10; // pixels of the labels from the photo's corners
const KEY = "b";

export class Compare {
  #back = null; // where the line was before the original was held up; null while it is not

  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.stage = editor.stage;
    this.button = find("compare");
    this.sides = ["side-before", "side-after"].map(find);
    this.button.addEventListener("click", () => this.show(this.button.ariaPressed !== "true"));
    this.#listen(editor);
    this.stage.on("layout", () => this.#label());
    editor.on("opened", () => this.#reset());
  }

  /** Puts the line into the middle, or takes it away. */
  show(on) {
    this.#back = null;
    this.#mark(on);
    this.stage.setDivider(on ? 0.5 : 0);
    if (on) this.stage.knob.focus({ preventScroll: true, focusVisible: false });
  }

  #mark(on) {
    this.button.ariaPressed = String(on);
    this.stage.element.classList.toggle("comparing", on);
    this.stage.element.classList.remove("original");
  }

  #reset() {
    this.#back = null;
    this.#mark(false);
  }

  /** Holds the original up, or lets go of it. */
  hold(on) {
    if (on === (this.#back !== null)) return;
    const to = on ? 1 : this.#back;
    this.#back = on ? this.stage.divider : null;
    this.stage.element.classList.toggle("original", on);
    this.stage.setDivider(to);
  }

  #listen(editor) {
    const button = find("hold");
    const release = () => this.hold(false);
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      this.hold(true);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      button.addEventListener(end, release);
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // of a long touch
    const held = (event) => event.target === button && [" ", "Enter"].includes(event.key);
    addEventListener("keydown", (event) => {
      const plain = !(event.ctrlKey || event.metaKey || event.altKey || isTyping(event));
      const open = document.querySelector("dialog[open], :popover-open");
      if (!editor.ready || open || !plain) return;
      if (held(event) || event.key.toLowerCase() === KEY) this.hold(true);
    });
    addEventListener("keyup", (event) => {
      if (held(event) || event.key.toLowerCase() === KEY) release();
    });
    addEventListener("blur", release);
  }

  /** The labels stand in the upper corners of what is seen of the photo, each on its own side. */
  #label() {
    const { frame, divider, element } = this.stage;
    const { clientWidth: room } = element;
    const [from, to] = [Math.max(0, frame.left), Math.min(room, frame.left + frame.width)];
    const line = from + divider * (to - from);
    const top = Math.max(0, frame.top) + INSET;
    const [before, after] = this.sides;
    const put = (label, x, fits) => {
      label.style.transform = `translate(${x}px, ${top}px)`;
      label.style.visibility = fits ? "" : "hidden";
    };
    put(before, from + INSET, line - from > before.offsetWidth + 2 * INSET);
    const x = clamp(to - INSET - after.offsetWidth, from, to);
    put(after, x, to - line > after.offsetWidth + 2 * INSET);
  }
}
