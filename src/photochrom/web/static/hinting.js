/** Pointing at things: from a spot of the photo through the palette to a point, and back. */

import { aborted } from "./api.js";
import { arrowOf, isTyping } from "./dom.js";
import { announce, flashStatus, setStatus } from "./messages.js";
import { hintsOf, newPoint } from "./picture.js";
import { nextReach, ReachRing } from "./reach.js";

const SWATCHES = 9;

export class Hinting {
  #asking = new AbortController();
  #pipette = null; // the place that a colour is fetched for

  /** @param {import("./editor.js").Editor} editor @param {import("./points.js").Points} points
   * @param {import("./palette.js").Palette} palette */
  constructor(editor, points, palette) {
    Object.assign(this, { editor, points, palette });
    const { stage } = editor;
    this.ring = new ReachRing(points.layer, stage);
    stage.on("point", (detail) => this.#pointed(detail));
    stage.on("beside", () => this.close());
    points.on("place", (detail) => this.#pointed(detail));
    points.on("open", (detail) => this.#opened(detail));
    points.on("moving", (detail) => this.#moving(detail));
    points.on("moved", (detail) => this.#moved(detail));
    points.on("delete", ({ id }) => this.remove(id));
    points.on("stretch", ({ id, way }) => this.#stretch(this.#find(id), way));
    this.ring.on("moving", (reach) => editor.preview(this.#changed(palette.place.id, { reach })));
    this.ring.on("chosen", (reach) => this.#reach(palette.place, reach));
    palette.on("reach", (reach) => this.#reach(palette.place, reach));
    palette.element.addEventListener("keydown", (event) => this.#key(event));
    palette.on("moving", (detail) => this.#tried(detail));
    palette.on("left", () => editor.preview(null));
    palette.on("chosen", (detail) => this.#chosen(detail));
    palette.on("pipette", () => this.#fetch());
    palette.on("remove", () => this.remove(palette.place.id));
    palette.on("close", () => this.close());
    editor.on("leaving", () => this.close());
    editor.on("opened", () => this.#begin());
    editor.on("points", () => this.#show());
    editor.on("previewed", () => this.#show());
  }

  get #list() {
    return this.editor.picture.points;
  }

  #find(id) {
    return this.#list.find((point) => point.id === id);
  }

  #begin() {
    const { editor, points } = this;
    const size = editor.picture?.facts ?? { width: 1, height: 1 };
    points.begin(size, (at) => editor.lightnessAt(at));
    this.ring.begin(size);
    points.show(editor.ready ? this.#list : []);
  }

  /** The points are others: so may be the chosen one. */
  #show() {
    if (!this.editor.ready) return;
    this.points.show(this.#list);
    const { place } = this.palette;
    if (place?.id === undefined) return;
    const point = this.#find(place.id);
    if (!point) return void this.close(); // it was undone
    this.#mark(point);
    if (point === place) return;
    this.palette.update(point, this.editor.lightnessAt(point));
    if (point.x !== place.x || point.y !== place.y) this.#ask(point);
  }

  #mark(place) {
    this.points.mark(place);
    this.ring.show(place && this.#find(place.id));
  }

  // --- the palette ---------------------------------------------------------------------------

  #pointed({ x, y, keys }) {
    if (!this.editor.ready) return;
    const { pages } = this.editor.picture.facts;
    if (pages > 1) return void flashStatus(`This file has ${pages} pages: only single photos can have points.`);
    if (this.#pipette) this.#fetched(this.editor.colorAt({ x, y }));
    else this.#open({ x, y, reach: "normal" }, keys);
  }

  #opened({ id, keys }) {
    const point = this.#find(id);
    if (this.#pipette) this.#fetched(point.ab);
    else this.#open(point, keys);
  }

  /** @param {import("./palette.js").Place} place @param {boolean} [keys] opened it */
  #open(place, keys = false) {
    const { editor, palette } = this;
    editor.preview(null);
    this.showPoints(true); // it may become one
    const ab = place.ab ?? editor.colorAt(place);
    palette.open(place, editor.lightnessAt(place), ab);
    this.#mark(place);
    palette.element.focus({ preventScroll: true });
    editor.stage.reveal(place);
    this.#ask(place, keys);
  }

  /** Asks which colours are likely there. */
  async #ask(place, keys = false) {
    const { editor, palette } = this;
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const others = hintsOf(this.#list.filter(({ id }) => id !== place.id));
    try {
      const wish = { x: place.x, y: place.y, hints: others, most: SWATCHES, vivid: editor.picture.vivid };
      const answer = await editor.picture.ask("palette", wish, signal);
      const found = await answer.json();
      if (!signal.aborted) palette.offer(found, keys);
    } catch (error) {
      if (!aborted(error)) palette.offerNone(error.message);
    }
  }

  /** Closes palette and pipette, whose colour is taken back if it was only tried; tells if it did. */
  close() {
    const { palette, editor } = this;
    const { place } = palette;
    this.#asking.abort();
    if (this.#pipette) setStatus("");
    else if (!place) return false;
    this.#pipette = null;
    const within = palette.element.contains(document.activeElement);
    palette.close();
    editor.preview(null);
    this.#mark(null);
    if (within) this.points.focus(place.id);
    return true;
  }

  /** Keys for the chosen point while the palette has the focus. */
  #key(event) {
    const { place, element } = this.palette;
    const way = { "[": -1, "]": 1 }[event.key];
    if (!place || isTyping(event)) return;
    if (way) this.#stretch(place, way);
    else if (place.id !== undefined && (event.target === element || !arrowOf(event))) {
      this.points.press(event, place.id);
    }
  }

  /** The points, of which the palette's has this colour. */
  #with(ab) {
    const { place } = this.palette;
    if (place.id === undefined) return [...this.#list, newPoint(place.x, place.y, ab, place.reach)];
    return this.#changed(place.id, { ab });
  }

  #tried(ab) {
    this.editor.preview(this.#with(ab));
  }

  #chosen(ab) {
    const list = this.#with(ab);
    const { place } = this.palette;
    if (place.id === undefined) this.palette.update(list.at(-1));
    this.editor.picture.set({ points: list });
  }

  // --- the pipette ---------------------------------------------------------------------------

  #fetch() {
    const { place } = this.palette;
    this.close();
    this.#pipette = place;
    this.#mark(place);
    setStatus("Click the colour you want in the photo. Esc cancels.");
    announce("Move the crosshair to the colour you want, then press Enter.");
    this.points.crosshair.focus({ preventScroll: true });
  }

  #fetched(ab) {
    const place = this.#pipette;
    this.close();
    this.#open(place);
    this.palette.choose(ab);
  }

  // --- points --------------------------------------------------------------------------------

  /** Shows the points, or hides them, and closes what is open for one. */
  showPoints(shown) {
    if (!shown) this.close();
    this.points.shown = shown;
  }

  /** The points, of which one is other than it was. */
  #changed(id, changes) {
    return this.#list.map((point) => (point.id === id ? { ...point, ...changes } : point));
  }

  #moving({ id, x, y }) {
    if (this.palette.place?.id !== id) this.close();
    const list = this.#changed(id, { x, y });
    this.points.show(list);
    if (this.palette.place) this.ring.show(list.find((point) => point.id === id));
    this.editor.preview(list);
  }

  #moved({ id, x, y, bit }) {
    const points = this.#changed(id, { x, y });
    this.editor.picture.set({ points }, bit ? `move ${id}` : undefined);
  }

  #stretch(place, way) {
    this.#reach(place, nextReach(place.reach, way));
  }

  /** A point, or the place of one to be, reaches so far. */
  #reach(place, reach) {
    if (reach === place.reach) {
      this.editor.preview(null);
      return this.ring.show(this.#find(place.id));
    }
    announce(`Reach: ${reach}`);
    if (place.id === undefined) return this.palette.update({ ...place, reach });
    return this.editor.picture.set({ points: this.#changed(place.id, { reach }) });
  }

  remove(id) {
    const { ids } = this.points;
    const next = ids[ids.indexOf(id) + 1] ?? ids[ids.indexOf(id) - 1];
    const inside = document.activeElement !== document.body;
    this.close();
    this.editor.picture.set({ points: this.#list.filter((point) => point.id !== id) });
    if (inside) this.points.focus(next);
    announce("Point removed.");
  }
}
