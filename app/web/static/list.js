/** The list of the batch: a row for each picture, and the overall progress. */

import { Volume } from "./volume.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const THUMBNAIL = 96; // pixels: twice the size in the style sheet, for dense screens

const rows = new Map(); // by item

/**
 * Bring the list up to date with the batch.
 * @param {function(Item)} choose called with the item whose row was pressed
 */
export function show(batch, current, choose) {
  $("batch").hidden = batch.items.length < 2;
  for (const item of batch.items) {
    if (!rows.has(item)) $("batch-list").append(makeRow(item, choose));
    rows.get(item).button.setAttribute("aria-current", String(item === current));
  }
  count(batch);
}

export function clear() {
  rows.clear();
  $("batch-list").replaceChildren();
  $("batch").hidden = true;
}

/** Update the row of an item. */
export function update(batch, item) {
  const row = rows.get(item);
  if (!row) return;
  row.button.dataset.state = item.state;
  row.words.textContent = words.state(item);
  if (item.work.view && !row.drawn) {
    row.drawn = true;
    thumbnail(item.work.view, row.canvas).catch(() => {}); // the thumbnail is optional
  }
  count(batch);
}

function count(batch) {
  const { length } = batch.items;
  const [done, failed] = [batch.count("done"), batch.count("failed")];
  $("batch-count").textContent = words.progress(done, failed, length);
  $("batch-progress").max = length;
  $("batch-progress").value = done + failed;
  $("batch-progress").hidden = batch.finished;
  $("batch-said").textContent = batch.finished ? $("batch-count").textContent : "";
  $("download-all").disabled = !(batch.finished && done);
  $("batch-retry").hidden = !(batch.finished && batch.items.some(({ problem }) => problem?.passing));
}

function makeRow(item, choose) {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const canvas = document.createElement("canvas");
  const text = document.createElement("span");
  const name = Object.assign(document.createElement("strong"), { textContent: item.work.name });
  const small = Object.assign(document.createElement("small"), { textContent: words.state(item) });
  button.dataset.state = item.state;
  button.title = item.work.name;
  text.append(name, " ", small);
  button.append(canvas, text);
  button.addEventListener("click", () => choose(item));
  rows.set(item, { button, canvas, words: small, drawn: false });
  const row = document.createElement("li");
  row.append(button);
  return row;
}

/** Draw the central square of a picture. */
async function thumbnail(view, canvas) {
  const whole = await createImageBitmap(view instanceof Volume ? await view.picture() : view);
  const side = Math.min(whole.width, whole.height);
  const [left, top] = [(whole.width - side) / 2, (whole.height - side) / 2];
  canvas.width = canvas.height = THUMBNAIL;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, left, top, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  whole.close();
}
