/** The page: what each control does. */

import { Comparison } from "./comparison.js";
import { onPictures } from "./intake.js";
import * as notice from "./notice.js";
import { EXTENSIONS, Work } from "./picture.js";
import { Problem, models as readModels } from "./service.js";
import { showCard, showFacts, showScores } from "./results.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

const comparison = new Comparison($("comparison"), $("viewport"), $("divider"), {
  left: $("left-image"),
  input: $("input-image"),
  result: $("result-image"),
});

let cards = [];
let work = null; // the picture on the table
let running = new AbortController(); // aborted when something newer is wanted
let pause = 0; // a timer: a slider that is moved by keys stops often

// --- what is asked for ---------------------------------------------------------------------

function wanted() {
  const show = chosen("way") === "show";
  return {
    noise: show ? { kind: $("kind").value, factor: Number($("factor").value) } : null,
    model: $("model").value,
    strength: Number($("strength").value),
  };
}

async function open(files) {
  const [file, ...others] = [...files];
  if (!file) return;
  const signal = restart();
  const next = new Work(file);
  forget();
  say("Opening the picture…");
  try {
    await next.open(signal);
  } catch (error) {
    if (signal.aborted) return;
    busy(false);
    report(error, () => open(files));
    return;
  }
  if (signal.aborted) return;
  work = next;
  enter();
  if (others.length) {
    report(new Problem({
      title: "One picture at a time",
      detail: `This is the first of the ${files.length} that were given.`,
    }));
  }
  await draw({ noise: null }, work.view, null);
  await run({ first: true });
}

/** Bring the picture on the table to what the controls ask for. */
async function run({ first = false } = {}) {
  if (!work) return;
  const signal = restart();
  const asked = wanted();
  if (!first) forget();
  busy(true);
  try {
    if (asked.noise) say("Adding noise…");
    const input = await work.input(asked.noise, signal);
    signal.throwIfAborted();
    if (first) await draw(asked, input, null);
    say("Taking the noise away…");
    const result = await work.shown(asked, signal);
    signal.throwIfAborted();
    await draw(asked, input, result.blob);
    showFacts(result);
    formats(work.formatWith(asked.noise));
    if (!cards.length) learnModels(); // it was still starting when the page was opened
    say("Done.");
    busy(false);
    if (asked.noise) await measure();
  } catch (error) {
    if (signal.aborted) return;
    busy(false);
    $("download").disabled = true;
    report(error, () => run({ first }));
  }
}

/** Score what is seen, at the strength that is set. */
async function measure() {
  const { signal } = running;
  const asked = wanted();
  if (!work || !asked.noise) return;
  $("scores").setAttribute("aria-busy", "true");
  try {
    const scores = await work.scores(asked, signal);
    const stale = signal.aborted || asked.strength !== wanted().strength;
    if (!stale) showScores(scores);
  } catch (error) {
    if (!signal.aborted) report(error, measure);
  }
}

/** Give up what is under way; the signal for what takes its place. */
function restart() {
  clearTimeout(pause);
  running.abort();
  running = new AbortController();
  return running.signal;
}

/** Do something once the slider that asks for it rests. */
function rested(act) {
  $("scores").setAttribute("aria-busy", "true");
  clearTimeout(pause);
  pause = setTimeout(act, 250);
}

async function draw(asked, input, result) {
  const left = asked.noise && chosen("left") === "original" ? work.view : input;
  const names = { clean: "Before", noisy: "Noisy", original: "Original" };
  const before = names[asked.noise ? chosen("left") : "clean"];
  const after = asked.noise ? "Denoised" : "After";
  $("left-tag").textContent = before;
  $("right-tag").textContent = after;
  $("left-image").alt = `${before}: ${work.name}`;
  $("result-image").alt = `${after}: ${work.name}`;
  await comparison.show({ left, input, result });
  const { naturalWidth, naturalHeight } = $("left-image");
  $("about").textContent =
    `${naturalWidth} × ${naturalHeight} pixels, ${work.kind}, ${words.bytes(work.file.size)}` +
    (work.showable ? "" : " (this browser cannot show it: you see a PNG of it)");
}

async function download() {
  const asked = { ...wanted(), format: $("format").value };
  const { signal } = running;
  forget();
  busy(true);
  say("Preparing the file…");
  try {
    const { blob } = await work.denoised(asked, signal);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${work.name.replace(/\.[^.]*$/, "")}-denoised.${EXTENSIONS[asked.format]}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`Saved ${link.download}, ${words.bytes(blob.size)}.`);
  } catch (error) {
    if (!signal.aborted) report(error, download);
  } finally {
    if (!signal.aborted) busy(false);
  }
}

// --- what is seen --------------------------------------------------------------------------

function enter() {
  $("intro").hidden = $("intake").hidden = true;
  $("work").hidden = false;
  $("name").textContent = work.name;
  comparison.reset();
  document.querySelector('input[name="zoom"][value="fit"]').checked = true;
  $("strength").value = 1;
  adjust();
  document.title = `${work.name} – Denoiser`;
  $("results").hidden = true;
  document.body.classList.add("working");
  $("name").focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

function leave() {
  restart();
  work = null;
  forget();
  $("intro").hidden = $("intake").hidden = false;
  $("work").hidden = true;
  document.body.classList.remove("working");
  document.title = "Denoiser";
  $("intro-title").focus();
}

function adjust() {
  const { noise, model, strength } = wanted();
  for (const id of ["noise-panel", "scores-panel", "lefts"]) $(id).hidden = !noise;
  $("kind-hint").textContent = words.kindHint($("kind").value);
  $("factor-value").textContent = words.factor($("kind").value, Number($("factor").value));
  $("strength-value").textContent = words.percent(strength);
  comparison.strength = strength;
  showCard(cards.find(({ name }) => name === model));
}

function formats(own) {
  for (const option of $("format").options) {
    const base = option.textContent.replace(" (same)", "");
    option.textContent = option.value === own ? `${base} (same)` : base;
  }
  if ($("format").dataset.own !== own) $("format").value = own;
  $("format").dataset.own = own;
}

function busy(on) {
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

// --- what is done to it --------------------------------------------------------------------

async function sample(name) {
  document.querySelector('input[name="way"][value="show"]').checked = true;
  adjust();
  try {
    const response = await fetch(`static/samples/${name}.png`);
    await open([new File([await response.blob()], `${name}.png`, { type: "image/png" })]);
  } catch (error) {
    report(error, () => sample(name));
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
  on("ways", "change", () => (adjust(), run()));
  on("lefts", "change", () => run());
  on("zooms", "change", () => (comparison.zoom = chosen("zoom") === "fit" ? "fit" : +chosen("zoom")));
  on("kind", "change", () => (adjust(), run()));
  on("factor", "input", adjust);
  on("factor", "change", () => rested(run));
  on("model", "change", () => (adjust(), run()));
  on("strength", "input", adjust);
  on("strength", "change", () => wanted().noise && rested(measure));
  on("comparison", "dblclick", (event) => {
    const zoom = chosen("zoom") === "fit" ? "1" : "fit";
    comparison.aim(event);
    document.querySelector(`input[name="zoom"][value="${zoom}"]`).click();
  });
  for (const button of document.querySelectorAll("[data-sample]")) {
    button.addEventListener("click", () => sample(button.dataset.sample));
  }
}

async function learnModels() {
  const answer = await readModels().catch(() => null); // the service picks its default then
  if (!answer) return;
  cards = answer.models;
  $("model").replaceChildren(...cards.map(({ name, title }) =>
    new Option(title, name, name === answer.default, name === answer.default)));
  adjust();
}

listen();
adjust();
learnModels();
