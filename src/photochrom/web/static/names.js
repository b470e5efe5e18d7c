/** Names of colours, as the server has them: those of CSS, in words. */

import { request } from "./api.js";
import { hexOf, rgbToLab } from "./lab.js";

// As in photochrom/inference/color_names.py, so that page and server say the same.
const GREY = 8;
const LIGHTNESS = 0.75;
const DARK = 16;

/** @type {{name: string, grey: boolean, place: number[]}[]} empty until they have come */
let known = [];

/** Where a colour is as names go by it: a and b as at L 50, where they are as strong. */
function placeOf(lightness, a, b) {
  const strength = (50 + DARK) / (lightness + DARK);
  return [LIGHTNESS * lightness, a * strength, b * strength];
}

const isGrey = ([a, b]) => Math.hypot(a, b) < GREY;

/** Asks the server for the names, once. */
export async function loadNames() {
  const names = await (await request("color-names")).json();
  known = Object.entries(names).map(([name, hex]) => {
    const rgb = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    const [lightness, ...ab] = rgbToLab(rgb);
    return { name, grey: isGrey(ab), place: placeOf(lightness, ...ab) };
  });
}

/** A word or more for a colour, for captions and screen readers. */
export function nameOf(lightness, ab) {
  const here = placeOf(lightness, ...ab);
  const far = ({ place }) => Math.hypot(...place.map((c, i) => c - here[i]));
  const fitting = known.filter(({ grey }) => !grey || isGrey(ab));
  if (!fitting.length) return hexOf(lightness, ab);
  return fitting.reduce((best, other) => (far(other) < far(best) ? other : best)).name;
}
