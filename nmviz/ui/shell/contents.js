// The contents that stay in sight on a long tab: the part that is being read is marked there.
window.nmvizContents = (() => {
  "use strict";
  const marked = (list) => list.querySelector('[aria-current="true"]');

  function look() {
    const list = [...document.querySelectorAll(".contents")].find((one) => one.checkVisibility());
    if (!list) return;
    const bottom = list.getBoundingClientRect().bottom + 24;
    const links = [...list.querySelectorAll("a")];
    const begun = links.filter((one) => {
      const part = document.getElementById(one.hash.slice(1));
      return part && part.getBoundingClientRect().top <= bottom;
    });
    const now = begun.at(-1) || links[0];
    if (marked(list) === now) return;
    marked(list)?.removeAttribute("aria-current");
    now.setAttribute("aria-current", "true");
    // It scrolls by itself, sideways, where it is wider than the window.
    const row = now.parentElement;
    list.scrollTo({ left: row.offsetLeft - (list.clientWidth - row.offsetWidth) / 2 });
  }

  // The part that was chosen stands in the address, as long as its tab is open.
  const chosen = () => new URLSearchParams(location.search).get("at");
  const tabOf = (place) => document.getElementById(place)?.closest('[role="tabpanel"]');

  // Another tab was opened
  function left() {
    const panel = chosen() && tabOf(chosen());
    if (panel && !panel.checkVisibility()) window.nmviz.address("", "at");
  }

  // What is above it grows while its tab is filled: it is come back to until somebody scrolls.
  function open(until = Date.now() + 4000) {
    if (!chosen()) return;
    let stop = false;
    for (const event of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(event, () => { stop = true; }, { once: true, passive: true });
    (function again() {
      if (stop || Date.now() > until) return;
      const place = document.getElementById(chosen());
      if (place?.checkVisibility()) place.scrollIntoView({ block: "start", behavior: "instant" });
      setTimeout(again, 250);
    })();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".contents a");
    if (link) window.nmviz.address("at=" + link.hash.slice(1), "at");
  });
  addEventListener("scroll", look, { passive: true });
  return { look, left, open };
})();
