/** The button Download and the menu beside it: the photo in one of three formats, or shared. */

import { commandOf, find } from "./dom.js";
import { canShare, deliver, save, share } from "./files.js";

export class Downloads {
  /** @param {import("./editor.js").Editor} editor @param {import("./card.js").Card} card */
  constructor(editor, card) {
    this.editor = editor;
    this.menu = find("formats-menu");
    find("download").addEventListener("click", () => this.#deliver(null));
    this.menu.addEventListener("click", (event) => {
      const command = commandOf(event);
      if (!command) return;
      this.menu.hidePopover();
      if (command === "card") card.open();
      else if (command === "share") this.#deliver(null, share);
      else this.#deliver(command === "own" ? null : command);
    });
  }

  #deliver(format, handOver = save) {
    const { picture } = this.editor;
    deliver(() => picture.full(format), find("download"), handOver);
  }

  /** Offers what can be had of the photo in the editor. */
  show() {
    const { picture, ready } = this.editor;
    find("download").disabled = find("formats").disabled = !ready;
    if (!ready || !picture.facts) return; // it is being sent once more
    const { format, pages } = picture.facts;
    const item = (command) => this.menu.querySelector(`[data-do=${command}]`);
    item("own").textContent = `As it came (${format})`;
    for (const other of ["JPEG", "PNG"]) item(other).hidden = pages > 1 || format === other;
    item("share").hidden = !canShare();
  }
}
