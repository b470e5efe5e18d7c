/** What the page says: to eyes on the stage and above it, to ears through a live region. */

import { connection, waiting } from "./api.js";

const find = (id) => document.getElementById(id);
const SOON = 400; // milliseconds of work that nobody needs to be told of
const LONG = 2500;

const SENTENCES = {
  gone: "photochrom does not answer. Your photos and points are safe here; it is tried again.",
  busy: "photochrom has much to do. Your photo waits its turn.",
};

connection.addEventListener("change", ({ detail }) => {
  const banner = find("banner");
  banner.textContent = SENTENCES[detail] ?? "";
  banner.hidden = !(detail in SENTENCES);
});

/** For those who do not see it. */
export function say(text) {
  find("live").textContent = text;
}

let lasting = "";
let passing = "";
let fade = 0;

function show() {
  const pill = find("pill");
  pill.textContent = passing || lasting;
  pill.hidden = !pill.textContent;
}

/** A line on the stage until it is another; "" for none. */
export function line(text) {
  lasting = text;
  show();
}

/** A line on the stage for some seconds. */
export function note(text) {
  passing = text;
  show();
  say(text);
  clearTimeout(fade);
  fade = setTimeout(() => {
    passing = "";
    show();
  }, 6000);
}

let work = 0;

/** Tells that something is being worked on, if it takes long; answers how to end that. */
export function working(text) {
  const mine = ++work;
  const current = () => mine === work;
  const soon = setTimeout(() => current() && line(text), SOON);
  const long = setInterval(async () => {
    const before = await waiting();
    if (current() && before) line(`Waiting: ${before} before this one…`);
  }, LONG);
  return () => {
    clearTimeout(soon);
    clearInterval(long);
    if (current()) line("");
  };
}

/**
 * A card on the stage.
 *
 * @param {string} sentence
 * @param {{spins?: boolean, choices?: [string, () => void][]}} [more]
 */
export function notice(sentence, { spins = false, choices = [] } = {}) {
  const card = find("notice");
  card.hidden = !sentence;
  card.querySelector(".spinner").hidden = !spins;
  card.querySelector("p").textContent = sentence;
  card.querySelector(".choices").replaceChildren(
    ...choices.map(([label, act], i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = i ? "quiet" : "strong";
      button.textContent = label;
      button.addEventListener("click", act);
      return button;
    }),
  );
  if (sentence) say(sentence);
}
