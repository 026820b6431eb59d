// A walk through the page with the keyboard alone.
window.nmvizKeyboard = (() => {
  "use strict";
  const RESULTS = "#results, #published-results";
  const ARROWS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

  function start() {
    const link = document.createElement("a");
    link.id = "skip";
    link.href = "#results";
    link.textContent = "Skip to the results";
    document.body.prepend(link);
  }

  // Past the header, the tabs and the settings; a tab without settings is its results.
  function skip() {
    const tab = document.querySelector('[role="tabpanel"]:not([style*="display: none"])');
    const results = tab?.querySelector(RESULTS) || tab;
    if (!results) return;
    results.tabIndex = -1;
    results.focus({ preventScroll: true });
    results.scrollIntoView({ block: "start" });
  }

  // Gradio names each radio of a group by itself: one name makes them one stop, with arrows in it.
  function group(fieldset) {
    const radios = fieldset.querySelectorAll('input[type="radio"]');
    for (const one of radios) if (one.name !== radios[0].name) one.name = radios[0].name;
  }

  function look() {
    for (const one of document.querySelectorAll("fieldset:has(input[type='radio'])")) group(one);
    // A list that scrolls is a stop of its own, and it goes when its field is left.
    for (const list of document.querySelectorAll("ul.options:not([tabindex])")) list.tabIndex = -1;
  }

  // Boxes and tabs are stops of their own: arrows go from one to the next besides.
  function step(event) {
    const by = ARROWS[event.key];
    const box = event.target.closest?.('.chips input[type="checkbox"], [role="tab"]');
    if (!by || !box) return;
    const all = box.matches("[role]") ? '[role="tab"]' : 'input[type="checkbox"]';
    const row = [...box.closest('[role="tablist"], .chips').querySelectorAll(all)].filter((one) => one.checkVisibility());
    event.preventDefault();
    row[(row.indexOf(box) + by + row.length) % row.length].focus();
  }

  document.addEventListener("DOMContentLoaded", start);
  document.addEventListener("keydown", step);
  document.addEventListener("click", (event) => {
    if (event.target.closest("#skip")) { event.preventDefault(); skip(); }
  });
  return { look };
})();
