// All datasets.

import { catalogue } from "./data.js";
import { h } from "./dom.js";
import { bytes, day, moment, number, short, t } from "./words.js";

export async function view() {
  const { datasets } = await catalogue();
  return {
    title: null,
    content: [
      h("section", { class: "hero" }, h("p", { class: "over" }, t("tagline")), h("h1", {}, t("startTitle")), h("p", { class: "lead" }, t("startLead"))),
      h("section", { class: "cards", "aria-label": t("datasets") }, datasets.length ? datasets.map(card) : h("p", { class: "notice" }, t("noDataset"))),
    ],
  };
}

function card(line) {
  const facts = [
    [short(line.rows), t("speeches")],
    [number(line.sites), t("sites")],
    [bytes(line.bytes), t("size")],
  ];
  const period = line.days ? `${day(line.days[0]).slice(0, 4)}–${day(line.days[1]).slice(0, 4)}` : null;
  if (period) facts.splice(2, 0, [period, t("period")]);
  return h(
    "article",
    { class: "card" },
    h("h2", {}, h("a", { href: `#/${line.dataset}` }, line.title)),
    h("p", { class: "soft" }, t("versionN", line.version), " · ", t("published", moment(line.published_at))),
    h("dl", { class: "figures" }, facts.map(([value, name]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    h("p", { class: "links" }, h("a", { href: `#/${line.dataset}/browse` }, t("browse")), h("a", { href: `#/${line.dataset}/pictures` }, t("pictures")), h("a", { href: `#/${line.dataset}/load` }, t("load"))),
  );
}
