/** Numbers and model cards in plain words. */

const STAGES = { decode: "reading", queue: "waiting", infer: "denoising", encode: "writing" };

const TITLES = {
  "unreadable-image": "This file cannot be read as a picture",
  "unsupported-media-type": "This kind of file is not taken",
  "unsuitable-format": "That format cannot hold this picture",
  "too-large": "The file is too large",
  "too-many-pixels": "The picture is too large",
  "too-slow": "Sending the picture took too long",
  timeout: "This took too long",
  loading: "The service is starting",
  draining: "The service is stopping",
  overloaded: "The service is busy",
  "internal-error": "The service failed",
};

const KINDS = {
  gaussian: "A sensor's own murmur: the same strength everywhere.",
  poisson: "Grains of light: strongest where the picture is bright.",
  rician: "What magnitude images from MRI show: it lifts the dark.",
  speckle: "The grain of ultrasound and radar: in proportion to brightness.",
  "salt-pepper": "Dead and hot pixels: some turn black, some white.",
};

/** The title of a problem for a reader; the service's own titles are names of HTTP statuses. */
export const problemTitle = (code, title) => TITLES[code] ?? title;

export const kindHint = (kind) => KINDS[kind] ?? "";

export function factor(kind, value) {
  if (kind === "salt-pepper") return `${percent(value)} of the pixels`;
  return `${value.toFixed(2)}, or ${Math.round(value * 255)} of 255 levels`;
}

export const percent = (value) => `${Math.round(value * 100)}%`;

export function sigma(value) {
  if (value === null) return "Not told";
  const strength = [
    [0.006, "hardly any"], [0.03, "a little"], [0.08, "easily seen"], [0.18, "strong"],
  ].find(([limit]) => value < limit)?.[1] ?? "very strong";
  return `${strength}: ${value.toFixed(3)}, or ${(value * 255).toFixed(1)} of 255 levels`;
}

export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  if (count < 999_500) return `${Math.round(count / 1000)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

export function duration(milliseconds) {
  if (milliseconds < 9.95) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

export const stageName = (stage) => STAGES[stage] ?? stage;

export function score(name, value) {
  if (value === null) return "identical";
  return name === "psnr" ? `${value.toFixed(2)} dB` : value.toFixed(4);
}

/** What the scores mean: how much nearer the result is to the original. */
export function verdict({ noisy, denoised }) {
  if (noisy.rmse === 0) return "No noise was added: there is nothing to gain.";
  if (denoised.rmse === 0) return "The original was restored exactly.";
  const ratio = noisy.rmse / denoised.rmse;
  if (ratio < 0.98) return `The error is ${(1 / ratio).toFixed(1)} times what it was.`;
  if (ratio < 1.05) return "The error is about what it was.";
  return `The error is ${ratio.toFixed(1)} times smaller.`;
}

export function million(count) {
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)} million` : count.toLocaleString("en");
}

/** A model card as pairs of a heading and a sentence. */
export function card(model) {
  const sets = model.training_data.map(({ name, images }) => `${name} (${images} images)`);
  return [
    ["Made for", model.noise],
    ["Learned from", sets.join(", ")],
    ["Size", `${million(model.parameters)} parameters, ${bytes(model.bytes)}; ` +
      `${model.gmac.toFixed(1)} billion multiplications for 256 × 256 pixels`],
    ["Licence", model.licence],
  ].filter(([, words]) => words);
}
