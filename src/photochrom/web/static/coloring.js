/** Colours for a photo's points and dials: the newest wish first, and old ones at once. */

import { Chroma } from "./chroma.js";

const KNOWN = 12; // answers that are kept, of at most 4 MB each

export class Coloring {
  #known = new Map(); // answers by wish, the least recently wanted first
  #current = null; // what the server works on: {key, chroma}, a promise
  #next = null;

  /** @param {(wish: object) => Promise<Response>} ask the server */
  constructor(ask) {
    this.ask = ask;
  }

  /**
   * The colours of a wish; null if a newer one has come before its turn.
   *
   * One is asked for at a time: what the server has begun it ends, so that more would only queue.
   *
   * @param {object} wish
   * @returns {Promise<Chroma | null>}
   */
  get(wish) {
    const key = JSON.stringify(wish);
    this.#next?.resolve(null);
    this.#next = null;
    if (this.#known.has(key)) return Promise.resolve(this.#keep(key, this.#known.get(key)));
    if (this.#current?.key === key) return this.#current.chroma;
    if (!this.#current) return this.#start(key, wish);
    return new Promise((resolve) => (this.#next = { key, wish, resolve }));
  }

  #start(key, wish) {
    const chroma = this.#fetch(key, wish);
    this.#current = { key, chroma };
    return chroma;
  }

  async #fetch(key, wish) {
    try {
      return this.#keep(key, await Chroma.of(await this.ask(wish)));
    } finally {
      const next = this.#next;
      this.#current = this.#next = null;
      if (next) next.resolve(this.#start(next.key, next.wish));
    }
  }

  #keep(key, chroma) {
    this.#known.delete(key);
    this.#known.set(key, chroma);
    if (this.#known.size > KNOWN) this.#known.delete(this.#known.keys().next().value);
    return chroma;
  }
}
