/** The page about the models: their cards in readable form. */

import { askModels } from "./service.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const HEADS = ["Noise", "Strength", "Before", "After", "SSIM"];

function element(name, text = "", children = []) {
  const made = Object.assign(document.createElement(name), { textContent: text });
  made.append(...children);
  return made;
}

/** The card of a model: its purpose, its facts, and its scores by test set. */
function article(card, standard, level) {
  const title = element(level, card.title);
  const standing = words.standing(card, standard);
  if (standing) title.append(" ", element("small", standing));
  const facts = element("dl");
  for (const [heading, sentence] of words.facts(card)) {
    facts.append(element("div", "", [element("dt", heading), element("dd", sentence)]));
  }
  facts.className = "facts";
  const sets = Map.groupBy(card.metrics, ({ dataset }) => dataset);
  const tables = [...sets].map(([dataset, scores]) => table(card, dataset, scores));
  const found = element("article", "", [title, element("p", card.description), facts, ...tables]);
  found.id = card.name;
  return found;
}

function table(card, dataset, scores) {
  const head = element("tr", "", HEADS.map((each) => Object.assign(element("th", each), { scope: "col" })));
  const rows = scores.map((score) => element("tr", "", [
    Object.assign(element("th", score.protocol), { scope: "row" }),
    ...[`${score.sigma.toFixed(0)} of 255`, decibels(score.noisy), decibels(score.psnr),
      score.ssim?.toFixed(3) ?? ""].map((each) => element("td", each)),
  ]));
  const made = element("table", "", [
    element("caption", dataset), element("thead", "", [head]), element("tbody", "", rows)]);
  made.className = "scores";
  const frame = Object.assign(element("div", "", [made]), { className: "wide", tabIndex: 0 });
  frame.setAttribute("role", "group"); // for scrolling by keyboard on narrow screens
  frame.setAttribute("aria-label", `${card.title}, measured on ${dataset}`);
  return frame;
}

const decibels = (value) => (value === null || value === undefined ? "" : `${value.toFixed(1)} dB`);

try {
  const { models, default: standard } = await askModels();
  const first = (one, other) => (other.name === standard) - (one.name === standard);
  const past = models.filter(({ historical }) => historical);
  const inUse = models.filter(({ historical }) => !historical).sort(first);
  $("in-use").append(...inUse.map((card) => article(card, standard, "h2")));
  $("historical").append(...past.map((card) => article(card, standard, "h3")));
  $("past").hidden = !past.length;
} catch (problem) {
  $("failed").textContent = `${words.problemTitle(problem.code, problem.title)}. ${problem.detail ?? ""}`;
  $("failed").hidden = false;
}
