/** Pointing at things: from a spot of the photo through the palette to a point, and back. */

import { aborted } from "./api.js";
import { hintsOf, newPoint } from "./picture.js";
import { line, note, say } from "./tell.js";

const SWATCHES = 9;

export class Hinting {
  #asking = new AbortController();
  #pipette = null; // the place that a colour is fetched for

  /**
   * @param {import("./editor.js").Editor} editor
   * @param {import("./points.js").Points} points
   * @param {import("./palette.js").Palette} palette
   */
  constructor(editor, points, palette) {
    Object.assign(this, { editor, points, palette });
    const { stage } = editor;
    stage.addEventListener("point", ({ detail }) => this.#pointed(detail));
    stage.addEventListener("beside", () => this.close());
    points.addEventListener("place", ({ detail }) => this.#pointed(detail));
    points.addEventListener("open", ({ detail }) => this.#opened(detail));
    points.addEventListener("moving", ({ detail }) => this.#moving(detail));
    points.addEventListener("moved", ({ detail }) => this.#moved(detail));
    points.addEventListener("delete", ({ detail }) => this.remove(detail.id));
    palette.addEventListener("moving", ({ detail }) => this.#tried(detail));
    palette.addEventListener("chosen", ({ detail }) => this.#chosen(detail));
    palette.addEventListener("keep", () => this.#chosen(editor.colourAt(palette.place), true));
    palette.addEventListener("pipette", () => this.#fetch());
    palette.addEventListener("remove", () => this.remove(palette.place.id));
    palette.addEventListener("close", () => this.close());
    editor.addEventListener("opened", () => this.#begin());
    editor.addEventListener("points", () => this.#show());
    editor.addEventListener("previewed", () => this.#show());
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
    if (place?.id !== undefined && !this.#find(place.id)) this.close(); // it was undone
  }

  // --- the palette ---------------------------------------------------------------------------

  #pointed({ x, y, keys }) {
    if (!this.editor.ready) return;
    const { pages } = this.editor.picture.facts;
    if (pages > 1) return void note(`Points are for single photos; this file has ${pages} pages.`);
    if (this.#pipette) this.#fetched(this.editor.colourAt({ x, y }));
    else this.#open({ x, y }, keys);
  }

  #opened({ id, keys }) {
    const point = this.#find(id);
    if (this.#pipette) this.#fetched(point.ab);
    else this.#open({ id, x: point.x, y: point.y }, keys);
  }

  /** @param {{x: number, y: number, id?: number}} place @param {boolean} [keys] opened it */
  async #open(place, keys = false) {
    const { editor, palette } = this;
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const point = this.#find(place.id);
    const ab = point?.ab ?? editor.colourAt(place);
    this.points.mark(place);
    palette.open(place, editor.lightnessAt(place), ab, Boolean(point));
    palette.element.focus({ preventScroll: true });
    editor.stage.reveal(place);
    const others = hintsOf(this.#list.filter((other) => other !== point));
    try {
      const wish = { x: place.x, y: place.y, hints: others, most: SWATCHES };
      const answer = await editor.picture.ask("palette", wish, signal);
      const { colors } = await answer.json();
      if (!signal.aborted) palette.offer(colors, keys);
    } catch (error) {
      if (!aborted(error)) palette.offerNone(error.message);
    }
  }

  /** Closes palette and pipette; a colour that was only tried is taken back. */
  close() {
    this.#asking.abort();
    if (this.#pipette) line("");
    this.#pipette = null;
    const { place } = this.palette;
    if (!place) return;
    const within = this.palette.element.contains(document.activeElement);
    this.palette.close();
    this.points.mark(null);
    if (within) this.points.focus(place.id);
  }

  get open() {
    return Boolean(this.palette.place || this.#pipette);
  }

  /** The points, of which the palette's has this colour. */
  #with(ab) {
    const { place } = this.palette;
    const point = this.#find(place.id);
    if (point) return this.#list.map((other) => (other === point ? { ...point, ab } : other));
    return [...this.#list, newPoint(place.x, place.y, ab)];
  }

  #tried(ab) {
    this.editor.preview(this.#with(ab));
  }

  #chosen(ab, closes = false) {
    const list = this.#with(ab);
    const place = this.#find(this.palette.place.id) ? this.palette.place : list.at(-1);
    this.palette.settle(place);
    this.editor.setPoints(list);
    this.points.mark(place);
    if (closes) {
      this.close();
      note("It stays as it is there.");
    }
  }

  // --- the pipette ---------------------------------------------------------------------------

  #fetch() {
    const { place } = this.palette;
    this.close();
    this.#pipette = place;
    this.points.mark(place);
    line("Now click where that colour is. Esc: not now.");
    say("Now choose the place whose colour you want, with the crosshair and Enter.");
    this.points.crosshair.focus({ preventScroll: true });
  }

  #fetched(ab) {
    const place = this.#pipette;
    this.close();
    this.#open(place);
    this.palette.take(ab);
  }

  // --- points --------------------------------------------------------------------------------

  #moving({ id, x, y }) {
    if (this.palette.place) this.close();
    const list = this.#list.map((point) => (point.id === id ? { ...point, x, y } : point));
    this.points.show(list);
    this.editor.preview(list);
  }

  #moved({ id, x, y, bit }) {
    const list = this.#list.map((point) => (point.id === id ? { ...point, x, y } : point));
    this.editor.setPoints(list, bit ? `move ${id}` : undefined);
  }

  remove(id) {
    const { ids } = this.points;
    const next = ids[ids.indexOf(id) + 1] ?? ids[ids.indexOf(id) - 1];
    const inside = document.activeElement !== document.body;
    this.palette.close();
    this.points.mark(null);
    this.editor.setPoints(this.#list.filter((point) => point.id !== id));
    if (inside) this.points.focus(next);
    say("The point is removed.");
  }
}
