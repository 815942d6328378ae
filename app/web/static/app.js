/** The page: event handlers and state. */

import { Batch } from "./batch.js";
import * as choices from "./choices.js";
import * as going from "./going.js";
import { onPictures } from "./intake.js";
import * as list from "./list.js";
import * as notice from "./notice.js";
import { Work } from "./picture.js";
import { removed } from "./removed.js";
import { showCard, showFacts, showScores } from "./results.js";
import * as saving from "./saving.js";
import { models as readModels, Problem } from "./service.js";
import * as stage from "./stage.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

const batch = new Batch(changed);

let cards = [];
let standard = ""; // the model that is used by default
let used = ""; // the model of the displayed result
let current = null; // the item that is displayed
let chosenByHand = false; // until then, a failed picture is replaced by the next
let running = new AbortController(); // aborted when a newer request replaces it
let colourApart = false; // until set, the strength for colour follows the other
let pause = 0; // debounce timer: keys fire a change event at each step

const many = () => batch.items.length > 1;

// --- requests ------------------------------------------------------------------------------

function wanted() {
  const show = chosen("way") === "show";
  return {
    noise: show ? { kind: $("kind").value, factor: Number($("factor").value) } : null,
    model: $("model").value,
    strength: Number($("strength").value),
    colour: Number($("colour").value),
    ensemble: $("best").checked ? 8 : 1,
  };
}

/** The options that need a request; the strengths are applied in the browser. */
function ordered() {
  const { noise, model, ensemble } = wanted();
  return { noise, model, ensemble };
}

async function open(files) {
  const given = [...files];
  if (!given.length) return;
  const items = batch.add(given.map((file) => new Work(file, progressed)));
  if (!many()) return openAlone(items[0]);
  restart();
  batch.start(ordered());
  chosenByHand = false;
  put(items[0]);
}

/** Display a single picture once it has been recognized as one. */
async function openAlone(item) {
  const signal = restart();
  forget();
  say("Opening the image…");
  try {
    await item.work.open(signal);
    if (!signal.aborted) put(item);
  } catch (error) {
    if (signal.aborted) return;
    going.hide();
    batch.clear();
    report(error, () => open([item.work.file]));
  }
}

/** Show the progress of a request. */
function progressed(work, progress) {
  work.going = progress;
  const item = batch.items.find((each) => each.work === work);
  if (many()) list.update(batch, item);
  else if (item) going.show(work.name, progress, cancel);
}

/** Cancel the request in progress. */
function cancel() {
  const again = current ? () => run({ first: true }) : () => open([work.file]);
  const [{ work }] = batch.items;
  restart();
  if (!current) batch.clear();
  busy(false);
  $("download").disabled = true;
  const words = { title: "Cancelled", detail: `Stopped processing ${work.name}.` };
  report(new Problem(words), again);
}

/** Display a picture of the batch. */
function put(item) {
  const first = !current;
  current = item;
  batch.prefer(item);
  enter(first);
  run({ first: true });
}

/** Process all pictures with the current settings. */
function rerun() {
  if (!current) return;
  restart(); // so that aborted requests are sent again, not awaited
  if (many()) batch.start(ordered());
  run();
}

/** Process and display the current picture with the current settings. */
async function run({ first = false } = {}) {
  const signal = restart();
  const { work, settled } = current;
  const asked = wanted();
  const left = asked.noise ? chosen("left") : "clean";
  forget();
  busy(true);
  try {
    await work.look();
    signal.throwIfAborted();
    if (first) await stage.unroll(work);
    if (many()) await inTurn(settled, signal);
    if (asked.noise) say("Adding noise…");
    const input = await work.input(asked.noise, signal);
    signal.throwIfAborted();
    if (first) await stage.draw(work, left, input);
    say("Removing the noise…");
    const result = await work.shown(asked, signal);
    signal.throwIfAborted();
    await stage.draw(work, left, input, result.seen);
    const span = work.volume ? result.span : null;
    const taken = await removed(input, result.seen, span);
    signal.throwIfAborted();
    used = result.model;
    showModel();
    showFacts({ ...result, taken, span }, asked.noise);
    formats(work, asked.noise);
    if (!cards.length) learnModels(); // the service may have been starting when the page loaded
    say("Done.");
    busy(false);
    if (asked.noise) await measure();
  } catch (error) {
    if (signal.aborted) return;
    busy(false);
    $("download").disabled = true;
    report(error, () => {
      if (many()) batch.retry([current]);
      run({ first });
    });
  }
}

/** Wait until the batch has processed this picture. */
async function inTurn(settled, signal) {
  say("Waiting for its turn…");
  await settled;
  signal.throwIfAborted();
}

/** Handle a change of state of an item of the batch. */
function changed(item) {
  list.update(batch, item);
  if (item !== current || item.state !== "failed" || chosenByHand) return;
  const other = batch.items.find(({ state }) => state !== "failed");
  if (other) put(other);
}

/** Score the displayed result at the current strengths. */
async function measure() {
  const { signal } = running;
  const asked = wanted();
  if (!current || !asked.noise) return;
  $("scores").setAttribute("aria-busy", "true");
  try {
    const scores = await current.work.scores(asked, signal);
    const { strength, colour } = wanted();
    const stale = signal.aborted || asked.strength !== strength || asked.colour !== colour;
    if (!stale) showScores(scores);
  } catch (error) {
    if (!signal.aborted) report(error, measure);
  }
}

/** Abort the running request; return the signal for its successor. */
function restart() {
  clearTimeout(pause);
  going.hide();
  running.abort();
  running = new AbortController();
  return running.signal;
}

/** Call `act` once the slider has been still for a moment. */
function rested(act) {
  $("scores").setAttribute("aria-busy", "true");
  clearTimeout(pause);
  pause = setTimeout(act, 250);
}

async function download() {
  const { work } = current;
  const asked = { ...wanted(), format: $("format").value };
  const { signal } = running;
  forget();
  busy(true);
  say("Preparing the file…");
  try {
    const { blob } = await work.denoised(asked, signal);
    if (signal.aborted) return;
    const name = await saving.nameOf(work, blob);
    saving.save(blob, name);
    say(`Saved ${name}, ${words.bytes(blob.size)}.`);
  } catch (error) {
    if (!signal.aborted) report(error, download);
  } finally {
    if (!signal.aborted) busy(false);
  }
}

async function downloadAll() {
  const asked = { ...wanted(), format: $("format").value };
  const done = batch.items.filter(({ state }) => state === "done").map(({ work }) => work);
  const { signal } = batch;
  $("download-all").disabled = true;
  try {
    const { blob, failed } = await saving.zip(done, asked, signal, (count) =>
      say(`Preparing the zip: ${count} of ${done.length}…`));
    if (failed.length === done.length) throw failed[0].problem;
    saving.save(blob, "denoised.zip");
    say(`Saved denoised.zip, ${words.bytes(blob.size)}.`);
    if (failed.length) notice.show(words.leftOut(failed));
  } catch (error) {
    if (!signal.aborted) report(error, downloadAll);
  } finally {
    $("download-all").disabled = !batch.finished;
  }
}

// --- display -------------------------------------------------------------------------------

function enter(first) {
  const { name } = current.work;
  $("intro").hidden = $("intake").hidden = true;
  $("work").hidden = false;
  $("name").textContent = name;
  $("about").textContent = "";
  $("another").textContent = many() ? "Start over" : "Another image";
  document.title = `${name} – Denoiser`;
  document.body.classList.add("working");
  $("results").classList.add("pending");
  list.show(batch, current, choose);
  used = "";
  adjust();
  if (!first) return;
  stage.comparison.reset();
  document.querySelector('input[name="zoom"][value="fit"]').checked = true;
  $("name").focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

function choose(item) {
  chosenByHand = true;
  put(item);
}

function leave() {
  restart();
  batch.clear();
  list.clear();
  current = null;
  forget();
  $("intro").hidden = $("intake").hidden = false;
  $("work").hidden = true;
  document.querySelector('input[name="way"][value="clean"]').checked = true;
  document.body.classList.remove("working");
  document.title = "Denoiser";
  $("intro-title").focus();
}

function adjust() {
  if (!colourApart) $("colour").value = $("strength").value;
  const { noise, strength, colour } = wanted();
  for (const id of ["noise-panel", "scores-panel", "lefts"]) $(id).hidden = !noise;
  $("kind-hint").textContent = words.kindHint($("kind").value);
  $("factor-value").textContent = words.factor($("kind").value, Number($("factor").value));
  $("strength-value").textContent = words.percent(strength);
  $("colour-value").textContent = words.percent(colour);
  stage.comparison.shares = { strength, colour };
  showModel();
  keep();
}

/** Show the card of the selected model, or of the one that the service selected. */
function showModel() {
  const shown = wanted().model || used || standard;
  showCard(cards.find(({ name }) => name === shown));
}

/** Store the settings, and offer a reset if any differs from the default. */
function keep() {
  const chosen = { ...wanted(), format: $("format").value };
  const made = {
    model: chosen.model,
    strength: chosen.strength === 1 ? null : chosen.strength,
    colour: colourApart && chosen.colour !== chosen.strength ? chosen.colour : null,
    ensemble: chosen.ensemble === 1 ? null : chosen.ensemble,
    format: chosen.format,
  };
  if (cards.length) choices.save(made);
  $("reset").hidden = !Object.values(made).some((each) => each !== null && each !== "");
}

/** Restore the stored settings. */
function recall() {
  const { model, strength = 1, colour, ensemble, format = "" } = choices.load();
  if (cards.some(({ name }) => name === model)) $("model").value = model;
  $("strength").value = strength;
  colourApart = colour !== undefined;
  if (colourApart) $("colour").value = colour;
  $("best").checked = ensemble > 1;
  $("format").value = [...$("format").options].some(({ value }) => value === format) ? format : "";
}

function reset() {
  choices.save({});
  used = $("model").value = "";
  recall();
  adjust();
  rerun();
  $("strength").focus();
}

/** Name the default format of the result, and disable formats that cannot store it. */
function formats(work, noise) {
  const own = words.answer(work.formatWith(noise), work.kind);
  const stacked = work.view.depth > 1 && !many();
  for (const option of $("format").options) {
    option.disabled = stacked && !["", "tiff"].includes(option.value);
  }
  if ($("format").selectedOptions[0].disabled) $("format").value = "";
  $("format").options[0].textContent = many() ? "Original format" : own;
}

/** Select the button of a magnification; none if there is no button for it. */
function showZoom(zoom) {
  const value = zoom === "fit" ? "fit" : String(Math.round(zoom * 100) / 100);
  for (const button of document.querySelectorAll('input[name="zoom"]')) {
    button.checked = button.value === value;
  }
}

function busy(on) {
  if (!on) going.hide();
  $("progress").hidden = !on;
  $("comparison").setAttribute("aria-busy", String(on));
  $("download").disabled = on;
}

function say(text) {
  $("status").textContent = text;
}

function forget() {
  notice.close();
  say("");
}

function report(error, again = null) {
  say("");
  notice.show(error, again);
}

// --- controls ------------------------------------------------------------------------------

/** Open a sample: a noisy photograph, or a drawing to which noise is added. */
async function sample(button) {
  const { kind, factor } = button.dataset;
  const way = kind ? "show" : "clean";
  document.querySelector(`input[name="way"][value="${way}"]`).checked = true;
  if (kind) {
    $("kind").value = kind;
    $("factor").value = factor;
  }
  adjust();
  try {
    const address = button.querySelector("img").src;
    const blob = await (await fetch(address)).blob();
    await open([new File([blob], address.split("/").at(-1), { type: blob.type })]);
  } catch (error) {
    report(error, () => sample(button));
  }
}

function listen() {
  const on = (id, event, act) => $(id).addEventListener(event, act);
  onPictures(open);
  on("another", "click", leave);
  on("home", "click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    leave();
  });
  on("notice-close", "click", notice.close);
  on("download", "click", download);
  on("download-all", "click", downloadAll);
  on("add", "click", () => $("file").click());
  on("batch-retry", "click", () => (batch.retry(), run({ first: true })));
  on("ways", "change", () => (adjust(), rerun()));
  on("lefts", "change", rerun);
  on("zooms", "change", () => (stage.comparison.zoom = chosen("zoom") === "fit" ? "fit" : +chosen("zoom")));
  on("kind", "change", () => (adjust(), rerun()));
  on("factor", "input", adjust);
  on("factor", "change", () => rested(rerun));
  on("model", "change", () => ((used = ""), adjust(), rerun()));
  on("best", "change", () => (adjust(), rerun()));
  on("format", "change", keep);
  on("reset", "click", reset);
  on("strength", "input", adjust);
  on("colour", "input", () => ((colourApart = true), adjust()));
  for (const id of ["strength", "colour"]) {
    on(id, "change", () => wanted().noise && rested(measure));
  }
  stage.comparison.zoomed = showZoom;
  for (const button of document.querySelectorAll("[data-sample]")) {
    button.addEventListener("click", () => sample(button));
  }
}

async function learnModels() {
  const answer = await readModels().catch(() => null); // the default model then remains
  if (!answer) return;
  cards = answer.models;
  standard = answer.default;
  const inUse = cards.filter(({ historical }) => !historical);
  inUse.sort((one, other) => (other.name === standard) - (one.name === standard));
  const past = document.createElement("optgroup");
  past.label = "For comparison";
  const option = ({ name, title, historical }) => new Option(words.model(title, historical), name);
  past.append(...cards.filter(({ historical }) => historical).map(option));
  const [automatic] = $("model").options;
  $("model").replaceChildren(automatic, ...inUse.map(option), ...(past.children.length ? [past] : []));
  recall();
  adjust();
}

listen();
adjust();
learnModels();
