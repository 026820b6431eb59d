// Controls in the address (linked.py): what differs from how its tab opens, under its name.
window.nmvizLink = (() => {
  "use strict";
  let filled = false; // from the address: what moves before that is the page being built

  const same = (one, other) => JSON.stringify(one ?? "") === JSON.stringify(other ?? "");
  const texts = (value) => (Array.isArray(value) ? (value.length ? value : [""]) : [value ?? ""]).map(String);

  function moved(names, usual, given) {
    if (!filled) return;
    const told = new URLSearchParams();
    names.forEach((name, at) => {
      if (!same(given[at], usual[at])) for (const text of texts(given[at])) told.append(name, text);
    });
    window.nmviz.address(told.toString(), names[0].split(".")[0] + ".");
  }

  // The page has what its address asks for: from now on the address follows.
  function follow() { filled = true; }

  // What of the link is wrong is said on the page, and stands in the address no longer.
  function look() {
    const place = document.querySelector("#left-out [data-wrong]:not([data-seen])");
    if (!place) return;
    place.dataset.seen = "yes";
    const wrong = JSON.parse(place.dataset.wrong);
    const next = new URLSearchParams(location.search);
    for (const name of wrong) next.delete(name);
    history.replaceState(null, "", location.pathname + (next.size ? "?" + window.nmviz.readable(next.toString()) : ""));
  }

  return { moved, follow, look };
})();
