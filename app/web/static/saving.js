/** Downloads of results. */

import { LANES, patiently } from "./batch.js";
import { extensionOf } from "./picture.js";
import { downloadZip } from "./vendor/client-zip.js";

const UNSAFE = /[\\/:*?"<>|]/g; // characters that some file systems do not allow in names

/** Download a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The file name of a result: that of its picture, with the extension of its format. */
export async function nameOf(work, result) {
  const base = work.name.replace(/(\.(nii|mgh|fits?|fts)(?=\.gz$))?\.[^.]*$/i, "");
  return `${base}-denoised.${await extensionOf(result)}`;
}

/**
 * Pack all results into one zip, in order; those that cannot be made in this format are left out.
 * @returns {Promise<{blob: Blob, failed: {work: Work, problem: Error}[]}>}
 */
export async function zip(works, asked, signal, progress) {
  const failed = [];
  let done = 0;
  async function entry(work) {
    try {
      const { blob } = await patiently(() => work.denoised(asked, signal), signal);
      return { name: (await nameOf(work, blob)).replace(UNSAFE, "_"), input: blob };
    } catch (problem) {
      signal.throwIfAborted();
      failed.push({ work, problem });
      return null;
    } finally {
      progress((done += 1));
    }
  }
  const blob = await downloadZip(present(ahead(works, entry))).blob();
  return { blob, failed };
}

/** Yield the results of `make` in order, with a few calls in progress at a time. */
async function* ahead(works, make) {
  const made = [];
  for (const work of works) {
    made.push(make(work));
    made.at(-1).catch(() => {}); // reported when it is awaited below
    if (made.length >= LANES) yield await made.shift();
  }
  for (const each of made) yield await each;
}

/** Yield the entries that are not null, with unique names. */
async function* present(entries) {
  const taken = new Set();
  for await (const entry of entries) {
    if (entry) yield { ...entry, name: unique(entry.name, taken) };
  }
}

/** Make a name unique, also on file systems that ignore case and normalize Unicode. */
function unique(name, taken) {
  const known = (each) => each.normalize("NFC").toLowerCase();
  let free = name;
  for (let copy = 2; taken.has(known(free)); copy += 1) {
    free = name.replace(/(\.[^.]*)$/, ` (${copy})$1`);
  }
  taken.add(known(free));
  return free;
}
