/** Two pictures in one frame with a divider between them, magnified and moved together. */

import { Mixture } from "./mixture.js";

const FIT_LIMIT = 8; // a tiny picture is enlarged no further than this to fill the frame
const CRISP = 3; // from this many screen pixels per picture pixel, show them as squares
const ARROW = 48; // screen pixels that an arrow key moves a magnified picture

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

  /**
   * @param {HTMLElement} root with .viewport, three images, two tags and the divider's range
   * @param {HTMLCanvasElement} canvas over the right side
   * @param {{left: HTMLImageElement, input: HTMLImageElement, result: HTMLImageElement}} images
   */
  constructor(root, viewport, divider, canvas, images) {
    this.#root = root;
    this.#viewport = viewport;
    this.#divider = divider;
    this.#images = images;
    this.#mixture = new Mixture(canvas, [images.input, images.result]);
    divider.addEventListener("input", () => this.#split());
    viewport.addEventListener("pointerdown", (event) => this.#grab(event));
    viewport.addEventListener("keydown", (event) => this.#arrow(event));
    new ResizeObserver(() => this.#place()).observe(root);
    this.#split();
    this.shares = this.#shares;
  }

  /**
   * Show `left` against `input` blended with `result`; without a result, `left` alone.
   * Blobs; resolves when they are drawn.
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

  /** As for a picture not seen before: all of it, divided in the middle. */
  reset() {
    this.#divider.value = 50;
    this.#centre = { x: 0.5, y: 0.5 };
    this.zoom = "fit";
    this.#split();
  }

  /**
   * How much of the result is mixed into its input, 0..1: of all, or of luma where colour has a
   * share of its own. One share is a matter of style sheets, two are not.
   */
  set shares({ strength, colour }) {
    this.#shares = { strength, colour };
    this.#root.style.setProperty("--strength", strength);
    this.#root.classList.toggle("apart", strength !== colour);
    this.#place();
  }

  /** "fit", or picture pixels per screen pixel: 1 is 100%. */
  set zoom(zoom) {
    this.#zoom = zoom;
    this.#place();
  }

  get zoom() {
    return this.#zoom;
  }

  /** Put the point of the picture under a screen position into the middle of the frame. */
  aim(event) {
    const box = this.#viewport.getBoundingClientRect();
    const across = event.clientX - box.left - box.width / 2;
    const down = event.clientY - box.top - box.height / 2;
    this.#move(-across, -down);
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
    this.#viewport.tabIndex = movable ? 0 : -1;
    this.#viewport.setAttribute(
      "aria-label",
      movable ? "The picture, magnified: arrow keys move it" : "The picture",
    );
  }

  #move(across, down) {
    this.#centre.x -= across / this.#size.width;
    this.#centre.y -= down / this.#size.height;
    this.#place();
  }

  #grab(event) {
    if (event.button !== 0 || !this.#root.classList.contains("movable")) return;
    event.preventDefault();
    const viewport = this.#viewport;
    viewport.focus({ preventScroll: true });
    viewport.setPointerCapture(event.pointerId);
    let last = event;
    const drag = (next) => {
      this.#move(next.clientX - last.clientX, next.clientY - last.clientY);
      last = next;
    };
    viewport.addEventListener("pointermove", drag);
    for (const end of ["pointerup", "pointercancel"]) {
      viewport.addEventListener(end, () => viewport.removeEventListener("pointermove", drag), {
        once: true,
      });
    }
  }

  #arrow(event) {
    const steps = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const step = steps[event.key];
    if (!step || !this.#root.classList.contains("movable")) return;
    event.preventDefault();
    this.#move(step[0] * ARROW, step[1] * ARROW);
  }
}

/** Where a side of the picture starts in the frame: centred if it is shorter, else held inside. */
function position(centre, length, frame) {
  if (length <= frame) return (frame - length) / 2;
  return Math.min(0, Math.max(frame - length, frame / 2 - centre * length));
}
