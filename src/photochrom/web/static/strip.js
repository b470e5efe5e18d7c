/** All photos of the page: coloured one after another, shown as a strip, each to be opened. */

import { aborted } from "./api.js";

const AT_ONCE = 2; // so that one uploads while another is coloured
const SIDE = 240;

/** Events: "choose" and "save" (detail: picture). */
export class Strip extends EventTarget {
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
    this.progress = element.querySelector("#progress");
    this.all = element.querySelector("#all");
  }

  /** @param {import("./picture.js").Picture[]} pictures */
  add(pictures) {
    for (const picture of pictures) {
      this.pictures.push(picture);
      this.#tiles.set(picture, this.#tile(picture));
      picture.addEventListener("change", () => this.#show());
    }
    this.#show();
  }

  remove(picture) {
    this.pictures = this.pictures.filter((other) => other !== picture);
    this.#tiles.get(picture)?.item.remove();
    this.#tiles.delete(picture);
    this.#show();
  }

  set current(picture) {
    this.#current = picture;
    this.#show();
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
      this.#colour(next).finally(() => {
        this.#busy--;
        this.work();
      });
    }
  }

  async #colour(picture) {
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

  #tile(picture) {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), {
      type: "button", className: "tile", title: picture.name,
    });
    const save = Object.assign(document.createElement("button"), { type: "button" });
    save.setAttribute("aria-label", `Download ${picture.name}`);
    save.innerHTML = '<svg><use href="#i-down"/></svg>';
    const tell = (type) => () =>
      this.dispatchEvent(new CustomEvent(type, { detail: picture }));
    button.addEventListener("click", tell("choose"));
    save.addEventListener("click", tell("save"));
    item.append(button, save);
    this.list.append(item);
    return { item, button, save, shown: null };
  }

  #show() {
    for (const picture of this.pictures) {
      const tile = this.#tiles.get(picture);
      const { state, thumbnail, name, trouble } = picture;
      const words = { new: "waiting", working: "being coloured", done: "in colour",
        "in-colour": "in colour already", failed: trouble }[state];
      tile.button.setAttribute("aria-label", `${name}: ${words}`);
      tile.button.setAttribute("aria-current", String(picture === this.#current));
      tile.save.hidden = state !== "done";
      const looks = state + thumbnail;
      if (looks === tile.shown) continue;
      tile.shown = looks;
      tile.button.replaceChildren(...face(picture));
    }
    const count = this.pictures.length;
    const done = this.pictures.filter(({ state }) => !["new", "working"].includes(state)).length;
    const welcoming = document.body.dataset.view === "welcome";
    this.element.hidden = count < (welcoming ? 1 : 2);
    this.progress.textContent = `${done} of ${count}`;
    this.all.hidden = count < 2;
    this.all.disabled = this.done.length === 0;
    document.getElementById("zip").hidden = count < 2;
  }

  /** Shows what of it depends on the page's view. */
  refresh() {
    this.#show();
  }
}

function face({ state, thumbnail, name }) {
  const parts = [];
  if (thumbnail) parts.push(Object.assign(new Image(), { src: thumbnail, alt: "" }));
  else if (state === "new" || state === "working") {
    parts.push(Object.assign(document.createElement("i"), { className: "spinner" }));
  }
  if (state === "failed" || state === "in-colour") {
    const mark = Object.assign(document.createElement("i"), { className: "mark" });
    mark.textContent = state === "failed" ? "!" : "?";
    if (!thumbnail) parts.push(Object.assign(document.createElement("b"), { textContent: name }));
    parts.push(mark);
  }
  return parts;
}
