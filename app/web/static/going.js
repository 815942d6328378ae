/** The progress of a large picture, with Cancel: an overlay, so that nothing on the page moves. */

import * as words from "./words.js";

const $ = (id) => document.getElementById(id);

/** @param {function()} cancel called when the reader presses Cancel */
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
