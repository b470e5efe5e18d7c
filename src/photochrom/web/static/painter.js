/** Paints a photo by the graphics card: colour and lightness are textures, and meet at each pixel. */

import { link } from "./shader.js";

const UNITS = { grey: 0, lines: 1, original: 2 }; // of textures, by the samplers' names
const WHOLE = [0, 0, 1, 1];

export class Painter {
  /** Whether it takes tiles of a photo that is larger than its preview. */
  takesTiles = true;

  #gl;
  #uniforms;
  #parts = {};
  #textures = {};

  /** @param {HTMLCanvasElement} canvas @throws {Error} where there is no WebGL 2 */
  constructor(canvas) {
    this.#gl = canvas.getContext("webgl2", { antialias: false, depth: false });
    if (!this.#gl) throw new Error("no WebGL 2");
    this.canvas = canvas;
    this.restore();
  }

  /** Begins anew with an empty context, as after its loss. */
  restore() {
    const gl = this.#gl;
    const { program, uniforms } = link(gl);
    this.#uniforms = uniforms;
    this.#textures = {};
    gl.useProgram(program);
    for (const [name, unit] of Object.entries(UNITS)) gl.uniform1i(uniforms[name], unit);
    this.show(this.#parts);
  }

  /**
   * What the photo is made of; only parts that are others now.
   *
   * @param {{lightness?: import("./pixels.js").Lightness, original?: ImageBitmap | null,
   *   chroma?: import("./chroma.js").Chroma | null, strength?: number}} parts
   */
  show(parts) {
    Object.assign(this.#parts, parts);
    const make = { lightness: ({ bitmap }) => this.#mipmapped(bitmap),
      original: (bitmap) => this.#upload("RGBA", bitmap), chroma: (chroma) => this.#lines(chroma) };
    for (const name of Object.keys(make).filter((part) => part in parts)) {
      this.#gl.deleteTexture(this.#textures[name] ?? null);
      this.#textures[name] = parts[name] ? make[name](parts[name]) : null;
    }
  }

  /** A texture of grey levels, for `draw`; free it in the end. @param {ImageBitmap} bitmap */
  upload(bitmap) {
    return this.#upload("R8", bitmap);
  }

  free(texture) {
    this.#gl.deleteTexture(texture);
  }

  #upload(format, bitmap) {
    const gl = this.#gl;
    const texture = this.#texture(gl.LINEAR, gl.LINEAR);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    const [kept, given] = format === "R8" ? [gl.R8, gl.RED] : [gl.RGBA, gl.RGBA];
    gl.texImage2D(gl.TEXTURE_2D, 0, kept, given, gl.UNSIGNED_BYTE, bitmap);
    return texture;
  }

  #mipmapped(bitmap) {
    const gl = this.#gl;
    const texture = this.upload(bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    return texture;
  }

  #lines({ lines, width, height }) {
    const gl = this.#gl;
    const texture = this.#texture(gl.NEAREST, gl.NEAREST);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, width, height, 0, gl.RGBA, gl.FLOAT, lines);
    return texture;
  }

  #texture(smaller, larger) {
    const gl = this.#gl;
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    const settings = { TEXTURE_MIN_FILTER: smaller, TEXTURE_MAG_FILTER: larger,
      TEXTURE_WRAP_S: gl.CLAMP_TO_EDGE, TEXTURE_WRAP_T: gl.CLAMP_TO_EDGE };
    for (const [name, value] of Object.entries(settings)) {
      gl.texParameteri(gl.TEXTURE_2D, gl[name], value);
    }
    return texture;
  }

  /**
   * @param {{left: number, top: number, width: number, height: number}} frame of the photo on the
   *   canvas, in its pixels
   * @param {number} split pixels of the canvas, left of which the photo is as it came
   * @param {{texture: WebGLTexture, part: number[], extent: number[]}[]} tiles over the preview:
   *   which part of the photo each is for, and what it shows; left, top, width, height in shares
   */
  draw(frame, split, tiles = []) {
    const gl = this.#gl;
    const { width, height } = this.canvas;
    const { lightness, original, chroma } = this.#textures;
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!lightness) return;
    const at = this.#uniforms;
    gl.uniform2f(at.canvas, width, height);
    gl.uniform4f(at.frame, frame.left, frame.top, frame.width, frame.height);
    gl.uniform1f(at.split, split);
    gl.uniform1f(at.strength, chroma ? this.#parts.strength ?? 1 : 0);
    gl.uniform2fv(at.low, this.#parts.chroma?.low ?? [0, 0]);
    gl.uniform2fv(at.high, this.#parts.chroma?.high ?? [0, 0]);
    gl.uniform1i(at.toned, Number(Boolean(original)));
    this.#bind("lines", chroma);
    this.#bind("original", original);
    for (const { texture, part, extent } of [{ texture: lightness, part: WHOLE, extent: WHOLE }, ...tiles]) {
      this.#bind("grey", texture);
      gl.uniform4fv(at.part, part);
      gl.uniform4fv(at.extent, extent);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
  }

  #bind(name, texture) {
    const gl = this.#gl;
    gl.activeTexture(gl.TEXTURE0 + UNITS[name]);
    gl.bindTexture(gl.TEXTURE_2D, texture ?? null);
  }
}
