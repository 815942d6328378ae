/** How far a large picture is, and Cancel: over the page, so that nothing on it moves. */

import * as words from "./words.js";

const $ = (id) => document.getElementById(id);

/** @param {function()} cancel what to do if the reader gives it up */
export function show(name, progress, cancel) {
  const { sent, percent } = progress;
  $("going").hidden = false;
  $("going-name").textContent = name;
  $("going-words").textContent = words.going(progress);
  $("going-bar").value = sent === undefined ? percent : 100 * sent;
  $("going-cancel").onclick = cancel;
}

export function hide() {
  $("going").hidden = true;
}
