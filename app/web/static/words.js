/** Numbers, states and model cards as text for readers. */

import { TITLES } from "./titles.js";
import { Problem } from "./service.js";

const STAGES = { decode: "reading", queue: "waiting", infer: "denoising", encode: "writing" };

const KINDS = {
  camera: "A camera at high ISO: soft grain and blotches of colour.",
  grain: "Silver grain on film: colourless, strongest in the midtones.",
  gaussian: "White sensor noise: equally strong everywhere.",
  poisson: "Photon noise: strongest where the image is bright.",
  rician: "Magnitude images from MRI: brightens dark areas.",
  speckle: "Ultrasound and radar images: proportional to brightness.",
  "salt-pepper": "Dead and hot pixels: some turn black, some white.",
};

const UNEVEN = {
  poisson: "it is stronger where the image is bright",
  speckle: "it is stronger where the image is bright",
  "salt-pepper": "it affects only some pixels",
};

/** The title of a problem for readers; the titles of the service are names of HTTP statuses. */
export const problemTitle = (code, title) => TITLES[code] ?? title;

export const kindHint = (kind) => KINDS[kind] ?? "";

export function factor(kind, value) {
  if (kind === "salt-pepper") return `${percent(value)} of the pixels`;
  return `${value.toFixed(2)}, or ${Math.round(value * 255)} of 255 levels`;
}

export const percent = (value) => `${Math.round(value * 100)}%`;

/**
 * The measured noise in words, by its upper limit in levels. In flat areas, 2 of 255 levels are
 * visible on a close look, a camera at ISO 1600 to 6400 produces 3 to 8, and factor 0.1 is 25. The
 * measurement is off by a third at worst (`benchmarks.quality --pairs`), so "hardly any" ends well
 * below 2.
 */
const WORDS = [[1, "hardly any"], [2.5, "a little"], [10, "easily seen"], [40, "strong"]];

export function strength(sigma) {
  return WORDS.find(([levels]) => sigma * 255 < levels)?.[1] ?? "very strong";
}

/** The noise removed, on average over all samples. */
export function levels(taken, span = null) {
  return taken === null ? "could not tell" : amount(taken, span);
}

/** A share of white in levels, or, for a volume, in stored values. */
function amount(share, span) {
  if (span === null) return `${(share * 255).toFixed(1)} of 255 levels`;
  return `${value(share * span)} in stored values`;
}

const FORMATS = {
  "dicom-zip": "DICOM in a zip", fits: "FITS", "fits-gz": "FITS", heic: "HEIC", jp2: "JPEG 2000", nifti: "NIfTI", "nifti-gz": "NIfTI", mgz: "MGH", mha: "MetaImage",
};

/** The name of a format for readers. */
export const format = (name) => FORMATS[name] ?? name.toUpperCase();

/** The default format of the result; `kind` is the name of the format of the upload. */
export function answer(name, kind) {
  if (name === "heic") return "JPEG or AVIF";
  return format(name) === kind ? `${kind} (same)` : format(name);
}

/** A stored value; rounded if all values of the file are whole numbers. */
export function value(number, isWhole = false) {
  return isWhole ? String(Math.round(number)) : String(Number(number.toPrecision(4)));
}

/**
 * The measured noise, in words that fit the noise removed if that is more.
 * @param {?string} kind of the noise that the page has added; null if it added none
 * @param {?number} taken the noise removed, 0..1
 * @param {?number} span the difference of stored values that corresponds to 1, for volumes
 */
export function sigma(share, kind, taken = null, span = null) {
  if (UNEVEN[kind]) return `could not tell: ${UNEVEN[kind]}`;
  if (share === null) return "could not tell";
  return `${strength(Math.max(share, taken ?? 0))}: ${amount(share, span)}`;
}

const PARTS = {
  film: "the film of a motion photo",
  pictures: "other images in the file",
  "gain-map": "the gain map for bright screens",
  "depth-map": "the depth map",
  files: "files that are not scans",
  channel: "a channel without a stated meaning",
  end: "the end of the file, which is cut or damaged",
};

/** The parts of the file that the result lacks, by the names of its changes. */
export function missing(changes) {
  const parts = changes.filter((name) => name in PARTS).map((name) => PARTS[name]).join(", ");
  return parts && `${parts[0].toUpperCase()}${parts.slice(1)}`;
}

/** The state of an item of the batch. */
export function state({ state, result, problem, work }) {
  if (state === "done") {
    const known = result.sigma !== null && !UNEVEN[result.kind];
    const noise = known ? strength(result.sigma) : "could not tell";
    return `Noise: ${noise}, ${duration(result.seconds * 1000)}`;
  }
  if (state === "failed") return problemTitle(problem.code, problem.title ?? problem.message);
  if (state === "working" && work.going) return `Denoising: ${going(work.going)}`;
  return { waiting: "Waiting", working: "Denoising…", held: "The service is busy, waiting" }[state];
}

/** The progress of a request. */
export function going({ sent, percent, left }) {
  if (sent !== undefined) return sent < 1 ? `Sending: ${Math.round(sent * 100)}%` : "Sent";
  return left === null ? `${percent}%` : `${percent}%, ${remaining(left)} left`;
}

function remaining(seconds) {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  return `about ${Math.round(seconds / 60)} min`;
}

/** The problem with results that a zip lacks, with the reason for the first. */
export function leftOut(failed) {
  const [{ work, problem }] = failed;
  const names = failed.length === 1 ? work.name : `${work.name} and ${failed.length - 1} more`;
  return new Problem({ title: `Left out: ${names}`, detail: problem.detail ?? problem.message });
}

/** The progress of a batch. */
export function progress(done, failed, total) {
  const all = done + failed === total;
  const faults = failed ? `, ${failed} failed` : "";
  return all && !failed ? `All ${total} are done` : `${done} of ${total} done${faults}`;
}

export function bytes(count) {
  if (count < 1000) return `${count}\u00a0bytes`;
  if (count < 999_500) return `${Math.round(count / 1000)}\u00a0kB`;
  return `${(count / 1e6).toFixed(1)}\u00a0MB`;
}

export function duration(milliseconds) {
  if (milliseconds < 9.95) return `${milliseconds.toFixed(1)}\u00a0ms`;
  if (milliseconds < 999.5) return `${Math.round(milliseconds)}\u00a0ms`;
  return `${(milliseconds / 1000).toFixed(2)}\u00a0s`;
}

export const stageName = (stage) => STAGES[stage] ?? stage;

export function score(name, value) {
  if (value === null) return "identical";
  return name === "psnr" ? `${value.toFixed(2)} dB` : value.toFixed(4);
}

/** What the scores mean: how much closer the result is to the original. */
export function verdict({ noisy, denoised }) {
  if (noisy.rmse === 0) return "No noise was added: there is nothing to gain.";
  if (denoised.rmse === 0) return "The original was restored exactly.";
  const ratio = noisy.rmse / denoised.rmse;
  if (ratio < 0.98) return `The error is ${(1 / ratio).toFixed(1)} times what it was.`;
  if (ratio < 1.05) return "The error is about what it was.";
  return `The error is ${ratio.toFixed(1)} times smaller.`;
}

function million(count) {
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)} million` : count.toLocaleString("en");
}

/** The scores of the first data set and protocol of a card, by noise level. */
function quality(metrics) {
  const [first] = metrics;
  if (!first) return "";
  const alike = metrics.filter(({ dataset, protocol }) =>
    dataset === first.dataset && protocol === first.protocol);
  const each = alike.map(({ sigma, psnr }) => `${psnr.toFixed(1)} dB at ${sigma} of 255 levels`);
  return `PSNR on ${first.dataset}: ${each.join(", ")}`;
}

/** The entry of a model in the list. */
export const model = (title, historical) => (historical ? `${title} (historical)` : title);

/** The pictures for which a model is the default; "" if there are none. */
export function standing({ name, modality, historical }, standard) {
  if (name === standard) return "the default";
  return modality && !historical ? `the default for ${modality}` : "";
}

/** A model card as pairs of heading and sentence, with its first scores. */
export function card(model) {
  const [made, ...rest] = facts(model);
  const well = ["Quality", quality(model.metrics)];
  return [made, well, ...rest].filter(([, words]) => words);
}

/** The facts about a model, as pairs of heading and sentence. */
export function facts(model) {
  const sets = model.training_data.map(({ name, images }) => `${name} (${images} images)`);
  return [
    ["Made for", model.noise],
    ["Trained on", sets.join(", ")],
    ["Size", `${million(model.parameters)} parameters, ${bytes(model.bytes)}; ` +
      `${model.gmac.toFixed(1)} billion multiplications for 256 × 256 pixels`],
    ["Licence", model.licence],
  ].filter(([, words]) => words);
}
