// The frame of the pages: addresses after the #, header and footer, language, and what to do when something goes wrong.

import { Gone, catalogue, dataset, renewed } from "./data.js";
import { fill, h } from "./dom.js";
import { wrong } from "./shared.js";
import { current, remembered, t, use } from "./words.js";

const TABS = ["about", "browse", "pictures", "versions", "load", "columns"];
const PAGES = {
  about: () => import("./about.js"),
  browse: () => import("./browse.js"),
  pictures: () => import("./pictures.js"),
  versions: () => import("./versions.js"),
  load: () => import("./load.js"),
  columns: () => import("./columns.js"),
  speech: () => import("./speech.js"),
  compare: () => import("./compare.js"),
};
const main = document.getElementById("main");
let turn = 0;
let leave = null;
let shown = "";
let clicked = false; // whether the address comes from a link of the page, not from the browser's back and forward

/** The address after the # as parts and query. */
function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { parts: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function header(line, tab) {
  const other = current() === "en" ? "zh" : "en";
  const switcher = h("button", { type: "button", class: "lang", lang: other === "zh" ? "zh-Hans" : "en", "aria-label": t("languageLabel"), on: { click: () => switchTo(other) } }, t("language"));
  const skip = h("a", { class: "skip", href: "#main", on: { click: (e) => (e.preventDefault(), main.focus()) } }, t("skip"));
  const brand = h("a", { class: "brand", href: "#/", "aria-label": `${t("name")}: ${t("home")}` }, h("span", { class: "seal", "aria-hidden": "true" }, "讲"), h("span", {}, t("name")));
  const nav = line
    ? h(
        "nav",
        { "aria-label": t("nav") },
        h("ul", {}, TABS.map((name) => h("li", {}, h("a", { href: `#/${line.dataset}${name === "about" ? "" : `/${name}`}`, "aria-current": name === tab ? "page" : null }, t(name))))),
      )
    : null;
  fill(document.getElementById("top"), skip, h("div", { class: "frame" }, brand, nav, switcher));
  nav?.querySelector("[aria-current]")?.scrollIntoView?.({ block: "nearest", inline: "center" });
}

async function footer() {
  const { app } = await catalogue();
  fill(document.getElementById("foot"), h("p", {}, t("foot"), " ", h("a", { href: `catalogue/${/^app-[0-9a-f]{12}$/.test(app) ? app : "app"}/vendor/VENDORED.md` }, t("footVendor"))));
}

async function switchTo(name) {
  await use(name, true);
  await show();
  document.querySelector(".lang")?.focus();
}

/** Whether these scripts are older than the catalogue, e.g. since the program was updated while the page was open. Says so once. */
async function outdated() {
  const ours = /\/(app-[0-9a-f]{12})\//.exec(import.meta.url)?.[1];
  const { app } = await catalogue(true).catch(() => ({ app: ours }));
  if (app === ours || history.state?.app === app) return false;
  history.replaceState({ app }, "");
  return true;
}

/** Say that something is fetched: what stands there stays until the new page is whole. */
function busy(yes) {
  document.documentElement.toggleAttribute("data-busy", yes);
  fill(document.getElementById("state"), yes ? t("loading") : null);
  if (yes && !main.querySelector("h1")) fill(main, h("p", { class: "wait", "aria-hidden": "true" }, t("loading")));
}

/** Show what the address says. again: after the catalogue was found changed. */
async function show(again = false) {
  const mine = ++turn;
  const { parts, query } = address();
  const [name, tab = "about", ...rest] = parts;
  const still = () => mine === turn;
  const slow = setTimeout(() => still() && busy(true), 150);
  try {
    const line = name ? await dataset(name) : null;
    if (!still()) return;
    header(line, tab === "speech" || tab === "compare" ? "browse" : tab);
    let page = null;
    if (!name) page = await import("./start.js");
    else if (line && Object.hasOwn(PAGES, tab)) page = await PAGES[tab]();
    if (!still()) return;
    const view = page ? await page.view({ line, query, rest, still, back: !clicked && shown !== "" }) : missing();
    if (!still()) return;
    leave?.();
    leave = view.leave ?? null;
    fill(main, again ? h("p", { class: "notice", role: "status" }, t("newer")) : null, view.content);
    document.title = view.title ? `${view.title} · ${t("name")}` : `${t("name")} · ${t("tagline")}`;
    const here = location.hash.split("?")[0];
    if (shown && (shown !== here || clicked)) {
      scrollTo(0, 0);
      const head = main.querySelector("h1");
      head?.setAttribute("tabindex", "-1");
      head?.focus({ preventScroll: true });
    }
    shown = here;
    clicked = false;
    view.shown?.();
    await footer();
  } catch (error) {
    if (!still()) return;
    if (error instanceof Gone && !again && (await renewed())) {
      clearTimeout(slow);
      await show(true);
      return;
    }
    if (await outdated()) {
      location.reload();
      return;
    }
    leave?.();
    leave = null;
    if (!document.querySelector(".brand")) header(null, null);
    fill(main, h("section", { class: "trouble", role: "alert" }, h("h1", {}, t("failed")), h("p", {}, wrong(error)), h("button", { type: "button", on: { click: () => (catalogue(true).catch(() => null), show()) } }, t("again"))));
  } finally {
    clearTimeout(slow);
    if (still()) busy(false);
  }
}

function missing() {
  return { title: t("notFound"), content: h("section", { class: "trouble" }, h("h1", {}, t("notFound")), h("p", {}, t("notFoundWhat")), h("p", {}, h("a", { href: "#/" }, t("home")))) };
}

addEventListener("hashchange", () => show());
addEventListener("click", (e) => {
  if (e.target.closest?.('a[href^="#"]')) clicked = true;
});
addEventListener("jianghua-renewed", () => show(true));
addEventListener("keydown", (e) => {
  if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || /^(?:INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) return;
  const field = document.querySelector("input[type=search]");
  if (field) {
    e.preventDefault();
    field.focus();
    field.select();
  }
});
await use(remembered());
await show();
