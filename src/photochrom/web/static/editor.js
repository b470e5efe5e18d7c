/** One photo at a time: opened, previewed, and coloured anew whenever its wishes change. */

import { aborted } from "./api.js";
import { clamp, Emitter } from "./dom.js";
import { Pixels } from "./pixels.js";
import { announce, flashStatus, setStatus, showCard, showProgress } from "./messages.js";

/**
 * Events: "leaving" (the photo, which is still there), "opened", "points" (they or the dials are
 * others now), "previewed" (their colours are there), "again" (another photo, please) and "close".
 */
export class Editor extends Emitter {
  /** @type {import("./picture.js").Picture | null} */
  picture = null;
  /** Whether there is a coloured photo to be seen, and so to be pointed at. */
  ready = false;
  /** @type {Pixels | null} */
  grey = null;
  /** @type {Pixels | null} */
  colored = null;

  #visit = new AbortController(); // ends when another photo is opened
  #preview = new AbortController(); // ends when its answer is not wanted any more
  #busy = false; // whether that is on its way
  #again = false; // whether something else is wished meanwhile
  #edits = 0; // so many have been seen
  #settled = null; // the answer to the last of them, once it is there
  #timer = 0;
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
    this.#drop();
    setStatus("");
    const visit = (this.#visit = new AbortController());
    this.picture = picture;
    this.grey = this.colored = null;
    this.#draft = this.#settled = null;
    this.#become(false);
    if (!picture) return;
    const changed = ({ detail }) => this.#changed(detail);
    picture.addEventListener("change", changed, { signal: visit.signal });
    showCard("Opening the photo…", { spins: true });
    this.stage.begin({ width: 4, height: 3 });
    try {
      const size = await picture.upload();
      visit.signal.throwIfAborted();
      this.stage.begin(size);
      const [grey, before] = await Promise.all(
        ["grey", "original"].map(async (what) =>
          (await picture.ask(what, undefined, visit.signal)).blob()),
      );
      this.grey = await Pixels.of(grey, size);
      visit.signal.throwIfAborted();
      await this.stage.show("before", before);
      this.stage.setDivider(1);
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
    showCard("This photo is in colour already.", {
      choices: [
        ["Colour it anew", () => picture.set({ recolor: true })],
        ["Choose another", () => this.emit("again")],
      ],
    });
  }

  async #first() {
    const { picture } = this;
    showCard("Finding its colours…", { spins: true });
    await this.#render();
    if (picture !== this.picture || !this.colored) return;
    showCard("");
    this.#become(true);
    this.emit("points");
    this.stage.unveil();
    announce("The photo is in colour.");
  }

  #fail(error, picture = this.picture) {
    if (picture !== this.picture) return;
    const again = ["Try again", () => this.open(picture)];
    const other = ["Choose another", () => this.emit("again")];
    const close = ["Close it", () => this.emit("close")];
    picture.fail(error);
    showCard(error.message, { choices: picture.hopeless ? [other, close] : [again, close] });
  }

  // --- colouring -----------------------------------------------------------------------------

  /** The picture's points or dials are others: shows them and colours with them. */
  #changed(names) {
    if (names.includes("recolor")) return void this.open(this.picture);
    const edited = ["points", "vivid", "strength"].filter((name) => names.includes(name));
    if (!edited.length) return;
    this.#edits++;
    this.#draft = this.#settled = null;
    this.emit("points");
    if (names.includes("points")) this.#drop();
    this.#color();
  }

  /**
   * Colours with points that are not meant yet, such as those of a drag; null brings back at once
   * what was there before.
   */
  preview(points) {
    const tried = this.#draft;
    this.#draft = points;
    if (points) return void this.#color();
    if (!tried) return;
    this.#drop();
    if (this.#settled) this.stage.show("after", this.#settled);
    else this.#color();
  }

  /** What is on its way is not wanted any more. */
  #drop() {
    clearTimeout(this.#timer);
    this.#preview.abort();
    this.#busy = false;
    this.#done();
  }

  /** Colours with what is wished now, once the answer that is on its way has been shown. */
  #color() {
    if (this.#busy) this.#again = true;
    else this.#render();
  }

  async #render() {
    const { picture } = this;
    const [draft, edits] = [this.#draft, this.#edits];
    const { signal } = (this.#preview = new AbortController());
    this.#busy = true;
    this.#again = false;
    this.#done();
    const done = (this.#done = showProgress("Colouring…"));
    try {
      const wishes = picture.wishes(draft ?? picture.points);
      const blob = await (await picture.ask("colorize", wishes, signal)).blob();
      const pixels = draft ? null : await Pixels.of(blob, picture.facts);
      signal.throwIfAborted();
      await this.stage.show("after", blob);
      signal.throwIfAborted();
      this.#busy = false;
      done();
      if (pixels) this.colored = pixels;
      if (pixels && edits === this.#edits) this.#settle(picture, blob);
      if (this.#again) this.#render();
    } catch (error) {
      if (aborted(error) || signal.aborted) return;
      this.#busy = false;
      if (error.code === "superseded") { // by another window
        this.#timer = setTimeout(() => this.#color(), 50);
        return;
      }
      done();
      if (this.ready) flashStatus(error.message);
      else this.#fail(error, picture);
    }
  }

  #settle(picture, blob) {
    this.#settled = blob;
    picture.setThumbnail(blob);
    picture.become("done");
    if (this.ready) announce("The new colours are there.");
    this.emit("previewed");
    if (this.#guessing) this.#guess();
  }

  /** The colour that a place has now, so that as a point's it would give just that. */
  colorAt(place) {
    const [, ...ab] = this.colored.at(place);
    const share = Math.max(0.1, this.picture.strength);
    return ab.map((value) => clamp(value / share, -127, 127));
  }

  lightnessAt(place) {
    return this.grey?.at(place)[0] ?? 50;
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
    const { signal } = this.#preview;
    const done = showProgress("Looking where it guesses…");
    try {
      const { hints } = picture.wishes();
      const answer = await picture.ask("uncertainty", { hints }, signal);
      const blob = await answer.blob();
      done();
      if (signal.aborted || !this.#guessing) return;
      await this.stage.show("guesses", blob);
      setStatus("Yellow: here the model guesses. A point there helps most.");
    } catch (error) {
      done();
      if (!aborted(error)) flashStatus(error.message);
    }
  }
}
