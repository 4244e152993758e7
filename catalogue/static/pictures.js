// The dataset in pictures: by month, length, site, kind, level, topic, place. Every bar leads to its speeches.

import { bars, chart, filled } from "./chart.js";
import { document_ } from "./data.js";
import { fill, h } from "./dom.js";
import { siteTitles } from "./shared.js";
import { number, percent, t } from "./words.js";

const MOST = 12;

export async function view({ line }) {
  const [figures, facts] = await Promise.all([document_(line, "figures"), document_(line, "facts")]);
  const titles = siteTitles(facts);
  const charts = [];
  const keep = (c) => (charts.push(c), c.element);
  const named = (facet, title, note = null) => {
    const href = (value) => `#/${line.dataset}/browse?${new URLSearchParams({ [facet]: value ?? "" })}`;
    const all = (figures.by[facet] ?? []).filter(([value]) => value !== null);
    const none = (figures.by[facet] ?? []).find(([value]) => value === null)?.[1] ?? 0;
    const rows = all.map(([value, n]) => ({ label: facet === "site" ? (titles.get(value) ?? value) : value, n, href: href(value) }));
    const place = h("div", {}, bars(rows.slice(0, MOST), figures.rows));
    const more = rows.length > MOST ? h("button", { type: "button", class: "link", on: { click: () => (more.remove(), fill(place, bars(rows, figures.rows)), place.querySelectorAll("a")[MOST]?.focus()) } }, t("moreValues", number(rows.length - MOST))) : null;
    // what is not known is no bar beside the others, which it would dwarf
    const unknown = none ? h("p", { class: "soft" }, h("a", { href: href(null) }, `${t("unknown")}: ${number(none)}`), ` (${percent(none / figures.rows)})`) : null;
    return rows.length || none ? h("section", { class: "picture", id: `by-${facet}` }, h("h2", {}, title), note ? h("p", { class: "soft" }, note) : null, place, more, unknown) : null;
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
  const labels = lengths.map(([from, to]) => `${number(from)}–${number(to - 1)}`);
  return chart(t("byLength"), lengths.map((_, i) => i), [{ label: t("count"), values: lengths.map((l) => l[2]) }], { bars: true, labels, head: [t("lengthRange"), t("count")], rows: () => lengths.map(([a, b, n]) => [`${number(a)} – ${number(b - 1)}`, number(n)]) });
}
