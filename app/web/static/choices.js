/** What the reader has chosen, kept in this browser until it is reset. */

const STORED = "denoiser-choices";

/** @returns {{model?: string, strength?: string, colour?: string, ensemble?: number, format?: string}} */
export function load() {
  try {
    return JSON.parse(localStorage.getItem(STORED)) ?? {};
  } catch {
    return {}; // nothing is kept where storage is shut off
  }
}

/** Keep choices; null or "" is the service's own. */
export function save(choices) {
  const made = Object.entries(choices).filter(([, value]) => value !== null && value !== "");
  try {
    if (made.length) localStorage.setItem(STORED, JSON.stringify(Object.fromEntries(made)));
    else localStorage.removeItem(STORED);
  } catch {
    // the choices hold until the page is left
  }
}
