/** The amount of noise removed, measured as the difference of two pictures. */

import { difference, Volume } from "./volume.js";

const SIDE = 1024; // side of the central square that is compared, in pixels

/**
 * The root mean square of the difference of two pictures of one size, in their middle.
 * @param {?number} span the difference of stored values that corresponds to 1, for volumes
 * @returns {Promise<?number>} on the scale 0..1; null if the browser cannot compute it
 */
export async function removed(before, after, span) {
  if (before instanceof Volume) return span ? (await difference(before, after)) / span : null;
  try {
    const [one, other] = await Promise.all([before, after].map(middle));
    let sum = 0;
    for (let i = 0; i < one.length; i += 4) {
      for (let c = 0; c < 3; c += 1) sum += (one[i + c] - other[i + c]) ** 2;
    }
    return Math.sqrt(sum / (one.length * 0.75)) / 255;
  } catch {
    return null; // too large for the memory of this browser
  }
}

async function middle(blob) {
  const whole = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const [width, height] = [Math.min(whole.width, SIDE), Math.min(whole.height, SIDE)];
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(whole, (width - whole.width) >> 1, (height - whole.height) >> 1);
  whole.close();
  return context.getImageData(0, 0, width, height).data;
}
