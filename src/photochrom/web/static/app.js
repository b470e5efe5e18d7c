/** The page: puts its parts together. */

import { request } from "./api.js";
import { Card } from "./card.js";
import { Compare } from "./compare.js";
import { Dials } from "./dials.js";
import { commandOf, find, isTyping } from "./dom.js";
import { Downloads } from "./downloads.js";
import { Editor } from "./editor.js";
import { archive, deliver, save } from "./files.js";
import { Grid } from "./grid.js";
import { Hinting } from "./hinting.js";
import { giveHints, holdsHints } from "./hintfiles.js";
import { choose, offerSamples, receive } from "./intake.js";
import { announce, flashStatus, setStatus } from "./messages.js";
import { Looks } from "./looks.js";
import { loadNames } from "./names.js";
import { Palette } from "./palette.js";
import { Picture } from "./picture.js";
import { own } from "./place.js";
import { Points } from "./points.js";
import { Stage } from "./stage.js";
import { forgetAll, recall } from "./store.js";
import { Unsure } from "./unsure.js";
import { Versions } from "./versions.js";

const on = (id, act, type = "click") => find(id).addEventListener(type, act);

const stage = new Stage(find("stage"));
const editor = new Editor(stage);
const points = new Points(find("points"), stage);
const palette = new Palette(find("palette"), stage);
const hinting = new Hinting(editor, points, palette);
const dials = new Dials(editor);
const looks = new Looks(editor);
const unsure = new Unsure(editor);
new Compare(editor);
const versions = new Versions(find("others"), editor);
const grid = new Grid(find("grid"));
const downloads = new Downloads(editor, new Card(find("card"), editor));
const pointing = matchMedia("(hover: none)").matches ? "Tap" : "Click";
const TIP = `Wrong colour? ${pointing} it to change it.`;
const abilities = { hints: true, distribution: true };
let touched = false; // whether anybody has pointed at the photo yet

// --- photos come and go ----------------------------------------------------------------------

/** Takes files in: one is opened, several are shown together. @param {File[]} files */
async function take(files) {
  const photos = files.filter((file) => !holdsHints(file));
  const last = Math.max(0, ...grid.pictures.map(({ order }) => order));
  const pictures = photos.map((file, i) => Picture.from(file, last + i + 1));
  const open = !photos.length && editor.ready ? editor.picture : null;
  await giveHints(files.filter(holdsHints), [...grid.pictures, ...pictures], open, complain);
  if (!pictures.length) return grid.work();
  grid.add(pictures);
  if (photos.length === 1 && document.body.dataset.view !== "grid") go("editor", pictures[0]);
  else go("grid");
  grid.work();
}

/** Says what was wrong with what came. */
function complain(sentence) {
  if (document.body.dataset.view === "welcome") refuse(sentence);
  else flashStatus(sentence);
}

/** Takes photos away; they can be had back for some seconds. */
function remove(pictures) {
  const first = grid.pictures.indexOf(pictures[0]);
  const open = pictures.includes(editor.picture);
  grid.remove(pictures);
  for (const picture of pictures) picture.remove();
  const next = grid.pictures[first] ?? grid.pictures[first - 1];
  if (!next) go("welcome", null, "replace");
  else if (open) go("editor", next, "replace");
  else grid.reveal(next);
  const what = pictures.length > 1 ? `${pictures.length} photos` : pictures[0].name;
  flashStatus(`Removed ${what}.`, ["Undo", () => {
    for (const picture of pictures) picture.restore();
    grid.add(pictures);
    if (open) go("editor", pictures[0]);
    else go("grid", null, "replace");
    grid.work();
  }]);
}

/** Leaves nothing of any photo in the browser and on the server. */
async function removeAll() {
  const { pictures } = grid;
  grid.remove(pictures);
  go("welcome", null, "replace");
  await Promise.all(pictures.map((picture) => picture.remove()));
  await forgetAll();
  flashStatus("Everything removed.");
}

function confirmRemoval() {
  const count = grid.pictures.length;
  const what = count === 1
    ? "Your photo and your changes to it" : `All ${count} photos and your changes to them`;
  find("removal-words").textContent =
    `${what} will be removed from this browser and from the server. You can't undo this.`;
  find("removal").showModal();
}

on("removal", (event) => {
  const command = event.target === find("removal") ? "cancel" : commandOf(event);
  if (command) find("removal").close();
  if (command === "remove") removeAll();
});
on("remove-all", confirmRemoval);

// --- views and the browser's history of them ------------------------------------------------

const VIEWS = ["welcome", "grid", "editor"];

/**
 * Shows a view, as a new entry of the history or in place of the present one.
 *
 * @param {"welcome" | "grid" | "editor"} view
 * @param {Picture | null} [picture] for the editor
 * @param {"push" | "replace"} [how]
 */
function go(view, picture = null, how = "push") {
  const next = { view, key: picture?.key ?? null };
  const same = history.state?.view === view && history.state.key === next.key;
  history[same || how === "replace" ? "replaceState" : "pushState"](next, "");
  show(next);
}

/** Shows a place of the history, or the nearest to it if its photo was removed. */
function show({ view, key }) {
  place = { view, key };
  const picture = grid.pictures.find((one) => one.key === key) ?? null;
  if (view === "editor" && !picture) view = "grid";
  if (view === "grid" && !grid.pictures.length) view = "welcome";
  const before = editor.picture;
  const was = document.body.dataset.view;
  const shown = view === "editor" ? picture : null;
  document.body.dataset.view = view;
  for (const name of VIEWS) find(name).hidden = name !== view;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  find("refusal").hidden = true;
  find("name").textContent = shown?.name ?? "";
  grid.current = shown;
  if (shown !== before || !shown) editor.open(shown);
  if (shown) localStorage.setItem(own("open"), key);
  else localStorage.removeItem(own("open"));
  showPlace();
  if (view === "grid") {
    grid.work();
    grid.reveal(before);
  }
  if (view === "welcome" && was !== view) find("choose").focus();
}

/** Closes what lies over the view or stands in for a part of it; tells whether anything did. */
function closeOpen() {
  const over = document.querySelector("dialog[open], :popover-open");
  if (over?.matches("dialog")) over.close();
  else over?.hidePopover();
  return Boolean(over) || hinting.close();
}

let place = history.state; // that is shown
addEventListener("popstate", ({ state }) => {
  if (closeOpen()) history.pushState(place, ""); // Back closes that first
  else show(state ?? { view: "welcome", key: null });
});
addEventListener("beforeunload", (event) => {
  if (grid.pictures.some((picture) => picture.fleeting)) event.preventDefault();
});

/** Which of how many photos is open, and ways to the others. */
function showPlace() {
  const count = grid.pictures.length;
  const at = grid.pictures.indexOf(editor.picture);
  find("pager").hidden = count < 2 || at < 0;
  find("position").textContent = `${at + 1} of ${count}`;
  find("previous").disabled = at < 1;
  find("next").disabled = at >= count - 1;
  find("resume").hidden = !count;
  find("resume").textContent = count === 1 ? "Back to your photo" : `Back to your ${count} photos`;
}

/** Opens the photo so many places further on. */
function turn(by) {
  const next = grid.pictures[grid.pictures.indexOf(editor.picture) + by];
  if (!editor.picture || !next) return;
  go("editor", next, "replace"); // so that Back leads to all photos
  announce(`${next.name}, ${find("position").textContent}`);
}

on("previous", () => turn(-1));
on("next", () => turn(1));
on("all-photos", () => go("grid"));
on("resume", () => (grid.pictures.length === 1 ? go("editor", grid.pictures[0]) : go("grid")));

/** Says on the welcome page what went wrong. */
function refuse(sentence) {
  find("refusal").textContent = sentence;
  find("refusal").hidden = false;
}

receive(take, refuse);
on("choose", choose);
on("add", choose);
on("home", (event) => {
  event.preventDefault();
  go("welcome");
});
editor.on("again", choose);
editor.on("close", () => remove([editor.picture]));
grid.on("open", (picture) => go("editor", picture));
grid.on("remove", (picture) => remove([picture]));
grid.on("clear", (pictures) => remove(pictures));

// --- results ---------------------------------------------------------------------------------

on("all", () => deliver(() => archive(grid.usable), find("all")));
grid.on("save", (picture) => deliver(() => picture.full()));

const commands = {
  add: choose,
  keys: () => find("keys").showModal(),
  remove: () => remove([editor.picture]),
  everything: confirmRemoval,
  clear: () => editor.picture.set({ points: [] }),
  save: () => {
    const { stem } = editor.picture;
    save(new File([editor.picture.hintFile()], `${stem}.hints.json`, { type: "application/json" }));
  },
  load: () => find("hint-file").click(),
};
on("hint-file", async ({ target }) => {
  await giveHints([...target.files], [], editor.picture, flashStatus);
  target.value = "";
}, "change");
on("menu", (event) => {
  const command = commandOf(event);
  if (!command) return;
  find("menu").hidePopover();
  commands[command]();
});
on("keys", (event) => {
  if (commandOf(event) || event.target === find("keys")) find("keys").close();
});

// --- tools -----------------------------------------------------------------------------------

const [undo, redo] = [["undo", "Undid"], ["redo", "Redid"]].map(([way, did]) => () => {
  if (!editor.ready) return;
  const what = editor.picture[way]();
  if (what) announce(`${did}: ${what}.`);
});

on("undo", undo);
on("redo", redo);
on("show", () => hinting.showPoints(!points.shown));
on("versions", () => versions.open());
on("zoom-in", stage.zoomIn);
on("zoom-out", stage.zoomOut);
on("zoom-fit", stage.zoomToFit);
on("turn", () => {
  const shown = find("adjust").classList.toggle("open");
  find("turn").ariaExpanded = String(shown);
  if (shown) unsure.show(false); // one sheet at a time
});
on("unsure", () => {
  find("adjust").classList.remove("open");
  find("turn").ariaExpanded = "false";
});
for (const part of document.querySelectorAll(".controls, .notice")) {
  part.addEventListener("pointerdown", (event) => event.stopPropagation());
}

const zoomKeys = {
  "+": stage.zoomIn, "=": stage.zoomIn, "-": stage.zoomOut, _: stage.zoomOut, 0: stage.zoomToFit,
  1: stage.zoomToPixels,
};
addEventListener("keydown", (event) => {
  const dialog = document.querySelector("dialog[open], :popover-open");
  const other = dialog || isTyping(event) || event.altKey || event.defaultPrevented;
  if (other || !editor.picture) return;
  const tools = editor.ready && { ...zoomKeys, escape: () => hinting.close() };
  const plain = { ...tools, pageup: () => turn(-1), pagedown: () => turn(1) };
  const control = { z: event.shiftKey ? redo : undo, y: redo };
  const act = (event.ctrlKey || event.metaKey ? control : plain)[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

function showTools() {
  const { picture, ready } = editor;
  const count = picture?.points.length ?? 0;
  find("undo").disabled = !(ready && picture.canUndo);
  find("redo").disabled = !(ready && picture.canRedo);
  downloads.show();
  find("show").disabled = !count;
  find("versions").disabled = find("unsure").disabled = !(ready && abilities.distribution);
  if (picture?.facts?.pages > 1) find("versions").disabled = true; // they are points, too
  const allowed = { save: ready && count, clear: ready && count, load: ready, remove: picture };
  for (const [command, allow] of Object.entries(allowed)) {
    find("menu").querySelector(`[data-do=${command}]`).disabled = !allow;
  }
}

palette.on("open", () => {
  if (!touched) setStatus("");
  touched = true;
});

editor.on("opened", () => {
  showTools();
  if (editor.ready && !touched) setStatus(TIP);
});
editor.on("points", showTools);

// --- beginning -------------------------------------------------------------------------------

async function learn() {
  const { models } = await (await request("models")).json();
  const model = models.find((one) => one.default) ?? models[0];
  Object.assign(abilities, model);
  dials.usual = model?.vivid ?? null;
  dials.show();
  grid.usual = dials.usual;
  grid.showDials();
  looks.offer(dials.usual);
  showTools();
}

async function restore() {
  const kept = await recall();
  const pictures = kept.map(({ key, blob, notes }) => new Picture(key, blob, notes));
  touched = pictures.some((picture) => picture.points.length);
  grid.add(pictures);
  const last = pictures.find(({ key }) => key === localStorage.getItem(own("open")));
  if (history.state) show(history.state);
  else go(last ? "editor" : pictures.length > 1 ? "grid" : "welcome", last, "replace");
}

find("where").textContent = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)
  ? "Your photos stay on this computer."
  : `Your photos are sent to ${location.host} and nowhere else.`;
restore();
learn().catch((error) => refuse(error.message));
loadNames().catch((error) => refuse(error.message));
offerSamples(take).catch((error) => refuse(error.message));
