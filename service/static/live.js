// Keeps what is marked data-live fresh, without touching forms, scroll or selection. Pages are whole without it.
(() => {
  "use strict";
  const EVERY = 5000;
  let busy = false;

  async function refresh() {
    if (busy || document.hidden || !document.querySelector("[data-live]")) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const here of document.querySelectorAll("[data-live]")) {
        const there = fresh.querySelector(`[data-live="${CSS.escape(here.dataset.live)}"]`);
        if (!there || there.innerHTML === here.innerHTML || here.contains(document.activeElement)) continue;
        const selection = document.getSelection();
        if (selection && !selection.isCollapsed && here.contains(selection.anchorNode)) continue;
        const atEnd = here.scrollTop + here.clientHeight >= here.scrollHeight - 4;
        here.replaceChildren(...document.importNode(there, true).childNodes);
        if (here.tagName === "PRE" && atEnd) here.scrollTop = here.scrollHeight;
      }
    } catch {
      // the service is away for a moment; the next look may find it again
    } finally {
      busy = false;
    }
  }

  // on a phone the bar of pages is longer than the window: show where one is
  const here = document.querySelector(".top nav a[aria-current]");
  if (here) {
    const bar = here.parentElement;
    bar.scrollLeft = here.offsetLeft - bar.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
  }
  for (const log of document.querySelectorAll("pre.log")) log.scrollTop = log.scrollHeight;
  document.addEventListener("toggle", (e) => {
    const log = e.target.querySelector?.("pre.log");
    if (log) log.scrollTop = log.scrollHeight;
  }, true);
  setInterval(refresh, EVERY);
})();
