/** Read pages of a TIFF as the service writes it: strips of Deflate, after a predictor. */

const CHUNK = 65_536; // bytes read at a time, since directories are adjacent

const TAGS = {
  width: 256, height: 257, bits: 258, photometric: 262, samples: 277, predictor: 317, kind: 339,
};
const [OFFSETS, COUNTS] = [273, 279];
const DEFAULTS = { bits: 1, photometric: 1, samples: 1, predictor: 1, kind: 1 };

const FLOAT = 3; // a value of `kind`; 1 is unsigned, 2 is signed
const DIFFERENCES = 2; // a value of `predictor`; floating point has another

const ARRAYS = {
  1: { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array },
  2: { 8: Int8Array, 16: Int16Array, 32: Int32Array },
  3: { 32: Float32Array, 64: Float64Array },
};

/**
 * @typedef {object} Page
 * @property {number} width
 * @property {number} height
 * @property {number} samples per pixel: 1 or 3, and one more for alpha
 * @property {number} bits per sample
 * @property {number} photometric what samples mean; 0 is grey with white as the least value
 * @property {1|2|3} kind of numbers: unsigned, signed, floating point
 * @property {[number, number][]} strips start and end of each, in bytes
 */

/** Whether a TIFF, of whatever origin, has several pages; assumed of all with 64-bit offsets. */
export async function isStack(blob) {
  try {
    const read = reader(blob);
    const { little, magic, first } = await header(read);
    return magic !== 42 || (await directory(read, first, little)).next !== 0;
  } catch {
    return false; // the service reports damage
  }
}

/** @returns {Promise<Page[]>} */
export async function pagesOf(blob) {
  const read = reader(blob);
  const { little, first } = await header(read);
  const pages = [];
  for (let at = first; at; ) {
    const { fields, next } = await directory(read, at, little);
    const value = async (tag) => (fields.has(tag) ? fields.get(tag)() : []);
    const page = { ...DEFAULTS, little };
    for (const [name, tag] of Object.entries(TAGS)) page[name] = (await value(tag))[0] ?? page[name];
    const [offsets, counts] = [await value(OFFSETS), await value(COUNTS)];
    page.strips = offsets.map((offset, strip) => [offset, offset + counts[strip]]);
    pages.push(page);
    at = next;
  }
  return pages;
}

/** The samples of a page, [height, width, samples], as an array of their type. */
export async function samplesOf(blob, page) {
  const { width, height, samples, bits, kind, little } = page;
  const bytes = new Uint8Array((width * height * samples * bits) / 8);
  let end = 0;
  for (const strip of page.strips) {
    const unpacked = blob.slice(...strip).stream().pipeThrough(new DecompressionStream("deflate"));
    const block = new Uint8Array(await new Response(unpacked).arrayBuffer());
    bytes.set(block, end);
    end += block.length;
  }
  const row = width * samples;
  if (kind === FLOAT) unmix(bytes, row, samples, bits / 8);
  else if (!little) swap(bytes, bits / 8);
  const found = new ARRAYS[kind][bits](bytes.buffer);
  if (kind !== FLOAT && page.predictor === DIFFERENCES) addUp(found, row, samples);
  return found;
}

/** Return a function that reads parts of a file, buffered in chunks. */
function reader(blob) {
  let [start, bytes] = [0, new ArrayBuffer(0)];
  return async (offset, length) => {
    if (offset < start || offset + length > start + bytes.byteLength) {
      start = offset;
      bytes = await blob.slice(offset, offset + Math.max(length, CHUNK)).arrayBuffer();
    }
    return new DataView(bytes, offset - start, length);
  };
}

async function header(read) {
  const view = await read(0, 8);
  const little = view.getUint16(0) === 0x4949;
  return { little, magic: view.getUint16(2, little), first: view.getUint32(4, little) };
}

/** The fields of a directory, as functions that read their integers, and the next offset. */
async function directory(read, at, little) {
  const count = (await read(at, 2)).getUint16(0, little);
  const view = await read(at + 2, 12 * count + 4);
  const fields = new Map();
  for (let entry = 0; entry < 12 * count; entry += 12) {
    const [tag, type] = [view.getUint16(entry, little), view.getUint16(entry + 2, little)];
    const length = view.getUint32(entry + 4, little);
    const size = type === 3 ? 2 : 4; // a SHORT or a LONG
    const place = view.byteOffset + entry + 8;
    const inside = new DataView(view.buffer, place, 4);
    fields.set(tag, async () => {
      const far = length * size > 4;
      const values = far ? await read(inside.getUint32(0, little), length * size) : inside;
      const value = (n) => (size === 2 ? values.getUint16(2 * n, little) : values.getUint32(4 * n, little));
      return Array.from({ length }, (_, n) => value(n));
    });
  }
  return { fields, next: view.getUint32(12 * count, little) };
}

/** Undo differencing: each sample is the difference from the one before it in its row. */
function addUp(values, row, samples) {
  for (let start = 0; start < values.length; start += row) {
    for (let i = start + samples; i < start + row; i += 1) values[i] += values[i - samples];
  }
}

/** Undo the floating-point predictor: rows are differenced planes of bytes, the highest first. */
function unmix(bytes, row, samples, size) {
  const mixed = new Uint8Array(row * size);
  for (let start = 0; start < bytes.length; start += mixed.length) {
    mixed.set(bytes.subarray(start, start + mixed.length));
    addUp(mixed, mixed.length, samples);
    for (let i = 0; i < row; i += 1) {
      for (let byte = 0; byte < size; byte += 1) {
        bytes[start + i * size + byte] = mixed[(size - 1 - byte) * row + i];
      }
    }
  }
}

function swap(bytes, size) {
  for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
}
