/** Results on their way to the reader's disk. */

import { LANES, patiently } from "./batch.js";
import { extensionOf } from "./picture.js";
import { downloadZip } from "./vendor/client-zip.js";

const UNSAFE = /[\\/:*?"<>|]/g; // in a file's name, where a zip may be unpacked

/** Offer a file as a download. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** What a result is called: after its picture, with the ending of what it is. */
export async function nameOf(work, result) {
  const base = work.name.replace(/(\.(nii|fits?|fts)(?=\.gz$))?\.[^.]*$/i, "");
  return `${base}-denoised.${await extensionOf(result)}`;
}

/**
 * All results as one zip, in order; one that cannot be had in this form is left out.
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

/** What `make` gives for each, in order, a few of them under way at a time. */
async function* ahead(works, make) {
  const made = [];
  for (const work of works) {
    made.push(make(work));
    made.at(-1).catch(() => {}); // told when its turn comes
    if (made.length >= LANES) yield await made.shift();
  }
  for (const each of made) yield await each;
}

/** Those that there are, each with a name of its own. */
async function* present(entries) {
  const taken = new Set();
  for await (const entry of entries) {
    if (entry) yield { ...entry, name: unique(entry.name, taken) };
  }
}

/** The name, or one like it that no disk takes for one before it: many know no capitals. */
function unique(name, taken) {
  const known = (each) => each.normalize("NFC").toLowerCase();
  let free = name;
  for (let copy = 2; taken.has(known(free)); copy += 1) {
    free = name.replace(/(\.[^.]*)$/, ` (${copy})$1`);
  }
  taken.add(known(free));
  return free;
}
