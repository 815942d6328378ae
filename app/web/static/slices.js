/** Which slice of a volume is seen, and through which window: by sliders, by hand and by wheel. */

import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const NOTCH = 60; // pixels of the wheel's way that are a slice
const REACH = 2; // widths of the first window that a drag across the whole frame adds
const NARROW = 1000; // of the values' range, the narrowest window is such a part

let volume = null;
let slice = 0;
let window_ = null;
let turned = 0; // the wheel, since the last slice
let changed = () => {};

/** @param {function()} act called when another slice, or another window, is to be seen */
export function onChange(act) {
  changed = act;
  $("slice").addEventListener("input", () => step($("slice").value - 1 - slice));
  for (const id of ["centre", "width"]) {
    $(id).addEventListener("input", () => look({ ...window_, [id]: Number($(id).value) }));
  }
  $("window-reset").addEventListener("click", hands.reset);
}

/** Offer the slices of a volume, from its middle on; null where there is none. */
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

/** What is seen of a volume now, as a picture. */
export const picture = (of) => of.picture(slice, window_);

/** What hands do on the image: the horizontal changes the width, the vertical the centre. */
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
