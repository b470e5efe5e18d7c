/** What was done to a photo, step by step: to be undone, and done again. */

const MOST_STEPS = 200;
const MOST_POINTS = 20_000; // of all steps together: about 100 kB in the browser's storage

/**
 * What a photo's colours depend on. A state is never changed, and states share their points.
 *
 * @typedef {{points: import("./picture.js").Point[], vivid: number | null, strength: number,
 *   recolor: boolean}} State
 */

export class EditHistory {
  /** @type {State[]} */
  #past;
  /** @type {State[]} */
  #future;
  #part;

  /** @param {{past?: State[], future?: State[]}} [kept] */
  constructor({ past = [], future = [] } = {}) {
    this.#past = past;
    this.#future = future;
  }

  /** To be kept and given to another one. */
  get kept() {
    return { past: this.#past, future: this.#future };
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /**
   * Notes a state that another one takes the place of.
   *
   * @param {State} state
   * @param {string} [part] that is changed bit by bit: bits of one part in a row are one step
   */
  leave(state, part) {
    if (part === undefined || part !== this.#part) this.#past = newest([...this.#past, state]);
    this.#part = part;
    this.#future = [];
  }

  /** What comes next is a step of its own. */
  rest() {
    this.#part = undefined;
  }

  /** @param {State} state of now @returns {State | undefined} the one before; undefined: none */
  undo(state) {
    return this.#step(this.#past, this.#future, state);
  }

  redo(state) {
    return this.#step(this.#future, this.#past, state);
  }

  #step(from, to, state) {
    this.rest();
    if (from.length) to.push(state);
    return from.pop();
  }
}

/** The last of these states, so many as may be kept. */
function newest(states) {
  let points = 0;
  const full = states.findLastIndex((state) => (points += state.points.length) > MOST_POINTS);
  return states.slice(Math.max(full + 1, states.length - MOST_STEPS));
}

/** Says what differs between two states, such as "colour of point 2". @returns {string} */
export function difference(before, after) {
  if (before.points !== after.points) return differenceOfPoints(before.points, after.points);
  if (before.recolor !== after.recolor) return "recolouring";
  const dials = ["vivid", "strength"].filter((dial) => before[dial] !== after[dial]);
  return dials.join(" and ");
}

function differenceOfPoints(before, after) {
  const idsOf = (points) => new Set(points.map(({ id }) => id));
  const [old, present] = [idsOf(before), idsOf(after)];
  const added = after.filter(({ id }) => !old.has(id));
  const removed = before.filter(({ id }) => !present.has(id));
  const others = after.filter((point) => old.has(point.id) && !before.includes(point));
  if (removed.length > 1 && !after.length) return "removing all points";
  if (added.length + removed.length + others.length !== 1) return "changes to several points";
  const [point] = [...added, ...others];
  if (!point) return `removing point ${before.indexOf(removed[0]) + 1}`;
  const name = `point ${after.indexOf(point) + 1}`;
  if (added.length) return `adding ${name}`;
  const was = before.find(({ id }) => id === point.id);
  if (was.x !== point.x || was.y !== point.y) return `moving ${name}`;
  return was.reach === point.reach ? `colour of ${name}` : `reach of ${name}`;
}
