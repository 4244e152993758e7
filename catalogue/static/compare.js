// Two speeches side by side, with what differs marked.

import { document_, warm } from "./data.js";
import { sideBySide } from "./diff.js";
import { h } from "./dom.js";
import { fold, setFold } from "./fold.js";
import { open } from "./search.js";
import { fullTitle, scriptOf, siteTitles, speechHref } from "./shared.js";
import { read } from "./speech.js";
import { day, number, t } from "./words.js";

export async function view({ line, rest, query }) {
  warm();
  const browse = await open(line);
  const facts = await document_(line, "facts");
  const titles = siteTitles(facts);
  const both = await Promise.all([read(line, browse, rest[0]), read(line, browse, rest[1])]);
  if (!both[0] || !both[1]) return { title: t("speechMissing"), content: h("section", { class: "trouble" }, h("h1", {}, t("speechMissing")), h("p", {}, t("speechMissingWhat"))) };
  setFold(await document_(line, "fold"));
  const exact = query.get("exact") === "1";
  const rows = sideBySide(String(both[0].row.text), String(both[1].row.text), exact ? undefined : fold);
  const same = both[0].row.text === both[1].row.text;
  const alike = rows.every(([a, b]) => a && b && ![...a, ...b].some(([, different]) => different));
  const here = `${speechHref(line, rest[0]).replace("/speech/", "/compare/")}/${encodeURIComponent(rest[1])}`;
  const cell = (parts, side) =>
    h("div", { class: `cell${parts ? "" : " empty"}`, "data-side": side, lang: scriptOf(both[side === "a" ? 0 : 1].row) }, parts ? parts.map(([text, different]) => (different ? h(side === "a" ? "del" : "ins", { title: t("onlyHere") }, text) : text)) : null);
  return {
    title: `${t("compareTitle")} · ${fullTitle(both[0].row)}`,
    content: h(
      "article",
      { class: "compare" },
      h("p", { class: "over" }, h("a", { href: speechHref(line, rest[0]) }, t("compareBack"))),
      h("h1", { class: "small-title" }, t("compareTitle")),
      h("p", { class: "soft" }, same ? t("compareSame") : [alike ? t("compareAlike") : t(exact ? "compareLead" : "compareFolded"), " ", h("a", { class: "toggle", href: exact ? here : `${here}?exact=1` }, t(exact ? "compareFold" : "compareExact"))]),
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
  return h("header", { class: "cell", "data-side": side }, h("h2", { lang: scriptOf(row) }, h("a", { href: speechHref(line, card.id) }, fullTitle(row))), h("p", { class: "soft" }, h("bdi", {}, titles.get(card.site) ?? card.site), " · ", day(card.day), " · ", t("chars", number(card.chars)), row.is_preview ? h("span", { class: "badge warn" }, t("preview")) : null));
}
