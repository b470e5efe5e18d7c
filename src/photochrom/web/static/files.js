/** Files in and out of the page. */

import { aborted } from "./api.js";
import { make } from "./dom.js";
import { announce, flashStatus, setStatus, showProgress } from "./messages.js";
import { zip } from "./zip.js";

/** Saves a file to where the browser puts downloads. @param {File} file */
export function save(file) {
  const url = URL.createObjectURL(file);
  make("a", { href: url, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Gets a file and saves it; tells what happens. The button cannot be pressed meanwhile. */
export async function deliver(makeFile, button) {
  if (button) button.disabled = true;
  const done = showProgress("Making the photo at full size…");
  let told = "It is among your downloads.";
  try {
    save(await makeFile());
  } catch (error) {
    told = aborted(error) ? "" : error.message;
  }
  done();
  if (told) flashStatus(told);
  if (button) button.disabled = false;
}

/** The results of several photos in one file. @param {import("./picture.js").Picture[]} pictures */
export async function archive(pictures) {
  const files = [];
  const missed = [];
  for (const [i, picture] of pictures.entries()) {
    setStatus(`Photo ${i + 1} of ${pictures.length}…`);
    announce(`Photo ${i + 1} of ${pictures.length}`);
    try {
      files.push(await picture.full());
    } catch (error) {
      missed.push(`${picture.name}: ${error.message}`);
    }
  }
  setStatus("");
  if (!files.length) throw new Error(missed.join(" "));
  if (missed.length) setTimeout(() => flashStatus(`Without ${missed.join(" ")}`), 100);
  return new File([await zip(files)], "photochrom.zip", { type: "application/zip" });
}

/** The files of a drop or a paste, also those inside folders. @param {DataTransfer} transfer */
export async function filesOf(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? null);
  const plain = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const found = await Promise.all(entries.map((entry, i) => (entry ? walk(entry) : [plain[i]])));
  return found.flat().filter((file) => file && !file.name.startsWith("."));
}

async function walk(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader tells of a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(walk))).flat());
  }
}
