// What a dataset is: facts, the newest speeches, limits, licence, how to cite, quality, sites.

import { filled, sparkline } from "./chart.js";
import { document_, versionFile } from "./data.js";
import { copier, grid, h, outside } from "./dom.js";
import { open } from "./search.js";
import { entry, prose, remark, siteTitles } from "./shared.js";
import { bytes, day, knows, langOf, moment, number, percent, said, short, t } from "./words.js";

const NEWEST = 6;
const SITES = 12;

export async function view({ line }) {
  const [facts, figures, browse] = await Promise.all([document_(line, "facts"), document_(line, "figures"), open(line)]);
  const last = Array.from({ length: Math.min(NEWEST, browse.rows) }, (_, i) => browse.rows - 1 - i);
  const cards = await browse.cards(last);
  const titles = siteTitles(facts);
  const paragraph = (text) => h("p", { lang: langOf(text) }, prose(said(text)));
  return {
    title: line.title,
    content: [
      head(line, facts, figures),
      h(
        "div",
        { class: "two" },
        h(
          "div",
          { class: "column" },
          section("newest", t("newest"), h("ol", { class: "entries plain" }, cards.map((c) => entry(line, c, titles))), h("p", {}, h("a", { class: "onward", href: `#/${line.dataset}/browse` }, t("newestAll")))),
          section("made", t("howMade"), paragraph(facts.about.collection), paragraph(facts.about.upkeep)),
          section("limits", t("limits"), h("ul", { class: "prose" }, facts.about.limits.map((l) => h("li", { lang: langOf(l) }, prose(said(l)))))),
          section("personal", t("personal"), paragraph(facts.about.personal)),
        ),
        h("div", { class: "column side" }, quality(line, facts), section("cite", t("cite"), h("p", { class: "soft" }, t("citeWhy")), code(facts.citation)), section("licence", t("licence"), paragraph(facts.about.licence), await licenceLink(line))),
      ),
      sites(facts),
    ],
  };
}

function head(line, facts, counts) {
  const figures = [
    [short(line.rows), t(line.rows === 1 ? "speeches1" : "speeches"), number(line.rows)],
    [number(line.sites), t(line.sites === 1 ? "sites1" : "sites")],
    [short(line.chars), t("characters"), number(line.chars)],
    line.days ? [`${day(line.days[0]).slice(0, 4)}–${day(line.days[1]).slice(0, 4)}`, t("period"), `${day(line.days[0])} – ${day(line.days[1])}`] : null,
    [bytes(line.bytes), t("size")],
  ].filter(Boolean);
  const field = h("input", { type: "search", name: "q", id: "q", placeholder: t("searchTitles"), autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });
  const form = h("form", { class: "search", role: "search" }, h("label", { class: "away", for: "q" }, t("searchTitles")), field, h("button", { type: "submit" }, t("search")));
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    location.hash = `#/${line.dataset}/browse?${new URLSearchParams({ q: field.value })}`;
  });
  const months = counts.months.length > 2 ? filled(counts.months) : [];
  const spark = months.length
    ? h("a", { class: "spark", href: `#/${line.dataset}/pictures` }, sparkline(months.map((m) => m[1]), t("byMonth")), h("span", { class: "soft ends" }, h("span", {}, String(months[0][0]).slice(0, 4)), h("span", {}, t("byMonth")), h("span", {}, String(months.at(-1)[0]).slice(0, 4))))
    : null;
  return h(
    "section",
    { class: "hero" },
    spark,
    h("p", { class: "over" }, t("versionN", line.version), " · ", t("published", moment(line.published_at)), " · ", t("schema", line.schema_version)),
    h("h1", {}, line.title),
    h("p", { class: "lead", lang: langOf(facts.about.summary) }, said(facts.about.summary)),
    facts.reissue_of ? h("p", { class: "notice" }, t("reissue", facts.reissue_of)) : null,
    h("dl", { class: "figures big" }, figures.map(([value, name, whole]) => h("div", {}, h("dt", {}, name), h("dd", { title: whole }, value)))),
    form,
    h("p", { class: "actions" }, h("a", { class: "button first", href: `#/${line.dataset}/load` }, t("loadTitle")), h("a", { class: "button", href: `#/${line.dataset}/browse` }, t("newestAll")), h("a", { class: "button", href: `#/${line.dataset}/pictures` }, t("pictures"))),
  );
}

export function section(id, title, ...children) {
  return h("section", { id }, h("h2", {}, title), children);
}

export function code(text, lang = null) {
  return h("div", { class: "code", "data-language": lang }, h("pre", { tabindex: "0" }, h("code", {}, text.trimEnd())), copier(text.trimEnd(), { copy: t("copy"), copied: t("copied"), failed: t("copyFailed") }));
}

function quality(line, facts) {
  const q = facts.quality;
  const passed = q.gates.filter((g) => g.result === "pass").length;
  const shares = Object.entries(q.shares ?? {}).filter(([name]) => knows(`share_${name}`));
  const told = q.gates.filter((g) => g.result !== "pass");
  const content = [
    h("p", { class: "verdict" }, h("span", { class: told.length ? "tick warn" : "tick", "aria-hidden": "true" }, told.length ? "!" : "✓"), t("checks", number(passed), number(q.gates.length))),
    h("dl", { class: "shares" }, shares.map(([name, share]) => h("div", {}, h("dt", {}, t(`share_${name}`)), h("dd", {}, percent(share)))), q.median_length ? h("div", {}, h("dt", {}, t("medianLength")), h("dd", {}, number(q.median_length))) : null),
    told.length ? h("details", {}, h("summary", {}, t("remarks")), h("ul", { class: "prose" }, told.map((g) => h("li", {}, remark(g), g.accepted ? ` (${t("accepted", g.accepted)})` : "")))) : null,
  ];
  const link = h("p", {});
  if (q.page) versionFile(line.dataset, line.version, "quality.html").then((href) => link.append(h("a", { href }, t("qualityPage"))), () => null);
  return section("quality", t("quality"), content, link);
}

async function licenceLink(line) {
  return h("p", {}, h("a", { href: await versionFile(line.dataset, line.version, "LICENSE.md") }, "LICENSE.md"));
}

function sites(facts) {
  const rows = facts.sites.map((s) => [
    [h("bdi", {}, s.title), s.title === s.site ? null : h("span", { class: "soft" }, ` ${s.site}`), s.as_of ? h("span", { class: "badge warn" }, t("asOf", s.as_of.slice(0, 10))) : null],
    s.start ? outside(s.start) : "",
    number(s.rows),
    typeof s.previews === "number" ? number(s.previews) : "",
  ]);
  const head = [t("site"), t("address"), t("speechesHead"), t("previews")];
  const place = h("div", {}, grid(t("sourceSites"), head, rows.slice(0, SITES), [2, 3]));
  const more = rows.length > SITES ? h("button", { type: "button", on: { click: () => place.replaceChildren(grid(t("sourceSites"), head, rows, [2, 3])) } }, t("showAll", number(rows.length))) : null;
  more?.addEventListener("click", () => more.remove());
  return section("sites", t("sourceSites"), place, more);
}
