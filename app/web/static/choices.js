/** The settings of the reader, stored in this browser until they are reset. */

const STORED = "denoiser-choices";

/** @returns {{model?: string, strength?: string, colour?: string, ensemble?: number, format?: string}} */
export function load() {
  try {
    return JSON.parse(localStorage.getItem(STORED)) ?? {};
  } catch {
    return {}; // storage is disabled
  }
}

/** Store settings; null or "" stands for the default. */
export function save(choices) {
  const made = Object.entries(choices).filter(([, value]) => value !== null && value !== "");
  try {
    if (made.length) localStorage.setItem(STORED, JSON.stringify(Object.fromEntries(made)));
    else localStorage.removeItem(STORED);
  } catch {
    // the settings last until the page is closed
  }
}
