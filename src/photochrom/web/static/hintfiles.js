/** Files of points: those that were saved here, and those of a film's shots. */

import { abOfWords } from "./lab.js";
import { REACHES } from "./picture.js";

/**
 * What a hint file holds: points without an id, and width and height of the photo they are for.
 *
 * @typedef {{size: [number, number] | null, points: object[]}} HintFile
 */

const NAME = /(\.hints)?( ?\(\d+\))?\.json$/i; // a browser numbers downloads of one name
const SAVED = /\.hints\b/i;

/** Whether a file is one of hints, by its name. @param {File} file */
export const holdsHints = ({ name }) => /\.json$/i.test(name);

/** What a hint file says. @returns {HintFile} */
function readHints(text) {
  const wrong = new Error("There are no points in this file: choose one that was saved here.");
  try {
    const content = JSON.parse(text);
    const { size = null } = content;
    const hints = Array.isArray(content) ? content : content.hints ?? content.points;
    const points = hints.map(({ x, y, color, reach = "normal" }) => {
      const ab = typeof color === "string" ? abOfWords(color) : color;
      const fine = ab?.length === 2 && [x, y, ...ab, ...(size ?? [])].every(Number.isFinite);
      if (!fine || !Object.hasOwn(REACHES, reach)) throw wrong;
      return { x, y, ab, reach };
    });
    if (size && !(size.length === 2 && size.every((side) => side > 0))) throw wrong;
    return { size, points };
  } catch {
    throw wrong;
  }
}

/**
 * Gives points to the photos whose names their files have, or those of a lone file to the open one.
 *
 * @param {File[]} files
 * @param {import("./picture.js").Picture[]} pictures
 * @param {import("./picture.js").Picture | null} open
 * @param {(sentence: string) => void} complain
 */
export async function giveHints(files, pictures, open, complain) {
  for (const [stem, hints] of await readFiles(files, complain)) {
    let meant = pictures.filter((picture) => picture.stem === stem);
    if (!meant.length && open && files.length === 1) meant = [open];
    for (const picture of meant) picture.bring(hints);
    if (!meant.length) complain(`There is no photo called ${stem} here: bring it with its points.`);
  }
}

/** What files say, by the stems of their photos: that which was saved here counts most. */
async function readFiles(files, complain) {
  const found = new Map();
  const saved = ({ name }) => SAVED.test(name);
  for (const file of files.toSorted((one, other) => saved(one) - saved(other))) {
    try {
      const hints = readHints(await file.text());
      if (!hints.points.length && files.length > 1) continue; // as of shots that need none
      found.set(file.name.replace(NAME, ""), hints);
    } catch (error) {
      complain(files.length > 1 ? `${file.name}: ${error.message}` : error.message);
    }
  }
  return found;
}
