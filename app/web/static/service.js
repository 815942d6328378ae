/** The service as functions: each call is one request to the host that served this page. */

import { currentKey, newKey } from "./key.js";

/** An error, in the words of the service if it gave any. */
export class Problem extends Error {
  /** @param {{title: string, detail?: string, code?: string, status?: number,
   *   retryAfter?: number}} facts */
  constructor({ title, detail = "", code = "", status = 0, retryAfter = 0 }) {
    super(title);
    Object.assign(this, { title, detail, code, status, retryAfter });
  }

  /** Whether the same request may succeed later, or with a key. */
  get passing() {
    return [0, 401, 408, 429].includes(this.status) || this.status >= 500;
  }
}

/** The model cards, and the name of the default model. */
export async function models() {
  return whole((await accepted(await send("models"))).json());
}

/** The same, but asks the reader for a key if one is required. */
export async function askModels() {
  return whole((await ask("models")).json());
}

/**
 * @returns {Promise<{blob: Blob, model: string, sigma: ?number, span: ?number, notes: string[],
 *   changes: string[], timing: Object, seconds: number}>} `span` is the difference of stored
 *   values that corresponds to a sigma of 1
 */
export async function denoise(image, options, signal) {
  const started = performance.now();
  const response = await ask("denoise", { image }, options, signal);
  const timing = serverTiming(response.headers.get("Server-Timing"));
  return described(response, timing, started);
}

async function described(response, timing, started) {
  const blob = await whole(response.blob());
  const [low, high] = (response.headers.get("X-Range") ?? "").split(":").map(number);
  return {
    blob,
    model: response.headers.get("X-Model"),
    sigma: number(response.headers.get("X-Noise-Sigma")),
    span: high === undefined ? null : high - low,
    notes: list(response.headers.get("X-Image-Notes")),
    changes: list(response.headers.get("X-Image-Changes")),
    timing,
    seconds: (performance.now() - started) / 1000,
  };
}

/** The names in a header; none if it is missing. */
const list = (header) => header?.split(", ") ?? [];

/**
 * The same as a job, for large pictures: `progress` is called as it proceeds, and the service
 * cancels it when the signal is aborted.
 * @param {function({sent: number}|{percent: number, left: ?number})} progress `sent` is the
 *   share of the upload, 0..1; `left` is in seconds
 */
export async function denoiseAsJob(image, options, signal, progress) {
  const started = performance.now();
  const sending = telling(progress);
  const { id } = await whole((await ask("jobs", { image }, options, signal, sending)).json());
  const job = `jobs/${id}`;
  try {
    signal.throwIfAborted();
    const { stages = {} } = await followed(job, signal, progress);
    const response = await accepted(await send(`${job}/result`, { signal }));
    const timing = Object.fromEntries(Object.entries(stages).map(([name, s]) => [name, s * 1000]));
    return await described(response, timing, started);
  } finally {
    send(job, { method: "DELETE", keepalive: true }).catch(() => {}); // otherwise the service keeps it for a while
  }
}

/** Follow a job; return its final status. */
async function followed(job, signal, progress) {
  for (;;) {
    const headers = { Accept: "text/event-stream" };
    const response = await accepted(await send(job, { signal, headers }));
    for await (const status of events(response.body)) {
      progress({ percent: status.percent, left: status.seconds_left ?? null });
      if (status.state === "done" || status.state === "failed") return status;
    }
  }
}

/** Yield the objects in a stream of server-sent events. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await whole(reader.read());
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) yield JSON.parse(part.slice("data: ".length));
  }
}

/** A replacement for `send` that reports the progress of the upload, which fetch cannot do. */
function telling(progress) {
  return (address, request, key) => upload(address, request, key, (sent) => progress({ sent }));
}

function upload(address, { method, body, signal }, key, progress) {
  return whole(new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let sent = false;
    request.open(method, address);
    request.responseType = "blob";
    if (key) request.setRequestHeader("X-API-Key", key);
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.upload.onload = () => (sent = true);
    request.onload = () => resolve(new Response(request.response, {
      status: request.status, statusText: request.statusText, headers: headersOf(request),
    }));
    request.onerror = () => reject(new TypeError("no connection"));
    signal.addEventListener("abort", () => {
      if (sent) return; // there may be a job by now, which is deleted once its id is known
      request.abort();
      reject(signal.reason);
    });
    signal.throwIfAborted();
    request.send(body);
  }));
}

function headersOf(request) {
  const lines = request.getAllResponseHeaders().trim().split("\r\n");
  return lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
}

/**
 * Convert an image to another format, by adding noise of factor 0.
 * @param {function({sent: number})} [progress] as for denoiseAsJob
 */
export async function converted(image, format, signal, progress = null) {
  const sending = progress ? telling(progress) : send;
  return whole((await ask("noise", { image }, { factor: 0, format }, signal, sending)).blob());
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

async function ask(path, pictures = null, options = {}, signal = undefined, sending = send) {
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
  let response = await sending(address, request, key);
  while (response.status === 401 && (key = await newKey(key))) {
    response = await sending(address, request, key);
  }
  return accepted(response);
}

function send(address, request = {}, key = currentKey()) {
  const headers = { ...request.headers, ...(key ? { "X-API-Key": key } : {}) };
  return whole(fetch(address, { ...request, headers }));
}

/** Await a response or its body; throws a Problem if the connection is lost. */
async function whole(promised) {
  try {
    return await promised;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      title: "No response from the service",
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
    title: words.title ?? `The service responded with ${status} ${response.statusText}`.trim(),
    detail: typeof words.detail === "string" ? words.detail : "",
    code: words.code,
    status,
    retryAfter,
  });
}

/** Parse a header such as `decode;dur=3.1, infer;dur=120` into milliseconds by stage. */
function serverTiming(header) {
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
