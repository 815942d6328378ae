/** The picture on the table: as it came, and with what was made of it. */

import { Comparison } from "./comparison.js";
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

/** The picture as it came; nothing where the browser cannot draw it yet. */
export async function unroll(work) {
  if (work.view) await draw(work, "clean", work.view);
  else reveal(false);
}

/**
 * Before and after, or before alone where there is no result yet.
 * @param {"clean"|"noisy"|"original"} left which picture is left of the divider
 */
export async function draw(work, left, input, result = null) {
  const [before, after] = NAMES[left];
  reveal(true);
  $("left-tag").textContent = before;
  $("right-tag").textContent = after;
  $("left-image").alt = `${before}: ${work.name}`;
  $("result-image").alt = `${after}: ${work.name}`;
  await comparison.show({ left: left === "original" ? work.view : input, input, result });
  const { naturalWidth, naturalHeight } = $("left-image");
  $("about").textContent =
    `${naturalWidth} × ${naturalHeight} pixels, ${work.kind}, ${words.bytes(work.file.size)}` +
    (work.showable ? "" : " (this browser cannot show it: you see a PNG of it)");
}

function reveal(something) {
  $("stage").hidden = !something;
  $("nothing").hidden = something;
}
