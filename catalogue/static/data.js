// Where the data comes from: catalogue.json, documents named by their digest, packs of frames by Range, and the Parquet parts.

const DATASET = /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9])){0,99}$/;
const VERSION = /^[0-9]{4}-[0-9]{2}-[0-9]{2}\.[1-9][0-9]{0,5}$/;
const FILE = /^[a-z]{1,20}-[0-9a-f]{24}\.(?:json|pack)$/;
const PART = /^part-[0-9a-f]{32}\.parquet$/;
const TABLE = /^[a-z][a-z_]{0,30}$/;
const DOCUMENT = /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9])){0,99}$/;
const DATA = /^(?:\/|(?:\.\.\/)*)(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*$/;
const TAIL = 1 << 16; // of a Parquet part: footer and page indexes
const NEAR = 1 << 14; // what lies this near is fetched together

/** A file that the catalogue names is not there (any more), or has other contents: there is a newer catalogue, or it is damaged. */
export class Gone extends Error {
  constructor(path, why = "404") {
    super(`${path}: ${why}`);
    this.file = path.split("/").pop();
  }
}

/** What a file holds, read by `read`; that it cannot be read is told with its name. */
async function whole(path, read) {
  try {
    return await read();
  } catch (error) {
    // what the network or the server says is no damage, and was told already
    throw error instanceof Gone || error instanceof TypeError || error instanceof Unanswered ? error : new Gone(path, String(error?.message ?? error));
  }
}

class Unanswered extends Error {}

function must(pattern, name) {
  if (typeof name !== "string" || !pattern.test(name)) throw new Error(`no name of ours: ${String(name).slice(0, 80)}`);
  return name;
}

let known = null;

/** catalogue.json. fresh: ask for it again. */
export async function catalogue(fresh = false) {
  if (!known || fresh) {
    known = (async () => {
      const answer = await fetch("catalogue/catalogue.json", { cache: "no-cache" });
      if (!answer.ok) throw new Error(`catalogue.json: ${answer.status}`);
      const found = await answer.json();
      must(DATA, found.data);
      found.datasets = found.datasets.filter((d) => DATASET.test(d.dataset) && VERSION.test(d.version));
      return found;
    })();
    known.catch(() => (known = null));
  }
  return known;
}

/** Ask whether there is another catalogue than the one that is known; where not, a file that is gone is gone for good. */
export async function renewed() {
  const before = JSON.stringify(await catalogue().catch(() => null));
  const now = JSON.stringify(await catalogue(true).catch(() => null));
  return now !== "null" && before !== now;
}

/** The line of a dataset in catalogue.json, null when there is none. */
export async function dataset(name) {
  const found = await catalogue();
  return found.datasets.find((d) => d.dataset === name) ?? null;
}

const documents = new Map();

/** One of the documents of a dataset: facts, reference, history, figures, browse or fold. */
export function document_(line, kind) {
  const path = `catalogue/data/${must(DATASET, line.dataset)}/${must(FILE, line.files[kind])}`;
  if (!documents.has(path)) {
    const found = get(path).then((r) => whole(path, () => r.json()));
    found.catch(() => documents.delete(path));
    documents.set(path, found);
  }
  return documents.get(path);
}

async function get(path, init) {
  const answer = await fetch(path, init);
  if (answer.status === 404 || answer.status === 410) throw new Gone(path);
  if (!answer.ok) throw new Unanswered(`${path}: ${answer.status}`);
  return answer;
}

/** The address of a file of a version, from the page. table: null for a document of the version. */
export async function versionFile(name, version, file, table = null) {
  const { data } = await catalogue();
  const folder = `${must(DATA, data)}${must(DATASET, name)}/versions/${must(VERSION, version)}/`;
  return table === null ? folder + must(DOCUMENT, file) : `${folder}${must(TABLE, table)}/${must(PART, file)}`;
}

/** The whole address of a dataset, for those who copy it. */
export async function datasetAddress(name) {
  const { data } = await catalogue();
  return new URL(`${must(DATA, data)}${must(DATASET, name)}`, document.baseURI).href;
}

/** Bytes of a file by Range; a server that knows no ranges sends the whole, which is then kept. */
class Ranges {
  constructor(path, size, cache) {
    this.path = path;
    this.size = size;
    this.cache = cache;
    this.whole = null;
    this.waiting = [];
  }

  /** Some bytes. What is asked for at once and lies near is fetched together. */
  slice(start, end) {
    return new Promise((done, failed) => {
      this.waiting.push({ start, end, done, failed });
      if (this.waiting.length === 1) queueMicrotask(() => this.flush());
    });
  }

  flush() {
    const waiting = this.waiting.sort((a, b) => a.start - b.start);
    this.waiting = [];
    const groups = [];
    for (const one of waiting) {
      const group = groups.at(-1);
      if (group && one.start - group.end <= NEAR) {
        group.end = Math.max(group.end, one.end);
        group.of.push(one);
      } else groups.push({ start: one.start, end: one.end, of: [one] });
    }
    for (const { start, end, of } of groups)
      this.fetch(start, end).then(
        (bytes) => of.forEach((one) => one.done(bytes.slice(one.start - start, one.end - start))),
        (error) => of.forEach((one) => one.failed(error)),
      );
  }

  async fetch(start, end) {
    if (this.whole) return (await this.whole).slice(start, end);
    const answer = await get(this.path, { headers: { Range: `bytes=${start}-${end - 1}` }, cache: this.cache });
    if (answer.status === 206) return new Uint8Array(await answer.arrayBuffer());
    this.whole ??= answer.arrayBuffer().then((b) => new Uint8Array(b));
    return (await this.whole).slice(start, end);
  }
}

let unzip = null;

async function unzstd(bytes, into) {
  unzip ??= import("./vendor/fzstd/fzstd.js");
  return (await unzip).decompress(bytes, into);
}

/** A pack of frames (packs.py). */
export class Pack {
  /** scattered: whether many frames are asked for at once; then the browser's cache, in which they would wait for each other, is left aside. */
  constructor(name, index, scattered = false) {
    this.starts = [0];
    for (const n of index.frames) this.starts.push(this.starts.at(-1) + n);
    this.ranges = new Ranges(`catalogue/data/${must(DATASET, name)}/${must(FILE, index.file)}`, index.bytes, scattered ? "no-store" : "default");
    this.frames = new Map();
  }

  get length() {
    return this.starts.length - 1;
  }

  /** The contents of frames, in the order asked for. */
  async get(numbers) {
    for (const n of new Set(numbers)) {
      if (this.frames.has(n)) continue;
      const frame = this.ranges.slice(this.starts[n], this.starts[n + 1]).then((bytes) => whole(this.ranges.path, () => unzstd(bytes)));
      frame.catch(() => this.frames.delete(n));
      this.frames.set(n, frame);
    }
    return Promise.all(numbers.map((n) => this.frames.get(n)));
  }

  /** The contents of frames that are JSON. */
  async json(numbers) {
    const decoder = new TextDecoder();
    const frames = await this.get(numbers);
    return whole(this.ranges.path, () => frames.map((b) => JSON.parse(decoder.decode(b))));
  }
}

let reader = null;

/** Begin to fetch what reads Parquet, while something else is looked up. */
export function warm() {
  reader ??= import("./vendor/hyparquet/index.js");
  reader.catch(() => (reader = null));
}

const parts = new Map();

/** Rows of a Parquet part, as objects: only the pages that hold them are fetched. file: [name, bytes]. */
export async function partRows(name, version, table, file, start, end, columns) {
  warm();
  const { parquetMetadataAsync, parquetReadObjects } = await reader;
  const path = await versionFile(name, version, file[0], table);
  if (!parts.has(path)) {
    const ranges = new Ranges(path, file[1], "default");
    const from = Math.max(0, file[1] - TAIL);
    const tail = ranges.slice(from, file[1]);
    const buffer = {
      byteLength: file[1],
      async slice(a, b = file[1]) {
        if (a < 0) a += file[1];
        const found = a >= from ? (await tail).slice(a - from, b - from) : await ranges.slice(a, b);
        return found.buffer.slice(found.byteOffset, found.byteOffset + found.byteLength);
      },
    };
    const opened = whole(path, () => parquetMetadataAsync(buffer, { initialFetchSize: Math.min(TAIL, file[1]) })).then((metadata) => ({ buffer, metadata }));
    opened.catch(() => parts.delete(path));
    parts.set(path, opened);
  }
  await unzstd(new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0])); // so that decompressing below needs no waiting
  const { decompress } = await unzip;
  const { buffer, metadata } = await parts.get(path);
  const there = new Set(metadata.schema.filter((s, i) => i > 0).map((s) => s.name));
  return whole(path, () =>
    parquetReadObjects({
      file: buffer,
      metadata,
      columns: columns.filter((c) => there.has(c)),
      rowStart: start,
      rowEnd: end,
      useOffsetIndex: true,
      compressors: { ZSTD: (input, length) => decompress(input, new Uint8Array(length)) },
    }),
  );
}
