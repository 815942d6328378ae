/** Gestures on a picture: drag, pinch, wheel and double press. */

const WHEEL = 0.0016; // change of the logarithm of the magnification per wheel pixel
const LINE = 16; // pixels per line, for wheels that report lines
const TWICE = 320; // milliseconds between the two presses of a double press, at most
const NEAR = 24; // pixels between them, at most
const STILL = 6; // pixels that a pointer may move during a press

/**
 * Listen to a frame.
 * @param {HTMLElement} frame
 * @param {{
 *   drag: function({x: number, y: number}, PointerEvent),
 *   zoom: function(number, {x: number, y: number}): boolean,
 *   twice: function({x: number, y: number}),
 *   free: function(PointerEvent): boolean,
 *   turn: function(number): boolean,
 * }} on drag: moved by a vector; zoom: magnified by a factor about a point in window coordinates,
 *   returns false at the limit; twice: pressed twice at a point; free: returns whether a press
 *   begins a gesture; turn: wheel turned by pixels, returns false if the wheel is to magnify
 */
export function listen(frame, on) {
  const fingers = new Map();
  let last = null; // the previous press, unless the pointer moved

  frame.addEventListener("wheel", (event) => {
    const way = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE);
    if (!event.ctrlKey && on.turn(way)) return event.preventDefault();
    const pinch = event.ctrlKey ? 6 : 1; // a pinch on a touch pad is reported as small wheel steps
    if (on.zoom(Math.exp(-way * pinch * WHEEL), at(event))) event.preventDefault();
  }, { passive: false });

  // Otherwise the browser zooms the whole page and cancels the pointers.
  frame.addEventListener("touchmove", (event) => {
    if (event.touches.length > 1) event.preventDefault();
  }, { passive: false });

  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (!fingers.size && !on.free(event))) return;
    fingers.set(event.pointerId, { start: { ...at(event), shift: event.shiftKey }, now: at(event), wandered: fingers.size > 0 });
    frame.setPointerCapture(event.pointerId);
  });

  frame.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const before = pair(fingers);
    const from = finger.now;
    finger.now = at(event);
    finger.wandered ||= distance(finger.start, finger.now) > STILL;
    if (fingers.size === 1) return on.drag(minus(finger.now, from), finger.start);
    const after = pair(fingers);
    on.drag(minus(after.middle, before.middle), null);
    on.zoom(after.apart / before.apart, after.middle);
  });

  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, (event) => {
      const finger = fingers.get(event.pointerId);
      if (!fingers.delete(event.pointerId)) return;
      const press = { ...at(event), time: event.timeStamp };
      const still = end === "pointerup" && !finger.wandered;
      const second = still && last && press.time - last.time < TWICE && distance(last, press) < NEAR;
      last = still && !second ? press : null;
      if (second) on.twice(press);
    });
  }
}

const at = ({ clientX, clientY }) => ({ x: clientX, y: clientY });
const minus = (one, other) => ({ x: one.x - other.x, y: one.y - other.y });
const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

/** The midpoint of the first two fingers, and their distance. */
function pair(fingers) {
  const [one, other = one] = [...fingers.values()].map(({ now }) => now);
  return {
    middle: { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 },
    apart: Math.max(distance(one, other), 1),
  };
}
