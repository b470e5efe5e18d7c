/**
 * What survives a reload: the photos, their points and dials, in this browser's IndexedDB.
 *
 * Where there is none (some private windows) the page works all the same and forgets.
 */

import { own } from "./place.js";

const NAME = own("photochrom");

/** @type {Promise<IDBDatabase | null> | undefined} */
let opening;

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("files");
      request.result.createObjectStore("notes");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = reject;
  }).catch(() => null);
  return opening;
}

/**
 * Runs `work` on both stores; resolves once it is on disk with what was asked for, or with
 * undefined if there is no database or it is full: editing goes on all the same.
 */
async function transact(mode, work) {
  const db = await database();
  return new Promise((resolve) => {
    try {
      const transaction = db.transaction(["files", "notes"], mode);
      const answers = work(transaction.objectStore("files"), transaction.objectStore("notes")) ?? [];
      transaction.oncomplete = () => resolve(answers.map((request) => request.result));
      transaction.onerror = transaction.onabort = () => resolve(undefined);
    } catch {
      resolve(undefined); // none, or closed by the browser
    }
  });
}

const forgotten = new Set(); // keys, so that a file that is still being read is not kept after all
let keeping = Promise.resolve(); // one file after another, so that few are in memory

/**
 * Keeps a photo's bytes, once.
 * Bytes rather than the File: a File may stand for one on disk that is moved meanwhile.
 *
 * @returns {Promise<boolean>} whether it is on disk
 */
export function keepFile(key, blob) {
  forgotten.delete(key);
  const kept = keeping.then(async () => {
    if (forgotten.has(key)) return false;
    const bytes = await blob.arrayBuffer();
    const put = (files) => void (forgotten.has(key) || files.put({ bytes, type: blob.type }, key));
    return Boolean(await transact("readwrite", put));
  });
  keeping = kept.catch(() => {});
  return kept;
}

const unwritten = new Map(); // the newest notes of each photo that waits for its turn
let writing = Promise.resolve();

/** Keeps notes on a photo, in the place of those before: of many in a row just the last. */
export function keepNotes(key, notes) {
  const waits = unwritten.has(key);
  unwritten.set(key, notes);
  if (!waits) writing = writing.then(() => write(key));
}

async function write(key) {
  const notes = unwritten.get(key);
  if (!unwritten.delete(key)) return; // forgotten
  const put = (content) => transact("readwrite", (_, store) => void store.put(content, key));
  if (!(await put(notes))) await put({ ...notes, past: [], future: [] }); // rather than nothing
}

export function forget(key) {
  unwritten.delete(key);
  forgotten.add(key);
  return transact("readwrite", (files, notes) => {
    files.delete(key);
    notes.delete(key);
  });
}

/** Forgets all that this page keeps in the browser but the token of this tab. */
export async function forgetAll() {
  unwritten.clear();
  localStorage.removeItem(own("open"));
  await transact("readwrite", (files, notes) => {
    files.clear();
    notes.clear();
  });
}

/**
 * Everything kept, one file after another: their bytes together may be more than a page can have.
 *
 * @returns {Promise<{key: string, blob: Blob, notes: object}[]>}
 */
export async function recall() {
  const answers = await transact("readonly", (_, notes) => [notes.getAllKeys(), notes.getAll()]);
  if (!answers) return [];
  const [keys, notes] = answers;
  const kept = [];
  for (const [i, key] of keys.entries()) {
    const [file] = (await transact("readonly", (files) => [files.get(key)])) ?? [];
    if (!file) continue;
    kept.push({ key, blob: new Blob([file.bytes], { type: file.type }), notes: notes[i] });
  }
  return kept.sort((one, other) => (one.notes.order ?? 0) - (other.notes.order ?? 0));
}
