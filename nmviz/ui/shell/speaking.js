// One place of the page that is read out: what a press or a setting has led to, once it stands.
window.nmvizSpeaking = (() => {
  "use strict";
  const SAID = ".headline, .besides, .error, .stale, .warning, .wrong-why, .answer, .spoken";
  const ALWAYS = ".error, .wrong-why"; // while something runs, numbers change all the time
  const QUIET = 700; // milliseconds without a change before anything is said
  let region = null, place = null, known = new Set(), running = false, waiting = 0;

  function start() {
    region = document.createElement("div");
    region.id = "said";
    region.className = "unseen";
    region.setAttribute("role", "status");
    region.setAttribute("aria-live", "polite");
    document.body.append(region);
  }

  function look() {
    clearTimeout(waiting);
    waiting = setTimeout(speak, QUIET);
  }

  const seen = (root, what) => [...root.querySelectorAll(what)].filter((one) => one.checkVisibility());
  const words = (root, what) => seen(root, what).map((one) => one.innerText.trim()).filter(Boolean);

  const open = () => document.querySelector('[role="tabpanel"]:not([style*="display: none"])');

  // Whoever presses something before the page has come to rest hears what comes of it.
  function pressed() {
    if (!open() || open() === place) return;
    place = open();
    known = new Set(words(place, SAID));
  }

  function speak() {
    const tab = open();
    if (!tab || document.getElementById("first-paint")) return;
    const [bar] = words(tab, ".bar p");
    const told = words(tab, bar ? ALWAYS : SAID);
    const fresh = tab === place ? told.filter((one) => !known.has(one)) : []; // a tab just opened is read, not told
    if (bar && !running) fresh.unshift(bar);
    known = new Set(bar ? [...known, ...told] : told);
    place = tab;
    running = Boolean(bar);
    if (fresh.length) region.textContent = fresh.join(" ");
  }

  document.addEventListener("DOMContentLoaded", start);
  for (const event of ["click", "change", "keydown"]) document.addEventListener(event, pressed, true);
  return { look };
})();
