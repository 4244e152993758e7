// Pieces that several pages show.

import { h } from "./dom.js";
import { day, number, t } from "./words.js";

/** The address of a speech's page. */
export const speechHref = (line, id) => `#/${line.dataset}/speech/${encodeURIComponent(id)}`;

/** A title with the words that were asked for marked. */
export function marked(title, words) {
  const lower = title.toLowerCase();
  if (lower.length !== title.length) return title;
  const hits = [];
  for (const word of words) for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) hits.push([at, at + word.length]);
  hits.sort((a, b) => a[0] - b[0]);
  const out = [];
  let from = 0;
  for (const [a, b] of hits) {
    if (a < from) continue;
    out.push(title.slice(from, a), h("mark", {}, title.slice(a, b)));
    from = b;
  }
  return [...out, title.slice(from)];
}

/** A speech in a list. titles: of the sites, by name. */
export function entry(line, card, titles, words = []) {
  const facts = [day(card.day), titles.get(card.site) ?? card.site, card.kind, card.region, t("chars", number(card.chars))].filter(Boolean);
  return h(
    "li",
    { class: "entry" },
    h("a", { class: "entry-title", lang: "zh-Hans", href: speechHref(line, card.id) }, marked(card.title || "—", words)),
    h(
      "p",
      { class: "soft" },
      facts.map((f, i) => [i ? h("span", { class: "dot", "aria-hidden": "true" }, " · ") : null, h("bdi", {}, f)]),
      card.preview ? h("span", { class: "badge warn" }, t("preview")) : null,
      card.copies ? h("span", { class: "badge" }, t("copies")) : null,
      card.gone ? h("span", { class: "badge" }, t("goneMark")) : null,
    ),
  );
}

/** Facts as a list of names and values; what is empty is left out. */
export function pairs(rows, className = "pairs") {
  return h("dl", { class: className }, rows.filter(([, v]) => v !== null && v !== undefined && v !== "" && !(Array.isArray(v) && !v.length)).map(([k, v]) => h("div", {}, h("dt", {}, k), h("dd", {}, v))));
}

/** Titles of the sites, by name. */
export const siteTitles = (facts) => new Map(facts.sites.map((s) => [s.site, s.title]));

/** A sentence of ours in which `names` stand between backticks. */
export const prose = (text) => text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
