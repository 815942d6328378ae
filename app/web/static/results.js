/** Show the results of the service in the panel. */

import * as words from "./words.js";

const $ = (id) => document.getElementById(id);

/** Show the measured noise and the time spent in each stage. */
export function showFacts({ sigma, taken, span, notes, changes, timing, seconds }, noise) {
  const stages = Object.entries(timing).filter(([stage]) => stage !== "total");
  $("sigma").textContent = words.sigma(sigma, noise?.kind ?? null, taken, span);
  $("taken").textContent = words.levels(taken, span);
  const missing = words.missing(changes);
  $("missing").textContent = missing;
  $("missing-row").hidden = !missing;
  $("burned-in").hidden = !notes.includes("burned-in-annotation");
  $("time").textContent = words.duration(seconds * 1000);
  $("timing").replaceChildren(...stages.map(([stage, milliseconds]) => {
    const bar = document.createElement("span");
    bar.style.setProperty("flex-grow", milliseconds);
    bar.className = `bar-${stage}`;
    return bar;
  }));
  $("timing-words").textContent = stages
    .map(([stage, milliseconds]) => `${words.stageName(stage)} ${words.duration(milliseconds)}`)
    .join(", ");
  $("results").classList.remove("pending");
}

export function showScores(scores) {
  for (const name of ["psnr", "ssim", "rmse"]) {
    for (const which of ["noisy", "denoised"]) {
      $(`${name}-${which}`).textContent = words.score(name, scores[which][name]);
    }
  }
  $("verdict").textContent = words.verdict(scores);
  $("scores").removeAttribute("aria-busy");
}

/** Show the card of a model; hide it if none is known. */
export function showCard(model) {
  $("card").hidden = !model;
  if (!model) return;
  const about = document.createElement("p");
  about.textContent = model.description;
  const list = document.createElement("dl");
  for (const [heading, sentence] of words.card(model)) {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = heading;
    description.textContent = sentence;
    list.append(term, description);
  }
  $("card-body").replaceChildren(about, list);
}
