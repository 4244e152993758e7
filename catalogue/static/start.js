// All datasets.

import { sparkline } from "./chart.js";
import { catalogue } from "./data.js";
import { h } from "./dom.js";
import { bytes, day, moment, number, short, t } from "./words.js";

export async function view() {
  const { datasets } = await catalogue();
  return {
    title: null,
    content: [
      h("section", { class: "hero" }, h("p", { class: "over" }, t("tagline")), h("h1", {}, t("startTitle")), h("p", { class: "lead" }, t("startLead"))),
      h("section", { class: datasets.length === 1 ? "cards one" : "cards", "aria-label": t("datasets") }, datasets.length ? datasets.map((d) => card(d, datasets.length)) : h("p", { class: "notice" }, t("noDataset"))),
    ],
  };
}

function card(line, datasetsShown) {
  const facts = [
    [short(line.rows), t(line.rows === 1 ? "speeches1" : "speeches")],
    [number(line.sites), t(line.sites === 1 ? "sites1" : "sites")],
    [bytes(line.bytes), t("size")],
  ];
  const period = line.days ? `${day(line.days[0]).slice(0, 4)}–${day(line.days[1]).slice(0, 4)}` : null;
  if (period) facts.splice(2, 0, [period, t("period")]);
  const years = line.years.filter(([year]) => year !== null);
  const spark =
    years.length > 2
      ? h("a", { class: "spark", href: `#/${line.dataset}/pictures` }, sparkline(everyYear(years), t("byYear")), h("span", { class: "soft ends" }, h("span", {}, String(years[0][0])), h("span", {}, t("byYear")), h("span", {}, String(years.at(-1)[0]))))
      : null;
  return h(
    "article",
    { class: "card" },
    datasetsShown === 1 ? spark : null,
    h("h2", {}, h("a", { href: `#/${line.dataset}` }, line.title)),
    h("p", { class: "soft" }, t("versionN", line.version), " · ", t("published", moment(line.published_at))),
    h("dl", { class: "figures" }, facts.map(([value, name]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    datasetsShown === 1 ? null : spark,
    h("p", { class: "links" }, h("a", { href: `#/${line.dataset}/browse` }, t("browse")), h("a", { href: `#/${line.dataset}/pictures` }, t("pictures")), h("a", { href: `#/${line.dataset}/load` }, t("load"))),
  );
}

/** Speeches of each year from the first to the last; a year without any counts as none. */
function everyYear(years) {
  const by = new Map(years);
  const out = [];
  for (let year = years[0][0]; year <= years.at(-1)[0] && out.length < 400; year++) out.push(by.get(year) ?? 0);
  return out;
}
