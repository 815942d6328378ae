/** Two pictures in one frame with a divider between them, zoomed and moved together. */

import { listen } from "./gestures.js";
import { Mixture } from "./mixture.js";

const FIT_LIMIT = 8; // CSS pixels per picture pixel, at most, when a tiny picture fills the frame
const CRISP = 3; // screen pixels per picture pixel from which pixels are shown as squares
const ARROW = 48; // screen pixels that an arrow key moves a magnified picture
const LARGEST = 8; // screen pixels per picture pixel, at most, when zooming by gestures and keys
const STEP = 1.5; // zoom factor of the keys + and -
const REACH = 16; // pixels from the divider within which a drag moves it

export class Comparison {
  #root;
  #divider;
  #viewport;
  #images;
  #mixture;
  #shares = { strength: 1, colour: 1 };
  #urls = new Map();
  #zoom = "fit";
  #centre = { x: 0.5, y: 0.5 }; // the point of the picture in the middle of the frame, 0..1
  #size = { width: 0, height: 0 }; // of the picture on the screen, in CSS pixels
  #scale = { now: 1, fit: 1 }; // CSS pixels per picture pixel

  #hands = null;

  /** Called with the magnification after gestures or keys have changed it. */
  zoomed = () => {};

  /**
   * @param {HTMLElement} root with .viewport, three images, two tags and the range of the divider
   * @param {HTMLCanvasElement} canvas that covers the right side
   * @param {{left: HTMLImageElement, input: HTMLImageElement, result: HTMLImageElement}} images
   */
  constructor(root, viewport, divider, canvas, images) {
    this.#root = root;
    this.#viewport = viewport;
    this.#divider = divider;
    this.#images = images;
    this.#mixture = new Mixture(canvas, [images.input, images.result]);
    divider.addEventListener("input", () => this.#split());
    viewport.addEventListener("keydown", (event) => this.#key(event));
    listen(root, {
      free: ({ target }) => target !== divider,
      drag: (way, start) => this.#drag(way, start),
      zoom: (factor, point) => this.#magnify(factor, point),
      twice: (point) => (this.#hands ? this.#hands.reset() : this.#toggle(point)),
      turn: (way) => this.#hands?.turn(way) ?? false,
    });
    new ResizeObserver(() => this.#place()).observe(root);
    this.#split();
    this.shares = this.#shares;
  }

  /**
   * Show `left` against `input` blended with `result`; without a result, `left` alone.
   * All are blobs. Resolves when they are drawn.
   */
  async show({ left, input = null, result = null }) {
    const blobs = { left, input: result && input, result };
    const old = new Map(this.#urls);
    await Promise.all(Object.entries(blobs).map(async ([place, blob]) => {
      if (!blob) return;
      const url = this.#urls.get(blob) ?? URL.createObjectURL(blob);
      this.#urls.set(blob, url);
      const image = this.#images[place];
      if (image.src !== url) image.src = url;
      await image.decode();
    }));
    for (const [blob, url] of old) {
      if (Object.values(blobs).includes(blob)) continue;
      URL.revokeObjectURL(url);
      this.#urls.delete(blob);
    }
    this.#root.classList.toggle("single", !result);
    const { naturalWidth: width, naturalHeight: height } = this.#images.left;
    const aspect = Math.min(Math.max(width / height, 0.6), 2.6);
    this.#root.style.setProperty("--aspect", aspect.toFixed(4));
    this.#place();
  }

  /**
   * Handlers of gestures on slices; null for other pictures. `level` is called with the vector of a
   * drag, in widths of the frame, `reset` after a double press, `turn` with the pixels of the wheel,
   * which do not zoom if it returns true, and `step` with a number of slices.
   */
  set hands(hands) {
    this.#hands = hands;
    this.#root.classList.toggle("windowed", hands !== null);
    this.#place();
  }

  /** Show all of the picture, with the divider in the middle. */
  reset() {
    this.#divider.value = 50;
    this.#centre = { x: 0.5, y: 0.5 };
    this.zoom = "fit";
    this.#split();
  }

  /**
   * The shares of the result that are mixed into its input, 0..1, for luma and for colour. The
   * style sheet mixes if both are equal, a canvas if not.
   */
  set shares({ strength, colour }) {
    this.#shares = { strength, colour };
    this.#root.style.setProperty("--strength", strength);
    this.#root.classList.toggle("apart", strength !== colour);
    this.#place();
  }

  /** "fit", or screen pixels per picture pixel: 1 is 100%. */
  set zoom(zoom) {
    this.#zoom = zoom;
    this.#place();
  }

  get zoom() {
    return this.#zoom;
  }

  /** The current number of screen pixels per picture pixel. */
  get magnification() {
    return this.#scale.now * (window.devicePixelRatio || 1);
  }

  get #single() {
    return this.#root.classList.contains("single");
  }

  get #movable() {
    return this.#root.classList.contains("movable");
  }

  #split() {
    const share = Number(this.#divider.value);
    this.#root.style.setProperty("--split", `${share}%`);
    this.#root.classList.toggle("far-left", share < 14);
    this.#root.classList.toggle("far-right", share > 86);
    this.#divider.setAttribute("aria-valuetext", `${Math.round(share)}% from the left`);
  }

  #place() {
    const { clientWidth, clientHeight } = this.#root;
    const { naturalWidth, naturalHeight } = this.#images.left;
    if (!naturalWidth || !clientWidth) return;
    const density = window.devicePixelRatio || 1;
    const fit = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight, FIT_LIMIT);
    const scale = this.#zoom === "fit" ? fit : this.#zoom / density;
    this.#scale = { now: scale, fit };
    const [width, height] = [naturalWidth * scale, naturalHeight * scale];
    this.#size = { width, height };
    const x = position(this.#centre.x, width, clientWidth);
    const y = position(this.#centre.y, height, clientHeight);
    this.#centre = { x: (clientWidth / 2 - x) / width, y: (clientHeight / 2 - y) / height };
    const style = this.#root.style;
    style.setProperty("--x", `${x}px`);
    style.setProperty("--y", `${y}px`);
    style.setProperty("--width", `${width}px`);
    style.setProperty("--height", `${height}px`);
    const crisp = scale * density >= CRISP;
    const { strength, colour } = this.#shares;
    if (strength !== colour) this.#mixture.draw({ x, y, width, height, crisp }, this.#shares);
    const movable = width > clientWidth + 1 || height > clientHeight + 1;
    this.#root.classList.toggle("movable", movable);
    this.#root.classList.toggle("crisp", crisp);
    const shown = `The image, at ${Math.round(this.magnification * 100)}%`;
    const moves = movable ? "arrow keys move it, " : "";
    const turns = this.#hands ? "page up and page down change the slice, " : "";
    const keys = `${moves}${turns}+ and - zoom, 0 shows the whole image`;
    this.#viewport.setAttribute("aria-label", `${shown}: ${keys}`);
  }

  #move(across, down) {
    this.#centre.x -= across / this.#size.width;
    this.#centre.y -= down / this.#size.height;
    this.#place();
  }

  /**
   * Move the divider if the drag of one finger began near it, or if nothing else can move; otherwise
   * the window of slices, or the picture.
   */
  #drag({ x, y }, start) {
    const box = this.#root.getBoundingClientRect();
    const line = box.left + (box.width * Number(this.#divider.value)) / 100;
    if (start && start.divides === undefined) {
      const near = !this.#single && Math.abs(start.x - line) <= REACH;
      start.levels = this.#hands && !near && !start.shift;
      start.divides = near || (!this.#movable && !start.levels);
    }
    if (start?.levels) return this.#hands.level(x / box.width, y / box.width);
    if (!start?.divides) return this.#move(x, y);
    start.share ??= Number(this.#divider.value);
    start.share += (100 * x) / box.width;
    this.#divider.value = start.share;
    this.#split();
  }

  /** Zoom by a factor about a point in window coordinates; return false at the limit. */
  #magnify(factor, point) {
    const density = window.devicePixelRatio || 1;
    const { now, fit } = this.#scale;
    const largest = Math.max(LARGEST / density, fit);
    const scale = Math.min(Math.max(now * factor, fit), largest);
    if (Math.abs(scale / now - 1) < 1e-6) return false;
    const box = this.#root.getBoundingClientRect();
    const [across, down] = [point.x - box.left - box.width / 2, point.y - box.top - box.height / 2];
    const { naturalWidth, naturalHeight } = this.#images.left;
    this.#centre.x += (across / now - across / scale) / naturalWidth;
    this.#centre.y += (down / now - down / scale) / naturalHeight;
    this.zoom = scale <= fit * 1.001 ? "fit" : scale * density;
    this.zoomed(this.#zoom);
    return true;
  }

  /** Switch between all of the picture and 100% at a point, or twice the size if it is small. */
  #toggle(point) {
    const { now, fit } = this.#scale;
    const whole = 1 / (window.devicePixelRatio || 1);
    const target = now > fit * 1.001 ? fit : fit < whole * 0.9 ? whole : fit * 2;
    this.#magnify(target / now, point);
  }

  #key(event) {
    const box = this.#root.getBoundingClientRect();
    const middle = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
    const steps = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const factors = { "+": STEP, "=": STEP, "-": 1 / STEP, 0: 0 };
    const slices = { PageUp: -1, PageDown: 1 };
    const [step, factor] = [steps[event.key], factors[event.key]];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (factor !== undefined) this.#magnify(factor, middle);
    else if (this.#hands && slices[event.key]) this.#hands.step(slices[event.key]);
    else if (step && this.#movable) this.#move(step[0] * ARROW, step[1] * ARROW);
    else return;
    event.preventDefault();
  }
}

/** The offset of the picture in the frame: centred if it is shorter, else covering the frame. */
function position(centre, length, frame) {
  if (length <= frame) return (frame - length) / 2;
  return Math.min(0, Math.max(frame - length, frame / 2 - centre * length));
}
