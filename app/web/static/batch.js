/** A batch of pictures, of which a few are processed at a time. */

export const LANES = 3; // concurrent requests: the service is kept busy, and others get turns

const TRIES = 20; // attempts for a picture while the service is busy

/**
 * @typedef {object} Item
 * @property {import("./picture.js").Work} work
 * @property {"waiting"|"working"|"held"|"done"|"failed"} state held: waits until a busy service may be free
 * @property {?{sigma: ?number, seconds: number, kind: ?string}} result kind is that of the noise added
 * @property {?Error} problem
 * @property {Promise} settled resolves when it is done, rejects when it has failed
 */

export class Batch {
  /** @type {Item[]} */
  items = [];
  preferred = null;
  #changed;
  #asked = null;
  #running = new AbortController();
  #lanes = 0;

  /** @param {function(Item)} changed called after each change of state */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Add works and return their items, which wait until the batch is started. */
  add(works) {
    const added = works.map((work) => fresh({ work }));
    this.items.push(...added);
    return added;
  }

  /** Abort running requests and remove all pictures. */
  clear() {
    this.#stop();
    this.items = [];
  }

  /** Process all waiting items; if the options have changed, process all items again. */
  start(asked) {
    if (JSON.stringify(asked) !== JSON.stringify(this.#asked)) {
      this.#stop();
      this.#asked = asked;
      this.items.forEach((item) => this.#set(fresh(item), "waiting"));
    }
    while (this.#lanes < LANES && this.#next()) this.#lane(this.#running.signal);
  }

  /** Try the failed items again, or the given ones. */
  retry(items = this.items.filter(({ state }) => state === "failed")) {
    items.forEach((item) => this.#set(fresh(item), "waiting"));
    this.start(this.#asked);
  }

  /** Process this item next. */
  prefer(item) {
    this.preferred = item;
  }

  count(...states) {
    return this.items.filter(({ state }) => states.includes(state)).length;
  }

  /** Aborted when the options change or the batch is cleared. */
  get signal() {
    return this.#running.signal;
  }

  get finished() {
    return this.count("done", "failed") === this.items.length;
  }

  #stop() {
    this.#running.abort();
    this.#running = new AbortController();
    this.#lanes = 0;
    this.#asked = null;
  }

  #next() {
    const waiting = this.items.filter(({ state }) => state === "waiting");
    return waiting.find((item) => item === this.preferred) ?? waiting[0];
  }

  async #lane(signal) {
    this.#lanes += 1;
    for (let item; !signal.aborted && (item = this.#next()); ) await this.#treat(item, signal);
    if (!signal.aborted) this.#lanes -= 1;
  }

  async #treat(item, signal) {
    const asked = this.#asked;
    this.#set(item, "working");
    try {
      const { sigma, seconds } = await patiently(async () => {
        this.#set(item, "working");
        await item.work.open(signal);
        return item.work.restored(asked, signal);
      }, signal, () => this.#set(item, "held"));
      signal.throwIfAborted();
      item.result = { sigma, seconds, kind: asked.noise?.kind ?? null };
      this.#set(item, "done");
      item.settle();
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(item, error);
      // A reader who gives no key for one picture is not asked again for the others.
      const others = error.status === 401 ? this.items : [];
      others.filter(({ state }) => state === "waiting").forEach((each) => this.#fail(each, error));
    }
  }

  #fail(item, error) {
    item.problem = error;
    this.#set(item, "failed");
    item.fail(error);
  }

  #set(item, state) {
    if (item.state === state) return;
    item.state = state;
    this.#changed(item);
  }
}

/** Call `act`, and again after each Retry-After while the service is busy; return its result. */
export async function patiently(act, signal, held = () => {}) {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted || !error.retryAfter || left <= 1) throw error;
      held();
      await pause(error.retryAfter, signal);
    }
  }
}

/** Reset an item to its initial state. */
function fresh(item) {
  const { promise, resolve, reject } = Promise.withResolvers();
  promise.catch(() => {}); // if the picture is not displayed, nothing else handles this
  return Object.assign(item, { result: null, problem: null, settled: promise, settle: resolve,
    fail: reject, state: item.state ?? "waiting" });
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), {
      once: true,
    });
  });
}
