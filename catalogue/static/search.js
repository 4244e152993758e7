// Which rows are meant: by words in the title, by id or address, by facets. Rows are numbers, oldest first.

import { Pack, document_ } from "./data.js";
import { crc32, fold, setFold, wordsOf } from "./fold.js";

const MOST_TERMS = 8; // pairs of characters of a word that are looked up; the titles are looked at for the rest
export const FACETS = ["site", "kind", "level", "region", "topic", "year"];
const opened = new Map();

/** What is needed to browse a dataset's version. */
export function open(line) {
  const key = `${line.dataset} ${line.files.browse}`;
  if (!opened.has(key)) {
    const found = document_(line, "browse").then((browse) => new Browse(line, browse));
    found.catch(() => opened.delete(key));
    opened.set(key, found);
  }
  return opened.get(key);
}

class Browse {
  constructor(line, browse) {
    this.line = line;
    this.rows = browse.rows;
    this.each = browse.each;
    this.years = browse.years;
    this.parts = browse.parts;
    this.facets = new Map(browse.facets.map((f) => [f.name, f]));
    this.marks = this.facets.get("marks").values;
    this.packs = Object.fromEntries(Object.entries(browse.packs).map(([n, p]) => [n, new Pack(line.dataset, p, n === "cards" || n === "terms")]));
    this.columns = null;
    this.topics = this.facets.get("topic").topics;
  }

  /** Fetch what every search needs, before the first word is there. */
  ready() {
    document_(this.line, "fold").then(setFold, () => null);
  }

  /** Cards of rows, in the order asked for. */
  async cards(rows) {
    const each = this.each.cards;
    const frames = await this.packs.cards.json(rows.map((r) => Math.floor(r / each)));
    return rows.map((row, i) => this.card(row, frames[i], row % each));
  }

  card(row, f, i) {
    const value = (facet, code) => this.facets.get(facet).values[code];
    const places = f.v[i];
    return {
      row,
      id: f.i[i],
      title: f.t[i],
      day: f.d[i],
      site: value("site", f.s[i]),
      kind: value("kind", f.k[i]),
      level: value("level", f.l[i]),
      region: f.r[i],
      topics: f.o[i],
      chars: f.n[i],
      preview: (f.m[i] & this.marks.preview) > 0,
      copies: (f.m[i] & this.marks.copies) > 0,
      chosen: (f.m[i] & this.marks.chosen) > 0,
      gone: (f.m[i] & this.marks.gone) > 0,
      part: f.p[i],
      offset: f.q[i],
      cluster: f.c[i],
      fetched: f.f[i],
      origin: Array.from({ length: places.length / 2 }, (_, n) => [places[2 * n], places[2 * n + 1]]),
      inside: f.in?.[i] ?? [],
    };
  }

  /** The members of a cluster as {row, jaccard, reason, chosen}. */
  async cluster(number) {
    const [frame] = await this.packs.clusters.json([Math.floor(number / this.each.clusters)]);
    return frame[number % this.each.clusters].map(([row, jaccard, reason, chosen]) => ({ row, jaccard, reason, chosen: chosen > 0 }));
  }

  /** The rows of an id or an address; looks at the cards where it was an id. */
  async byKey(key) {
    const pack = this.packs.keys;
    const crc = crc32(key);
    const [bytes] = await pack.get([crc & (pack.length - 1)]);
    const numbers = new Uint32Array(bytes.slice().buffer);
    const n = numbers.length / 2;
    const rows = [];
    for (let i = 0; i < n; i++) if (numbers[i] === crc) rows.push(numbers[n + i]);
    if (key[0] !== "i") return rows.sort((a, b) => a - b);
    const cards = await this.cards(rows);
    return cards.filter((c) => c.id.slice(c.id.lastIndexOf(":") + 1) === key.slice(1)).map((c) => c.row);
  }

  /** The card of a speech by its id, null when there is none. */
  async byId(id) {
    const rows = await this.byKey(`i${id.slice(id.lastIndexOf(":") + 1)}`);
    return (await this.cards(rows)).find((c) => c.id === id) ?? null;
  }

  /** The rows whose title may have all words, and whether it surely has. */
  async byWords(words) {
    setFold(await document_(this.line, "fold"));
    const terms = new Set();
    let exact = true;
    for (const word of words) {
      const chars = Array.from(word);
      const pairs = chars.length < 2 ? [word] : chars.slice(1).map((c, i) => chars[i] + c);
      exact &&= chars.length <= 2;
      // the first, the last, and some between: pairs that overlap say little more
      const step = Math.max(1, pairs.length / MOST_TERMS);
      for (let i = 0; i < pairs.length; i += step) terms.add(pairs[Math.floor(i)]);
      terms.add(pairs.at(-1));
    }
    const lists = await this.termRows([...terms]);
    lists.sort((a, b) => a.length - b.length);
    let rows = lists[0];
    for (const other of lists.slice(1)) rows = intersect(rows, other);
    return { rows, exact };
  }

  async termRows(terms) {
    const pack = this.packs.terms;
    const frames = await pack.get(terms.map((t) => crc32(t) & (pack.length - 1)));
    return terms.map((term, i) => termOf(frames[i], term));
  }

  /** Facet columns: numbers by row. Fetched once, when first wanted. */
  facetColumns() {
    this.columns ??= (async () => {
      const names = [...this.facets.keys()];
      const frames = await this.packs.facets.get(Array.from({ length: this.packs.facets.length }, (_, i) => i));
      const out = {};
      for (const facet of this.facets.values())
        if (facet.more !== undefined) [facet.values, facet.counts] = JSON.parse(new TextDecoder().decode(frames[facet.more]));
      names.forEach((name, i) => {
        const { width } = this.facets.get(name);
        const bytes = frames[i].slice();
        out[name] = width === 1 ? bytes : width === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
      });
      const year = new Uint16Array(this.rows);
      this.years.forEach(([, start, count], i) => year.fill(i, start, start + count));
      out.year = year;
      return out;
    })();
    this.columns.catch(() => (this.columns = null));
    return this.columns;
  }

  /** How many values a facet has, whether they are here already or not. */
  size(facet) {
    return facet === "year" ? this.years.length : facet === "topic" ? this.topics.length : this.facets.get(facet).n;
  }

  /** The values of a facet that somebody may choose from, with how many rows each has in all: the most frequent ones, all after facetColumns. */
  values(facet) {
    if (facet === "year") return this.years.map(([year, , count], code) => ({ value: year, count, code })).reverse();
    if (facet === "topic") return this.topics.map(([value, count]) => ({ value, count }));
    const { values, counts } = this.facets.get(facet);
    return values.map((value, code) => ({ value, count: counts[code], code }));
  }

  topicCounts(counts) {
    const by = new Map(this.topics.map(([t]) => [t, 0]));
    this.facets.get("topic").values.forEach((set, code) => set.forEach((t) => by.set(t, by.get(t) + counts[code])));
    return this.topics.map(([value]) => ({ value, count: by.get(value) })).sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  }

  /**
   * What is asked for: {rows, exact, words, by, counts}. rows: numbers, oldest first; null: all. exact: whether the titles need not be looked
   * at. counts: gives (later, so that the list need not wait) of each facet the values with how many rows they have within what is asked,
   * that facet aside; null: as in all.
   */
  async find(asked) {
    const found = await this.matching(asked.q);
    if (FACETS.some((f) => asked[f]?.length) || asked.preview || asked.copies) {
      const { rows, counts } = await this.pass(asked, found.rows);
      return { ...found, rows, counts: async () => counts };
    }
    return { ...found, counts: found.rows ? async () => (await this.pass(asked, found.rows)).counts : null };
  }

  /** The rows among those found (null: all) that pass all facets, and the counts of each facet. */
  async pass(asked, found) {
    const columns = await this.facetColumns();
    const allowed = FACETS.map((f) => this.allowed(f, asked[f] ?? []));
    const tallies = FACETS.map((f) => new Uint32Array(f === "year" ? this.years.length : this.facets.get(f).values.length));
    const codes = FACETS.map((f) => columns[f]);
    const marks = columns.marks;
    const { preview, copies, chosen } = this.marks;
    const n = found ? found.length : this.rows;
    const out = new Uint32Array(n);
    let size = 0;
    for (let i = 0; i < n; i++) {
      const row = found ? found[i] : i;
      const m = marks[row];
      if (asked.preview === "only" && !(m & preview)) continue;
      if (asked.preview === "none" && m & preview) continue;
      if (asked.copies === "one" && m & copies && !(m & chosen)) continue;
      if (asked.copies === "only" && !(m & copies)) continue;
      let failed = -1;
      let passes = true;
      for (let f = 0; f < codes.length; f++) {
        if (allowed[f] && !allowed[f][codes[f][row]]) {
          if (failed >= 0) {
            passes = false;
            break;
          }
          failed = f;
        }
      }
      if (!passes) continue;
      if (failed < 0) {
        out[size++] = row;
        for (let f = 0; f < codes.length; f++) tallies[f][codes[f][row]]++;
      } else {
        tallies[failed][codes[failed][row]]++;
      }
    }
    const counts = {};
    FACETS.forEach((f, i) => (counts[f] = f === "topic" ? this.topicCounts(tallies[i]) : this.values(f).map((v) => ({ ...v, count: tallies[i][v.code] }))));
    return { rows: out.subarray(0, size), counts };
  }

  allowed(facet, chosen) {
    if (!chosen.length) return null;
    const wanted = new Set(chosen);
    if (facet === "year") return this.years.map(([year]) => wanted.has(String(year ?? "")));
    const { values } = this.facets.get(facet);
    return values.map((v) => (facet === "topic" ? v.some((t) => wanted.has(t)) : wanted.has(v ?? "")));
  }

  async matching(q) {
    const asked = (q ?? "").trim();
    if (!asked) return { rows: null, exact: true, words: [], by: null };
    const id = /^(?:[A-Za-z0-9._-]+:)?([0-9a-f]{20})$/i.exec(asked);
    if (id) return { rows: Uint32Array.from(await this.byKey(`i${id[1].toLowerCase()}`)), exact: true, words: [], by: "id" };
    if (/^[\x21-\x7e]+$/.test(asked) && /^(?:https?:\/\/|[^/]+\.[^/]+\/)/i.test(asked)) {
      const key = `u${asked.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "").replace(/\/+$/, "")}`;
      return { rows: Uint32Array.from(await this.byKey(key)), exact: true, words: [], by: "url" };
    }
    setFold(await document_(this.line, "fold"));
    const words = wordsOf(asked);
    if (!words.length) return { rows: null, exact: true, words, by: null };
    return { ...(await this.byWords(words)), words, by: "title" };
  }
}

/** Whether a title has all words. */
export function has(title, words) {
  const folded = fold(title);
  return words.every((w) => folded.includes(w));
}

function intersect(a, b) {
  const out = new Uint32Array(Math.min(a.length, b.length));
  let n = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      out[n++] = a[i++];
      j++;
    } else if (a[i] < b[j]) i++;
    else j++;
  }
  return out.subarray(0, n);
}

/** The rows of a term in its frame (terms.py), none when it is not there. */
function termOf(bytes, term) {
  const aligned = bytes.byteOffset % 4 ? bytes.slice() : bytes;
  const head = new DataView(aligned.buffer, aligned.byteOffset, 8);
  const terms = head.getUint32(0, true);
  const total = head.getUint32(4, true);
  const numbers = new Uint32Array(aligned.buffer, aligned.byteOffset + 8, 3 * terms);
  const [a, b] = Array.from(term, (c) => c.codePointAt(0));
  const second = b ?? 0;
  let start = 0;
  for (let t = 0; t < terms; t++) {
    const count = numbers[2 * terms + t];
    if (numbers[t] === a && numbers[terms + t] === second) {
      const planes = new Uint8Array(aligned.buffer, aligned.byteOffset + 8 + 12 * terms, 4 * total);
      const rows = new Uint32Array(count);
      let row = 0;
      for (let i = 0; i < count; i++) {
        const at = start + i;
        row += planes[at] + planes[total + at] * 0x100 + planes[2 * total + at] * 0x10000 + planes[3 * total + at] * 0x1000000;
        rows[i] = row;
      }
      return rows;
    }
    start += count;
  }
  return new Uint32Array(0);
}
