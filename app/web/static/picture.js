/** Recognition of picture files, and the requests for each picture. */

import { FOREIGN } from "./foreign.js";
import * as service from "./service.js";
import { isStack } from "./tiff.js";
import { Volume } from "./volume.js";
import * as words from "./words.js";

const KEPT = 8; // responses cached per picture; each may be tens of megabytes

const LARGE = { pixels: 4e6, bytes: 8e6 }; // sizes from which one orientation is sent as a job

const VOLUMES = ["dicom", "dicom-zip", "fits", "fits-gz", "mgh", "mgz", "mha", "nifti", "nifti-gz", "nrrd"]; // formats shown slice by slice
const GZIP = [0x1f, 0x8b];
const RISING = ["nifti", "nifti-gz"]; // formats whose first row is the lowest

const HEAD = 1024; // bytes by which a file is recognized
const READ =
  /^(?:BM|P[1-7][\t-\r #]|GIF8|SIMPLE  =|\x89PNG|\xff\xd8\xff|RIFF.{4}WEBP|II[*+]\0(?!.{4}CR\x02)|MM\0[*+]|\x1f\x8b|PK\x03\x04|.{128}DICM|\0\0[\0-\x1f]\x01(?:\0.{3}){4}\0{3}[\0-\n]|(?:Comment|ObjectType|NDims) *= |NRRD000|.{344}n\+1\0|.{4}n\+2\0|\xff\x0a|\xff\x4f\xff\x51|\0{3}\fjP {2}|\0{3}\fJXL |.{4}ftyp(?:.{8}(?:.{4}){0,59}?)?(?:avi[fs]|hei[cmsx]|hev[cx]|mif1|msf1))/s;

const SIGNATURES = [
  ["png", "png", (bytes) => starts(bytes, [0x89, 0x50, 0x4e, 0x47])],
  ["jpeg", "jpg", (bytes) => starts(bytes, [0xff, 0xd8, 0xff])],
  ["webp", "webp", (bytes) => ascii(bytes, 0, "RIFF") && ascii(bytes, 8, "WEBP")],
  ["avif", "avif", (bytes) => ascii(bytes, 4, "ftypavif")],
  ["heic", "heic", (bytes) => ascii(bytes, 4, "ftyp")], // the response is JPEG or AVIF
  ["jxl", "jxl", (bytes) => starts(bytes, [0xff, 0x0a]) || ascii(bytes, 4, "JXL \r\n\x87\n")],
  ["jp2", "jp2", (bytes) => starts(bytes, [0xff, 0x4f, 0xff, 0x51]) || ascii(bytes, 4, "jP  \r\n\x87\n")],
  ["pnm", "pbm", (bytes) => isPnm(bytes, "14")],
  ["pnm", "pgm", (bytes) => isPnm(bytes, "25")],
  ["pnm", "ppm", (bytes) => isPnm(bytes, "36")],
  ["pnm", "pam", (bytes) => isPnm(bytes, "7")],
  ["tiff", "tif", (bytes) => ["II*\0", "MM\0*", "II+\0", "MM\0+"].some((m) => ascii(bytes, 0, m))],
  ["dicom", "dcm", (bytes) => ascii(bytes, 128, "DICM")],
  ["fits", "fits", (bytes) => isFits(bytes)],
  ["mgh", "mgh", (bytes) => isMgh(bytes)],
  ["mha", "mha", (bytes) => ["Comment", "ObjectType", "NDims"].some((m) => ascii(bytes, 0, m))],
  ["nrrd", "nrrd", (bytes) => ascii(bytes, 0, "NRRD000")],
  ["nifti", "nii", (bytes) => isNifti(bytes)],
  ["dicom-zip", "zip", (bytes) => ascii(bytes, 0, "PK\x03\x04")],
];
const IN_GZIP = [
  ["fits-gz", "fits.gz", (bytes) => isFits(bytes)],
  ["mgz", "mgz", (bytes) => isMgh(bytes)],
  ["nifti-gz", "nii.gz", (bytes) => isNifti(bytes)],
];

const isFits = (bytes) => ascii(bytes, 0, "SIMPLE  =");
const isMgh = (bytes) =>
  /^\0\0[\0-\x1f]\x01(?:\0.{3}){4}\0{3}[\0-\n]/s.test(String.fromCharCode(...bytes.subarray(0, 24)));
const isNifti = (bytes) => ascii(bytes, 344, "n+1\0") || ascii(bytes, 4, "n+2\0");
const isPnm = (bytes, kinds) =>
  new RegExp(`^P[${kinds}][\\t-\\r #]`).test(String.fromCharCode(...bytes.slice(0, 3)));

/** The format of a file by its first bytes, whatever its name; null if the service reads none. */
const formatOf = async (blob) => (await signatureOf(blob))?.[0] ?? null;

/** The file name extension of that format; "" if unknown. */
export const extensionOf = async (blob) => (await signatureOf(blob))?.[1] ?? "";

async function signatureOf(blob) {
  const bytes = new Uint8Array(await blob.slice(0, HEAD).arrayBuffer());
  if (!starts(bytes, GZIP)) return SIGNATURES.find(([, , is]) => is(bytes));
  const inside = await unzipped(blob);
  return IN_GZIP.find(([, , is]) => is(inside));
}

/** The first bytes of the contents of a gzip file, up to any damage. */
async function unzipped(blob) {
  const reader = blob.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const bytes = [];
  try {
    for (let piece; bytes.length < HEAD && (piece = (await reader.read()).value); ) {
      bytes.push(...piece.subarray(0, HEAD));
    }
  } catch {
    // the bytes before the damage are enough
  }
  reader.cancel().catch(() => {});
  return Uint8Array.from(bytes);
}

/** The problem with a file in a known but unsupported format; null for all others. */
async function foreignTo(blob) {
  const bytes = new Uint8Array(await blob.slice(0, HEAD).arrayBuffer());
  const head = String.fromCharCode(...bytes);
  const found = READ.test(head) ? null : FOREIGN.find(({ pattern }) => pattern.test(head));
  if (!found) return null;
  const advice = `${found.advice[0].toUpperCase()}${found.advice.slice(1)}.`;
  return new service.Problem({ title: `This is ${found.title} file`, detail: advice, status: 415 });
}

/** The number of pixels of an image; null if this browser cannot draw it. */
async function pixelsOf(blob) {
  const url = URL.createObjectURL(blob);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
    return image.naturalWidth * image.naturalHeight;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * A picture and the responses of the service for it; each is requested once.
 *
 * `noise` is null, or `{kind, factor}`: then noise is added first, and the noisy picture is
 * denoised instead of the upload.
 */
export class Work {
  #answers = new Map();
  view = null; // how the file is displayed, once known: a Blob or a Volume

  /** @param {function(Work, Object)} progressed called with the progress of a request */
  constructor(file, progressed) {
    this.file = file;
    this.progressed = (progress) => progressed(this, progress);
    this.name = file.name || "pasted image";
  }

  /** Find out the format, and whether the browser can draw it; sends no request. */
  look() {
    return (this.looked ??= this.#look());
  }

  async #look() {
    const problem = await foreignTo(this.file);
    if (problem) throw problem;
    const format = await formatOf(this.file);
    this.format = format ?? "png"; // the format of responses for all others
    this.kind = words.format(format ?? (this.file.type.split("/")[1] || "image"));
    const stack = format === "tiff" && (await isStack(this.file));
    this.volume = VOLUMES.includes(format) || stack;
    const pixels = this.volume ? null : await pixelsOf(this.file); // some browsers draw the first page
    this.showable = pixels !== null;
    this.load = this.showable ? pixels / LARGE.pixels : this.file.size / LARGE.bytes;
    if (this.showable) this.view = this.file;
  }

  /** Get a view: the file itself, or its slices or a PNG of it from the service. */
  async open(signal) {
    await this.look();
    if (this.view) return;
    if (this.volume) {
      const slices = await this.#seen(["file"], this.file, signal, this.progressed);
      this.volume = this.format !== "tiff" || slices.depth > 1; // otherwise the further pages were thumbnails
      if (this.volume) this.view = slices;
      if (this.volume) return;
    }
    const png = { strength: 0, format: "png" };
    this.view = (await this.#once(["view"], signal, () =>
      this.#denoise(this.file, png, signal))).blob;
  }

  /** The format of the response when none is requested. */
  formatWith(noise) {
    return noise && !this.volume ? "png" : this.format;
  }

  /** The view of the picture that is denoised. */
  async input(noise, signal) {
    if (!noise) return this.view;
    return this.#seen(["noisy", noise], await this.#noisy(noise, signal), signal);
  }

  /** The result at full strength, in a format that can be displayed. */
  restored({ noise, model, ensemble }, signal) {
    const drawn = noise || this.showable || this.volume;
    const format = drawn ? this.formatWith(noise) : "png";
    return this.denoised({ noise, model, strength: 1, colour: 1, ensemble, format }, signal);
  }

  /** The same, with its view. */
  async shown({ noise, model, ensemble }, signal) {
    const result = await this.restored({ noise, model, ensemble }, signal);
    return { ...result, seen: await this.#seen([noise, model, ensemble], result.blob, signal) };
  }

  /** The view of a file: itself, or its slices, which the service converts to TIFF. */
  async #seen(parts, blob, signal, progress) {
    if (!this.volume) return blob;
    return this.#once(["seen", ...parts], signal, async () => {
      const tiff = await service.converted(blob, "tiff", signal, progress);
      return Volume.read(tiff, RISING.includes(this.format));
    });
  }

  /** The result as a file of the given format; "" stands for the default. */
  async denoised({ noise, model, strength, colour, ensemble, format }, signal) {
    const other = format === this.formatWith(noise) ? null : format || null;
    const parts = ["denoised", noise, model, strength, colour, ensemble, other];
    return this.#once(parts, signal, async () => {
      const upload = noise ? await this.#noisy(noise, signal) : this.file;
      const colour_strength = colour === strength ? null : colour;
      const options = { model, strength, colour_strength, ensemble, format: other };
      return this.#denoise(upload, options, signal);
    });
  }

  #denoise(upload, options, signal) {
    return this.volume || this.load * (options.ensemble ?? 1) >= 1
      ? service.denoiseAsJob(upload, options, signal, this.progressed)
      : service.denoise(upload, options, signal);
  }

  /** The scores of the noisy and the denoised picture against the upload. */
  async scores({ noise, model, strength, colour, ensemble }, signal) {
    const noisy = await this.#noisy(noise, signal);
    const asked = { noise, model, strength, colour, ensemble, format: this.formatWith(noise) };
    const result = await this.denoised(asked, signal);
    const against = (blob, ...key) =>
      this.#once(["scores", noise, ...key], signal, () =>
        service.compare(this.file, blob, signal));
    const [before, after] = await Promise.all([
      against(noisy),
      against(result.blob, model, strength, colour, ensemble),
    ]);
    return { noisy: before, denoised: after };
  }

  async #noisy(noise, signal) {
    const options = { ...noise, format: this.formatWith(noise) };
    return this.#once(["noisy", noise], signal, async () =>
      (await service.noise(this.file, options, signal)).blob);
  }

  #once(parts, signal, make) {
    const key = JSON.stringify(parts);
    let entry = this.#answers.get(key);
    this.#answers.delete(key); // reinserted below as the newest
    if (!entry || (entry.pending && entry.signal.aborted)) {
      entry = { answer: make(), signal, pending: true };
      entry.answer.then(
        () => (entry.pending = false),
        () => this.#answers.get(key) === entry && this.#answers.delete(key),
      );
    }
    this.#answers.set(key, entry);
    if (this.#answers.size > KEPT) this.#answers.delete(this.#answers.keys().next().value);
    return entry.answer.catch((error) => {
      const lentOnly = entry.signal !== signal && entry.signal.aborted && !signal.aborted;
      if (!lentOnly) throw error; // else only the first caller has cancelled
      return this.#once(parts, signal, make);
    });
  }
}

function starts(bytes, signature) {
  return signature.every((byte, index) => bytes[index] === byte);
}

function ascii(bytes, offset, text) {
  return starts(bytes.subarray(offset), [...text].map((letter) => letter.charCodeAt(0)));
}
