/** Files in and out of the page. */

import { aborted } from "./api.js";
import { make } from "./dom.js";
import { announce, flashStatus, setStatus, showProgress } from "./messages.js";
import { LIMIT, TOO_MUCH, zip } from "./zip.js";

/** Saves a file to where the browser puts downloads. @param {File} file */
export function save(file) {
  const url = URL.createObjectURL(file);
  make("a", { href: url, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Whether the system has a sheet to share photos with. */
export function canShare() {
  const sample = new File([], "photo.jpg", { type: "image/jpeg" });
  return Boolean(navigator.canShare?.({ files: [sample] }));
}

/**
 * Hands a file to the system's share sheet; a sheet that is closed again is an AbortError.
 *
 * @param {File} file
 */
export async function share(file) {
  try {
    await navigator.share({ files: [file] });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const tooLate = error.name === "NotAllowedError"; // a click counts for some seconds only
    throw new Error(tooLate
      ? "The photo is ready: press Share again."
      : "This photo can't be shared from here: download it instead.");
  }
}

/**
 * Makes a file and hands it over; says what happens. The button cannot be pressed meanwhile.
 *
 * @param {() => Promise<File>} makeFile
 * @param {HTMLButtonElement} [button]
 * @param {(file: File) => void | Promise<void>} [handOver] by default it is saved
 */
export async function deliver(makeFile, button, handOver = save) {
  if (button) button.disabled = true;
  const done = showProgress("Preparing the full-size photo…");
  let told = handOver === save ? "Saved to Downloads" : "";
  try {
    await handOver(await makeFile());
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
  let size = 0;
  for (const [i, picture] of pictures.entries()) {
    setStatus(`Preparing photo ${i + 1} of ${pictures.length}…`);
    announce(`Photo ${i + 1} of ${pictures.length}`);
    try {
      const file = await picture.full();
      files.push(file);
      size += file.size;
    } catch (error) {
      missed.push(`${picture.name}: ${error.message}`);
    }
    if (size > LIMIT) throw new Error(TOO_MUCH);
  }
  setStatus("");
  if (!files.length) throw new Error(missed.join(" "));
  if (missed.length) setTimeout(() => flashStatus(`Not included: ${missed.join(" ")}`), 100);
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
