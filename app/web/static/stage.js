/** The display of the current picture: the upload, then the comparison with its result. */

import { Comparison } from "./comparison.js";
import * as slices from "./slices.js";
import { Volume } from "./volume.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);

export const comparison = new Comparison($("comparison"), $("viewport"), $("divider"), $("mixture"), {
  left: $("left-image"),
  input: $("input-image"),
  result: $("result-image"),
});

const NAMES = {
  clean: ["Before", "After"],
  noisy: ["Noisy", "Denoised"],
  original: ["Original", "Denoised"],
};

/** Show the upload, unless the browser cannot draw it yet. */
export async function unroll(work) {
  if (work.view) await draw(work, "clean", work.view);
  else reveal(false);
}

let table = {}; // what is drawn: the work and its views
let drawing = null; // the promise of the drawing in progress
slices.onChange(redraw);

/**
 * Show before and after, or only before while there is no result.
 * @param {"clean"|"noisy"|"original"} left the picture on the left of the divider
 */
export async function draw(work, left, input, result = null) {
  const volume = work.view instanceof Volume ? work.view : null;
  if (table.work !== work) {
    slices.take(volume);
    comparison.hands = volume && slices.hands;
  }
  const [before, after] = NAMES[left];
  reveal(true);
  $("left-tag").textContent = before;
  $("right-tag").textContent = after;
  $("left-image").alt = `${before}: ${work.name}`;
  $("result-image").alt = `${after}: ${work.name}`;
  table = { work, left: left === "original" ? work.view : input, input, result };
  await redraw();
  const { naturalWidth, naturalHeight } = $("left-image");
  const depth = volume?.depth > 1 ? ` × ${volume.depth}` : "";
  $("about").textContent =
    `${naturalWidth} × ${naturalHeight}${depth} pixels, ${work.kind}, ${words.bytes(work.file.size)}` +
    (work.showable || volume ? "" : " (shown as PNG, since this browser cannot display it)");
}

/** Draw the current views, again if they change meanwhile; resolves when they are drawn. */
function redraw() {
  table.stale = true;
  return (drawing ??= drawn());
}

async function drawn() {
  try {
    while (table.stale) {
      table.stale = false;
      const { left, input, result } = table;
      const seen = new Map();
      for (const each of new Set([left, input, result])) {
        seen.set(each, each instanceof Volume ? await slices.picture(each) : each);
      }
      await comparison.show({ left: seen.get(left), input: seen.get(input), result: seen.get(result) });
    }
  } finally {
    drawing = null;
  }
}

function reveal(something) {
  $("stage").hidden = !something;
  $("nothing").hidden = something;
}
