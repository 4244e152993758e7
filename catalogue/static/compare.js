// Two speeches side by side, with what differs marked.

import { document_, warm } from "./data.js";
import { sideBySide } from "./diff.js";
import { h } from "./dom.js";
import { open } from "./search.js";
import { siteTitles, speechHref } from "./shared.js";
import { read } from "./speech.js";
import { day, number, t } from "./words.js";

export async function view({ line, rest }) {
  warm();
  const browse = await open(line);
  const facts = await document_(line, "facts");
  const titles = siteTitles(facts);
  const both = await Promise.all([read(line, browse, rest[0]), read(line, browse, rest[1])]);
  if (!both[0] || !both[1]) return { title: t("speechMissing"), content: h("section", { class: "trouble" }, h("h1", {}, t("speechMissing")), h("p", {}, t("speechMissingWhat"))) };
  const rows = sideBySide(String(both[0].row.text), String(both[1].row.text));
  const same = both[0].row.text === both[1].row.text;
  const cell = (parts, side) =>
    h("div", { class: `cell${parts ? "" : " empty"}`, "data-side": side, lang: "zh-Hans" }, parts ? parts.map(([text, different]) => (different ? h(side === "a" ? "del" : "ins", { title: t("onlyHere") }, text) : text)) : null);
  return {
    title: `${t("compareTitle")} · ${both[0].card.title}`,
    content: h(
      "article",
      { class: "compare" },
      h("p", { class: "over" }, h("a", { href: speechHref(line, rest[0]) }, t("compareBack"))),
      h("h1", { class: "small-title" }, t("compareTitle")),
      h("p", { class: "soft" }, same ? t("compareSame") : t("compareLead")),
      h(
        "div",
        { class: "sides" },
        h("div", { class: "pair heads" }, both.map((s, i) => head(line, s, titles, i ? "b" : "a"))),
        rows.map(([a, b]) => h("div", { class: a && b && ![...a, ...b].some(([, different]) => different) ? "pair same" : "pair" }, cell(a, "a"), cell(b, "b"))),
      ),
    ),
  };
}

function head(line, { card, row }, titles, side) {
  return h("header", { class: "cell", "data-side": side }, h("h2", { lang: "zh-Hans" }, h("a", { href: speechHref(line, card.id) }, row.title)), h("p", { class: "soft" }, h("bdi", {}, titles.get(card.site) ?? card.site), " · ", day(card.day), " · ", t("chars", number(card.chars)), row.is_preview ? h("span", { class: "badge warn" }, t("preview")) : null));
}
