/** A ZIP archive of files that are compressed already: stored as they are, with their CRC-32. */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
/** Bytes of an archive at most, and the sentence on more. */
export const LIMIT = 0xffffffff;
export const TOO_MUCH = "Together these photos exceed 4 GB: download some of them one by one.";
const UTF8_NAMES = 0x0800;
const VERSION = 20;

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/** Names none of which is another's, also where case does not count: "a.jpg", "a (2).jpg". */
export function uniqueNames(names) {
  const taken = new Set();
  return names.map((name) => {
    const clean = name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_") || "photo";
    const dot = clean.lastIndexOf(".");
    const [stem, suffix] = dot > 0 ? [clean.slice(0, dot), clean.slice(dot)] : [clean, ""];
    let unique = clean;
    for (let n = 2; taken.has(unique.toLowerCase()); n++) unique = `${stem} (${n})${suffix}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}

/** @param {File[]} files @returns {Promise<Blob>} in which all bear the present date */
export async function zip(files) {
  const now = new Date();
  const names = uniqueNames(files.map((file) => file.name));
  const stamp = [
    (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1),
    ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate(),
  ];
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [i, file] of files.entries()) {
    const name = new TextEncoder().encode(names[i]);
    const crc = crc32(new Uint8Array(await file.arrayBuffer()));
    const common = [
      [2, VERSION], [2, UTF8_NAMES], [2, 0], [2, stamp[0]], [2, stamp[1]],
      [4, crc], [4, file.size], [4, file.size], [2, name.length], [2, 0],
    ];
    const header = record(0x04034b50, common);
    directory.push(
      record(0x02014b50, [[2, VERSION], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]),
      name,
    );
    parts.push(header, name, file);
    offset += header.length + name.length + file.size;
    if (offset > LIMIT) throw new Error(TOO_MUCH);
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = [2, files.length];
  const end = record(0x06054b50, [[2, 0], [2, 0], count, count, [4, size], [4, offset], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Little-endian fields after a signature, each as [bytes, value]. */
function record(signature, fields) {
  const bytes = new Uint8Array(4 + fields.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  let at = 4;
  for (const [width, value] of fields) {
    view[`setUint${8 * width}`](at, value, true);
    at += width;
  }
  return bytes;
}
