/** All photos of the page: coloured one after another, shown as a strip, each to be opened. */

import { aborted } from "./api.js";
import { Emitter, find, icon, make, spinner } from "./dom.js";

const AT_ONCE = 2; // so that one uploads while another is coloured
const SIDE = 240;

/** Events: "choose" and "save" (detail: picture). */
export class Strip extends Emitter {
  /** @type {import("./picture.js").Picture[]} */
  pictures = [];

  #current = null;
  #busy = 0;
  #tiles = new Map();

  /** @param {HTMLElement} element */
  constructor(element) {
    super();
    this.element = element;
    this.list = element.querySelector("ol");
  }

  /** @param {import("./picture.js").Picture[]} pictures */
  add(pictures) {
    for (const picture of pictures) {
      this.pictures.push(picture);
      this.#tiles.set(picture, this.#makeTile(picture));
      picture.on("change", () => this.refresh());
    }
    this.refresh();
  }

  remove(picture) {
    this.pictures = this.pictures.filter((other) => other !== picture);
    this.#tiles.get(picture)?.item.remove();
    this.#tiles.delete(picture);
    this.refresh();
  }

  set current(picture) {
    this.#current = picture;
    this.refresh();
    this.#tiles.get(picture)?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** The photos of which there are results. */
  get done() {
    return this.pictures.filter(({ state }) => state === "done");
  }

  /** Colours what was not coloured yet, apart from the photo in the editor, which cares itself. */
  work() {
    while (this.#busy < AT_ONCE) {
      const next = this.pictures.find((picture) =>
        picture.state === "new" && picture !== this.#current);
      if (!next) return;
      this.#busy++;
      next.become("working");
      this.#color(next).finally(() => {
        this.#busy--;
        this.work();
      });
    }
  }

  async #color(picture) {
    try {
      await picture.upload();
      const alone = picture.leftAlone;
      const answer = await (alone
        ? picture.ask("original")
        : picture.ask("colorize", { ...picture.wishes(), side: SIDE }));
      const blob = await answer.blob();
      if (picture.state !== "working") return; // the editor was faster
      picture.setThumbnail(blob);
      picture.become(alone ? "in-colour" : "done");
    } catch (error) {
      if (!aborted(error)) picture.become("failed", error.message);
    }
  }

  #makeTile(picture) {
    const { name } = picture;
    const button = make("button", { className: "tile", title: name });
    const save = make("button", { ariaLabel: `Download ${name}` }, icon("down"));
    button.onclick = () => this.emit("choose", picture);
    save.onclick = () => this.emit("save", picture);
    const item = make("li", {}, button, save);
    this.list.append(item);
    return { item, button, save, shown: null };
  }

  /** Shows it as the photos, and the page's view, are now. */
  refresh() {
    for (const picture of this.pictures) {
      const tile = this.#tiles.get(picture);
      const { state, thumbnail, name, trouble } = picture;
      const words = { new: "waiting", working: "being coloured", done: "in colour",
        "in-colour": "in colour already", failed: trouble }[state];
      tile.button.ariaLabel = `${name}: ${words}`;
      tile.button.ariaCurrent = String(picture === this.#current);
      tile.save.hidden = state !== "done";
      const shown = state + thumbnail;
      if (shown !== tile.shown) tile.button.replaceChildren(...face(picture));
      tile.shown = shown;
    }
    const count = this.pictures.length;
    const busy = this.pictures.filter(({ state }) => ["new", "working"].includes(state)).length;
    const welcoming = document.body.dataset.view === "welcome";
    this.element.hidden = count < (welcoming ? 1 : 2);
    find("progress").textContent = `${count - busy} of ${count}`;
    find("all").hidden = find("zip").hidden = count < 2;
    find("all").disabled = this.done.length === 0;
  }
}

function face({ state, thumbnail, name }) {
  const parts = thumbnail ? [make("img", { src: thumbnail, alt: "" })] : [];
  if (!thumbnail && (state === "new" || state === "working")) parts.push(spinner());
  if (state === "failed" || state === "in-colour") {
    if (!thumbnail) parts.push(make("b", {}, name));
    parts.push(make("i", { className: "mark" }, state === "failed" ? "!" : "?"));
  }
  return parts;
}
