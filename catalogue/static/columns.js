// The data dictionary.

import { document_ } from "./data.js";
import { grid, h } from "./dom.js";
import { prose } from "./shared.js";
import { langOf, said, t } from "./words.js";

export async function view({ line }) {
  const { columns } = await document_(line, "reference");
  return {
    title: `${t("columns")} · ${line.title}`,
    content: h(
      "div",
      { class: "dictionary" },
      h("h1", { class: "small-title" }, t("columnsTitle"), h("span", { class: "soft" }, ` ${line.title}`)),
      h("p", { class: "lead" }, t("columnsLead", line.schema_version)),
      columns.map((table) =>
        h(
          "section",
          { id: `table-${table.table}` },
          h("h2", {}, h("code", {}, table.table)),
          h("p", { lang: langOf(table.description) }, prose(said(table.description))),
          h("p", { class: "soft" }, t("key", table.key.join(", "))),
          grid(table.table, [t("column"), t("type"), t("nullable"), t("meaning")], table.columns.map(([name, type, nullable, meaning, own]) => [[h("code", {}, name), own ? " ●" : null], h("code", { class: "soft" }, type), nullable ? t("yes") : "", h("span", { lang: langOf(meaning) }, prose(said(meaning)))])),
        ),
      ),
    ),
  };
}
