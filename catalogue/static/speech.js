// One speech: its text with the outline beside it, what is known of it, where it came from, its copies.

import { Gone, document_, partRows, warm } from "./data.js";
import { copier, fill, grid, h, outside } from "./dom.js";
import { open } from "./search.js";
import { pairs, scriptOf, siteTitles, speechHref, trouble } from "./shared.js";
import { day, knows, moment, number, percent, t } from "./words.js";

const ID = /^[A-Za-z0-9._-]{1,100}:[0-9a-f]{20}$/;
const COLUMNS = [
  "speech_id", "page_url", "site", "part", "parts", "revision", "title", "title_raw", "part_title", "text", "chars", "published_at", "published_from",
  "source", "author", "gone_since", "doc_type", "salutation", "speaker_role", "speaker_name", "admin_level", "region", "occasion", "event_date",
  "topics", "outline", "is_preview", "preview_evidence", "chars_declared", "quality_flags", "corrected", "personal_data", "editor_intro",
  "first_version", "script",
];
const MEMBERS = 12;
const LONG = 48; // characters of a title from which it is set smaller

/** The row of a speech and its card. Throws where there is none; gives null for an id that is none. */
export async function read(line, browse, id) {
  if (!ID.test(id ?? "")) return null;
  const card = await browse.byId(id);
  return card ? { card, row: await readRow(line, browse, card) } : null;
}

export async function readRow(line, browse, card) {
  const [row] = await partRows(line.dataset, line.version, "speeches", browse.parts.speeches[card.part], card.offset, card.offset + 1, COLUMNS);
  if (row?.speech_id !== card.id) throw new Gone(browse.parts.speeches[card.part][0], "other rows");
  return row;
}

export async function view({ line, rest }) {
  warm();
  const browse = await open(line);
  const found = await read(line, browse, rest[0]);
  if (!found) return missing(line);
  const { card, row } = found;
  const facts = await document_(line, "facts");
  const titles = siteTitles(facts);
  const paragraphs = String(row.text).split("\n");
  const text = h("div", { class: "text", lang: scriptOf(row), id: "text" }, paragraphs.map((p, i) => h("p", { id: `p${i}`, "data-heading": point(row.outline, i)?.level ?? null }, headed(p, point(row.outline, i)))));
  const copies = h("section", { id: "copies", hidden: card.cluster < 0 });
  const inside = h("section", { id: "inside", hidden: !card.inside.length });
  return {
    title: card.title,
    content: h(
      "article",
      { class: "speech" },
      header(line, card, row, titles),
      h(
        "div",
        { class: "reading" },
        h("aside", { class: "beside" }, outline(row)),
        h("div", { class: "middle" }, row.is_preview ? preview(row) : null, row.editor_intro ? h("details", { class: "intro" }, h("summary", {}, t("editorIntro")), h("p", { lang: "zh-Hans" }, row.editor_intro)) : null, text, row.is_preview ? h("p", { class: "cut", "aria-hidden": "true" }, "……") : null),
        h("aside", { class: "beside facts", "aria-label": t("facts") }, factsOf(row, card)),
      ),
      copies,
      inside,
      source(line, browse, card, row, titles),
    ),
    shown: () => {
      if (card.cluster >= 0) showCopies(copies, line, browse, card, titles).catch((e) => trouble(copies, e));
      if (card.inside.length) showInside(inside, line, browse, card, titles).catch((e) => trouble(inside, e));
    },
  };
}

function missing(line) {
  return { title: t("speechMissing"), content: h("section", { class: "trouble" }, h("h1", {}, t("speechMissing")), h("p", {}, t("speechMissingWhat")), h("p", {}, h("a", { href: `#/${line.dataset}/versions` }, t("versions")), " · ", h("a", { href: `#/${line.dataset}/browse` }, t("browse")))) };
}

function header(line, card, row, titles) {
  const permalink = copier(location.href, { copy: t("permalink"), copied: t("copied"), failed: t("copyFailed") });
  return h(
    "header",
    { class: "masthead" },
    h("p", { class: "over" }, [card.kind, card.region, titles.get(card.site) ?? card.site].filter(Boolean).map((x, i) => [i ? " · " : null, h("bdi", {}, x)])),
    h("h1", { lang: scriptOf(row), class: row.title?.length > LONG ? "long" : null }, row.title || "—"),
    row.part_title ? h("p", { class: "sub", lang: "zh-Hans" }, row.part_title) : null,
    h("p", { class: "soft byline" }, h("span", {}, day(card.day), " · ", t("chars", number(card.chars)), row.speaker_role || row.speaker_name ? [" · ", h("bdi", { lang: "zh-Hans" }, [row.speaker_role, row.speaker_name].filter(Boolean).join(" "))] : null), permalink),
  );
}

/** The point of the outline that begins a paragraph. */
function point(outline, i) {
  return outline?.find((o) => o.paragraph === i) ?? null;
}

/** A paragraph, with marker and heading set off where it begins with them. */
function headed(text, o) {
  const head = o ? `${o.marker}${o.heading}` : "";
  return head && text.startsWith(head) ? [h("strong", {}, head), text.slice(head.length)] : text;
}

function outline(row) {
  if (!row.outline?.length) return h("p", { class: "soft none" }, t("noOutline"));
  const jump = (e, i) => {
    e.preventDefault();
    const to = document.getElementById(`p${i}`);
    to?.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    to?.setAttribute("tabindex", "-1");
    to?.focus({ preventScroll: true });
  };
  const list = h(
    "ol",
    { class: "outline", lang: "zh-Hans" },
    row.outline.map((o) => h("li", { "data-level": Math.min(4, Math.max(1, Number(o.level) || 1)) }, h("a", { href: location.hash, on: { click: (e) => jump(e, o.paragraph) } }, h("span", { class: "marker" }, o.marker), " ", o.heading))),
  );
  return h("details", { class: "outline-box", open: matchMedia("(min-width: 70rem)").matches }, h("summary", {}, t("outline")), h("nav", { "aria-label": t("outline") }, list));
}

function preview(row) {
  const declared = Number(row.chars_declared ?? 0);
  return h(
    "div",
    { class: "preview", role: "note" },
    h("strong", {}, t("isPreview")),
    h("p", {}, declared > row.chars ? t("isPreviewOf", number(row.chars), number(declared)) : t("isPreviewWhat", number(row.chars))),
    row.preview_evidence ? h("p", { class: "soft" }, t("evidence", row.preview_evidence)) : null,
  );
}

function factsOf(row, card) {
  const zh = (v) => (v === null || v === undefined || v === "" ? null : h("bdi", { lang: "zh-Hans" }, v));
  const many = (v) => (v?.length ? v.join("、") : null);
  return h(
    "details",
    { class: "facts-box", open: matchMedia("(min-width: 48rem)").matches },
    h("summary", {}, t("facts")),
    pairs([
      [t("f_date"), card.day === null ? null : day(card.day)],
      [t("f_event"), row.event_date ? new Date(row.event_date).toISOString().slice(0, 10) : null],
      [t("f_kind"), zh(row.doc_type)],
      [t("f_level"), zh(row.admin_level)],
      [t("f_region"), zh(row.region)],
      [t("f_occasion"), zh(row.occasion)],
      [t("f_speaker"), zh([row.speaker_role, row.speaker_name].filter(Boolean).join(" "))],
      [t("f_salutation"), zh(row.salutation)],
      [t("f_topics"), zh(many(row.topics))],
      [t("f_source"), zh(row.source)],
      [t("f_author"), zh(row.author)],
      [t("f_part"), row.parts > 1 ? t("partOf", row.part, row.parts) : null],
      [t("f_flags"), many(row.quality_flags)],
      [t("f_personal"), many(row.personal_data)],
      [t("f_corrected"), many(row.corrected)],
      [t("f_revision"), String(row.revision)],
      [t("f_first"), row.first_version],
      [t("f_id"), h("code", {}, row.speech_id)],
    ]),
  );
}

function source(line, browse, card, row, titles) {
  const rows = h("div", {});
  const record = h("details", {}, h("summary", {}, t("provenance")), h("p", { class: "soft" }, t("provenanceWhat")), rows);
  record.addEventListener("toggle", () => {
    if (record.open && !rows.childElementCount) provenance(rows, line, browse, card, row).catch((e) => trouble(rows, e));
  });
  return h(
    "section",
    { id: "source" },
    h("h2", {}, t("fromTitle")),
    pairs(
      [
        [t("address_"), outside(row.page_url)],
        [t("facet_site"), h("bdi", {}, titles.get(card.site) ?? card.site)],
        [t("titleRaw"), row.title_raw && row.title_raw !== row.title ? h("bdi", { lang: "zh-Hans" }, row.title_raw) : null],
        [t("fetched"), card.fetched ? moment(card.fetched * 1000) : null],
        [t("goneMark"), row.gone_since ? t("goneSince", moment(row.gone_since)) : null],
      ],
      "pairs wide",
    ),
    card.origin.length && browse.parts.provenance ? record : null,
  );
}

/** Whether a text has this SHA-256; null where the browser does not tell (without https). */
async function hasDigest(text, digest) {
  if (!globalThis.crypto?.subtle) return null;
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(found, (b) => b.toString(16).padStart(2, "0")).join("") === digest;
}

async function provenance(place, line, browse, card, row) {
  fill(place, h("p", { class: "wait", role: "status" }, t("loading")));
  const columns = ["speech_id", "ordinal", "url", "fetched_at", "status", "charset", "warc_file", "warc_offset", "warc_length", "html_sha256", "extractor", "rules_version", "profile_version"];
  // a page of digests is larger than a text: only who wants to see it fetches it
  const digest = partRows(line.dataset, line.version, "speeches", browse.parts.speeches[card.part], card.offset, card.offset + 1, ["speech_id", "text_sha256"]);
  const found = await Promise.all(card.origin.map(([part, at]) => partRows(line.dataset, line.version, "provenance", browse.parts.provenance[part], at, at + 1, columns)));
  const sha = (await digest)[0].text_sha256;
  const same = await hasDigest(String(row.text), sha);
  const verdict = same === null ? null : h("span", { class: same ? "badge good" : "badge warn" }, t(same ? "shaGood" : "shaBad"));
  fill(
    place,
    pairs([[t("textSha"), [h("code", { class: "digest" }, sha), verdict]]], "pairs wide"),
    found.flat().filter((r) => r.speech_id === card.id).map((r) =>
      pairs(Object.entries(r).filter(([k]) => k !== "speech_id").map(([k, v]) => [h("code", {}, k), k === "url" ? outside(v) : v instanceof Date ? moment(v) : v === null ? null : h("code", { class: "digest" }, String(v))]), "pairs wide record"),
    ),
  );
}

async function showCopies(place, line, browse, card, titles) {
  const members = await browse.cluster(card.cluster);
  const shown = members.slice(0, MEMBERS);
  if (!shown.some((m) => m.row === card.row)) shown.push(members.find((m) => m.row === card.row));
  const cards = await browse.cards(shown.map((m) => m.row));
  const chosen = cards.find((_, i) => shown[i].chosen) ?? cards[0];
  const partner = chosen.id === card.id ? cards.find((c) => c.id !== card.id) : chosen;
  const rows = cards.map((c, i) => {
    const m = shown[i];
    const mine = c.id === card.id;
    const reason = `reason_${m.reason}`;
    return [
      [mine ? h("strong", { lang: "zh-Hans" }, c.title) : h("a", { lang: "zh-Hans", href: speechHref(line, c.id) }, c.title), h("span", { class: "soft" }, " ", h("bdi", {}, titles.get(c.site) ?? c.site), " · ", day(c.day)), mine ? h("span", { class: "badge" }, t("thisOne")) : null, m.chosen ? h("span", { class: "badge good" }, t("chosen")) : null, c.preview ? h("span", { class: "badge warn" }, t("preview")) : null],
      knows(reason) ? t(reason) : m.reason,
      percent(m.jaccard),
      number(c.chars),
      mine ? "" : h("a", { class: "button small", href: `#/${line.dataset}/compare/${encodeURIComponent(card.id)}/${encodeURIComponent(c.id)}` }, t("compare")),
    ];
  });
  fill(
    place,
    h("h2", {}, t("copiesTitle")),
    h("p", { class: "soft" }, t("copiesWhat", number(members.length)), members.length > shown.length ? ` ${t("examples", number(shown.length), number(members.length))}` : null),
    grid(t("copiesTitle"), [t("speech"), t("relation"), t("alike"), t("lengthRange"), h("span", { class: "away" }, t("compare"))], rows, [2, 3]),
    partner ? h("p", {}, h("a", { class: "button", href: `#/${line.dataset}/compare/${encodeURIComponent(card.id)}/${encodeURIComponent(partner.id)}` }, t("compareTitle"))) : null,
  );
}

async function showInside(place, line, browse, card, titles) {
  const cards = await browse.cards(card.inside.map(([row]) => row));
  fill(
    place,
    h("h2", {}, t("insideTitle")),
    h("ul", { class: "entries plain" }, cards.map((c, i) => h("li", { class: "entry" }, h("a", { class: "entry-title", lang: "zh-Hans", href: speechHref(line, c.id) }, c.title), h("p", { class: "soft" }, h("bdi", {}, titles.get(c.site) ?? c.site), " · ", day(c.day), " · ", t("insideWhat", percent(card.inside[i][1])), " ", h("a", { href: `#/${line.dataset}/compare/${encodeURIComponent(card.id)}/${encodeURIComponent(c.id)}` }, t("compare")))))),
  );
}
