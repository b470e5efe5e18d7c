/** One photo at a time: opened, previewed, and coloured anew whenever its wishes change. */

import { aborted, sleep } from "./api.js";
import { Coloring } from "./coloring.js";
import { Emitter } from "./dom.js";
import { announce, flashStatus, setStatus, showCard, showProgress } from "./messages.js";
import { decode, Lightness } from "./pixels.js";

const REST = 300; // milliseconds without a change, after which one may hear and keep it
const AGAIN = 50; // milliseconds after which colours are asked for that another window took
const THUMBNAIL = 480; // pixels

/**
 * Events: "leaving" (the photo, which is still there), "opened", "points" (they or the dials are
 * others now), "previewed" (their colours are there), "again" (another photo, please) and "close".
 */
export class Editor extends Emitter {
  /** @type {import("./picture.js").Picture | null} */
  picture = null;
  /** Whether there is a coloured photo to be seen, and so to be pointed at. */
  ready = false;
  /** @type {Lightness | null} */
  lightness = null;
  /** @type {import("./chroma.js").Chroma | null} */
  chroma = null;

  #visit = new AbortController(); // ends when another photo is opened
  #coloring = null;
  #turn = 0; // of what is asked for
  #shown = 0; // and of what is seen, so that an older one never comes last
  #resting = 0;
  #done = () => {};
  #guessing = false;
  #draft = null;

  /** @param {import("./stage.js").Stage} stage */
  constructor(stage) {
    super();
    this.stage = stage;
  }

  /** @param {import("./picture.js").Picture | null} picture */
  async open(picture) {
    if (this.ready) this.emit("leaving");
    this.#visit.abort();
    if (this.#resting) this.#rest();
    this.#done();
    setStatus("");
    const visit = (this.#visit = new AbortController());
    this.picture = picture;
    this.lightness = this.chroma = this.#coloring = null;
    this.#draft = null;
    this.#become(false);
    if (!picture) return;
    const changed = ({ detail }) => this.#changed(detail);
    picture.addEventListener("change", changed, { signal: visit.signal });
    showCard("Opening the photo…", { spins: true });
    this.stage.begin({ width: 4, height: 3 });
    try {
      const size = await picture.upload();
      visit.signal.throwIfAborted();
      const { signal } = visit;
      const ask = async (what) => (await picture.ask(what, undefined, signal)).blob();
      this.stage.begin(size, (place) => ask(`lightness?${new URLSearchParams(place)}`));
      this.#coloring = new Coloring((wish) => picture.ask("chroma", wish, signal));
      const [grey, before] = await Promise.all(
        [ask("grey"), size.tone === "grey" ? null : ask("original")]);
      const [lightness, original] = [await Lightness.of(grey, size), before && (await decode(before))];
      signal.throwIfAborted();
      this.lightness = lightness;
      this.stage.setDivider(1);
      this.stage.photo.show({ lightness, original });
      if (picture.leftAlone) this.#offer(before);
      else await this.#first();
    } catch (error) {
      if (!aborted(error)) this.#fail(error, picture);
    }
  }

  #become(ready) {
    this.ready = ready;
    document.body.classList.toggle("ready", ready);
    this.emit("opened");
  }

  #offer(before) {
    const { picture } = this;
    picture.setThumbnail(before);
    picture.become("in-colour");
    showCard("This photo is already in colour.", {
      choices: [
        ["Recolour anyway", () => picture.set({ recolor: true })],
        ["Choose another photo", () => this.emit("again")],
      ],
    });
  }

  async #first() {
    const { picture } = this;
    showCard("Finding its colours…", { spins: true });
    await this.#render();
    if (picture !== this.picture || !this.chroma) return;
    showCard("");
    this.#become(true);
    this.emit("points");
    this.stage.unveil();
    announce("The photo is in colour.");
  }

  #fail(error, picture = this.picture) {
    if (picture !== this.picture) return;
    const again = ["Try again", () => this.open(picture)];
    const other = ["Choose another photo", () => this.emit("again")];
    const close = ["Remove it", () => this.emit("close")];
    picture.fail(error);
    showCard(error.message, { choices: picture.hopeless ? [other, close] : [again, close] });
  }

  // --- colouring -----------------------------------------------------------------------------

  /** The picture's points or dials are others: shows them and colours with them. */
  #changed(names) {
    if (names.includes("recolor")) return void this.open(this.picture);
    const edited = ["points", "vivid", "strength"].filter((name) => names.includes(name));
    if (!edited.length) return;
    this.#draft = null;
    this.emit("points");
    if (this.#coloring) this.#render(); // else it begins with them
  }

  /**
   * Colours with points that are not meant yet, such as those of a drag; null brings back at once
   * what was there before.
   */
  preview(points) {
    const tried = this.#draft;
    this.#draft = points;
    if (points || tried) this.#render();
  }

  async #render() {
    const { picture } = this;
    const { photo } = this.stage;
    const { signal } = this.#visit;
    const [turn, draft] = [++this.#turn, this.#draft];
    const newest = () => turn === this.#turn && !signal.aborted;
    this.#done();
    this.#done = showProgress("Colouring…");
    const { strength, ...wish } = picture.wishes(draft ?? picture.points);
    photo.busy = true;
    photo.show({ strength });
    try {
      const chroma = await this.#coloring.get(wish);
      if (!chroma || signal.aborted || turn < this.#shown) return;
      this.#shown = turn;
      if (!draft) this.chroma = chroma;
      photo.show({ chroma });
      if (newest() && !draft) this.#settle(picture); // else it is better than nothing, for a moment
    } catch (error) {
      if (aborted(error) || !newest()) return;
      if (error.code === "superseded") { // by another window
        await sleep(AGAIN);
        if (newest()) await this.#render();
      } else if (this.ready) flashStatus(error.message);
      else this.#fail(error, picture);
    } finally {
      if (newest()) {
        this.#done();
        photo.busy = false;
      }
    }
  }

  #settle(picture) {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#rest(), picture.thumbnail ? REST : 0);
    this.emit("previewed");
    if (this.#guessing) this.#guess();
  }

  /** The colours stay for a while: they are told of, and kept as a small picture. */
  async #rest() {
    clearTimeout(this.#resting);
    this.#resting = 0;
    const { picture } = this;
    if (this.ready) announce("Colours updated.");
    picture.setThumbnail(await this.stage.photo.thumbnail(THUMBNAIL));
    picture.become("done");
  }

  /** The colour that a place has now, so that as a point's it would give just that. */
  colorAt({ x, y }) {
    const { width, height } = this.picture.facts;
    return this.chroma.ab(x / width, y / height, this.lightnessAt({ x, y }));
  }

  lightnessAt(place) {
    return this.lightness?.at(place) ?? 50;
  }

  // --- guesses -------------------------------------------------------------------------------

  /** Shows where the model guesses, or no longer. */
  async guess(on) {
    this.#guessing = on;
    this.stage.element.classList.toggle("guessing", on);
    if (on && this.ready) return this.#guess();
    setStatus("");
    return this.stage.show("guesses", null);
  }

  async #guess() {
    const { picture } = this;
    const { signal } = this.#visit;
    const { chroma } = this; // that it is about
    const done = showProgress("Finding unsure areas…");
    try {
      const { hints } = picture.wishes();
      const answer = await picture.ask("uncertainty", { hints }, signal);
      const blob = await answer.blob();
      done();
      if (signal.aborted || !this.#guessing || chroma !== this.chroma) return;
      await this.stage.show("guesses", blob);
      setStatus("Yellow: the model is unsure here. A colour from you helps most.");
    } catch (error) {
      done();
      if (!aborted(error)) flashStatus(error.message);
    }
  }
}
