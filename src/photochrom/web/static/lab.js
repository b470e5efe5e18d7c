/**
 * sRGB and CIE Lab (D65), with the digits of photochrom/color.py, so that page and engine agree.
 *
 * @typedef {[number, number]} Ab  a and b, -128..127
 * @typedef {[number, number, number]} Rgb  0..255
 */

const XYZ_FROM_RGB = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];
const RGB_FROM_XYZ = [
  [3.240481343200526, -1.5371515162713185, -0.4985363261688878],
  [-0.9692549499965682, 1.8759900014898907, 0.04155592655829284],
  [0.05564663913517716, -0.20404133836651123, 1.0573110696453443],
];
const WHITE = [0.95047, 1, 1.08883];
const EPSILON = 0.008856;
const KAPPA = 7.787;
const OFFSET = 16 / 116;

// A quarter of an 8-bit step, as photochrom.color.in_gamut allows.
const LOW = -0.25 / 255 / 12.92;
const HIGH = 1 + (0.25 / 255) * (2.4 / 1.055);

const mix = (matrix, v) => matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
const decode = (c) => (c > 0.04045 ? ((c + 0.055) / 1.055) ** 2.4 : c / 12.92);
const encode = (c) => (c > 0.0031308 ? 1.055 * c ** (1 / 2.4) - 0.055 : 12.92 * c);

/** @param {Rgb} rgb @returns {[number, number, number]} L 0..100, a, b */
export function rgbToLab(rgb) {
  const xyz = mix(XYZ_FROM_RGB, rgb.map((c) => decode(c / 255)));
  const [x, y, z] = xyz
    .map((v, i) => v / WHITE[i])
    .map((t) => (t > EPSILON ? Math.cbrt(t) : KAPPA * t + OFFSET));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** L of a grey level, 0..255. */
export const greyToLightness = (level) => LIGHTNESS[level];

const LIGHTNESS = Float64Array.from({ length: 256 }, (_, level) => rgbToLab([level, level, level])[0]);

function toLinear(lightness, a, b) {
  const y = (lightness + 16) / 116;
  const xyz = [y + a / 500, y, y - b / 200].map((f, i) => {
    const cubed = f ** 3;
    return WHITE[i] * (cubed > EPSILON ? cubed : (f - OFFSET) / KAPPA);
  });
  return mix(RGB_FROM_XYZ, xyz);
}

/** Whether sRGB can show the colour. */
export function inGamut(lightness, a, b) {
  return toLinear(lightness, a, b).every((c) => c >= LOW && c <= HIGH);
}

/** The colour, pulled towards grey at its lightness until sRGB can show it. @returns {Ab} */
export function fitGamut(lightness, a, b) {
  if (inGamut(lightness, a, b)) return [a, b];
  let share = 0;
  for (let step = 0.5; step > 0.0005; step /= 2) {
    if (inGamut(lightness, a * (share + step), b * (share + step))) share += step;
  }
  return [a * share, b * share];
}

/** @returns {Rgb} rounded; what sRGB cannot show is clipped */
export function labToRgb(lightness, a, b) {
  return toLinear(lightness, a, b).map((c) =>
    Math.round(255 * Math.min(1, Math.max(0, encode(Math.max(0, c))))),
  );
}

/** "#rrggbb" of an ab at a lightness, within sRGB. */
export function hexOf(lightness, [a, b]) {
  const rgb = labToRgb(lightness, ...fitGamut(lightness, a, b));
  return `#${rgb.map((c) => c.toString(16).padStart(2, "0")).join("")}`;
}

/** ab of "#rrggbb", "rrggbb" or "#rgb"; null if it is none. @returns {Ab | null} */
export function abOfHex(text) {
  let digits = text.trim().replace(/^#/, "");
  if (/^[0-9a-f]{3}$/i.test(digits)) digits = digits.replace(/./g, "$&$&");
  if (!/^[0-9a-f]{6}$/i.test(digits)) return null;
  const rgb = [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
  return rgbToLab(rgb).slice(1);
}

/** ab of whatever CSS calls a colour, such as "olive"; null if it is none. @returns {Ab | null} */
export function abOfWords(text) {
  if (!CSS.supports("color", text)) return null;
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = text;
  context.fillRect(0, 0, 1, 1);
  return rgbToLab([...context.getImageData(0, 0, 1, 1).data].slice(0, 3)).slice(1);
}

/** The smallest square of the ab plane that holds all colours of a lightness: a, b, half side. */
export function gamutSquare(lightness) {
  let [aMin, aMax, bMin, bMax] = [0, 0, 0, 0];
  for (let i = 0; i < 72; i++) {
    const [a, b] = fitGamut(
      lightness,
      130 * Math.cos((i * Math.PI) / 36),
      130 * Math.sin((i * Math.PI) / 36),
    );
    [aMin, aMax] = [Math.min(aMin, a), Math.max(aMax, a)];
    [bMin, bMax] = [Math.min(bMin, b), Math.max(bMax, b)];
  }
  const half = Math.max(8, (aMax - aMin) / 2, (bMax - bMin) / 2) * 1.04;
  return { a: (aMin + aMax) / 2, b: (bMin + bMax) / 2, half };
}
