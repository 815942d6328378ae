/** The service as functions: each call is one request to the host that served this page. */

import { currentKey, newKey } from "./key.js";

/** What went wrong: in the service's own words where it gave some. */
export class Problem extends Error {
  /** @param {{title: string, detail?: string, code?: string, status?: number,
   *   retryAfter?: number}} facts */
  constructor({ title, detail = "", code = "", status = 0, retryAfter = 0 }) {
    super(title);
    Object.assign(this, { title, detail, code, status, retryAfter });
  }

  /** Whether the same request may well succeed later, or with a key. */
  get passing() {
    return [0, 401, 408, 429].includes(this.status) || this.status >= 500;
  }
}

/** The model cards, and the name of the one that is used when none is asked for. */
export async function models() {
  return whole((await accepted(await send("models"))).json());
}

/** @returns {Promise<{blob: Blob, model: string, sigma: ?number, timing: Object, seconds: number}>} */
export async function denoise(image, options, signal) {
  const started = performance.now();
  const response = await ask("denoise", { image }, options, signal);
  const blob = await whole(response.blob());
  return {
    blob,
    model: response.headers.get("X-Model"),
    sigma: number(response.headers.get("X-Noise-Sigma")),
    timing: serverTiming(response.headers.get("Server-Timing")),
    seconds: (performance.now() - started) / 1000,
  };
}

/** @returns {Promise<{blob: Blob, seed: string}>} */
export async function noise(image, options, signal) {
  const response = await ask("noise", { image }, options, signal);
  return { blob: await whole(response.blob()), seed: response.headers.get("X-Noise-Seed") };
}

/** @returns {Promise<{rmse: number, psnr: ?number, ssim: number}>} */
export async function compare(reference, image, signal) {
  return whole((await ask("compare", { reference, image }, {}, signal)).json());
}

async function ask(path, pictures = null, options = {}, signal = undefined) {
  const given = Object.entries(options).filter(([, value]) => value !== null && value !== "");
  const query = new URLSearchParams(given).toString();
  const request = { signal };
  if (pictures) {
    request.method = "POST";
    request.body = new FormData();
    for (const [field, blob] of Object.entries(pictures)) request.body.append(field, blob);
  }
  const address = query ? `${path}?${query}` : path;
  let key = currentKey();
  let response = await send(address, request, key);
  while (response.status === 401 && (key = await newKey(key))) {
    response = await send(address, request, key);
  }
  return accepted(response);
}

function send(address, request = {}, key = currentKey()) {
  return whole(fetch(address, { ...request, headers: key ? { "X-API-Key": key } : {} }));
}

/** What has been promised, unless the connection is lost before all of it is there. */
async function whole(promised) {
  try {
    return await promised;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      title: "No answer from the service",
      detail: "It may have stopped, or the connection was lost on the way.",
    });
  }
}

async function accepted(response) {
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response) {
  const status = response.status;
  const retryAfter = number(response.headers.get("Retry-After")) ?? 0;
  const words = await response.json().catch(() => ({}));
  return new Problem({
    title: words.title ?? `The service answered ${status} ${response.statusText}`.trim(),
    detail: typeof words.detail === "string" ? words.detail : "",
    code: words.code,
    status,
    retryAfter,
  });
}

/** Milliseconds by stage, of a header such as `decode;dur=3.1, infer;dur=120`. */
export function serverTiming(header) {
  const stages = {};
  for (const entry of (header ?? "").split(",")) {
    const [name, ...parameters] = entry.split(";").map((part) => part.trim());
    const duration = parameters.find((parameter) => parameter.startsWith("dur="));
    if (name && duration) stages[name] = Number(duration.slice(4));
  }
  return stages;
}

function number(text) {
  const value = Number.parseFloat(text);
  return Number.isFinite(value) ? value : null;
}
