/** All photos of the page as tiles: coloured two at a time, each to be opened, saved or removed. */

import { aborted } from "./api.js";
import { wordFor } from "./dials.js";
import { commandOf, Emitter, find, icon, make, spinner } from "./dom.js";
import { announce, flashStatus } from "./messages.js";

const AT_ONCE = 2; // so that one uploads while another is coloured
const SIDE = 400; // pixels of a thumbnail: a tile on a dense screen
const BUSY = ["new", "working"];

/**
 * What colouring a photo depends on: a thumbnail made of other wishes is stale.
 *
 * @param {import("./picture.js").Picture} picture
 */
const wishesOf = (picture) =>
  picture.leftAlone ? "as it came" : JSON.stringify(picture.wishes());

/** Events: "open", "save", "remove" (detail: a picture), "clear" (those that failed). */
export class Grid extends Emitter {
  /** @type {import("./picture.js").Picture[]} */
  pictures = [];
  /** What the model takes for vivid if it is not told; null if it has no such dial. */
  usual = null;

  #current = null;
  #tiles = new Map();
  #waited = false; // whether some were not done when last looked at

  /** @param {HTMLElement} element */
  constructor(element) {
    super();
    this.element = element;
    this.list = element.querySelector("ol");
    this.list.addEventListener("click", (event) => this.#clicked(event));
    find("clear-failed").addEventListener("click", () => this.emit("clear", this.failed));
    for (const name of ["vivid", "strength"]) {
      const dial = find(`all-${name}`);
      dial.addEventListener("input", () => this.#name(name, Number(dial.value)));
      dial.addEventListener("change", () => this.#setAll(name, Number(dial.value)));
    }
  }

  /** @param {import("./picture.js").Picture[]} pictures in the order of their `order` */
  add(pictures) {
    for (const picture of pictures) {
      const after = this.pictures.findLastIndex(({ order }) => order <= picture.order);
      this.pictures.splice(after + 1, 0, picture);
      const tile = makeTile(picture);
      this.#tiles.set(picture, tile);
      if (after < 0) this.list.prepend(tile.item);
      else this.list.children[after].after(tile.item);
      picture.on("change", () => this.#changed(picture));
      this.#show(picture);
    }
    this.refresh();
  }

  /** @param {import("./picture.js").Picture[]} pictures */
  remove(pictures) {
    for (const picture of pictures) {
      this.#tiles.get(picture)?.item.remove();
      this.#tiles.get(picture)?.stop.abort();
      this.#tiles.delete(picture);
    }
    this.pictures = this.pictures.filter((picture) => this.#tiles.has(picture));
    this.refresh();
  }

  /** The photo in the editor, which colours it itself; null if there is none. */
  set current(picture) {
    this.#current = picture;
  }

  get failed() {
    return this.pictures.filter(({ state }) => state === "failed");
  }

  /** The photos that can be saved. */
  get usable() {
    return this.pictures.filter(({ state }) => !["failed", "in-colour"].includes(state));
  }

  /** Brings a photo's tile into view, and the focus to it. */
  reveal(picture) {
    const { face } = this.#tiles.get(picture) ?? {};
    face?.scrollIntoView({ block: "nearest" });
    face?.focus({ preventScroll: true });
  }

  // --- colouring ---------------------------------------------------------------------------

  /** Colours what shows no colours yet, or those of other wishes. */
  work() {
    for (;;) {
      const busy = [...this.#tiles.values()].filter((tile) => tile.busy).length;
      const next = busy < AT_ONCE && this.pictures.find((picture) => this.#isStale(picture));
      if (!next) break;
      this.#color(next).then(() => this.work());
    }
    this.showDials();
  }

  #isStale(picture) {
    const tile = this.#tiles.get(picture);
    if (tile.busy || picture === this.#current || picture.state === "failed") return false;
    return picture.state === "new" || tile.wishes !== wishesOf(picture);
  }

  async #color(picture) {
    const tile = this.#tiles.get(picture);
    const { signal } = tile.stop;
    tile.busy = true;
    picture.become("working");
    try {
      await picture.upload();
      signal.throwIfAborted();
      const wishes = wishesOf(picture);
      const alone = picture.leftAlone;
      const answer = await (alone
        ? picture.ask("original", undefined, signal)
        : picture.ask("colorize", { ...picture.wishes(), side: SIDE }, signal));
      const blob = await answer.blob();
      signal.throwIfAborted();
      tile.wishes = wishes;
      picture.setThumbnail(blob);
      picture.become(alone ? "in-colour" : "done");
    } catch (error) {
      if (!signal.aborted && !aborted(error)) picture.fail(error);
    }
    tile.busy = false;
  }

  /** Turns a dial of every photo: a step of each, which can be undone there, and here for all. */
  #setAll(name, value) {
    const before = new Map(this.pictures.map((picture) => [picture, picture[name]]));
    const set = (valueOf) => {
      for (const [picture, old] of before) picture.set({ [name]: valueOf(old) });
      this.work();
    };
    set(() => value);
    const title = { vivid: "Vivid", strength: "Strength" }[name];
    flashStatus(`${title} set for all photos.`, ["Undo", () => set((old) => old)]);
  }

  // --- what is shown -----------------------------------------------------------------------

  #clicked(event) {
    const command = commandOf(event);
    const item = event.target.closest("li");
    const picture = this.pictures.find((one) => this.#tiles.get(one).item === item);
    if (!picture || !command) return;
    if (command === "again" || command === "recolor") {
      if (command === "recolor") picture.set({ recolor: true });
      picture.become("new");
      this.#tiles.get(picture).face.focus(); // the button that was pressed is gone
      this.work();
    } else this.emit(command, picture);
  }

  #changed(picture) {
    if (!this.#tiles.has(picture)) return; // it was removed meanwhile
    this.#show(picture);
    this.refresh();
  }

  #show(picture) {
    const { state, thumbnail, name, trouble, hopeless } = picture;
    const { item, face, say, acts } = this.#tiles.get(picture);
    const words = { new: "Waiting", working: "Colouring…", done: "Done",
      "in-colour": "Already in colour", failed: trouble }[state];
    const shown = [state, thumbnail, words, hopeless].join("\n");
    if (item.dataset.shown === shown) return;
    Object.assign(item.dataset, { shown, state });
    const busy = BUSY.includes(state);
    const image = make("img", { src: thumbnail, alt: "", loading: "lazy", decoding: "async" });
    const mark = busy ? spinner() : make("i", { className: "alert" }, state === "failed" ? "!" : "");
    face.replaceChildren(...(thumbnail ? [image] : []), ...(busy || !thumbnail ? [mark] : []));
    face.ariaLabel = `Open ${name}`;
    say.textContent = words;
    const more = [];
    if (state === "in-colour") more.push(way("recolor", "Recolour anyway"));
    if (state === "failed" && !hopeless) more.push(way("again", "Try again"));
    if (state === "done") more.push(symbol("save", "down", `Download ${name}`));
    acts.replaceChildren(...more, symbol("remove", "bin", `Remove ${name}`));
  }

  /** Shows how far all of them are. */
  refresh() {
    const count = this.pictures.length;
    const busy = this.pictures.filter(({ state }) => BUSY.includes(state)).length;
    const failed = this.failed.length;
    const words = `${count - busy - failed} of ${count} done`;
    const told = failed ? `${words}, ${failed} failed` : words;
    find("progress").textContent = told;
    if (this.#waited && !busy && count) announce(told);
    this.#waited = busy > 0;
    Object.assign(find("progress-bar"), { max: Math.max(1, count), value: count - busy });
    find("progress-bar").classList.toggle("over", !busy);
    find("clear-failed").hidden = !failed;
    find("all").disabled = !this.usable.length;
  }

  /** Shows what the dials of all photos are, if they agree. */
  showDials() {
    find("all-vivid").closest("label").hidden = this.usual === null;
    for (const [name, usual] of [["vivid", this.usual ?? 0], ["strength", 1]]) {
      const values = new Set(this.pictures.map((picture) => picture[name] ?? usual));
      if (values.size) find(`all-${name}`).value = [...values][0];
      this.#name(name, values.size === 1 ? [...values][0] : null);
    }
  }

  #name(name, value) {
    const word = value === null ? "mixed" : wordFor(name, value);
    find(`all-${name}`).ariaValueText = word;
    find(`all-${name}-word`).textContent = word;
  }
}

const way = (command, words) => {
  const button = make("button", { className: "quiet" }, words);
  button.dataset.do = command;
  return button;
};

const symbol = (command, image, words) => {
  const button = make("button", { className: "icon", ariaLabel: words, title: words }, icon(image));
  button.dataset.do = command;
  return button;
};

function makeTile({ name }) {
  const face = make("button", { className: "opener" });
  face.dataset.do = "open";
  const say = make("p", { className: "say" });
  const acts = make("div", { className: "acts" });
  const title = make("p", { className: "file", title: name }, name);
  const words = make("div", { className: "words" }, title, say);
  const item = make("li", { className: "tile" }, face, words, acts);
  return { item, face, say, acts, busy: false, wishes: null, stop: new AbortController() };
}
