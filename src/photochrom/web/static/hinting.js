/** Pointing at things: from a spot of the photo through the palette to a point, and back. */

import { aborted } from "./api.js";
import { announce, flashStatus, setStatus } from "./messages.js";
import { hintsOf, newPoint } from "./picture.js";

const SWATCHES = 9;

export class Hinting {
  #asking = new AbortController();
  #pipette = null; // the place that a colour is fetched for

  /** @param {import("./editor.js").Editor} editor @param {import("./points.js").Points} points
   * @param {import("./palette.js").Palette} palette */
  constructor(editor, points, palette) {
    Object.assign(this, { editor, points, palette });
    const { stage } = editor;
    stage.on("point", (detail) => this.#pointed(detail));
    stage.on("beside", () => this.close());
    points.on("place", (detail) => this.#pointed(detail));
    points.on("open", (detail) => this.#opened(detail));
    points.on("moving", (detail) => this.#moving(detail));
    points.on("moved", (detail) => this.#moved(detail));
    points.on("delete", ({ id }) => this.remove(id));
    palette.on("moving", (detail) => this.#tried(detail));
    palette.on("left", () => editor.preview(null));
    palette.on("chosen", (detail) => this.#chosen(detail));
    palette.on("reach", (reach) => this.#reached(reach));
    palette.on("pipette", () => this.#fetch());
    palette.on("remove", () => this.remove(palette.place.id));
    palette.on("close", () => this.close());
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
    this.close();
    points.begin(editor.picture?.facts ?? { width: 1, height: 1 }, (at) => editor.lightnessAt(at));
    points.show(editor.ready ? this.#list : []);
  }

  #show() {
    if (this.editor.ready) this.points.show(this.#list);
    const { place } = this.palette;
    if (place?.id === undefined) return;
    const point = this.#find(place.id);
    if (point) this.palette.settle(point);
    else this.close(); // it was undone
  }

  // --- the palette ---------------------------------------------------------------------------

  #pointed({ x, y, keys }) {
    if (!this.editor.ready) return;
    const { pages } = this.editor.picture.facts;
    if (pages > 1) return void flashStatus(`Points are for single photos; this file has ${pages} pages.`);
    if (this.#pipette) this.#fetched(this.editor.colorAt({ x, y }));
    else this.#open({ x, y }, keys);
  }

  #opened({ id, keys }) {
    const point = this.#find(id);
    if (this.#pipette) this.#fetched(point.ab);
    else this.#open({ id, x: point.x, y: point.y, reach: point.reach }, keys);
  }

  /** @param {{x: number, y: number, id?: number}} place @param {boolean} [keys] opened it */
  async #open(place, keys = false) {
    const { editor, palette } = this;
    editor.preview(null);
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const point = this.#find(place.id);
    const ab = point?.ab ?? editor.colorAt(place);
    this.points.mark(place);
    palette.open(place, editor.lightnessAt(place), ab, Boolean(point));
    palette.element.focus({ preventScroll: true });
    editor.stage.reveal(place);
    const others = hintsOf(this.#list.filter((other) => other !== point));
    try {
      const wish = { x: place.x, y: place.y, hints: others, most: SWATCHES };
      const answer = await editor.picture.ask("palette", wish, signal);
      const found = await answer.json();
      if (!signal.aborted) palette.offer(found, keys);
    } catch (error) {
      if (!aborted(error)) palette.offerNone(error.message);
    }
  }

  /** Closes palette and pipette; a colour that was only tried is taken back. */
  close() {
    this.#asking.abort();
    if (this.#pipette) setStatus("");
    this.#pipette = null;
    const { place } = this.palette;
    if (!place) return;
    const within = this.palette.element.contains(document.activeElement);
    this.palette.close();
    this.editor.preview(null);
    this.points.mark(null);
    if (within) this.points.focus(place.id);
  }

  /** The points, of which the palette's has this colour. */
  #with(ab) {
    const { place } = this.palette;
    const point = this.#find(place.id);
    if (point) return this.#list.map((other) => (other === point ? { ...point, ab } : other));
    return [...this.#list, newPoint(place.x, place.y, ab, this.palette.reach)];
  }

  #tried(ab) {
    this.editor.preview(this.#with(ab));
  }

  #reached(reach) {
    const { id } = this.palette.place;
    const points = this.#list.map((point) => (point.id === id ? { ...point, reach } : point));
    if (this.#find(id)) this.editor.picture.set({ points });
  }

  #chosen(ab) {
    const list = this.#with(ab);
    const place = this.#find(this.palette.place.id) ? this.palette.place : list.at(-1);
    this.palette.settle(place);
    this.editor.picture.set({ points: list });
    this.points.mark(place);
  }

  // --- the pipette ---------------------------------------------------------------------------

  #fetch() {
    const { place, reach } = this.palette;
    this.close();
    this.#pipette = { ...place, reach };
    this.points.mark(place);
    setStatus("Now click where that colour is. Esc: not now.");
    announce("Now choose the place whose colour you want, with the crosshair and Enter.");
    this.points.crosshair.focus({ preventScroll: true });
  }

  #fetched(ab) {
    const place = this.#pipette;
    this.close();
    this.#open(place);
    this.palette.choose(ab);
  }

  // --- points --------------------------------------------------------------------------------

  /** The points, of which one is elsewhere. */
  #placed(id, x, y) {
    return this.#list.map((point) => (point.id === id ? { ...point, x, y } : point));
  }

  #moving({ id, x, y }) {
    if (this.palette.place) this.close();
    const list = this.#placed(id, x, y);
    this.points.show(list);
    this.editor.preview(list);
  }

  #moved({ id, x, y, bit }) {
    this.editor.picture.set({ points: this.#placed(id, x, y) }, bit ? `move ${id}` : undefined);
  }

  remove(id) {
    const { ids } = this.points;
    const next = ids[ids.indexOf(id) + 1] ?? ids[ids.indexOf(id) - 1];
    const inside = document.activeElement !== document.body;
    this.palette.close();
    this.points.mark(null);
    this.editor.picture.set({ points: this.#list.filter((point) => point.id !== id) });
    if (inside) this.points.focus(next);
    announce("The point is removed.");
  }
}
