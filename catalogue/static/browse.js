// Browse and search: facets, a list that grows, keys that move in it. What is asked stands in the address.

import { document_, warm } from "./data.js";
import { fill, h } from "./dom.js";
import { FACETS, has, open } from "./search.js";
import { entry, siteTitles, trouble } from "./shared.js";
import { number, t } from "./words.js";

const PAGE = 30;
const VALUES = 8; // of a facet before "more"
const WIDE = 400; // and of all; the field above them finds the others
const WAIT = 90; // ms after the last key
const LOOK = 4; // times PAGE cards that one step looks at for titles that have all words

let left = null; // the list that was last left: its address, how many speeches it showed, how far it was scrolled, which was opened

export async function view({ line, query, still, back }) {
  const [facts, browse] = await Promise.all([document_(line, "facts"), open(line)]);
  const asked = { q: query.get("q") ?? "", preview: query.get("preview") ?? "", copies: query.get("copies") ?? "", order: query.get("order") === "oldest" ? "oldest" : "newest" };
  for (const f of FACETS) asked[f] = query.getAll(f);
  const list = new List(line, browse, siteTitles(facts), asked, still);
  await list.refresh();
  const before = back && left?.address === location.hash ? left : null;
  while (before && list.entries.childElementCount < before.count && !list.more.hidden) await list.grow(false);
  return {
    title: `${t("browse")} · ${line.title}`,
    content: list.element,
    shown: () => {
      if (asked.q) list.field.setSelectionRange(asked.q.length, asked.q.length);
      if (!before) return;
      list.element.querySelector(`a[href="${CSS.escape(before.opened ?? "")}"]`)?.focus({ preventScroll: true });
      scrollTo(0, before.y);
    },
    leave: () => {
      left = { address: list.address, count: list.entries.querySelectorAll(".entry").length, y: scrollY, opened: list.opened };
      list.end();
    },
  };
}

class List {
  constructor(line, browse, titles, asked, still) {
    Object.assign(this, { line, browse, titles, asked, still });
    this.turn = 0;
    this.wide = new Set(); // facets of which all values are shown
    this.field = h("input", { type: "search", id: "q", name: "q", value: asked.q, placeholder: t("searchTitles"), autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });
    this.form = h("form", { class: "search", role: "search" }, h("label", { class: "away", for: "q" }, t("searchTitles")), this.field, h("button", { type: "submit" }, t("search")));
    this.status = h("p", { class: "count", role: "status" });
    this.chips = h("div", { class: "chips" });
    this.facets = h("div", { class: "facets" });
    this.entries = h("ol", { class: "entries", "aria-label": t("results") });
    this.more = h("button", { type: "button", class: "more", hidden: true, on: { click: () => this.grow(true) } }, t("more"));
    this.order = this.choice("order", [["newest", t("newestFirst")], ["oldest", t("oldestFirst")]], asked.order);
    this.panel = h("details", { class: "panel", open: matchMedia("(min-width: 60rem)").matches }, h("summary", {}, t("filters")), this.facets);
    this.element = h(
      "div",
      { class: "browse" },
      h("h1", { class: "small-title" }, t("browse"), h("span", { class: "soft" }, ` ${this.line.title}`)),
      this.form,
      h("div", { class: "columns" }, h("aside", { "aria-label": t("filters") }, this.panel), h("div", { class: "results" }, h("div", { class: "above" }, this.status, h("label", { class: "order" }, h("span", { class: "away" }, t("order")), this.order)), this.chips, this.entries, this.more, h("p", { class: "soft keys" }, t("keys")))),
    );
    this.form.addEventListener("submit", (e) => (e.preventDefault(), this.changed({ q: this.field.value })));
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      if (!this.composing) this.timer = setTimeout(() => this.changed({ q: this.field.value }), WAIT);
    });
    this.field.addEventListener("focus", () => browse.ready(), { once: true });
    // while an input method composes, what stands in the field is no word yet
    this.field.addEventListener("compositionstart", () => (this.composing = true));
    this.field.addEventListener("compositionend", () => {
      this.composing = false;
      this.timer = setTimeout(() => this.changed({ q: this.field.value }), WAIT);
    });
    this.element.addEventListener("keydown", (e) => this.move(e));
    this.entries.addEventListener("click", (e) => (this.opened = e.target.closest("a")?.getAttribute("href")));
    // who points at a speech may well open it
    for (const about of ["pointerover", "focusin"]) this.entries.addEventListener(about, warm, { once: true });
    this.address = location.hash;
  }

  end() {
    clearTimeout(this.timer);
    this.turn++;
  }

  choice(name, options, value) {
    const select = h("select", { name, "aria-label": name === "order" ? t("order") : t(`facet_${name}`) }, options.map(([v, label]) => h("option", { value: v, selected: v === value }, label)));
    select.addEventListener("change", () => this.changed({ [name]: select.value }));
    return select;
  }

  /** Something else is asked for: look it up, and let the address say so. */
  async changed(what) {
    if (what.q !== undefined && what.q.trim() === this.asked.q.trim()) return;
    Object.assign(this.asked, what);
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(this.asked)) {
      if (Array.isArray(value)) value.forEach((v) => query.append(name, v));
      else if (value && !(name === "order" && value === "newest")) query.set(name, value);
    }
    const text = query.toString();
    history.replaceState(null, "", `#/${this.line.dataset}/browse${text ? `?${text}` : ""}`);
    this.address = location.hash;
    await this.refresh().catch((e) => this.trouble(e));
  }

  async trouble(error) {
    for (const part of [this.entries, this.facets]) part.removeAttribute("aria-busy");
    await trouble(this.status, error);
  }

  async refresh() {
    const mine = ++this.turn;
    this.entries.setAttribute("aria-busy", "true");
    this.facets.setAttribute("aria-busy", "true");
    const found = await this.browse.find(this.asked);
    if (mine !== this.turn) return;
    this.found = found;
    this.total = found.rows ? found.rows.length : this.browse.rows;
    this.at = 0;
    this.left = 0; // rows whose title did not have the words after all
    const cards = await this.next();
    if (mine !== this.turn) return;
    fill(this.entries, cards.map((c) => entry(this.line, c, this.titles, found.words)));
    if (!cards.length) this.entries.append(h("li", { class: "none" }, h("strong", {}, t("foundNone")), h("p", { class: "soft" }, t("foundNoneWhat"))));
    this.entries.removeAttribute("aria-busy");
    this.tell();
    this.element.dataset.asked = this.asked.q; // for whoever waits for just these results
    this.counts = null;
    const counted = found.counts ? found.counts() : Promise.resolve(null);
    counted.then(
      (counts) => {
        if (mine !== this.turn) return;
        this.counts = counts;
        this.tellFacets();
        this.facets.removeAttribute("aria-busy");
      },
      (e) => this.trouble(e),
    );
  }

  row(i) {
    const n = this.asked.order === "oldest" ? i : this.total - 1 - i;
    return this.found.rows ? this.found.rows[n] : n;
  }

  /** The next cards to show; looks on until a page is full or nothing is left. */
  async next() {
    const { words, exact } = this.found;
    const out = [];
    while (out.length < PAGE && this.at < this.total) {
      const many = exact ? PAGE - out.length : out.length ? PAGE * LOOK : PAGE + 6;
      const rows = Array.from({ length: Math.min(many, this.total - this.at) }, (_, i) => this.row(this.at + i));
      const cards = await this.browse.cards(rows);
      for (const card of cards) {
        this.at++;
        if (exact || has(card.title, words)) out.push(card);
        else this.left++;
        if (out.length === PAGE) break;
      }
    }
    return out;
  }

  async grow(focus) {
    const mine = this.turn;
    const cards = await this.next().catch((e) => (this.trouble(e), []));
    if (mine !== this.turn) return;
    const items = cards.map((c) => entry(this.line, c, this.titles, this.found.words));
    this.entries.append(...items);
    this.tell();
    if (focus) items[0]?.querySelector("a")?.focus();
  }

  tell() {
    const sure = this.found.exact || this.at >= this.total || !this.found.words.length;
    const n = number(this.total - this.left);
    const how = this.found.by === "id" ? t("byId") : this.found.by === "url" ? t("byUrl") : null;
    fill(this.status, sure ? t("found", n) : t("foundAbout", n), how ? h("span", { class: "soft" }, ` ${how}`) : null);
    this.more.hidden = this.at >= this.total;
    const chips = [];
    const remove = (label, what) => chips.push(h("button", { type: "button", class: "chip", "aria-label": t("remove", label), on: { click: () => this.changed(what) } }, label, h("span", { "aria-hidden": "true" }, " ×")));
    for (const f of FACETS) for (const v of this.asked[f]) remove(this.label(f, v), { [f]: this.asked[f].filter((o) => o !== v) });
    if (this.asked.preview) remove(this.asked.preview === "only" ? t("previewOnly") : t("wholeOnly"), { preview: "" });
    if (this.asked.copies) remove(this.asked.copies === "one" ? t("onePerCluster") : t("copiesOnly"), { copies: "" });
    if (chips.length > 1) chips.push(h("button", { type: "button", class: "chip clear", on: { click: () => this.changed({ ...Object.fromEntries(FACETS.map((f) => [f, []])), preview: "", copies: "" }) } }, t("clear")));
    fill(this.chips, chips);
  }

  label(facet, value) {
    if (value === "" || value === null) return facet === "year" ? t("undated") : t("unknown");
    return facet === "site" ? (this.titles.get(value) ?? value) : String(value);
  }

  tellFacets() {
    const before = document.activeElement?.closest?.("[data-key]")?.dataset.key;
    const counts = this.counts;
    fill(
      this.facets,
      FACETS.map((f) => this.facet(f, counts ? counts[f] : this.browse.values(f))),
      h("label", { class: "facet choice" }, h("span", {}, t("facet_preview")), this.choice("preview", [["", t("any")], ["none", t("wholeOnly")], ["only", t("previewOnly")]], this.asked.preview)),
      h("label", { class: "facet choice" }, h("span", {}, t("facet_copies")), this.choice("copies", [["", t("any")], ["one", t("onePerCluster")], ["only", t("copiesOnly")]], this.asked.copies)),
    );
    if (before) [...this.facets.querySelectorAll("[data-key]")].find((e) => e.dataset.key === before)?.querySelector("input, button")?.focus();
  }

  facet(facet, values) {
    const chosen = new Set(this.asked[facet]);
    const there = values.filter((v) => v.count > 0 || chosen.has(String(v.value ?? "")));
    if (facet !== "year") there.sort((a, b) => b.count - a.count);
    if (there.length < 2 && !chosen.size) return null;
    const top = Math.max(1, ...there.map((v) => v.count));
    const wide = this.wide.has(facet);
    const listed = wide ? there.slice(0, WIDE) : [...there.slice(0, VALUES), ...there.slice(VALUES).filter((v) => chosen.has(String(v.value ?? "")))];
    const box = h("ul", {}, listed.map((v) => this.value(facet, v, chosen, top)));
    const out = [h("legend", {}, t(`facet_${facet}`)), box];
    const all = this.counts ? there.length : Math.max(there.length, this.browse.size(facet));
    if (all > VALUES) {
      if (wide && there.length > 24) {
        const find = h("input", { type: "text", class: "narrow", placeholder: t("narrow", t(`facet_${facet}`)), "aria-label": t("narrow", t(`facet_${facet}`)) });
        find.addEventListener("input", () => box.replaceChildren(...there.filter((v) => this.label(facet, v.value).includes(find.value.trim())).slice(0, 200).map((v) => this.value(facet, v, chosen, top))));
        out.splice(1, 0, find);
      }
      if (!wide) out.push(h("button", { type: "button", class: "link", "data-more": facet, on: { click: () => this.widen(facet) } }, t("moreValues", number(all - VALUES))));
    }
    return h("fieldset", { class: `facet${wide ? " wide" : ""}`, "data-facet": facet }, out);
  }

  /** Show all values of a facet; there may be more than were told at first. */
  async widen(facet) {
    await this.browse.facetColumns().catch((e) => this.trouble(e));
    this.wide.add(facet);
    this.tellFacets();
  }

  value(facet, v, chosen, top) {
    const value = String(v.value ?? "");
    const box = h("input", { type: "checkbox", checked: chosen.has(value) });
    box.addEventListener("change", () => this.changed({ [facet]: box.checked ? [...this.asked[facet], value] : this.asked[facet].filter((o) => o !== value) }));
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", String(v.count / top)); // a CSS property through the object model, which the policy allows
    return h("li", { "data-key": `${facet} ${value}` }, h("label", {}, box, h("span", { class: "name" }, h("bdi", {}, this.label(facet, v.value))), h("span", { class: "n" }, number(v.count)), bar));
  }

  /** Arrow keys move between the results; from the search field down into them. */
  move(e) {
    if (e.altKey || e.ctrlKey || e.metaKey || !/^(?:Arrow(?:Up|Down)|Home|End)$/.test(e.key)) return;
    const links = [...this.entries.querySelectorAll("a.entry-title")];
    const here = links.indexOf(document.activeElement);
    let to = null;
    if (document.activeElement === this.field && e.key === "ArrowDown") to = links[0];
    else if (here >= 0) {
      if (e.key === "ArrowDown") to = links[here + 1] ?? (this.more.hidden ? null : this.more);
      if (e.key === "ArrowUp") to = links[here - 1] ?? this.field;
      if (e.key === "Home") to = links[0];
      if (e.key === "End") to = links.at(-1);
    }
    if (to) {
      e.preventDefault();
      to.focus();
    }
  }
}
