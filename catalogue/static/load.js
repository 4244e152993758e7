// Download and load: code to copy, and every file of the version with size and SHA-256.

import { code, section } from "./about.js";
import { datasetAddress, document_, versionFile } from "./data.js";
import { grid, h } from "./dom.js";
import { bytes, langOf, number, said, t } from "./words.js";

export async function view({ line }) {
  const reference = await document_(line, "reference");
  const url = await datasetAddress(line.dataset);
  const folder = `${line.dataset}/versions/${line.version}`;
  const places = { folder, url: `${url}/versions/${line.version}`, dataset: url, version: line.version };
  const href = (name, table = null) => versionFile(line.dataset, line.version, name, table);
  const files = await Promise.all(reference.files.map(async ([name, size, digest]) => [h("a", { href: await href(name), download: name }, name), bytes(size), h("code", { class: "digest" }, digest)]));
  const many = Object.values(reference.parts).reduce((n, p) => n + p.length, 0);
  const sample = reference.files.some(([name]) => name === "preview.parquet") ? h("a", { class: "button", href: await href("preview.parquet"), download: "preview.parquet" }, t("downloadSample")) : null;
  return {
    title: `${t("load")} · ${line.title}`,
    content: h(
      "div",
      { class: "load" },
      h("h1", { class: "small-title" }, t("loadTitle"), h("span", { class: "soft" }, ` ${line.title}`)),
      h("p", { class: "lead" }, t("loadLead", line.version, bytes(line.bytes), number(many))),
      h("p", { class: "actions" }, sample, h("a", { class: "button", href: await href("manifest.json"), download: "manifest.json" }, "manifest.json"), h("a", { class: "button", href: await href("SHA256SUMS"), download: "SHA256SUMS" }, "SHA256SUMS")),
      section("whole", t("wholeVersion"), code(`jianghua download ${url}`, "sh")),
      section("curl", t("withCurl"), code(curl(places), "sh")),
      snippets(reference.snippets, places),
      section("files", t("files"), grid(t("files"), [t("file"), t("bytes"), t("sha")], files, [1])),
      section(
        "parts",
        t("parts"),
        Object.entries(reference.parts).map(([table, parts]) => {
          const box = h("details", { class: "parts" }, h("summary", {}, h("code", {}, table), h("span", { class: "soft" }, ` ${t("partsN", number(parts.length), bytes(parts.reduce((n, p) => n + p[1], 0)), number(parts.reduce((n, p) => n + p[3], 0)))}`)));
          box.addEventListener("toggle", async () => box.append(grid(table, [t("file"), t("bytes"), t("rows"), t("sha")], await Promise.all(parts.map(async ([file, size, digest, rows]) => [h("a", { href: await href(file, table), download: file }, file), bytes(size), number(rows), h("code", { class: "digest" }, digest)])), [1, 2])), { once: true });
          return box;
        }),
      ),
    ),
  };
}

function curl({ url, folder }) {
  return `mkdir -p ${folder} && cd ${folder}\ncurl -fsSO ${url}/SHA256SUMS\ncut -c67- SHA256SUMS | while read -r name; do\n  curl -fsS --create-dirs -o "$name" "${url}/$name"\ndone\nsha256sum -c SHA256SUMS`;
}

function filled(text, places) {
  for (const value of Object.values(places)) if (/["'\\\r\n]/.test(value)) throw new Error("no place for a snippet");
  return text.replace(/\{(folder|url|dataset|version)\}/g, (_, name) => places[name]);
}

function snippets(all, places) {
  const place = h("div", { class: "snippet", role: "tabpanel", id: "snippet" });
  const tabs = all.map((s, i) => h("button", { type: "button", role: "tab", "aria-selected": i ? "false" : "true", "aria-controls": "snippet", tabindex: i ? "-1" : "0", id: `tab-${s.tool}` }, s.tool));
  const choose = (i, focus) => {
    tabs.forEach((tab, n) => {
      tab.setAttribute("aria-selected", String(n === i));
      tab.setAttribute("tabindex", n === i ? "0" : "-1");
    });
    place.setAttribute("aria-labelledby", tabs[i].id);
    place.replaceChildren(h("p", { class: "soft", lang: langOf(all[i].title) }, said(all[i].title)), code(filled(all[i].code, places), all[i].language));
    if (focus) tabs[i].focus();
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => choose(i));
    tab.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (step) choose((i + step + tabs.length) % tabs.length, true);
    });
  });
  choose(0);
  return section("snippets", t("snippets"), h("p", { class: "soft" }, t("snippetsWhat")), h("div", { class: "tabs", role: "tablist", "aria-label": t("snippets") }, tabs), place);
}
