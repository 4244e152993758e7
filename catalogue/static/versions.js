// Versions: growth, sizes, what changed in each, and those that are gone.

import { section } from "./about.js";
import { chart } from "./chart.js";
import { document_, versionFile } from "./data.js";
import { grid, h } from "./dom.js";
import { remark, speechHref } from "./shared.js";
import { bytes, knows, moment, number, t } from "./words.js";

const OPENED = 1;

export async function view({ line }) {
  const { versions, gone } = await document_(line, "history");
  const { data } = await (await import("./data.js")).catalogue();
  const charts = versions.length > 1 ? [growth([...versions].reverse())] : [];
  const told = await Promise.all(versions.map((v, i) => one(line, v, i < OPENED)));
  return {
    title: `${t("versions")} · ${line.title}`,
    content: h(
      "div",
      { class: "versions" },
      h("h1", { class: "small-title" }, t("versionsTitle"), h("span", { class: "soft" }, ` ${line.title}`)),
      h("p", { class: "lead" }, t("versionsLead")),
      charts.length ? section("growth", t("growth"), charts[0].element) : null,
      h("ol", { class: "history" }, told),
      gone.length ? section("gone", t("goneVersions"), grid(t("goneVersions"), [t("version"), "", "", ""], gone.map((g) => [h("code", {}, g.version), g.state === "yanked" ? t("yanked") : t("retired"), g.reason, g.replaced_by ? t("useInstead", g.replaced_by) : ""]))) : null,
      h("p", {}, h("a", { href: `${data}${line.dataset}/feed.xml` }, t("feed"))),
    ),
    leave: () => charts.forEach((c) => c.leave()),
  };
}

function growth(versions) {
  const x = versions.map((v) => Date.parse(v.published_at) / 1000);
  return chart(t("growth"), x, [{ label: t("speechesHead"), values: versions.map((v) => v.rows) }], {
    time: true, days: true, along: t("date"), points: versions.length < 60, height: 220,
    head: [t("version"), t("count"), t("added"), t("changed"), t("removed")],
    rows: () => versions.map((v) => [v.version, number(v.rows), number(v.added), number(v.changed), number(v.removed)]),
  });
}

async function one(line, v, open) {
  const sign = (n, mark, name) => (n ? h("span", { class: `delta ${name}` }, `${mark}${number(n)}`, h("span", { class: "away" }, ` ${t(name)}`)) : null);
  const summary = h(
    "summary",
    {},
    h("span", { class: "vname" }, v.version),
    v.version === line.version ? h("span", { class: "badge good" }, t("latest")) : null,
    h("span", { class: "soft when" }, moment(v.published_at)),
    h("span", { class: "deltas" }, sign(v.added, "+", "added"), sign(v.changed, "~", "changed"), sign(v.removed, "−", "removed")),
    h("span", { class: "soft size" }, t("speechesN", number(v.rows)), " · ", bytes(v.bytes)),
  );
  const counts = grid(t("table"), [t("table"), t("rows"), t("added"), t("changed"), t("removed")], Object.entries(v.tables).map(([name, c]) => [h("code", {}, name), number(c.rows), number(c.added), number(c.changed), number(c.removed)]), [1, 2, 3, 4]);
  const examples = v.examples ?? {};
  const lists = ["added", "changed", "removed"].map((op) => {
    const shown = examples[op] ?? [];
    if (!shown.length || (!v.parent && op === "added")) return null;
    return h("div", { class: "op" }, h("h3", {}, t(`${op}Title`), h("span", { class: "soft" }, ` ${t("examples", number(shown.length), number(v[op]))}`)), h("ul", {}, shown.map((e) => h("li", {}, e.here ? h("a", { lang: "zh-Hans", href: speechHref(line, e.id) }, e.title) : h("span", { lang: "zh-Hans" }, e.title), e.columns?.length ? h("span", { class: "soft" }, " ", e.columns.map((c, i) => [i ? ", " : null, h("code", {}, c)])) : null, e.reason ? h("span", { class: "soft" }, ` ${knows(`reason_${e.reason}`) ? t(`reason_${e.reason}`) : e.reason}`) : null))));
  });
  const files = await Promise.all(["CHANGES.md", "changes.json", "changes.parquet", "manifest.json", "SHA256SUMS"].map(async (f) => h("a", { href: await versionFile(line.dataset, v.version, f) }, f)));
  return h(
    "li",
    {},
    h(
      "details",
      { class: "version", open },
      summary,
      v.parent ? null : h("p", { class: "soft" }, t("first")),
      v.reissue_of ? h("p", { class: "notice" }, t("reissue", v.reissue_of)) : null,
      v.parent && !lists.some(Boolean) ? h("p", { class: "soft" }, t("noExamples")) : null,
      h("div", { class: "ops" }, lists),
      counts,
      v.remarks?.length ? h("details", {}, h("summary", {}, t("remarks")), h("ul", { class: "prose" }, v.remarks.map((r) => h("li", {}, remark(r))))) : null,
      h("p", { class: "soft links" }, t("changesFiles"), ": ", files),
    ),
  );
}
