// Lessons: which step is shown, what its menus choose, and setting the page to it. All that a step can
// say came with it: a choice asks nobody.
window.nmvizLessons = (() => {
  "use strict";
  const at = { lesson: 1, step: 1 };
  let opened = false; // whether the address was read
  let root = null;
  const chosen = {}; // by lesson and step, what its menus were left at

  const article = () => root.querySelector(`.lesson[data-lesson="${at.lesson}"]`);
  const section = () => article().querySelector(`.step[data-step="${at.step}"]`);
  const steps = (lesson) => Number(root.querySelector(`.lesson[data-lesson="${lesson}"]`).dataset.steps);
  const lessons = () => root.querySelectorAll(".lesson").length;

  function hide(one, hidden) { if (one.hidden !== hidden) one.hidden = hidden; }

  function remark(words) {
    const line = root.querySelector(".remark");
    line.textContent = words;
    hide(line, !words);
  }

  // The step before or behind, across lessons; null at either end
  function beside(by) {
    const step = at.step + by;
    if (step >= 1 && step <= steps(at.lesson)) return [at.lesson, step];
    const lesson = at.lesson + by;
    if (lesson < 1 || lesson > lessons()) return null;
    return [lesson, by > 0 ? 1 : steps(lesson)];
  }

  function show() {
    for (const one of root.querySelectorAll(".lesson")) hide(one, one !== article());
    for (const one of article().querySelectorAll(".step")) hide(one, one !== section());
    for (const link of root.querySelectorAll("nav .to-step")) mark(link, link.dataset.to.startsWith(at.lesson + ","), "true");
    for (const link of article().querySelectorAll(".dot")) mark(link, link.dataset.to === `${at.lesson},${at.step}`, "step");
    const back = article().querySelector(".back"), next = article().querySelector(".next");
    const after = beside(1);
    back.disabled = !beside(-1);
    next.disabled = !after;
    next.textContent = after && after[0] !== at.lesson ? `Next: lesson ${after[0]}` : "Next";
    say(section());
  }

  function mark(link, is, kind) {
    if (is) link.setAttribute("aria-current", kind);
    else link.removeAttribute("aria-current");
  }

  function go(lesson, step, focus = true) {
    Object.assign(at, { lesson, step });
    remark("");
    show();
    write();
    if (!focus) return;
    section().querySelector("h3").focus({ preventScroll: true });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (article().getBoundingClientRect().top < 0) article().scrollIntoView({ behavior: calm ? "auto" : "smooth" });
  }

  function write() {
    const told = new URLSearchParams({ lesson: at.lesson, step: at.step });
    const menus = menusOf(section());
    if (menus.some((menu) => menu.value !== usual(menu))) for (const menu of menus) told.append("choice", valueOf(menu));
    window.nmviz.address(told.toString(), "lesson");
  }

  const menusOf = (step) => [...step.querySelectorAll("[data-menu]")];
  const usual = (menu) => (menu.dataset.usual ??= menu.type === "range" ? menu.defaultValue : ([...menu.options].find((one) => one.defaultSelected) || menu.options[0]).value);

  // What a link chose in the menus of its step, where they have it
  function choose(values) {
    menusOf(section()).forEach((menu, n) => {
      const there = menu.type === "range" ? menu.dataset.values.split("|") : [...menu.options].map((one) => one.value);
      const place = there.indexOf(values[n]);
      if (place >= 0) menu.value = menu.type === "range" ? place : values[n];
    });
  }

  const valueOf = (menu) => (menu.type === "range" ? menu.dataset.values.split("|")[menu.value] : menu.value);

  // The words, the figure and the link of what the menus of a step choose
  function say(step) {
    const told = (step.told ||= JSON.parse(step.dataset.told));
    const menus = menusOf(step);
    const values = Object.fromEntries(menus.map((menu) => [menu.dataset.menu, valueOf(menu)]));
    const names = Object.keys(told.options);
    const said = told.said[names.map((name) => values[name]).join("|")];
    chosen[`${at.lesson},${at.step}`] = menus.map((menu) => menu.value);
    for (const place of step.querySelectorAll("[data-word]")) write_in(place, said.words[place.dataset.word]);
    for (const place of step.querySelectorAll("[data-chosen]")) write_in(place, told.options[place.dataset.chosen][values[place.dataset.chosen]]);
    for (const place of step.querySelectorAll("[data-means]")) write_in(place, told.means[place.dataset.means][values[place.dataset.means]] || "");
    for (const menu of menus) if (menu.type === "range") menu.setAttribute("aria-valuetext", told.options[menu.dataset.menu][valueOf(menu)]);
    const drawn = step.querySelector(".drawn");
    if (drawn.shown !== said.drawn) { drawn.shown = said.drawn; drawn.innerHTML = said.drawn; }
    step.querySelector(".set-page").href = said.link;
  }

  function write_in(place, words) {
    if (words !== undefined && place.textContent !== words) place.textContent = words;
  }

  // Where the answer of the tab is there and not drawn yet
  function look() {
    const body = document.querySelector("#lessons-body");
    if (!body || body === root && body.dataset.drawn) return;
    root = body;
    root.dataset.drawn = "yes";
    for (const [place, values] of Object.entries(chosen)) {
      const [lesson, step] = place.split(",");
      const menus = root.querySelectorAll(`.lesson[data-lesson="${lesson}"] .step[data-step="${step}"] [data-menu]`);
      menus.forEach((menu, n) => { menu.value = values[n]; });
    }
    open();
    show();
    if (isOpen()) write();
  }

  function isOpen() { return Boolean(root?.offsetParent); }

  function open() {
    const told = document.querySelector("#lesson-at [data-lesson]");
    if (opened || !told) return;
    opened = true;
    Object.assign(at, { lesson: Number(told.dataset.lesson), step: Number(told.dataset.step) });
    remark(told.dataset.remark);
    choose(new URLSearchParams(location.search).getAll("choice"));
  }

  // Another tab was opened, or this one: its place stands in the address only here
  function tab(name) {
    if (name !== "lessons") window.nmviz.address("", "lesson");
    else { hideBar(); if (root) write(); }
  }

  const tabOf = (name) => [...document.querySelectorAll('button[role="tab"]')].find((one) => one.textContent.trim().toLowerCase() === name);

  // The page is set by its own link: Explore through its form, without opening anything anew
  function setPage(link) {
    const query = new URLSearchParams(link.getAttribute("href"));
    const name = query.get("tab") || "explore";
    const look = section().querySelector(".look").textContent;
    const settings = link.getAttribute("href").slice(1);
    for (const one of document.querySelectorAll("#set-page, #set-page *")) one.dispatchEvent(new CustomEvent("pick", { detail: settings }));
    awaited = name;
    if (name === "explore") { window.nmviz.address(settings, "view"); arrived(); }
    for (const part of ["faster", "choose"]) if (query.has(part)) window.nmviz.address(new URLSearchParams([[part, query.get(part)]]), part);
    showBar(look);
    if (link.dataset.part) hold(link.dataset.part);
  }

  // A tab that answers when it is opened is opened once its settings are there.
  let awaited = "";
  function arrived() {
    if (awaited) tabOf(awaited)?.click();
    awaited = "";
  }

  // A part of a tab that was never open is not there at once, and moves while figures above it come:
  // it is held in sight for a while, until the visitor moves the page
  let held = 0;
  function hold(part) {
    clearInterval(held);
    const until = Date.now() + 12000;
    held = setInterval(() => {
      const place = document.getElementById(part);
      if (Date.now() > until) clearInterval(held);
      if (!place?.offsetParent) return;
      const { top, bottom } = place.getBoundingClientRect();
      if (top < 0 || bottom > innerHeight && top > 60) place.scrollIntoView({ block: "start" });
    }, 150);
  }
  for (const moved of ["wheel", "touchstart", "keydown", "pointerdown"]) addEventListener(moved, () => clearInterval(held), { passive: true });

  function bar() {
    let made = document.getElementById("lesson-bar");
    if (made) return made;
    made = document.createElement("aside");
    made.id = "lesson-bar";
    made.setAttribute("aria-label", "Lesson");
    made.innerHTML = '<p role="status"></p><button type="button" class="again">Back to the lesson</button><button type="button" class="close" aria-label="Close">\u00d7</button>';
    document.body.append(made);
    return made;
  }

  function showBar(look) {
    const made = bar();
    made.querySelector("p").textContent = `Lesson ${at.lesson}, step ${at.step}: ${look}`;
    hide(made, false);
  }

  function hideBar() {
    const made = document.getElementById("lesson-bar");
    if (made) hide(made, true);
  }

  function toggle(word) {
    const meaning = document.getElementById(word.getAttribute("aria-controls"));
    hide(meaning, !meaning.hidden);
    word.setAttribute("aria-expanded", String(!meaning.hidden));
  }

  document.addEventListener("click", (event) => {
    const one = event.target.closest?.("#lessons a, #lessons button, #lesson-bar button");
    if (!one || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (one.matches(".to-step")) { event.preventDefault(); go(...one.dataset.to.split(",").map(Number)); root.scrollIntoView({ block: "nearest" }); }
    else if (one.matches(".to-words")) { event.preventDefault(); document.getElementById("lessons-words").scrollIntoView(); }
    else if (one.matches(".set-page")) { event.preventDefault(); setPage(one); }
    else if (one.matches(".word-of")) toggle(one);
    else if (one.matches(".back")) go(...beside(-1));
    else if (one.matches(".next")) go(...beside(1));
    else if (one.matches(".again")) { tabOf("lessons")?.click(); requestAnimationFrame(() => article().scrollIntoView()); }
    else if (one.matches(".close")) hideBar();
  });
  document.addEventListener("input", (event) => {
    const step = event.target.closest?.("#lessons .step");
    if (!step || !event.target.matches("[data-menu]")) return;
    say(step);
    write();
  });
  document.addEventListener("keydown", (event) => {
    const word = event.target.closest?.("#lessons .word-of[aria-expanded='true']");
    if (word && event.key === "Escape") toggle(word);
  });

  return { look, tab, arrived };
})();
