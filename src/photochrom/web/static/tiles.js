/** Parts of a photo that is larger than its preview: only those that are seen, and not too many. */

import { decode } from "./pixels.js";

const SIDE = 512; // pixels of a tile
const EDGE = 2; // around, that its neighbours show as well
const MOST = 192; // of them, which is 48 MB; a screen of 4K shows 135 at most
const AT_ONCE = 3; // that are loaded, so that colours need not wait for them

/** @typedef {{x: number, y: number, width: number, height: number, shrink: number}} Place */

export class Tiles {
  #kept = new Map(); // textures by keys of their places, the least recently seen first
  #loading = new Set();
  #missing = [];
  #photo = null;

  /** @param {import("./painter.js").Painter} painter @param {() => void} changed when one has come */
  constructor(painter, changed) {
    Object.assign(this, { painter, changed });
  }

  /**
   * Another photo, or none.
   *
   * @param {{width: number, height: number, preview: {width: number}} | null} photo
   * @param {(place: Place) => Promise<Blob>} [load]
   */
  begin(photo, load) {
    this.forget();
    this.#photo = photo && { ...photo, load, failed: new Set() };
  }

  /** Has all of them loaded again, as after the loss of their textures. */
  forget() {
    for (const { texture } of this.#kept.values()) this.painter.free(texture);
    this.#kept.clear();
    this.#loading = new Set();
    this.#missing = [];
  }

  /** Whether some of what was last asked for are still on their way. */
  get lacking() {
    return this.#missing.length > 0;
  }

  /**
   * What there is for a part of the photo, the coarsest first; what lacks is loaded.
   *
   * @param {{left: number, top: number, right: number, bottom: number}} seen pixels of the photo
   * @param {number} scale pixels of the screen for one of the photo
   */
  over(seen, scale) {
    const photo = this.#photo;
    const shrink = 2 ** Math.max(0, Math.floor(-Math.log2(scale)));
    if (!photo || shrink * photo.preview.width >= photo.width) return [];
    const wanted = this.#places(seen, shrink);
    this.#missing = wanted.filter(({ key }) => !this.#kept.has(key) && !photo.failed.has(key));
    for (const { key } of wanted) this.#touch(key);
    this.#load();
    const there = [...this.#kept.values()].filter(({ place }) => this.#missing.length
      ? place.shrink >= shrink : place.shrink === shrink);
    return there.sort((one, other) => other.place.shrink - one.place.shrink);
  }

  /** The tiles of one size over a part, the middle first. */
  #places({ left, top, right, bottom }, shrink) {
    const { width, height } = this.#photo;
    const side = SIDE * shrink;
    const [column, row] = [left, top].map((start) => Math.floor(Math.max(0, start) / side));
    const places = [];
    for (let y = row * side; y < Math.min(bottom, height); y += side) {
      for (let x = column * side; x < Math.min(right, width); x += side) {
        const far = Math.hypot(x + side / 2 - (left + right) / 2, y + side / 2 - (top + bottom) / 2);
        const place = { x, y, width: Math.min(side, width - x), height: Math.min(side, height - y) };
        places.push({ key: `${shrink} ${x} ${y}`, place: { ...place, shrink }, far });
      }
    }
    return places.sort((one, other) => one.far - other.far);
  }

  #touch(key) {
    const tile = this.#kept.get(key);
    if (!tile) return;
    this.#kept.delete(key);
    this.#kept.set(key, tile);
  }

  #load() {
    while (this.#loading.size < AT_ONCE) {
      const next = this.#missing.find(({ key }) => !this.#loading.has(key));
      if (!next) return;
      this.#fetch(next, this.#photo, this.#loading);
    }
  }

  async #fetch({ key, place }, photo, loading) {
    loading.add(key);
    const extent = withEdge(place, photo);
    try {
      const bitmap = await decode(await photo.load(extent));
      if (loading === this.#loading) this.#keep(key, { place, texture: this.painter.upload(bitmap),
        part: shares(place, photo), extent: shares(extent, photo) });
      bitmap.close();
    } catch {
      photo.failed.add(key); // the preview is seen there
    }
    loading.delete(key);
    if (loading === this.#loading) this.changed();
  }

  #keep(key, tile) {
    this.#kept.set(key, tile);
    for (const [oldest, { texture }] of this.#kept) {
      if (this.#kept.size <= MOST) return;
      this.painter.free(texture);
      this.#kept.delete(oldest);
    }
  }
}

/** A place and some pixels around it, so that no seam is seen when it is enlarged. */
function withEdge({ x, y, width, height, shrink }, photo) {
  const edge = EDGE * shrink;
  const [left, top] = [Math.max(0, x - edge), Math.max(0, y - edge)];
  const right = Math.min(photo.width, x + width + edge);
  const bottom = Math.min(photo.height, y + height + edge);
  return { x: left, y: top, width: right - left, height: bottom - top, shrink };
}

const shares = ({ x, y, width, height }, photo) =>
  [x / photo.width, y / photo.height, width / photo.width, height / photo.height];
