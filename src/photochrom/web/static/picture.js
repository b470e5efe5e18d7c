/** One photo in the page: its file, its points and dials, and what the server makes of them. */

import { fileName, Refusal, request } from "./api.js";
import { clamp, Emitter } from "./dom.js";
import { abOfWords } from "./lab.js";
import { forget, keepFile, keepNotes } from "./store.js";

const STEPS_BACK = 200;
const ONE_STEP = 1500; // milliseconds between the bits of one step

/** @typedef {{id: number, x: number, y: number, ab: import("./lab.js").Ab}} Point of the photo */

let lastId = 0;
export const newPoint = (x, y, ab) => ({ id: ++lastId, x, y, ab });

const rounded = (value) => Math.round(value * 100) / 100;

/** Points as hint files and the server have them. */
export const hintsOf = (points) =>
  points.map(({ x, y, ab }) => ({ x: rounded(x), y: rounded(y), color: ab.map(rounded) }));

export class Picture extends Emitter {
  /** "new", "working", "done", "in-colour" or "failed" */
  state = "new";
  /** The sentence that goes with "failed". */
  trouble = "";
  /** What the server found: size, tone and so on; null before it was uploaded. */
  facts = null;
  /** Object URL of a small coloured picture, for the strip. */
  thumbnail = "";

  #uploading = null;
  #past = [];
  #future = [];
  #part;
  #parted = 0;

  /** @param {string} key @param {Blob} blob @param {object} notes as of `#keep` */
  constructor(key, blob, notes) {
    super();
    Object.assign(this, { key, blob, vivid: null, strength: 1, recolor: false }, notes);
    /** @type {Point[]} */
    this.points = (notes.points ?? []).map(({ x, y, ab }) => newPoint(x, y, ab));
  }

  /** A photo that has just come in. */
  static from(file, order) {
    const name = file.name || "photo.png";
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${order}`;
    const picture = new Picture(key, file, { name, order });
    keepFile(picture.key, file).catch(() => {}); // unreadable: uploading it will tell
    picture.#keep();
    return picture;
  }

  #keep() {
    const { name, order, vivid, strength, recolor } = this;
    const points = this.points.map(({ x, y, ab }) => ({ x, y, ab }));
    keepNotes(this.key, { name, order, points, vivid, strength, recolor });
  }

  become(state, trouble = "") {
    this.state = state;
    this.trouble = trouble;
    this.emit("change");
  }

  // --- points and dials --------------------------------------------------------------------

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /**
   * Other points, as one step that can be undone.
   *
   * @param {Point[]} points
   * @param {string} [part] names what is done bit by bit: bits in a row are one step
   */
  setPoints(points, part) {
    const goesOn = part && part === this.#part && Date.now() - this.#parted < ONE_STEP;
    if (!goesOn) this.#past = [...this.#past, this.points].slice(-STEPS_BACK);
    this.#part = part;
    this.#parted = Date.now();
    this.#future = [];
    this.points = points;
    this.#keep();
  }

  undo() {
    this.#step(this.#past, this.#future);
  }

  redo() {
    this.#step(this.#future, this.#past);
  }

  #step(from, to) {
    if (!from.length) return;
    this.#part = undefined;
    to.push(this.points);
    this.points = from.pop();
    this.#keep();
  }

  /** @param {{vivid?: number | null, strength?: number, recolor?: boolean}} dials */
  set(dials) {
    Object.assign(this, dials);
    this.#keep();
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
    this.facts = await (await request("photos", { form })).json();
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

  /** The coloured photo at full size, in its own format. @returns {Promise<File>} */
  async full(signal) {
    const answer = await this.ask("colorize", { ...this.wishes(), full: true }, signal);
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

  /** A small picture of it for the strip. */
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

  remove() {
    forget(this.key);
    URL.revokeObjectURL(this.thumbnail);
    if (this.facts) request(`photos/${this.facts.id}`, { method: "DELETE" }).catch(() => {});
  }
}

/** The points of a hint file, brought to a photo's width and height. */
export function readHints(text, { width, height }) {
  const wrong = new Error("This file holds no points: choose one that was saved here.");
  try {
    const content = JSON.parse(text);
    const size = content.size ?? [width, height];
    const [across, down] = [width / size[0], height / size[1]];
    return content.hints.map(({ x, y, color }) => {
      const ab = typeof color === "string" ? abOfWords(color) : color;
      const fine = ab?.length === 2 && [x, y, across, down, ...ab].every(Number.isFinite);
      if (!fine) throw wrong;
      return newPoint(clamp(x * across, 0, width), clamp(y * down, 0, height), ab.map(Number));
    });
  } catch {
    throw wrong;
  }
}
