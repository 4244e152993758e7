// What differs between two texts: paragraphs are paired first, then the characters of those that are paired.

const CELLS = 4_000_000; // of a table of comparison; beyond, what is between equal ends counts as different
const ISLAND = 3; // characters: what is equal between two differences and shorter than this is no help to the eye
const ALIKE = 0.5; // share of pairs of characters from which two paragraphs are taken for one

/** The runs of two sequences, in order: [kind, from, to, from2, to2], kind 0 equal, 1 only in a, 2 only in b. same: whether items are equal. */
export function runs(a, b, same = (x, y) => x === y) {
  let start = 0;
  while (start < a.length && start < b.length && same(a[start], b[start])) start++;
  let enda = a.length;
  let endb = b.length;
  while (enda > start && endb > start && same(a[enda - 1], b[endb - 1])) {
    enda--;
    endb--;
  }
  const out = [];
  const push = (kind, x, y, u, v) => {
    const last = out.at(-1);
    if (x === y && u === v) return;
    if (last && last[0] === kind) {
      last[2] = y;
      last[4] = v;
    } else out.push([kind, x, y, u, v]);
  };
  push(0, 0, start, 0, start);
  const n = enda - start;
  const m = endb - start;
  if (n && m && n * m <= CELLS) {
    const table = new Uint16Array((n + 1) * (m + 1));
    for (let i = n - 1; i >= 0; i--)
      for (let j = m - 1; j >= 0; j--)
        table[i * (m + 1) + j] = same(a[start + i], b[start + j]) ? table[(i + 1) * (m + 1) + j + 1] + 1 : Math.max(table[(i + 1) * (m + 1) + j], table[i * (m + 1) + j + 1]);
    let i = 0;
    let j = 0;
    while (i < n || j < m) {
      const x = start + i;
      const y = start + j;
      if (i < n && j < m && same(a[x], b[y])) {
        push(0, x, x + 1, y, y + 1);
        i++;
        j++;
      } else if (i < n && (j >= m || table[(i + 1) * (m + 1) + j] >= table[i * (m + 1) + j + 1])) {
        push(1, x, x + 1, y, y);
        i++;
      } else {
        push(2, x, x, y, y + 1);
        j++;
      }
    }
  } else {
    push(1, start, enda, start, start);
    push(2, enda, enda, start, endb);
  }
  push(0, enda, a.length, endb, b.length);
  return out;
}

function pairsOf(text) {
  const out = new Map();
  for (let i = 0; i + 1 < text.length; i++) out.set(text.slice(i, i + 2), (out.get(text.slice(i, i + 2)) ?? 0) + 1);
  return out;
}

/** How alike two texts are, from 0 to 1: pairs of characters they share. */
export function likeness(a, b) {
  if (a === b) return 1;
  const x = pairsOf(a);
  const y = pairsOf(b);
  let common = 0;
  for (const [pair, n] of x) common += Math.min(n, y.get(pair) ?? 0);
  const all = Math.max(0, a.length - 1) + Math.max(0, b.length - 1);
  return all ? (2 * common) / all : 0;
}

/** Paragraphs of two texts side by side: [left, right], each a list of [text, different] or null. plain: what counts of a character. */
export function sideBySide(a, b, plain = (c) => c) {
  const left = a.split("\n").map((text) => new Line(text, plain));
  const right = b.split("\n").map((text) => new Line(text, plain));
  const known = new Map();
  const alike = (x, y) => {
    if (x.plain === y.plain) return true;
    if (Math.min(x.plain.length, y.plain.length) < 6) return false;
    const key = `${x.plain}\u0000${y.plain}`;
    if (!known.has(key)) known.set(key, likeness(x.plain, y.plain) >= ALIKE);
    return known.get(key);
  };
  const out = [];
  let alone = [[], []];
  const flush = () => {
    // what stands only left and only right between two common paragraphs shares its lines
    for (let i = 0; i < Math.max(alone[0].length, alone[1].length); i++) out.push(alone.map((side) => (i < side.length ? [[side[i].text, true]] : null)));
    alone = [[], []];
  };
  for (const [kind, x, y, u, v] of runs(left, right, left.length * right.length <= 40_000 ? alike : (x, y) => x.plain === y.plain)) {
    if (kind === 1) alone[0].push(...left.slice(x, y));
    if (kind === 2) alone[1].push(...right.slice(u, v));
    if (kind !== 0) continue;
    flush();
    for (let i = 0; i < y - x; i++) out.push(within(left[x + i], right[u + i]));
  }
  flush();
  return out;
}

/** A paragraph with what counts of it. */
class Line {
  constructor(text, plain) {
    this.text = text;
    this.chars = Array.from(text);
    this.counts = this.chars.map(plain);
    this.plain = this.counts.join("");
  }
}

function within(a, b) {
  if (a.plain === b.plain) return [[[a.text, false]], [[b.text, false]]];
  const x = a.chars;
  const y = b.chars;
  const left = [];
  const right = [];
  const found = runs(a.counts, b.counts);
  const add = (side, text, different) => {
    if (!text) return;
    const last = side.at(-1);
    if (last && last[1] === different) last[0] += text;
    else side.push([text, different]);
  };
  found.forEach(([kind, i, j, u, v], n) => {
    const island = kind === 0 && j - i < ISLAND && n > 0 && n < found.length - 1;
    add(left, x.slice(i, j).join(""), kind === 1 || island);
    add(right, y.slice(u, v).join(""), kind === 2 || island);
  });
  return [left, right];
}
