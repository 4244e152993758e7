// Charts: uPlot for what goes along an axis, plain bars for names. Colours are those of the page, light or dark.

import { fill, grid, h } from "./dom.js";
import { number, percent, short, t } from "./words.js";

let loaded = null;

/** uPlot, fetched when the first chart is drawn. */
function uplot() {
  loaded ??= new Promise((done, failed) => {
    const base = new URL("./vendor/uplot/", import.meta.url);
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = new URL("uPlot.min.css", base).href;
    const script = document.createElement("script");
    script.src = new URL("uPlot.iife.min.js", base).href;
    script.onload = () => done(globalThis.uPlot);
    script.onerror = () => failed(new Error("uPlot"));
    document.head.append(sheet, script);
  });
  return loaded;
}

const YEAR = 365 * 86400; // s

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function faded(hex, alpha) {
  const n = parseInt(hex.slice(1), 16);
  return `rgba(${n >> 16}, ${(n >> 8) & 255}, ${n & 255}, ${alpha})`;
}

// steps of an axis that counts: there is no half of a speech
const WHOLE = Array.from({ length: 10 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();

/**
 * A chart with its figures as a table below. x: numbers; series: [{label, values}]; options: time (x are seconds), bars, labels (of x,
 * by index), height, head and rows of the table. Gives the element and `leave`, which ends it.
 */
export function chart(title, x, series, options) {
  const place = h("div", { class: "chart", role: "img", "aria-label": `${title}. ${t("asTable")} ↓` });
  const table = h("details", { class: "as-table" }, h("summary", {}, t("asTable")));
  table.addEventListener("toggle", () => table.open && table.childElementCount === 1 && table.append(grid(title, options.head, options.rows(), options.numbers ?? [1, 2, 3, 4])), { once: true });
  let plot = null;
  const draw = async () => {
    const uPlot = await uplot();
    if (!place.isConnected) return;
    plot?.destroy();
    const ink = colour("--soft");
    const rule = colour("--rule");
    const strokes = [colour("--accent"), colour("--second"), colour("--third")];
    const axis = { stroke: ink, grid: { stroke: rule, width: 1 }, ticks: { stroke: rule, width: 1, size: 4 }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
    const labels = options.labels;
    plot = new uPlot(
      {
        width: place.clientWidth,
        height: options.height ?? 260,
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
        cursor: { drag: { x: Boolean(options.time), y: false }, points: { size: 7 } },
        legend: { show: true, live: true },
        scales: { x: { time: Boolean(options.time), range: (_u, a, b) => (options.bars ? [-0.6, x.length - 0.4] : x.length < 2 ? [x[0] - YEAR / 2, x[0] + YEAR / 2] : [a, b]) }, y: { range: (_u, a, b) => (options.fromZero === false ? [a - (b - a || 1) * 0.15, b + (b - a || 1) * 0.15] : [0, b * 1.08 || 1]) } },
        axes: [
          { ...axis, grid: { show: false }, ...(labels ? { splits: () => labels.map((_, i) => i), values: (u, splits) => thin(u, splits, labels) } : { values: options.time ? (_u, splits) => dates(splits) : undefined }) },
          { ...axis, size: 54, incrs: WHOLE, values: (_u, vals) => vals.map((v) => (v === null ? "" : short(v))) },
        ],
        series: [
          { label: options.along ?? options.head[0], value: (_u, v) => (v === null || v === undefined ? "–" : labels ? labels[v] : new Date(v * 1000).toISOString().slice(0, options.days ? 16 : 7).replace("T", " ")) },
          ...series.map((s, i) => ({
            label: s.label,
            stroke: strokes[i],
            width: options.bars ? 0 : 1.5,
            fill: options.bars ? faded(strokes[i], 0.85) : faded(strokes[i], i ? 0.25 : 0.14),
            paths: options.bars ? uPlot.paths.bars({ size: [0.8, 110] }) : options.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
            points: { show: options.points ?? false, size: 6, fill: colour("--sheet"), stroke: strokes[i], width: 2 },
            value: (_u, v) => (v === null || v === undefined ? "–" : number(v)),
          })),
        ],
      },
      [x, ...series.map((s) => s.values)],
      place,
    );
  };
  let width = 0;
  const watch = new ResizeObserver(() => {
    const now = place.clientWidth;
    if (!now || now === width) return;
    width = now;
    if (plot) plot.setSize({ width: now, height: options.height ?? 260 });
    else draw().catch(() => fill(place, t("failed")));
  });
  watch.observe(place);
  // what is drawn keeps its colours: it is drawn anew for dark and for light, and for paper, which is light
  const schemes = [matchMedia("(prefers-color-scheme: dark)"), matchMedia("print")];
  const redraw = () => draw().catch(() => null);
  schemes.forEach((scheme) => scheme.addEventListener("change", redraw));
  return {
    element: h("figure", {}, place, table),
    leave: () => {
      watch.disconnect();
      schemes.forEach((scheme) => scheme.removeEventListener("change", redraw));
      plot?.destroy();
    },
  };
}

/** Moments (s) along an axis, short: years, months, days, or the time where all are of a day or two; none twice side by side. */
export function dates(splits) {
  const whole = splits.length > 1 ? splits.at(-1) - splits[0] : YEAR;
  const step = splits.length > 1 ? splits[1] - splits[0] : YEAR;
  const [from, to] = whole > 2 * YEAR ? [0, 4] : step >= 20 * 86400 ? [0, 7] : whole > 1.5 * 86400 ? [5, 10] : [11, 16];
  const labels = splits.map((s) => (s === null ? "" : new Date(s * 1000).toISOString().slice(from, to)));
  return labels.map((l, i) => (l === labels[i - 1] ? "" : l));
}

/** As many labels as have room. */
function thin(u, splits, labels) {
  const room = 14 + 7 * Math.max(...labels.map((l) => l.length));
  const each = Math.max(1, Math.ceil((splits.length * room) / Math.max(1, u.width - 70)));
  return splits.map((s) => (s % each === 0 ? labels[s] : ""));
}

const SVG = "http://www.w3.org/2000/svg";

/** A small line of counts without axes, for the eye alone. */
export function sparkline(values, label) {
  const top = Math.max(1, ...values);
  const [w, height] = [320, 96];
  const points = values.map((v, i) => `${((i * w) / Math.max(1, values.length - 1)).toFixed(1)} ${(height - 2 - (v / top) * (height - 8)).toFixed(1)}`);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${w} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  for (const [name, d] of [["area", `M0 ${height}L${points.join("L")}L${w} ${height}Z`], ["line", `M${points.join("L")}`]]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    path.setAttribute("d", d);
    path.setAttribute("vector-effect", "non-scaling-stroke");
    svg.append(path);
  }
  return svg;
}

/** Months without a speech count as none: [month as year times 100 plus month, speeches, of them previews]. */
export function filled(months) {
  const by = new Map(months.map(([m, n, cut]) => [m, [n, cut]]));
  const out = [];
  const last = months.at(-1)[0];
  for (let m = months[0][0]; m <= last && out.length < 2400; m = m % 100 === 12 ? m + 89 : m + 1) out.push([m, ...(by.get(m) ?? [0, 0])]);
  return out;
}

/** Names with bars: rows: [{label, n, href}]; total: what a share is of. */
export function bars(rows, total) {
  const top = Math.max(1, ...rows.map((r) => r.n));
  return h(
    "ol",
    { class: "bars" },
    rows.map((r) => {
      const bar = h("span", { class: "bar", "aria-hidden": "true" });
      bar.style.setProperty("--share", String(r.n / top));
      return h("li", {}, h("a", { href: r.href }, h("span", { class: "name", title: r.label }, h("bdi", {}, r.label)), bar, h("span", { class: "n" }, number(r.n)), h("span", { class: "share" }, percent(r.n / Math.max(1, total)))));
    }),
  );
}
