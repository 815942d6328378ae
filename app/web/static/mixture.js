/** Display a result mixed into its input with separate shares for luma and colour. */

const LUMA = [0.299, 0.587, 0.114]; // weights of red, green and blue: ITU-R BT.601, full range

/**
 * Input + strength * d' + colour * (d - d'), where d = result - input and d' is the luma of d: the
 * formula of the service. Samples are RGBA, 0..255; alpha is that of the input.
 */
function mix(input, result, { strength, colour }, mixed) {
  const [r, g, b] = LUMA.map((weight) => weight * (strength - colour));
  for (let i = 0; i < input.length; i += 4) {
    const red = result[i] - input[i];
    const green = result[i + 1] - input[i + 1];
    const blue = result[i + 2] - input[i + 2];
    const grey = r * red + g * green + b * blue;
    mixed[i] = input[i] + colour * red + grey; // a clamped array rounds and clips
    mixed[i + 1] = input[i + 1] + colour * green + grey;
    mixed[i + 2] = input[i + 2] + colour * blue + grey;
    mixed[i + 3] = input[i + 3];
  }
}

/** The mixture of two images on a canvas over the frame; only the visible part is computed. */
export class Mixture {
  #canvas;
  #images;
  #wanted = null;
  #seen = { key: "" }; // the visible samples of both images

  constructor(canvas, images) {
    this.#canvas = canvas;
    this.#images = images;
  }

  /**
   * Draw in the next animation frame.
   * @param {{x: number, y: number, width: number, height: number, crisp: boolean}} place of the
   *   images in the frame, in CSS pixels
   */
  draw(place, shares) {
    if (!this.#wanted) requestAnimationFrame(() => this.#draw());
    this.#wanted = { place, shares };
  }

  #draw() {
    const { place, shares } = this.#wanted;
    this.#wanted = null;
    const { clientWidth, clientHeight } = this.#canvas;
    if (!clientWidth || !this.#images.every(({ complete, naturalWidth }) => complete && naturalWidth)) return;
    const density = window.devicePixelRatio || 1;
    const size = [Math.round(clientWidth * density), Math.round(clientHeight * density)];
    const key = JSON.stringify([place, size, this.#images.map(({ src }) => src)]);
    if (key !== this.#seen.key) this.#read(key, place, size, density);
    const { context, input, result, mixed } = this.#seen;
    mix(input.data, result.data, shares, mixed.data);
    context.putImageData(mixed, 0, 0);
  }

  #read(key, { x, y, width, height, crisp }, size, density) {
    [this.#canvas.width, this.#canvas.height] = size; // clears the canvas
    const context = this.#canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = !crisp;
    context.imageSmoothingQuality = "high";
    const box = [x, y, width, height].map((length) => length * density);
    const [input, result] = this.#images.map((image) => {
      context.clearRect(0, 0, ...size);
      context.drawImage(image, ...box);
      return context.getImageData(0, 0, ...size);
    });
    this.#seen = { key, context, input, result, mixed: context.createImageData(...size) };
  }
}
