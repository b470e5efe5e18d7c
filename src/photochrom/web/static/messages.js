/** What the page says: to eyes on the stage and above it, to ears through a live region. */

import { connection, waiting } from "./api.js";
import { find, make } from "./dom.js";

const SOON = 400; // milliseconds of work that nobody needs to be told of
const LONG = 2500;
const PASSING = 6000;
const SENTENCES = {
  gone: "photochrom does not answer. Your photos and points are safe here; it is tried again.",
  busy: "photochrom has much to do. Your photo waits its turn.",
};

connection.on("change", (state) => {
  find("banner").textContent = SENTENCES[state] ?? "";
  find("banner").hidden = !(state in SENTENCES);
});

/** For those who do not see it. */
export function announce(text) {
  find("live").textContent = text;
}

let lasting = "";
let passing = "";
let fade = 0;
let work = 0;

function show() {
  find("pill").textContent = passing || lasting;
  find("pill").hidden = !find("pill").textContent;
}

/** A line on the stage until it is another; "" for none. */
export function setStatus(text) {
  lasting = text;
  show();
}

/** A line on the stage for some seconds. */
export function flashStatus(text) {
  passing = text;
  show();
  announce(text);
  clearTimeout(fade);
  fade = setTimeout(() => {
    passing = "";
    show();
  }, PASSING);
}

/** Tells that something is being worked on, if it takes long; answers how to end that. */
export function showProgress(text) {
  const mine = ++work;
  const current = () => mine === work;
  const soon = setTimeout(() => current() && setStatus(text), SOON);
  const long = setInterval(async () => {
    const before = await waiting();
    if (current() && before) setStatus(`Waiting: ${before} before this one…`);
  }, LONG);
  return () => {
    clearTimeout(soon);
    clearInterval(long);
    if (current()) setStatus("");
  };
}

/**
 * A card on the stage; "" for none.
 *
 * @param {string} sentence
 * @param {{spins?: boolean, choices?: [string, () => void][]}} [more]
 */
export function showCard(sentence, { spins = false, choices = [] } = {}) {
  const card = find("notice");
  card.hidden = !sentence;
  card.querySelector(".spinner").hidden = !spins;
  card.querySelector("p").textContent = sentence;
  card.querySelector(".choices").replaceChildren(...choices.map(([textContent, onclick], i) =>
    make("button", { className: i ? "quiet" : "strong", textContent, onclick })));
  if (sentence) announce(sentence);
}
