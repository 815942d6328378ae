/** Error messages, shown above the content of the page. */

import { Problem } from "./service.js";
import { problemTitle } from "./words.js";

const $ = (id) => document.getElementById(id);

let counting = 0; // the timer of the countdown to the next attempt

/** @param {?function()} again called if the reader tries again */
export function show(error, again = null) {
  const problem = error instanceof Problem ? error : unforeseen(error);
  $("notice-title").textContent = problemTitle(problem.code, problem.title);
  $("notice-detail").textContent = problem.detail;
  $("notice").hidden = false;
  const retry = $("notice-retry");
  retry.hidden = !(again && problem.passing);
  retry.onclick = () => (close(), again());
  countDown(retry, Math.ceil(problem.retryAfter));
}

export function close() {
  clearTimeout(counting);
  $("notice").hidden = true;
}

function unforeseen(error) {
  console.error(error);
  return new Problem({ title: "Something went wrong on this page", detail: error.message });
}

function countDown(button, seconds) {
  clearTimeout(counting);
  button.disabled = seconds > 0;
  button.textContent = seconds > 0 ? `Try again in ${seconds} s` : "Try again";
  if (seconds > 0) counting = setTimeout(() => countDown(button, seconds - 1), 1000);
}
