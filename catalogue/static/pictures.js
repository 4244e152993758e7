// The dataset in pictures: by month, length, site, kind, level, topic, place. Every bar leads to its speeches.

import { bars, chart, filled } from "./chart.js";
import { document_ } from "./data.js";
import { h } from "./dom.js";
import { siteTitles } from "./shared.js";
import { number, t } from "./words.js";

const MOST = 12;

export async function view({ line }) {
  const [figures, facts] = await Promise.all([document_(line, "figures"), document_(line, "facts")]);
  const titles = siteTitles(facts);
  const charts = [];
  const keep = (c) => (charts.push(c), c.element);
  const named = (facet, title, note = null) => {
    const all = figures.by[facet] ?? [];
    const rows = all.slice(0, MOST).map(([value, n]) => ({
      label: value === null ? t("unknown") : facet === "site" ? (titles.get(value) ?? value) : value,
      n,
      href: `#/${line.dataset}/browse?${new URLSearchParams({ [facet]: value ?? "" })}`,
    }));
    return rows.length ? h("section", { class: "picture" }, h("h2", {}, title), note ? h("p", { class: "soft" }, note) : null, bars(rows, figures.rows), all.length > MOST ? h("p", { class: "soft" }, t("examples", number(MOST), number(all.length))) : null) : null;
  };
  return {
    title: `${t("pictures")} · ${line.title}`,
    content: h(
      "div",
      { class: "pictures" },
      h("h1", { class: "small-title" }, t("picturesTitle"), h("span", { class: "soft" }, ` ${line.title} ${line.version}`)),
      figures.months.length ? h("section", { class: "picture full" }, h("h2", {}, t("byMonth")), figures.undated ? h("p", { class: "soft" }, t("byMonthWhat", number(figures.undated))) : null, keep(byMonth(figures))) : null,
      figures.lengths.length ? h("section", { class: "picture full" }, h("h2", {}, t("byLength")), h("p", { class: "soft" }, t("byLengthWhat")), keep(byLength(figures))) : null,
      h("div", { class: "shelf" },
        named("kind", t("byKind")),
        named("level", t("byLevel")),
        named("topic", t("byTopic"), t("byTopicWhat")),
        named("region", t("byRegion")),
        named("site", t("bySite")),
      ),
    ),
    leave: () => charts.forEach((c) => c.leave()),
  };
}

function byMonth({ months, previews }) {
  const rows = filled(months);
  const x = rows.map(([m]) => Date.UTC(Math.floor(m / 100), (m % 100) - 1, 1) / 1000);
  const name = (m) => `${Math.floor(m / 100)}-${String(m % 100).padStart(2, "0")}`;
  const series = [{ label: t("count"), values: rows.map((r) => r[1]) }];
  if (previews) series.push({ label: t("ofThemPreviews"), values: rows.map((r) => r[2]) });
  return chart(t("byMonth"), x, series, { time: true, height: 280, points: rows.length < 30, head: [t("month"), t("count"), ...(previews ? [t("ofThemPreviews")] : [])], rows: () => rows.map(([m, n, cut]) => [name(m), number(n), ...(previews ? [number(cut)] : [])]) });
}

function byLength({ lengths }) {
  const labels = lengths.map(([from]) => number(from));
  return chart(t("byLength"), lengths.map((_, i) => i), [{ label: t("count"), values: lengths.map((l) => l[2]) }], { bars: true, labels, head: [t("lengthRange"), t("count")], rows: () => lengths.map(([a, b, n]) => [`${number(a)} – ${number(b - 1)}`, number(n)]) });
}
