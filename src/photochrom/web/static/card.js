/** The card of before and after: with a caption, if one is typed, saved or shared as a JPEG. */

import { aborted } from "./api.js";
import { commandOf, find } from "./dom.js";
import { canShare, save, share } from "./files.js";
import { flashStatus } from "./messages.js";

const LINES = 36; // lines of a caption that would be as high as the picture is wide
const LEADING = 1.4;
const QUALITY = 0.95;

/** The parts of a text between which a line may end, in any script. */
function partsOf(text) {
  if (!Intl.Segmenter) return text.split(/(?<=\s)/);
  return [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)]
    .map(({ segment }) => segment);
}

/** Lines of a text, none wider than `width` unless a single word is. */
export function wrap(text, width, measure) {
  const lines = [];
  let line = "";
  for (const part of partsOf(text)) {
    const fits = measure((line + part).trimEnd()) <= width || !line.trim();
    if (fits) line += part;
    else {
      lines.push(line.trim());
      line = part;
    }
  }
  return [...lines, line.trim()].filter(Boolean);
}

export class Card {
  #asking = new AbortController();
  #file = null; // the picture without a caption, as the server made it
  #image = null;

  /** @param {HTMLDialogElement} dialog @param {import("./editor.js").Editor} editor */
  constructor(dialog, editor) {
    Object.assign(this, { dialog, editor });
    this.canvas = dialog.querySelector("canvas");
    this.caption = find("caption");
    this.caption.addEventListener("input", () => this.#draw());
    dialog.addEventListener("close", () => {
      this.#asking.abort();
      this.#image?.close();
      this.#image = this.#file = null;
    });
    dialog.addEventListener("click", (event) => {
      const command = event.target === dialog ? "close" : commandOf(event);
      if (command === "close") dialog.close();
      if (command === "save" || command === "share") this.#deliver(command);
    });
    dialog.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#deliver("save");
    });
  }

  async open() {
    const { signal } = (this.#asking = new AbortController());
    this.caption.value = "";
    this.#allow(false);
    this.canvas.hidden = true;
    this.dialog.showModal();
    try {
      const file = await this.editor.picture.comparison(signal);
      const image = await createImageBitmap(file);
      if (signal.aborted) return void image.close();
      this.#file = file;
      this.#image = image;
      this.canvas.hidden = false;
      this.#draw();
      this.#allow(true);
    } catch (error) {
      if (aborted(error)) return;
      this.dialog.close();
      flashStatus(error.message);
    }
  }

  #allow(ready) {
    for (const button of this.dialog.querySelectorAll("[data-do=save], [data-do=share]")) {
      button.disabled = !ready;
      if (button.dataset.do === "share") button.hidden = !canShare();
    }
  }

  get #text() {
    return this.caption.value.trim();
  }

  /** The picture, and the caption below it on paper. */
  #draw() {
    if (!this.#image) return;
    const { width, height } = this.#image;
    const size = Math.max(14, Math.round(width / LINES));
    const context = this.canvas.getContext("2d");
    const font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
    context.font = font;
    const room = width - 3 * size;
    const lines = wrap(this.#text, room, (text) => context.measureText(text).width);
    const band = lines.length && (lines.length * LEADING + 1.6) * size;
    Object.assign(this.canvas, { width, height: Math.round(height + band) }); // which clears it
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, this.canvas.height);
    context.drawImage(this.#image, 0, 0);
    Object.assign(context, { font, fillStyle: "#1c1b1a", textAlign: "center", textBaseline: "middle" });
    lines.forEach((line, i) => {
      context.fillText(line, width / 2, height + (0.8 + LEADING * (i + 0.5)) * size, room);
    });
    this.canvas.ariaLabel = ["Before and after", this.#text].filter(Boolean).join(": ");
  }

  async #deliver(how) {
    if (!this.#file) return;
    const { name, type } = this.#file;
    const captioned = () => new Promise((resolve) => this.canvas.toBlob(resolve, type, QUALITY));
    const file = this.#text ? new File([await captioned()], name, { type }) : this.#file;
    try {
      if (how === "share") await share(file);
      else {
        save(file);
        flashStatus("Saved to Downloads");
      }
      this.dialog.close();
    } catch (error) {
      if (!aborted(error)) flashStatus(error.message);
    }
  }
}
