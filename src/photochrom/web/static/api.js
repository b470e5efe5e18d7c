/**
 * Requests to the photochrom that sent this page, and to nobody else.
 *
 * What passes by itself is waited for here, so that nobody else has to: a busy server (503) and one
 * that does not answer. All else is a Refusal, whose message is a sentence for the user.
 */

import { Emitter } from "./dom.js";
import { own } from "./place.js";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 8000;
const UPLOAD_TRIES = 2;

/** The server's answer was no. `code` is one word, as in "too-large". */
export class Refusal extends Error {
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** What the page shall tell meanwhile: "ok", "gone" or "busy". */
export const connection = new Emitter();

let current = "ok";
const troubles = new Map(); // of each request that waits: "gone" or "busy"
function setTrouble(request, state) {
  if (state) troubles.set(request, state);
  else troubles.delete(request);
  const now = [...troubles.values()].pop() ?? "ok";
  if (now === current) return;
  current = now;
  connection.emit("change", now);
}

const token = takeToken();
const key = token ? { Authorization: `Bearer ${token}` } : {};

/** The token of an address such as /?token=abc, for this tab; it leaves the address bar. */
function takeToken() {
  const address = new URL(location.href);
  const given = address.searchParams.get("token");
  if (given) {
    sessionStorage.setItem(own("token"), given);
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
  return given ?? sessionStorage.getItem(own("token"));
}

export const aborted = (error) => error?.name === "AbortError";

export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("aborted", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * @param {string} path below api/
 * @param {{method?: string, json?: object, form?: FormData, signal?: AbortSignal}} [options]
 * @returns {Promise<Response>} of which the status is fine
 */
export async function request(path, { method, json, form, signal } = {}) {
  const headers = json ? { ...key, "Content-Type": "application/json" } : key;
  const body = json ? JSON.stringify(json) : form;
  const options = { method: method ?? (body ? "POST" : "GET"), headers, body, signal };
  try {
    return await persist(path, options);
  } finally {
    setTrouble(options, null);
  }
}

/** What comes of a request, once it does not matter any more that the server was busy or gone. */
async function persist(path, options) {
  const { signal } = options;
  const form = options.body instanceof FormData;
  let failures = 0;
  for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 1.6, LONGEST_WAIT)) {
    let answer;
    try {
      answer = await fetch(`api/${path}`, options);
    } catch (error) {
      if (aborted(error)) throw error;
      // A server may hang up on a file that is too long for it, and then be as well as before.
      if (form && (await health()) && ++failures >= UPLOAD_TRIES) {
        const words = "The upload failed: the photo may be too large, or its file may have moved.";
        throw new Refusal(words, "too-large", 413);
      }
      if (!form || !failures) setTrouble(options, "gone");
      await sleep(wait, signal);
      continue;
    }
    // Others that missed the server will find it again; who is told to wait still waits.
    for (const [other, state] of troubles) if (state === "gone") setTrouble(other, null);
    if (answer.status === 503) {
      setTrouble(options, "busy");
      await sleep(1000 * (Number(answer.headers.get("Retry-After")) || wait / 1000), signal);
      continue;
    }
    if (answer.ok) return answer;
    throw await refusal(answer);
  }
}

async function refusal(answer) {
  const said = await answer.json().catch(() => ({})); // without: the status has to do
  const detail = typeof said.detail === "string" ? said.detail : `The server answered ${answer.status}.`;
  const code = said.code ?? (answer.status === 401 ? "unauthorized" : "failed");
  return new Refusal(detail[0].toUpperCase() + detail.slice(1), code, answer.status);
}

/** How the server does; null if it does not say. */
async function health() {
  try {
    const answer = await fetch("api/health", { headers: key });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** How many photos wait for the server; 0 if it does not say. */
export const waiting = async () => (await health())?.waiting ?? 0;

/** The name a server gives to what it sends as a file. */
export function fileName(answer, otherwise) {
  const said = answer.headers.get("Content-Disposition") ?? "";
  const coded = /filename\*=UTF-8''([^;]+)/i.exec(said);
  if (coded) return decodeURIComponent(coded[1]);
  return /filename="((?:[^"\\]|\\.)*)"/i.exec(said)?.[1].replace(/\\(.)/g, "$1") ?? otherwise;
}
