/** A volume or stack, displayed slice by slice through a window of values. */

import { pagesOf, samplesOf } from "./tiff.js";

const LOOKED_AT = 9; // slices from which the initial window is computed
const ENOUGH = 20_000; // samples of each slice, about
const TAILS = [0.005, 0.998]; // quantiles of those samples that become black and white

/** A window shows values below `centre - width / 2` as black, and above `centre + width / 2` as
 * white; in a negative it is the reverse. */
export class Volume {
  #blob;
  #pages;
  #rising;
  #last = { slice: -1, samples: null };
  /** @type {{centre: number, width: number}} the initial window, which shows nearly all values */
  window;
  /** @type {{low: number, high: number}} the range of values, estimated from samples */
  range;

  constructor(blob, pages, rising) {
    this.#blob = blob;
    this.#pages = pages;
    this.#rising = rising;
  }

  /**
   * @param {Blob} blob a TIFF from the service; its pages are read when they are displayed
   * @param {boolean} rising whether the first row of a slice is its lowest
   */
  static async read(blob, rising) {
    const volume = new Volume(blob, await pagesOf(blob), rising);
    await volume.#measure();
    return volume;
  }

  /** The number of slices. */
  get depth() {
    return this.#pages.length;
  }

  get middle() {
    return this.depth >> 1;
  }

  get isWhole() {
    return this.#pages[0].kind !== 3;
  }

  /** The samples of a slice, [height, width, samples]; the last slice is cached. */
  async samples(slice) {
    if (this.#last.slice !== slice) {
      this.#last = { slice, samples: await samplesOf(this.#blob, this.#pages[slice]) };
    }
    return this.#last.samples;
  }

  /** A slice as a BMP, which is quick to write, and which all browsers draw. */
  async picture(slice = this.middle, window = this.window) {
    const { width, height, samples, photometric } = this.#pages[slice];
    const values = await this.samples(slice);
    const channels = samples < 3 ? 1 : 3;
    const stride = (width * channels + 3) & ~3;
    const pixels = new Uint8ClampedArray(stride * height);
    const sign = photometric === 0 ? -1 : 1;
    const [black, scale] = [window.centre - (sign * window.width) / 2, (sign * 255) / window.width];
    for (let y = 0, i = 0; y < height; y += 1) {
      for (let at = y * stride, x = 0; x < width; x += 1, at += channels, i += samples) {
        // channels are in the order BGR
        for (let c = 0; c < channels; c += 1) pixels[at + channels - 1 - c] = (values[i + c] - black) * scale;
      }
    }
    const head = bitmapHead(width, this.#rising ? height : -height, channels);
    return new Blob([head, pixels], { type: "image/bmp" });
  }

  async #measure() {
    const { kind, bits, samples } = this.#pages[0];
    const found = [];
    const count = Math.min(LOOKED_AT, this.depth);
    for (let n = 0; n < count; n += 1) {
      const values = await this.samples(Math.floor(((n + 0.5) * this.depth) / count));
      const step = samples * Math.ceil(values.length / samples / ENOUGH);
      for (let i = 0; i < values.length; i += step) {
        const seen = samples % 2 === 1 || values[i + samples - 1]; // false if transparent
        if (seen && Number.isFinite(values[i])) found.push(values[i]);
      }
    }
    const sorted = Float64Array.from(found.length ? found : [0]).sort();
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    this.range = { low: at(0), high: at(1) };
    const plain = samples > 2 && kind === 1 && bits === 8; // ordinary pictures need no window
    const [low, high] = plain ? [0, 255] : TAILS.map(at);
    const whole = high > low ? [low, high] : [at(0), at(1)];
    this.window = { centre: (whole[0] + whole[1]) / 2, width: whole[1] - whole[0] || 1 };
  }
}

/** The root mean square of the difference of two volumes in the middle slice, in stored values. */
export async function difference(one, other) {
  const [before, after] = [await one.samples(one.middle), await other.samples(one.middle)];
  let [sum, count] = [0, 0];
  for (let i = 0; i < before.length; i += 1) {
    const square = (before[i] - after[i]) ** 2;
    if (Number.isFinite(square)) [sum, count] = [sum + square, count + 1];
  }
  return Math.sqrt(sum / Math.max(1, count));
}

/** The header of a BMP of 8 bits a sample; a negative height stores the highest row first. */
function bitmapHead(width, height, channels) {
  const colours = channels === 1 ? 256 : 0;
  const size = 54 + 4 * colours;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const pixels = ((width * channels + 3) & ~3) * Math.abs(height);
  bytes.set([0x42, 0x4d]);
  for (const [at, value] of [[2, size + pixels], [10, size], [14, 40], [34, pixels], [46, colours]]) {
    view.setUint32(at, value, true);
  }
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 8 * channels, true);
  for (let grey = 0; grey < colours; grey += 1) bytes.fill(grey, 54 + 4 * grey, 57 + 4 * grey);
  return bytes;
}
