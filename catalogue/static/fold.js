// Titles and what is asked, folded alike: as terms.py does it.

// white space and quotation marks, as terms.py has them
const ASIDE = /[\s"'“”‘’„‟«»‹›「」『』〝〞〟]+/g;
let table = null;
let given = null;

/** Take the table of Traditional and Simplified characters (the document `fold`). */
export function setFold(pairs) {
  if (pairs === given) return;
  given = pairs;
  const { from, to } = pairs;
  const a = Array.from(from);
  const b = Array.from(to);
  table = new Map(a.map((c, i) => [c, b[i]]));
}

/** The text as it is searched. */
export function fold(text) {
  const plain = text.normalize("NFKC").toLowerCase().replace(ASIDE, "");
  return table ? Array.from(plain, (c) => table.get(c) ?? c).join("") : plain;
}

/** The words of what is asked: what stands between white space, folded. */
export function wordsOf(asked) {
  return [...new Set(asked.normalize("NFKC").split(/\s+/).map(fold).filter(Boolean))];
}

const CRC = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  CRC[n] = c >>> 0;
}

/** CRC-32 of a text's UTF-8 bytes: by it the frame of a term or key is found. */
export function crc32(text) {
  let c = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) c = CRC[(c ^ byte) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
