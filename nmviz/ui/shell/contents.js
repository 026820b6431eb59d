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

  addEventListener("scroll", look, { passive: true });
  return { look };
})();
