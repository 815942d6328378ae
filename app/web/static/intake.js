/** Accept pictures that are chosen, pasted or dropped, folders included. */

const $ = (id) => document.getElementById(id);

/** @param {function(Iterable<File>)} take called with the files, possibly none */
export function onPictures(take) {
  $("file").addEventListener("change", () => {
    take([...$("file").files]);
    $("file").value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", ({ clipboardData }) => take(clipboardData.files));
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    $("curtain").hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("curtain").hidden = true;
  });
  document.addEventListener("drop", (event) => {
    $("curtain").hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    filesOf(event.dataTransfer).then(take);
  });
}

/** The dropped files; folders are replaced by the pictures in and below them, sorted by name. */
async function filesOf({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...files];
  const found = [];
  for (const entry of entries) found.push(...(await below(entry)));
  return found;
}

async function below(entry) {
  if (entry?.isFile) return [await new Promise((good, bad) => entry.file(good, bad))];
  const reader = entry?.createReader();
  const inside = [];
  for (let some; (some = await nextOf(reader)).length; ) inside.push(...some); // a call returns at most 100
  inside.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  const files = [];
  for (const each of inside) files.push(...(await below(each)));
  const suffixes = $("file").accept.split(",").filter((each) => each.startsWith("."));
  return files.filter(({ name }) => suffixes.some((each) => name.toLowerCase().endsWith(each)));
}

function nextOf(reader) {
  return reader ? new Promise((good, bad) => reader.readEntries(good, bad)) : [];
}

function carriesFiles({ dataTransfer }) {
  return dataTransfer?.types.includes("Files");
}
