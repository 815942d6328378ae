/** The API key, where the service requires one: requested once, and kept for this tab only. */

const $ = (id) => document.getElementById(id);
const STORED = "denoiser-api-key";

let asking = null; // one dialog for all concurrent requests that were refused

/** The key to send with requests; null if none is known. */
export const currentKey = () => sessionStorage.getItem(STORED);

/** Ask the reader for a key to replace a refused one; resolves to null if there is none. */
export function newKey(refused) {
  if (currentKey() !== refused) return currentKey();
  asking ??= ask(refused).finally(() => (asking = null));
  return asking;
}

function ask(refused) {
  const dialog = $("key-dialog");
  $("key").value = "";
  $("key-refused").hidden = !refused;
  dialog.returnValue = "";
  $("key-cancel").onclick = () => dialog.close("");
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const key = dialog.returnValue === "use" ? $("key").value.trim() : "";
      if (key) sessionStorage.setItem(STORED, key);
      resolve(key || null);
    }, { once: true });
  });
}
