/** The displayed slice of a volume and its window, set by sliders, drags and the wheel. */

import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const NOTCH = 60; // wheel pixels per slice
const REACH = 2; // change by a drag across the whole frame, in widths of the initial window
const NARROW = 1000; // the narrowest window is this fraction of the range of values

let volume = null;
let slice = 0;
let window_ = null;
let turned = 0; // wheel pixels since the last change of slice
let changed = () => {};

/** @param {function()} act called after a change of slice or window */
export function onChange(act) {
  changed = act;
  $("slice").addEventListener("input", () => step($("slice").value - 1 - slice));
  for (const id of ["centre", "width"]) {
    $(id).addEventListener("input", () => look({ ...window_, [id]: Number($(id).value) }));
  }
  $("window-reset").addEventListener("click", hands.reset);
}

/** Show the controls for a volume, beginning with its middle slice; hide them for null. */
export function take(taken) {
  volume = taken;
  $("slices").hidden = !volume;
  if (!volume) return;
  slice = volume.middle;
  window_ = volume.window;
  $("slice-field").hidden = volume.depth === 1;
  $("slice").max = volume.depth;
  const { low, high } = volume.range;
  const span = Math.max(high - low, window_.width);
  Object.assign($("centre"), { min: low, max: high });
  Object.assign($("width"), { min: volume.isWhole ? 1 : span / NARROW, max: 2 * span });
  tell();
}

/** The current slice of a volume through the current window, as a picture. */
export const picture = (of) => of.picture(slice, window_);

/** Handlers of gestures: horizontal drags change the width, vertical ones the centre. */
export const hands = {
  level(across, down) {
    const reach = REACH * volume.window.width;
    look({ width: window_.width + across * reach, centre: window_.centre + down * reach });
  },
  reset: () => look(volume.window),
  step,
  turn(way) {
    turned += way;
    const slices = Math.trunc(turned / NOTCH);
    turned -= slices * NOTCH;
    if (slices) step(slices);
    return volume.depth > 1;
  },
};

function step(slices) {
  const next = Math.min(Math.max(slice + slices, 0), volume.depth - 1);
  if (next === slice) return;
  slice = next;
  tell();
  changed();
}

function look({ centre, width }) {
  const within = (value, { min, max }) => Math.min(Math.max(value, Number(min)), Number(max));
  window_ = { centre: within(centre, $("centre")), width: within(width, $("width")) };
  tell();
  changed();
}

function tell() {
  $("slice").value = slice + 1;
  $("slice-value").textContent = `${slice + 1} of ${volume.depth}`;
  $("slice").setAttribute("aria-valuetext", $("slice-value").textContent);
  for (const id of ["centre", "width"]) {
    const value = words.value(window_[id], volume.isWhole);
    $(id).value = window_[id];
    $(id).setAttribute("aria-valuetext", value);
    $(`${id}-value`).textContent = value;
  }
}
