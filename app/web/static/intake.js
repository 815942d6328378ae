/** The ways in which a picture gets onto the page: chosen, pasted or dropped. */

const $ = (id) => document.getElementById(id);

/** @param {function(Iterable<File>)} take called with the files, which may be none */
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
    take(event.dataTransfer.files);
  });
}

function carriesFiles({ dataTransfer }) {
  return dataTransfer?.types.includes("Files");
}
