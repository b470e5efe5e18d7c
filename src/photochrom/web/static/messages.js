/** What the page says: to eyes on and above the stage, to ears through a live region. */

import { connection, waiting } from "./api.js";
import { find, make } from "./dom.js";

const SOON = 400; // milliseconds of work that nobody needs to be told of
const LONG = 2500;
const PASSING = 6000;
const SENTENCES = {
  gone: "Reconnecting… Your photos and changes are safe.",
  busy: "The server is busy. Your photo is in the queue.",
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

/** Lasting words are on the stage where there is one; passing words lie above everything. */
function show() {
  const staged = document.body.dataset.view === "editor";
  find("pill").textContent = staged && !passing ? lasting : "";
  find("pill").hidden = !find("pill").textContent;
  find("toast-words").textContent = passing || (staged ? "" : lasting);
  find("toast").hidden = !find("toast-words").textContent;
}

/** A line that stays until it is another; "" for none. */
export function setStatus(text) {
  lasting = text;
  show();
}

/**
 * A line for some seconds.
 *
 * @param {string} text
 * @param {[string, () => void]} [choice] a button beside it, and what it does
 */
export function flashStatus(text, choice) {
  passing = text;
  const button = find("toast").querySelector("button");
  button.hidden = !choice;
  button.textContent = choice?.[0] ?? "";
  button.onclick = () => {
    passing = "";
    show();
    choice[1]();
  };
  show();
  announce(choice ? `${text} ${choice[0]}?` : text);
  const end = () => {
    if (button.matches(":hover, :focus")) return void (fade = setTimeout(end, PASSING));
    passing = "";
    show();
  };
  clearTimeout(fade);
  fade = setTimeout(end, choice ? 2 * PASSING : PASSING);
}

/** Tells that something is being worked on, if it takes long; answers how to end that. */
export function showProgress(text) {
  const mine = ++work;
  const current = () => mine === work;
  const soon = setTimeout(() => current() && setStatus(text), SOON);
  const long = setInterval(async () => {
    const before = await waiting();
    if (current() && before) setStatus(`In the queue: ${before} before this one…`);
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
