/** The page: puts its parts together. */

import { request } from "./api.js";
import { Compare } from "./compare.js";
import { Dials } from "./dials.js";
import { commandOf, find, isTyping, make } from "./dom.js";
import { Editor } from "./editor.js";
import { archive, deliver, filesOf, save } from "./files.js";
import { Hinting } from "./hinting.js";
import { announce, flashStatus, setStatus } from "./messages.js";
import { Palette } from "./palette.js";
import { Picture, readHints } from "./picture.js";
import { Points } from "./points.js";
import { Stage } from "./stage.js";
import { recall } from "./store.js";
import { Strip } from "./strip.js";
import { Versions } from "./versions.js";

const on = (id, act, type = "click") => find(id).addEventListener(type, act);

const stage = new Stage(find("stage"));
const editor = new Editor(stage);
const points = new Points(find("points"), stage);
const palette = new Palette(find("palette"), stage);
const hinting = new Hinting(editor, points, palette);
const dials = new Dials(editor);
new Compare(editor);
const versions = new Versions(find("others"), editor);
const strip = new Strip(find("strip"));
const abilities = { hints: true, distribution: true };
let touched = false; // whether anybody has pointed at the photo yet

// --- photos come and go ----------------------------------------------------------------------

/** Takes files in, and opens the first of them. @param {File[]} files */
function take(files) {
  if (!files.length) return;
  const last = Math.max(0, ...strip.pictures.map(({ order }) => order));
  const pictures = files.map((file, i) => Picture.from(file, last + i + 1));
  strip.add(pictures);
  open(pictures[0]);
  strip.work();
}

function open(picture) {
  view("editor");
  localStorage.setItem("open", picture.key);
  find("name").textContent = picture.name;
  strip.current = picture;
  editor.open(picture);
  strip.work();
}

function close(picture) {
  const at = strip.pictures.indexOf(picture);
  strip.remove(picture);
  picture.remove();
  const next = strip.pictures[at] ?? strip.pictures[at - 1];
  if (next) open(next);
  else welcome();
}

function view(name) {
  document.body.dataset.view = name;
  find("welcome").hidden = name !== "welcome";
  find("editor").hidden = name !== "editor";
  find("refusal").hidden = true;
  strip.refresh();
}

/** Says on the welcome page what went wrong. */
function refuse(sentence) {
  find("refusal").textContent = sentence;
  find("refusal").hidden = false;
}

function welcome() {
  localStorage.removeItem("open");
  editor.open(null);
  strip.current = null;
  find("name").textContent = "";
  view("welcome");
  find("choose").focus();
}

const choose = () => find("files").click();
on("files", ({ target }) => {
  take([...target.files]);
  target.value = "";
}, "change");

on("choose", choose);
on("add", choose);
on("home", (event) => {
  event.preventDefault();
  welcome();
});
editor.on("again", choose);
editor.on("close", () => close(editor.picture));
strip.on("choose", (picture) => open(picture));

let depth = 0; // of elements that a dragged file has entered
const carries = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (carries(event)) find("curtain").hidden = ++depth < 1;
});
addEventListener("dragleave", (event) => {
  if (carries(event) && --depth < 1) find("curtain").hidden = true;
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  find("curtain").hidden = true;
  const files = await filesOf(event.dataTransfer);
  if (!files.length) refuse("That was no file: save the picture first, then drop it here.");
  take(files);
});
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  take(files);
});

// --- results ---------------------------------------------------------------------------------

const all = () => deliver(() => archive(strip.done), find("all"));

on("download", () => deliver(() => editor.picture.full(), find("download")));
on("all", all);
strip.on("save", (picture) => deliver(() => picture.full()));

const commands = {
  comparison: () => deliver(() => editor.picture.comparison()),
  zip: all,
  keys: () => find("keys").showModal(),
  remove: () => close(editor.picture),
  clear: () => editor.picture.set({ points: [] }),
  save: () => {
    const { stem } = editor.picture;
    save(new File([editor.picture.hintFile()], `${stem}.hints.json`, { type: "application/json" }));
  },
  load: () => find("hint-file").click(),
};
on("hint-file", async ({ target }) => {
  const [file] = target.files;
  try {
    editor.picture.set({ points: readHints(await file.text(), editor.picture.facts) });
  } catch (error) {
    flashStatus(error.message);
  }
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

function toggle(id, act) {
  on(id, () => {
    const pressed = find(id).ariaPressed !== "true";
    find(id).ariaPressed = String(pressed);
    act(pressed);
  });
}

on("undo", undo);
on("redo", redo);
toggle("show", (shown) => find("stage").classList.toggle("without-points", !shown));
toggle("guesses", (shown) => editor.guess(shown));
on("versions", () => versions.open());
on("zoom-in", stage.zoomIn);
on("zoom-out", stage.zoomOut);
on("zoom-fit", stage.zoomToFit);
on("turn", () => {
  const shown = find("adjust").classList.toggle("open");
  find("turn").ariaExpanded = String(shown);
});
for (const part of document.querySelectorAll(".controls, .notice")) {
  part.addEventListener("pointerdown", (event) => event.stopPropagation());
}

const zoomKeys = {
  "+": stage.zoomIn, "=": stage.zoomIn, "-": stage.zoomOut, _: stage.zoomOut, 0: stage.zoomToFit,
};
addEventListener("keydown", (event) => {
  const dialog = document.querySelector("dialog[open], :popover-open");
  if (!editor.ready || isTyping(event) || dialog || event.altKey) return;
  const plain = { ...zoomKeys, escape: () => hinting.close() };
  const control = { z: event.shiftKey ? redo : undo, y: redo };
  const act = (event.ctrlKey || event.metaKey ? control : plain)[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

function show() {
  const { picture, ready } = editor;
  const count = picture?.points.length ?? 0;
  find("undo").disabled = !(ready && picture.canUndo);
  find("redo").disabled = !(ready && picture.canRedo);
  find("download").disabled = !ready;
  find("show").disabled = !count;
  find("versions").disabled = find("guesses").disabled = !(ready && abilities.distribution);
  if (picture?.facts?.pages > 1) find("versions").disabled = true; // they are points, too
  const allowed = { save: ready && count, clear: ready && count, comparison: ready, load: ready };
  for (const [command, allow] of Object.entries(allowed)) {
    find("menu").querySelector(`[data-do=${command}]`).disabled = !allow;
  }
}

palette.on("open", () => {
  if (!touched) setStatus("");
  touched = true;
});

editor.on("opened", () => {
  find("guesses").ariaPressed = "false";
  editor.guess(false);
  show();
  if (editor.ready && !touched) setStatus("Wrong colour? Click it to change it.");
});
editor.on("points", show);

// --- beginning -------------------------------------------------------------------------------

async function offerSamples() {
  const { photos } = await (await request("samples-photos")).json();
  find("samples").hidden = !photos.length;
  find("samples").querySelector("ul").replaceChildren(...photos.map(({ name }) => {
    const src = `static/samples/${encodeURIComponent(name)}`;
    const words = name.replace(/\.[^.]+$/, "").replace(/[-_]/g, " ");
    const onclick = async () => {
      const blob = await (await fetch(src)).blob();
      take([new File([blob], name, { type: blob.type })]);
    };
    return make("li", {}, make("button", { onclick }, make("img", { src, alt: `Sample: ${words}` })));
  }));
}

async function learn() {
  const { models } = await (await request("models")).json();
  const model = models.find((one) => one.default) ?? models[0];
  Object.assign(abilities, model);
  dials.usual = model?.vivid ?? null;
  dials.show();
  show();
}

async function restore() {
  const kept = await recall();
  if (!kept.length) return;
  const pictures = kept.map(({ key, blob, notes }) => new Picture(key, blob, notes));
  touched = pictures.some((picture) => picture.points.length);
  strip.add(pictures);
  const last = pictures.find(({ key }) => key === localStorage.getItem("open"));
  if (last) open(last);
  strip.work();
}

find("where").textContent = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)
  ? "It stays on this computer."
  : `It is sent to ${location.host} and nowhere else.`;
restore();
learn().catch((error) => refuse(error.message));
offerSamples().catch((error) => refuse(error.message));
