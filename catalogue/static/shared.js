// Pieces that several pages show.

import { Gone, renewed } from "./data.js";
import { fill, h } from "./dom.js";
import { fold } from "./fold.js";
import { current, day, number, t } from "./words.js";

/** The address of a speech's page. */
export const speechHref = (line, id) => `#/${line.dataset}/speech/${encodeURIComponent(id)}`;

/** A title with the words that were asked for, which are folded, marked. */
export function marked(title, words) {
  const chars = Array.from(title);
  const places = []; // of what is folded, a unit each: which character it comes from
  const folded = chars.map((c, i) => {
    const plain = fold(c);
    for (let n = 0; n < plain.length; n++) places.push(i);
    return plain;
  }).join("");
  const hits = [];
  for (const word of words) for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) hits.push([places[at], places[at + word.length - 1] + 1]);
  hits.sort((a, b) => a[0] - b[0]);
  const out = [];
  let from = 0;
  for (const [a, b] of hits) {
    if (a < from) continue;
    out.push(chars.slice(from, a).join(""), h("mark", {}, chars.slice(a, b).join("")));
    from = b;
  }
  return [...out, chars.slice(from).join("")];
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

/** What went wrong, for people: a file that is missing or damaged is named. */
export function wrong(error) {
  const told = String(error?.message ?? error).slice(0, 200);
  if (error?.file) return t("fileWrong", error.file, told);
  return error instanceof TypeError && /fetch|network|load|import/i.test(told) ? t("noAnswer") : t("failedWhat", told);
}

/** Say in `place` what went wrong; where there is a newer catalogue the page is shown anew instead. */
export async function trouble(place, error) {
  if (error instanceof Gone && (await renewed())) dispatchEvent(new Event("jianghua-renewed"));
  else fill(place, h("span", { class: "bad", role: "alert" }, wrong(error)));
}

/** The title of a speech with that of its part. */
export const fullTitle = (row) => [row.title || "—", row.part_title].filter(Boolean).join(" · ");

/** What a check remarked. */
export function remark(gate) {
  const chinese = current() === "zh" && gate.zh;
  return [h("code", {}, gate.name), " ", h("span", { lang: chinese ? null : "en" }, prose(chinese || gate.what))];
}

/** The `lang` of a speech's text. */
export const scriptOf = (row) => (row.script === "traditional" ? "zh-Hant" : "zh-Hans");

/** Titles of the sites, by name. */
export const siteTitles = (facts) => new Map(facts.sites.map((s) => [s.site, s.title]));

/** A sentence of ours in which `names` stand between backticks. */
export const prose = (text) => text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
