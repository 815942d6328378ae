/** The key of a service that asks for one: asked for once, and kept for this tab alone. */

const $ = (id) => document.getElementById(id);
const STORED = "denoiser-api-key";

let asking = null; // one question for all the requests that were refused together

/** The key that requests are sent with; null where none is known. */
export const currentKey = () => sessionStorage.getItem(STORED);

/** Another key than the one that was refused, from the reader; null where there is none. */
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
