/** Where photos come from: files that are chosen, dropped or pasted, and the samples. */

import { request } from "./api.js";
import { find, make } from "./dom.js";
import { filesOf } from "./files.js";

const carries = (event) => event.dataTransfer?.types.includes("Files");

/** Opens the browser's dialog to choose files. */
export const choose = () => find("files").click();

/**
 * Has files taken in, whichever way they come.
 *
 * @param {(files: File[]) => void} take
 * @param {(sentence: string) => void} refuse says what was wrong with what came
 */
export function receive(take, refuse) {
  find("files").addEventListener("change", ({ target }) => {
    take([...target.files]);
    target.value = "";
  });
  let depth = 0; // of elements that a dragged file has entered
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
    if (!files.length) refuse("That isn't a file. Save the picture first, then drop it here.");
    take(files);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}

/** Shows the samples that the server has. @param {(files: File[]) => void} take */
export async function offerSamples(take) {
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
