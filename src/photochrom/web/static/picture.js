/** One photo in the page: its file, its points and dials, and what the server makes of them. */

import { fileName, Refusal, request } from "./api.js";
import { clamp, Emitter } from "./dom.js";
import { difference, EditHistory } from "./history.js";
import { forget, keepFile, keepNotes } from "./store.js";

/** Reaches of a point, and how many times as far as usual each of them goes. */
export const REACHES = { small: 0.5, normal: 1, large: 2 };

/**
 * A colour at a place of the photo, in its pixels; never changed, but replaced.
 *
 * @typedef {{id: number, x: number, y: number, ab: import("./lab.js").Ab,
 *   reach: "small" | "normal" | "large"}} Point
 */

let lastId = 0;
export const newPoint = (x, y, ab, reach = "normal") => ({ id: ++lastId, x, y, ab, reach });

const rounded = (value) => Math.round(value * 100) / 100;

/** Points as hint files and the server have them. */
export const hintsOf = (points) =>
  points.map(({ x, y, ab, reach }) => ({
    x: rounded(x), y: rounded(y), color: ab.map(rounded), ...(reach !== "normal" && { reach }),
  }));

/** Points of hints that are in pixels of the photo. */
export const pointsOf = (hints) =>
  hints.map(({ x, y, color, reach }) => newPoint(x, y, color, reach));

/** Events: "change" (detail: the names of what is other now, such as "points" or "state"). */
export class Picture extends Emitter {
  /** "new", "working", "done", "in-colour" or "failed" */
  state = "new";
  /** The sentence that goes with "failed". */
  trouble = "";
  /** Whether trying again would end in the same sentence. */
  hopeless = false;
  /** What the server found: size, tone and so on; null before it was uploaded. */
  facts = null;
  /** Hints that it is to begin with, until its size is known. @type {import("./hintfiles.js").HintFile | null} */
  brought = null;
  /** Object URL of a small coloured picture, for the grid. */
  thumbnail = "";

  #life = new AbortController(); // ends when it is removed
  #uploading = null;
  #kept = true;
  #history;

  /** @param {string} key @param {Blob} blob @param {object} notes as of `#keep` */
  constructor(key, blob, { past, future, ...notes }) {
    super();
    const fresh = { points: [], vivid: null, strength: 1, recolor: false };
    Object.assign(this, { key, blob, ...fresh }, notes);
    this.points = this.points.map((point) => // those of earlier releases had no id
      point.id ? point : newPoint(point.x, point.y, point.ab));
    this.#history = new EditHistory({ past, future });
    for (const { points } of [this, ...(past ?? []), ...(future ?? [])]) {
      for (const { id } of points) lastId = Math.max(lastId, id);
    }
  }

  /** A photo that has just come in. */
  static from(file, order) {
    const name = file.name || "photo.png";
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${order}`;
    const picture = new Picture(key, file, { name, order });
    picture.#kept = false;
    picture.#keepAll();
    return picture;
  }

  async #keepAll() {
    this.#keep();
    this.#kept = await keepFile(this.key, this.blob).catch(() => false); // uploading it will tell
  }

  /** Whether something would be lost with the page, as the browser has not kept the photo. */
  get fleeting() {
    return !this.#kept && (this.#uploading !== null || this.canUndo);
  }

  #keep() {
    const { name, order, facts, brought } = this;
    keepNotes(this.key, { name, order, facts, brought, ...this.#state, ...this.#history.kept });
  }

  become(state, trouble = "") {
    this.state = state;
    this.trouble = trouble;
    this.emit("change", ["state"]);
  }

  /** It could not be coloured. @param {Error} error */
  fail(error) {
    this.hopeless = error instanceof Refusal && [413, 415, 422].includes(error.status);
    this.become("failed", error.message);
  }

  // --- edits -------------------------------------------------------------------------------

  /** What its colours depend on. @returns {import("./history.js").State} */
  get #state() {
    const { points, vivid, strength, recolor } = this;
    return { points, vivid, strength, recolor };
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /**
   * Changes points or dials, as one step that can be undone.
   *
   * @param {{points?: Point[], vivid?: number | null, strength?: number, recolor?: boolean}} changes
   * @param {string} [part] names what is done bit by bit: bits of one part in a row are one step
   */
  set(changes, part) {
    const before = this.#state;
    if (Object.keys(changes).every((name) => changes[name] === before[name])) return;
    this.#history.leave(before, part);
    this.#become({ ...before, ...changes });
  }

  /** Ends a step that is done bit by bit. */
  rest() {
    this.#history.rest();
  }

  /** Takes the last step back; says which it was, such as "colour of point 2", "" if none. */
  undo() {
    const after = this.#state;
    const before = this.#history.undo(after);
    if (!before) return "";
    this.#become(before);
    return difference(before, after);
  }

  /** Does a step again that was undone; says which it was. */
  redo() {
    const before = this.#state;
    const after = this.#history.redo(before);
    if (!after) return "";
    this.#become(after);
    return difference(before, after);
  }

  #become(state) {
    const before = this.#state;
    Object.assign(this, state);
    this.#keep();
    this.emit("change", Object.keys(state).filter((name) => state[name] !== before[name]));
  }

  // --- the server --------------------------------------------------------------------------

  /** Uploads the photo unless that is done; answers its facts. */
  async upload() {
    if (this.facts) return this.facts;
    this.#uploading ??= this.#send().finally(() => (this.#uploading = null));
    return this.#uploading;
  }

  async #send() {
    const form = new FormData();
    form.append("photo", this.blob, this.name);
    this.facts = await (await request("photos", { form, signal: this.#life.signal })).json();
    if (this.brought) {
      this.points = placeHints(this.brought, this.facts);
      this.brought = null;
      this.emit("change", ["brought"]);
    }
    this.#keep(); // so that a reload finds it there
    return this.facts;
  }

  /**
   * Asks about this photo, which is uploaded once more if the server has forgotten it.
   *
   * @param {string} what such as "colorize"
   * @param {object} [json] for POST, without for GET
   * @param {AbortSignal} [signal]
   */
  async ask(what, json, signal) {
    for (let again = false; ; again = true) {
      const { id } = await this.upload();
      signal?.throwIfAborted();
      try {
        return await request(`photos/${id}/${what}`, { json, signal });
      } catch (error) {
        if (!(error instanceof Refusal) || error.code !== "expired" || again) throw error;
        if (this.facts?.id === id) this.facts = null;
      }
    }
  }

  /** What a colouring depends on. @param {Point[]} [points] other than its own */
  wishes(points = this.points) {
    return { hints: hintsOf(points), vivid: this.vivid, strength: this.strength };
  }

  /**
   * The coloured photo at full size.
   *
   * @param {"JPEG" | "PNG" | null} [format] by default its own
   * @returns {Promise<File>}
   */
  async full(format = null, signal = undefined) {
    const answer = await this.ask("colorize", { ...this.wishes(), full: true, format }, signal);
    return this.#received(answer, `${this.stem}.color.jpg`);
  }

  /** Before and after in one picture. @returns {Promise<File>} */
  async comparison(signal) {
    const answer = await this.ask("comparison", this.wishes(), signal);
    return this.#received(answer, `${this.stem}.before-after.jpg`);
  }

  async #received(answer, otherwise) {
    const blob = await answer.blob();
    return new File([blob], fileName(answer, otherwise), { type: blob.type });
  }

  /** A small picture of it for the grid. */
  setThumbnail(blob) {
    URL.revokeObjectURL(this.thumbnail);
    this.thumbnail = URL.createObjectURL(blob);
  }

  /** A photo in colour stays as it is until its owner wants it coloured anew. */
  get leftAlone() {
    return this.facts?.tone === "colour" && !this.recolor;
  }

  get stem() {
    return this.name.replace(/\.[^.]+$/, "") || "photo";
  }

  // --- hint files --------------------------------------------------------------------------

  /** The points as `photochrom colorize --hints` reads them. */
  hintFile() {
    const { width, height } = this.facts;
    return JSON.stringify({ size: [width, height], hints: hintsOf(this.points) }, null, 1) + "\n";
  }

  /** Takes the points of a hint file in the place of its own. @param {import("./hintfiles.js").HintFile} hints */
  bring(hints) {
    if (this.facts) return this.set({ points: placeHints(hints, this.facts) });
    this.brought = hints;
    this.#keep();
  }

  /** Has browser and server forget it; resolves once they have. */
  async remove() {
    this.#life.abort();
    URL.revokeObjectURL(this.thumbnail);
    this.thumbnail = "";
    const { facts } = this;
    this.facts = null;
    const there = facts && request(`photos/${facts.id}`, { method: "DELETE" }).catch(() => {});
    await Promise.all([forget(this.key), there]);
  }

  /** Takes back that it was removed. */
  restore() {
    this.#life = new AbortController();
    this.#keepAll();
    this.become("new");
  }
}

/** The points of a hint file, brought to a photo's width and height. @returns {Point[]} */
function placeHints({ size, points }, { width, height }) {
  const [across, down] = size ? [width / size[0], height / size[1]] : [1, 1];
  const placed = ({ x, y, ab, reach }) =>
    newPoint(clamp(x * across, 0, width), clamp(y * down, 0, height), ab, reach);
  return points.map(placed);
}
