/** One photo at a time: opened, previewed, and coloured anew whenever its wishes change. */

import { aborted, Refusal } from "./api.js";
import { Pixels } from "./pixels.js";
import { line, note, notice, say, working } from "./tell.js";

/**
 * Events: "opened", "points" (they are others now), "previewed" (their colours are there), "again"
 * (another photo, please) and "close".
 */
export class Editor extends EventTarget {
  /** @type {import("./picture.js").Picture | null} */
  picture = null;
  /** Whether there is a coloured photo to be seen, and so to be pointed at. */
  ready = false;
  /** @type {Pixels | null} */
  grey = null;
  /** @type {Pixels | null} */
  coloured = null;

  #visit = new AbortController(); // ends when another photo is opened
  #preview = new AbortController();
  #timer = 0;
  #done = () => {};
  #guessing = false;
  #draft = null;

  /** @param {import("./stage.js").Stage} stage */
  constructor(stage) {
    super();
    this.stage = stage;
  }

  #tell(type) {
    this.dispatchEvent(new Event(type));
  }

  /** @param {import("./picture.js").Picture | null} picture */
  async open(picture) {
    this.#visit.abort();
    this.#preview.abort();
    clearTimeout(this.#timer);
    this.#done();
    line("");
    const visit = (this.#visit = new AbortController());
    this.picture = picture;
    this.grey = this.coloured = null;
    this.#draft = null;
    this.#become(false);
    if (!picture) return;
    notice("Opening the photo…", { spins: true });
    this.stage.begin({ width: 4, height: 3 });
    try {
      const size = await picture.upload();
      visit.signal.throwIfAborted();
      this.stage.begin(size);
      const [grey, before] = await Promise.all(
        ["grey", "original"].map(async (what) =>
          (await picture.ask(what, undefined, visit.signal)).blob(),
        ),
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
    this.#tell("opened");
  }

  #offer(before) {
    const { picture } = this;
    picture.setThumbnail(before);
    picture.become("in-colour");
    notice("This photo is in colour already.", {
      choices: [
        ["Colour it anew", () => {
          picture.set({ recolor: true });
          this.#first();
        }],
        ["Choose another", () => this.#tell("again")],
      ],
    });
  }

  async #first() {
    const { picture } = this;
    notice("Finding its colours…", { spins: true });
    await this.#render();
    if (picture !== this.picture || !this.coloured) return;
    notice("");
    this.#become(true);
    this.#tell("points");
    this.stage.unveil();
    say("The photo is in colour.");
  }

  #fail(error, picture = this.picture) {
    if (picture !== this.picture) return;
    const again = ["Try again", () => this.open(picture)];
    const other = ["Choose another", () => this.#tell("again")];
    const close = ["Close it", () => this.#tell("close")];
    const hopeless = error instanceof Refusal && [413, 415, 422].includes(error.status);
    picture.become("failed", error.message);
    notice(error.message, { choices: hopeless ? [other, close] : [again, close] });
  }

  // --- colouring -----------------------------------------------------------------------------

  /** Other points, kept and coloured with. @param {string} [part] as of Picture.setPoints */
  setPoints(points, part) {
    this.picture.setPoints(points, part);
    this.refresh();
  }

  /** The picture's points or dials have changed: shows them and colours with them. */
  refresh(delay = 0) {
    this.#draft = null;
    this.#tell("points");
    this.#later(delay);
  }

  /** Colours with points that are not yet meant. */
  preview(points, delay = 120) {
    this.#draft = points;
    this.#later(delay);
  }

  #later(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#render(), delay);
  }

  async #render() {
    const { picture } = this;
    this.#preview.abort();
    const { signal } = (this.#preview = new AbortController());
    this.#done();
    this.#done = working("Colouring…");
    const points = this.#draft ?? picture.points;
    try {
      const blob = await (await picture.ask("colorize", picture.wishes(points), signal)).blob();
      const pixels = await Pixels.of(blob, picture.facts);
      signal.throwIfAborted();
      await this.stage.show("after", blob);
      signal.throwIfAborted();
      this.coloured = pixels;
      this.#done();
      if (!this.#draft) this.#settle(picture, blob);
    } catch (error) {
      if (aborted(error) || signal.aborted) return;
      if (error.code === "superseded") return void this.#later(50); // by another window
      this.#done();
      if (this.ready) note(error.message);
      else this.#fail(error, picture);
    }
  }

  #settle(picture, blob) {
    picture.setThumbnail(blob);
    picture.become("done");
    if (this.ready) say("The new colours are there.");
    this.#tell("previewed");
    if (this.#guessing) this.#guess();
  }

  /** The colour that a place has now, so that as a point's it would give just that. */
  colourAt(place) {
    const [, ...ab] = this.coloured.at(place);
    const share = Math.max(0.1, this.picture.strength);
    return ab.map((value) => Math.max(-127, Math.min(127, value / share)));
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
    line("");
    return this.stage.show("guesses", null);
  }

  async #guess() {
    const { picture } = this;
    const { signal } = this.#preview;
    const done = working("Looking where it guesses…");
    try {
      const { hints } = picture.wishes();
      const answer = await picture.ask("uncertainty", { hints }, signal);
      const blob = await answer.blob();
      done();
      if (signal.aborted || !this.#guessing) return;
      await this.stage.show("guesses", blob);
      line("Yellow: here the model guesses. A point there helps most.");
    } catch (error) {
      done();
      if (!aborted(error)) note(error.message);
    }
  }
}
